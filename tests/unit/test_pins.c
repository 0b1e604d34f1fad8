#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "cache/pins.h"

static struct pins *pins;

static int with_pins(void **state)
{
    (void)state;
    pins = pins_new(false);
    return pins ? 0 : -1;
}

static int without_pins(void **state)
{
    (void)state;
    pins_free(pins);
    return 0;
}

static void nothing_is_pinned_that_was_not_added(void **state)
{
    (void)state;
    assert_int_equal(pins_ask(NULL, SPAN("/a")), PINNED_NOT);
    assert_int_equal(pins_ask(pins, SPAN("/a")), PINNED_NOT);
    assert_int_equal(pins_ask(pins, SPAN("")), PINNED_NOT);
    assert_true(pins_add_file(pins, SPAN("/a"), PINNED_IN_MEMORY));
    assert_int_equal(pins_ask(pins, SPAN("/")), PINNED_NOT);
    assert_int_equal(pins_ask(pins, SPAN("/a/")), PINNED_NOT);
    assert_int_equal(pins_ask(pins, SPAN("/ab")), PINNED_NOT);
    pins_free(NULL);
}

static void a_file_is_pinned_as_it_was_added_last(void **state)
{
    (void)state;
    assert_true(pins_add_file(pins, SPAN("/a"), PINNED_BY_DESCRIPTOR));
    assert_int_equal(pins_ask(pins, SPAN("/a")), PINNED_BY_DESCRIPTOR);
    assert_true(pins_add_file(pins, SPAN("/a"), PINNED_IN_MEMORY));
    assert_int_equal(pins_ask(pins, SPAN("/a")), PINNED_IN_MEMORY);
}

static void a_folder_pins_all_below_it_but_what_was_added_by_itself(void **state)
{
    (void)state;
    char key[] = "/dir/";
    assert_true(pins_add_folder(pins, span_of_string(key)));
    assert_true(pins_add_folder(pins, SPAN("/other/")));
    memset(key, 'x', sizeof key - 1); /* it was copied */
    assert_true(pins_add_file(pins, SPAN("/dir/big"), PINNED_BY_DESCRIPTOR));
    assert_int_equal(pins_ask(pins, SPAN("/dir/a")), PINNED_IN_MEMORY);
    assert_int_equal(pins_ask(pins, SPAN("/dir/sub/a")), PINNED_IN_MEMORY);
    assert_int_equal(pins_ask(pins, SPAN("/other/a")), PINNED_IN_MEMORY);
    assert_int_equal(pins_ask(pins, SPAN("/dir/big")), PINNED_BY_DESCRIPTOR);
    assert_int_equal(pins_ask(pins, SPAN("/dir")), PINNED_NOT);
    assert_int_equal(pins_ask(pins, SPAN("/dirty")), PINNED_NOT);
    assert_int_equal(pins_ask(pins, SPAN("/x/dir/a")), PINNED_NOT);
}

static void of_many_each_is_found(void **state)
{
    (void)state;
    enum { FILES = 5000 };
    char key[16];
    for (unsigned i = 0; i < FILES; i++) {
        struct span span = span_of(key, (size_t)snprintf(key, sizeof key, "/f%u", i));
        assert_true(pins_add_file(pins, span, i % 2 ? PINNED_BY_DESCRIPTOR : PINNED_IN_MEMORY));
    }
    for (unsigned i = 0; i < 2 * FILES; i++) {
        struct span span = span_of(key, (size_t)snprintf(key, sizeof key, "/f%u", i));
        enum pinned wanted = i % 2 ? PINNED_BY_DESCRIPTOR : PINNED_IN_MEMORY;
        assert_int_equal(pins_ask(pins, span), i < FILES ? wanted : PINNED_NOT);
    }
}

static void whether_big_files_are_locked_is_said_once(void **state)
{
    (void)state;
    struct pins *locking = pins_new(true);
    assert_true(pins_lock_big_files(locking));
    assert_false(pins_lock_big_files(pins));
    assert_false(pins_lock_big_files(NULL));
    pins_free(locking);
}

#define WITH_PINS(test) cmocka_unit_test_setup_teardown(test, with_pins, without_pins)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PINS(nothing_is_pinned_that_was_not_added),
        WITH_PINS(a_file_is_pinned_as_it_was_added_last),
        WITH_PINS(a_folder_pins_all_below_it_but_what_was_added_by_itself),
        WITH_PINS(of_many_each_is_found),
        WITH_PINS(whether_big_files_are_locked_is_said_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
