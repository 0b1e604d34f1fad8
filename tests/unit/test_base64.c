#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"

/* RFC 4648, section 10 */
static const struct {
    const char *text;
    const char *bytes;
} vectors[] = {
    { "", "" },
    { "Zg==", "f" },
    { "Zm8=", "fo" },
    { "Zm9v", "foo" },
    { "Zm9vYg==", "foob" },
    { "Zm9vYmE=", "fooba" },
    { "Zm9vYmFy", "foobar" },
    { "+/+/", "\xfb\xff\xbf" },
};

static void the_vectors_of_the_rfc_are_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
        char out[16];
        size_t size;
        assert_true(base64_decode(span_of_string(vectors[i].text), out, &size));
        assert_int_equal(size, strlen(vectors[i].bytes));
        assert_true(size <= base64_decoded_bytes_max(strlen(vectors[i].text)));
        assert_memory_equal(out, vectors[i].bytes, size);
    }
}

/* Of all texts of four characters, exactly as many are taken as there are sequences of one, two or three bytes. */
static void every_sequence_of_bytes_has_one_form(void **state)
{
    (void)state;
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    unsigned taken = 0;
    for (uint32_t i = 0; i < 65u * 65 * 65 * 65; i++) {
        char text[4], out[3];
        size_t size;
        uint32_t rest = i;
        for (unsigned j = 0; j < 4; j++, rest /= 65) text[j] = alphabet[rest % 65];
        taken += base64_decode(span_of(text, 4), out, &size);
    }
    assert_int_equal(taken, 256 + 256 * 256 + 256 * 256 * 256);
}

static void what_is_not_that_form_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "Z",     "Zg",       "Zg=",    "Zm9",  "Zg== ",
                                         " Zg==", "Zg==Zg==", "Zm9v\n", "Zm-_", "Zm9v====" };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        char out[16];
        size_t size = 77;
        if (base64_decode(span_of_string(texts[i]), out, &size)) fail_msg("%s", texts[i]);
        assert_int_equal(size, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc_are_decoded),
        cmocka_unit_test(every_sequence_of_bytes_has_one_form),
        cmocka_unit_test(what_is_not_that_form_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
