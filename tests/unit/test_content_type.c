#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/config_rig.h"
#include "server/content_type.h"

static const struct {
    const char *text, *name, *type, *encoding; /* encoding NULL: none */
} rows[] = {
    { "", "a.html", "text/html; charset=utf-8", NULL },
    { "", "/folder.d/a.HTML", "text/html; charset=utf-8", NULL },
    { "", "a.png", "image/png", NULL },
    { "", "a", "application/octet-stream", NULL },
    { "", "folder.html/a", "application/octet-stream", NULL },
    { "", "a.unknown", "application/octet-stream", NULL },
    /* mod_mime, "Files with Multiple Extensions": what is behind an extension that is not known is forgotten. */
    { "", "a.html.unknown", "application/octet-stream", NULL },
    { "", "a.", "application/octet-stream", NULL },
    { "AddType text/x-a .a", "b.a", "text/x-a; charset=utf-8", NULL },
    { "AddType text/x-a a", "b.A", "text/x-a; charset=utf-8", NULL },
    { "AddType image/x-a .html", "b.html", "image/x-a", NULL },
    { "AddType text/x-a .a\nAddType text/x-b .a", "b.a", "text/x-b; charset=utf-8", NULL },
    { "AddType \"text/html; charset=x\" .a", "b.a", "text/html; charset=x", NULL },
    { "AddType \"text/html; charset=x\" .a\nAddCharset y .a", "b.a", "text/html; charset=x", NULL },
    { "AddCharset iso-8859-2 .html", "b.html", "text/html; charset=iso-8859-2", NULL },
    { "AddCharset iso-8859-2 .l2", "b.html.l2", "text/html; charset=iso-8859-2", NULL },
    { "AddCharset iso-8859-2 .l2", "b.l2", "application/octet-stream; charset=iso-8859-2", NULL },
    { "AddCharset a .l2\nAddCharset b .html", "b.html.l2", "text/html; charset=a", NULL },
    { "AddDefaultCharset off", "b.html", "text/html", NULL },
    { "AddDefaultCharset off", "b.css", "text/css; charset=utf-8", NULL },
    { "AddDefaultCharset koi8-r", "b.txt", "text/plain; charset=koi8-r", NULL },
    { "AddDefaultCharset koi8-r", "b.css", "text/css; charset=utf-8", NULL },
    { "AddDefaultCharset on", "b.html", "text/html; charset=iso-8859-1", NULL },
    { "AddEncoding gzip .gz", "b.html.gz", "text/html; charset=utf-8", "gzip" },
    { "AddEncoding gzip .svgz\nAddType image/svg+xml .svgz", "b.svgz", "image/svg+xml; charset=utf-8", "gzip" },
    { "AddEncoding gzip .gz", "b.gz", "application/octet-stream", "gzip" },
    { "AddEncoding gzip .gz", "b.png.GZ", "image/png", "gzip" },
    { "AddEncoding gzip .gz\nAddCharset koi8-r .k", "b.txt.k.gz", "text/plain; charset=koi8-r", "gzip" },
    { "AddEncoding gzip .gz", "b.gz.html", "text/html; charset=utf-8", NULL },
};

static void a_name_tells_type_charset_and_coding(void **state)
{
    (void)state;
    struct media_types *types = media_types_new(SPAN(""));
    assert_non_null(types);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct config_rig rig;
        struct content_type got;
        if (!rig_read(&rig, rows[i].text)) fail_msg("%s: %s", rows[i].text, rig.error);
        content_type_of(&rig.config.sites[0]->rules, types, span_of_string(rows[i].name), &got);
        struct span encoding = rows[i].encoding ? span_of_string(rows[i].encoding) : SPAN_NONE;
        if (!span_equal(span_of(got.text, got.size), span_of_string(rows[i].type)) ||
            !span_equal(got.encoding, encoding))
            fail_msg("%s, %s: %.*s, %.*s", rows[i].text, rows[i].name, (int)got.size, got.text, (int)got.encoding.size,
                     got.encoding.data ? got.encoding.data : "");
        size_t bare = strcspn(rows[i].type, ";");
        assert_int_equal(got.type_size, bare);
        rig_close(&rig);
    }
    media_types_free(types);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_tells_type_charset_and_coding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
