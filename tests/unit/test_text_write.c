#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/text_write.h"

static void text_is_appended_and_nothing_else(void **state)
{
    (void)state;
    char out[16];
    memset(out, '#', sizeof out);
    char *at = text_append(out, SPAN("abc"));
    at = text_append(at, SPAN_NONE);
    at = text_append(at, SPAN(""));
    at = text_append(at, span_of("defgh", 2));
    assert_ptr_equal(at, out + 5);
    assert_memory_equal(out, "abcde###########", sizeof out);
}

static void numbers_are_appended_in_decimal(void **state)
{
    (void)state;
    for (uint64_t power = 1, i = 0; i < 20; i++, power *= 10) {
        const uint64_t numbers[] = { power - 1, power, power + 1, UINT64_MAX / power };
        for (size_t j = 0; j < ARRAY_COUNT(numbers); j++) {
            char out[DECIMAL_BYTES_MAX + 2], wanted[DECIMAL_BYTES_MAX + 2];
            memset(out, '#', sizeof out);
            char *end = text_append_decimal(out, numbers[j]);
            assert_int_equal(*end, '#');
            *end = '\0';
            snprintf(wanted, sizeof wanted, "%" PRIu64, numbers[j]);
            assert_string_equal(out, wanted);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_appended_and_nothing_else),
        cmocka_unit_test(numbers_are_appended_in_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
