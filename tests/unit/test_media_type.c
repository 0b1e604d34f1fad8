#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/media_type.h"

struct row {
    const char *path;
    const char *value;
};

static void check(struct span mime_types, const struct row *rows, size_t count)
{
    struct media_types *types = media_types_new(mime_types);
    assert_non_null(types);
    for (size_t i = 0; i < count; i++) {
        struct span value = media_type_of(types, span_of_string(rows[i].path));
        if (!span_equal(value, span_of_string(rows[i].value))) {
            fail_msg("%s is %.*s", rows[i].path, (int)value.size, value.data);
        }
    }
    media_types_free(types);
}

static void the_built_in_table_knows_the_web(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "/index.html", "text/html; charset=utf-8" },
        { "/a/style.css", "text/css; charset=utf-8" },
        { "/app.js", "text/javascript; charset=utf-8" },
        { "/app.mjs", "text/javascript; charset=utf-8" },
        { "/data.json", "application/json; charset=utf-8" },
        { "/app.js.map", "application/json; charset=utf-8" },
        { "/site.webmanifest", "application/manifest+json; charset=utf-8" },
        { "/feed.xml", "application/xml; charset=utf-8" },
        { "/feed.atom", "application/atom+xml; charset=utf-8" },
        { "/logo.svg", "image/svg+xml; charset=utf-8" },
        { "/README.md", "text/markdown; charset=utf-8" },
        { "/notes.txt", "text/plain; charset=utf-8" },
        { "/table.csv", "text/csv; charset=utf-8" },
        { "/a.png", "image/png" },
        { "/a.jpg", "image/jpeg" },
        { "/a.jpeg", "image/jpeg" },
        { "/a.gif", "image/gif" },
        { "/a.webp", "image/webp" },
        { "/a.avif", "image/avif" },
        { "/favicon.ico", "image/vnd.microsoft.icon" },
        { "/f.woff", "font/woff" },
        { "/f.woff2", "font/woff2" },
        { "/f.ttf", "font/ttf" },
        { "/f.otf", "font/otf" },
        { "/v.mp4", "video/mp4" },
        { "/v.webm", "video/webm" },
        { "/a.mp3", "audio/mpeg" },
        { "/a.ogg", "audio/ogg" },
        { "/a.wav", "audio/x-wav" },
        { "/d.pdf", "application/pdf" },
        { "/d.zip", "application/zip" },
        { "/d.tar.gz", "application/gzip" },
        { "/m.wasm", "application/wasm" },
    };
    check(SPAN(""), rows, ARRAY_COUNT(rows));
    check(SPAN_NONE, rows, ARRAY_COUNT(rows));
}

static void the_last_extension_counts_in_any_case_of_letters(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "/INDEX.HTML", "text/html; charset=utf-8" },
        { "/photo.JpG", "image/jpeg" },
        { "/a.html.png", "image/png" },
        { "/a.png.html", "text/html; charset=utf-8" },
        { "/.hidden.css", "text/css; charset=utf-8" },
        { "/a..css", "text/css; charset=utf-8" },
        { "a.css", "text/css; charset=utf-8" },
    };
    check(SPAN(""), rows, ARRAY_COUNT(rows));
}

static void what_has_no_known_extension_is_a_stream_of_octets(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "/", "application/octet-stream" },         { "", "application/octet-stream" },
        { ".html", "application/octet-stream" },     { "/html", "application/octet-stream" },
        { "/.html", "application/octet-stream" },    { "/a/.css", "application/octet-stream" },
        { "/a.", "application/octet-stream" },       { "/a.unheard-of", "application/octet-stream" },
        { "/a.html/b", "application/octet-stream" }, { "/a.html/", "application/octet-stream" },
        { "/a.htm l", "application/octet-stream" },  { "/a.htmlx", "application/octet-stream" },
        { "/a.ht", "application/octet-stream" },
    };
    check(SPAN(""), rows, ARRAY_COUNT(rows));
}

static void what_stands_before_the_path_is_not_looked_at(void **state)
{
    (void)state;
    struct media_types *types = media_types_new(SPAN(""));
    assert_non_null(types);
    struct span value = media_type_of(types, span_from(SPAN("name.html"), strlen("name")));
    assert_true(span_equal(value, SPAN("application/octet-stream")));
    assert_true(span_equal(media_type_of(types, SPAN_NONE), SPAN("application/octet-stream")));
    media_types_free(types);
}

static void a_file_of_types_is_laid_over_the_built_in_table(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "/a.one", "application/x-one" },
        { "/a.no1", "application/octet-stream" },
        { "/a.trailing", "application/octet-stream" },
        { "/a.two", "application/x-two" },
        { "/a.TWO2", "application/x-two" },
        { "/a.txt", "text/x-other; charset=utf-8" },
        { "/a.later", "application/x-second" },
        { "/a.thing", "application/x-thing+json; charset=utf-8" },
        { "/a.sheet", "application/x-sheet+xml; charset=utf-8" },
        { "/a.up", "TEXT/X-Up; charset=utf-8" },
        { "/a.png", "image/png" },
        { "/a.crlf", "application/x-crlf" },
        { "/a.last", "application/x-last" },
    };
    check(SPAN("# a comment\n"
               "application/x-one one\n"
               "\t application/x-two\t\ttwo   two2 # trailing no1\n"
               "text/x-other txt\n"
               "application/x-first later\n"
               "application/x-second later\n"
               "application/x-thing+json thing\n"
               "application/x-sheet+xml sheet\n"
               "TEXT/X-Up up\n"
               "\n"
               "application/x-crlf crlf\r\n"
               "application/x-last last"),
          rows, ARRAY_COUNT(rows));
}

static void malformed_lines_are_skipped(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "/a.a1", "application/octet-stream" },  { "/a.a2", "application/octet-stream" },
        { "/a.a3", "application/octet-stream" },  { "/a.a4", "application/octet-stream" },
        { "/a.a5", "application/octet-stream" },  { "/a.a6", "application/octet-stream" },
        { "/a.no1", "application/octet-stream" }, { "/a.good", "application/x-good" },
    };
    check(SPAN("plain a1\n/x a2\nx/ a3\nx/y;charset=a a4\nx/y/z a5\nx\x01/y a6\napplication/x-nothing\nx/y #no1\n"
               "application/x-good good\n"),
          rows, ARRAY_COUNT(rows));
}

static void javascript_is_text_whatever_the_file_says(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "/a.js", "text/javascript; charset=utf-8" },  { "/a.mjs", "text/javascript; charset=utf-8" },
        { "/a.cjs", "text/javascript; charset=utf-8" }, { "/a.es", "text/javascript; charset=utf-8" },
        { "/a.es6", "text/javascript; charset=utf-8" },
    };
    check(
        SPAN(
            "application/javascript js mjs\napplication/x-wrong cjs\napplication/ecmascript es\nText/ECMAScript es6\n"),
        rows, ARRAY_COUNT(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_built_in_table_knows_the_web),
        cmocka_unit_test(the_last_extension_counts_in_any_case_of_letters),
        cmocka_unit_test(what_has_no_known_extension_is_a_stream_of_octets),
        cmocka_unit_test(what_stands_before_the_path_is_not_looked_at),
        cmocka_unit_test(a_file_of_types_is_laid_over_the_built_in_table),
        cmocka_unit_test(malformed_lines_are_skipped),
        cmocka_unit_test(javascript_is_text_whatever_the_file_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
