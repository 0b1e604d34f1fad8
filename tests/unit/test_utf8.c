#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "base/compiler.h"
#include "base/utf8.h"

/* Every code point, encoded as RFC 3629 says, is one character; surrogates and what is too high are none. */
static void every_character_is_one_and_surrogates_are_none(void **state)
{
    (void)state;
    for (uint32_t point = 0; point < 0x120000; point++) {
        char bytes[4];
        unsigned size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        static const uint8_t fronts[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
        for (unsigned i = size; i-- > 1;) bytes[i] = (char)(0x80 | (point >> 6 * (size - 1 - i) & 0x3f));
        bytes[0] = (char)(fronts[size] | point >> 6 * (size - 1));
        bool is_one = (point < 0xd800 || point > 0xdfff) && point <= 0x10ffff;
        unsigned found = utf8_character_size(span_of(bytes, size));
        if (found != (is_one ? size : 0)) fail_msg("U+%04X: %u", point, found);
        if (is_one && size > 1) assert_int_equal(utf8_character_size(span_of(bytes, size - 1)), 0);
    }
}

static void broken_characters_are_none(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x41",
        "\xc2\xc2",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xe2\x82",
        "\xe2\x28\xa1",
        "\xe2\x82\x28",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x9f\x98",
        "\xf0\x9f\x98\x41",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe\xfe\xff\xff",
    };
    struct guarded guarded = guarded_open(4096);
    for (size_t i = 0; i < ARRAY_COUNT(broken); i++) {
        size_t size = strlen(broken[i]);
        struct span text = span_of(guarded_copy(&guarded, broken[i], size), size);
        if (utf8_character_size(text) != 0) fail_msg("row %zu", i);
        assert_false(utf8_is_valid(text));
    }
    guarded_close(&guarded);
}

static void a_text_is_valid_to_its_end(void **state)
{
    (void)state;
    assert_true(utf8_is_valid(SPAN("")));
    assert_true(utf8_is_valid(SPAN("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z")));
    assert_false(utf8_is_valid(SPAN("a\xc3\xbc\xe2\x82")));
    assert_false(utf8_is_valid(SPAN("a\xc3")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_one_and_surrogates_are_none),
        cmocka_unit_test(broken_characters_are_none),
        cmocka_unit_test(a_text_is_valid_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
