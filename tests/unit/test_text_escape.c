#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "base/compiler.h"
#include "base/text_escape.h"
#include "base/utf8.h"

#define BYTES(literal)               \
    {                                \
        literal, sizeof(literal) - 1 \
    }
#define BAD "\xef\xbf\xbd"

static const struct {
    struct span text;
    const char *html;
    const char *json;
} rows[] = {
    { BYTES(""), "", "" },
    { BYTES("plain name.txt"), "plain name.txt", "plain name.txt" },
    { BYTES("<img src=x onerror=alert(1)>"), "&lt;img src=x onerror=alert(1)&gt;", "<img src=x onerror=alert(1)>" },
    { BYTES("a&b\"c'd"), "a&amp;b&quot;c&#39;d", "a&b\\\"c'd" },
    { BYTES("&amp;"), "&amp;amp;", "&amp;" },
    { BYTES("a\\b"), "a\\b", "a\\\\b" },
    { BYTES("a\nb\tc\rd"),
      "a\xe2\x90\x8a"
      "b\xe2\x90\x89"
      "c\xe2\x90\x8d"
      "d",
      "a\\u000ab\\u0009c\\u000dd" },
    { BYTES("\0\x1f\x7f"), "\xe2\x90\x80\xe2\x90\x9f\xe2\x90\xa1", "\\u0000\\u001f\\u007f" },
    { BYTES("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80",
      "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80" },
    /* what is no UTF-8: a replacement for each byte */
    { BYTES("a\xff"
            "b"),
      "a" BAD "b", "a" BAD "b" },
    { BYTES("\xe2\x82"), BAD BAD, BAD BAD },
    { BYTES("\xc3<"), BAD "&lt;", BAD "<" },
    { BYTES("\xed\xa0\x80"), BAD BAD BAD, BAD BAD BAD },
    /* what deceives the eye: U+0085, U+202E, U+2066, U+2028; and its neighbours, which do not */
    { BYTES("\xc2\x85"), BAD, "\xc2\x85" },
    { BYTES("photo\xe2\x80\xaegpj.exe"), "photo" BAD "gpj.exe", "photo\xe2\x80\xaegpj.exe" },
    { BYTES("\xe2\x81\xa6\xe2\x80\xa8"), BAD BAD, "\xe2\x81\xa6\xe2\x80\xa8" },
    { BYTES("\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xc2\xa0"),
      "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xc2\xa0",
      "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xc2\xa0" },
};

static void text_is_escaped_for_its_context(void **state)
{
    (void)state;
    struct guarded guarded = guarded_open(4096);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char out[1024];
        struct span text = span_of(guarded_copy(&guarded, rows[i].text.data, rows[i].text.size), rows[i].text.size);
        *text_append_html(out, text) = '\0';
        if (strcmp(out, rows[i].html) != 0) fail_msg("row %zu, HTML: %s", i, out);
        *text_append_json(out, text) = '\0';
        if (strcmp(out, rows[i].json) != 0) fail_msg("row %zu, JSON: %s", i, out);
    }
    guarded_close(&guarded);
}

/* Whatever two bytes there are: what comes out is UTF-8, holds nothing that means something else there, and fits. */
static void any_bytes_come_out_harmless(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 0x10000; i++) {
        const char bytes[2] = { (char)(i >> 8), (char)i };
        char out[2 * TEXT_ESCAPED_FACTOR + 1];
        struct span html = span_of(out, (size_t)(text_append_html(out, span_of(bytes, 2)) - out));
        assert_true(html.size <= 2 * TEXT_ESCAPED_FACTOR && utf8_is_valid(html));
        for (size_t j = 0; j < html.size; j++) {
            if ((unsigned char)out[j] < ' ' || strchr("<>\"'\x7f", out[j])) fail_msg("HTML of %04x", i);
        }
        struct span json = span_of(out, (size_t)(text_append_json(out, span_of(bytes, 2)) - out));
        assert_true(json.size <= 2 * TEXT_ESCAPED_FACTOR && utf8_is_valid(json));
        for (size_t j = 0; j < json.size; j++) {
            if ((unsigned char)out[j] < ' ') fail_msg("JSON of %04x", i);
            if (out[j] == '\\')
                j++;
            else if (out[j] == '"')
                fail_msg("JSON of %04x", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped_for_its_context),
        cmocka_unit_test(any_bytes_come_out_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
