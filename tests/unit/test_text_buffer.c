#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text_buffer.h"

static void text_grows_and_stays_what_it_was(void **state)
{
    (void)state;
    struct text_buffer buffer = { .bytes_max = 1 << 20 };
    for (unsigned i = 0; i < 50000; i++) {
        char bytes[3] = { (char)('a' + i % 26), (char)('A' + i / 26 % 26), '\n' };
        text_buffer_append(&buffer, span_of(bytes, sizeof bytes));
    }
    text_buffer_append(&buffer, SPAN_NONE);
    text_buffer_append(&buffer, SPAN(""));
    assert_false(buffer.has_failed);
    struct span text = text_buffer_text(&buffer);
    assert_int_equal(text.size, 150000);
    for (unsigned i = 0; i < 50000; i++) {
        assert_int_equal(text.data[3 * i], 'a' + i % 26);
        assert_int_equal(text.data[3 * i + 1], 'A' + i / 26 % 26);
    }
    text_buffer_done(&buffer);
    assert_int_equal(text_buffer_text(&buffer).size, 0);
    text_buffer_append(&buffer, SPAN("again"));
    assert_true(span_equal(text_buffer_text(&buffer), SPAN("again")));
    text_buffer_done(&buffer);
}

static void room_is_taken_as_far_as_it_was_written(void **state)
{
    (void)state;
    struct text_buffer buffer = { .bytes_max = 10000 };
    char *at = text_buffer_room(&buffer, 9000);
    assert_non_null(at);
    memcpy(at, "abc", 3);
    text_buffer_wrote(&buffer, at + 3);
    at = text_buffer_room(&buffer, 9000);
    assert_non_null(at);
    text_buffer_wrote(&buffer, at);
    assert_true(span_equal(text_buffer_text(&buffer), SPAN("abc")));
    text_buffer_done(&buffer);
}

static void the_bound_is_reached_and_not_passed(void **state)
{
    (void)state;
    struct text_buffer buffer = { .bytes_max = 5000 };
    for (unsigned i = 0; i < 500; i++) text_buffer_append(&buffer, SPAN("0123456789"));
    assert_false(buffer.has_failed);
    assert_int_equal(buffer.size, 5000);
    text_buffer_append(&buffer, SPAN("x"));
    assert_true(buffer.has_failed);
    assert_int_equal(buffer.size, 5000);
    assert_true(buffer.capacity <= 5000);
    /* It stays so, even for what would fit. */
    assert_null(text_buffer_room(&buffer, 0));
    text_buffer_done(&buffer);
    assert_null(text_buffer_room(&buffer, SIZE_MAX));
    assert_true(buffer.has_failed);
    text_buffer_done(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_and_stays_what_it_was),
        cmocka_unit_test(room_is_taken_as_far_as_it_was_written),
        cmocka_unit_test(the_bound_is_reached_and_not_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
