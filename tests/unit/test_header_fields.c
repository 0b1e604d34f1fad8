#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "../support/config_rig.h"
#include "server/header_fields.h"
#include "server/policy.h"

static struct config_rig rig;
static struct arena arena;

static void read_text(const char *text)
{
    if (!rig_read(&rig, text)) fail_msg("%s: %s", text, rig.error);
}

static void require_lines(struct span got, const char *wanted, const char *of, const char *which)
{
    if (!span_equal(got, span_of_string(wanted)))
        fail_msg("%s\n%s are\n%.*s", of, which, (int)got.size, got.data ? got.data : "");
}

/* mod_headers: two tables, each obeyed in the order in which it is written. */
static const struct {
    const char *text, *success, *always, *validated;
} rows[] = {
    { "", "Cache-Control: own\r\n", "", "Cache-Control: own\r\n" },
    { "Header set X a\nHeader set x b", "Cache-Control: own\r\nx: b\r\n", "", "Cache-Control: own\r\n" },
    { "Header add X a\nHeader add X b", "Cache-Control: own\r\nX: a\r\nX: b\r\n", "", "Cache-Control: own\r\n" },
    { "Header append X a\nHeader append x b", "Cache-Control: own\r\nX: a, b\r\n", "", "Cache-Control: own\r\n" },
    { "Header add X a\nHeader unset x", "Cache-Control: own\r\n", "", "Cache-Control: own\r\n" },
    { "Header unset X\nHeader set X a", "Cache-Control: own\r\nX: a\r\n", "", "Cache-Control: own\r\n" },
    { "Header set X \"\"", "Cache-Control: own\r\nX: \r\n", "", "Cache-Control: own\r\n" },
    { "Header set X 100%%", "Cache-Control: own\r\nX: 100%\r\n", "", "Cache-Control: own\r\n" },
    { "Header always set X a\nHeader set X b", "Cache-Control: own\r\nX: b\r\n", "X: a\r\n", "Cache-Control: own\r\n" },
    { "Header always set X a\nHeader unset X", "Cache-Control: own\r\n", "X: a\r\n", "Cache-Control: own\r\n" },
    { "Header onsuccess set X: a", "Cache-Control: own\r\nX: a\r\n", "", "Cache-Control: own\r\n" },
    { "Header set Cache-Control no-store", "Cache-Control: no-store\r\n", "", "Cache-Control: no-store\r\n" },
    { "Header unset Cache-Control", "", "", "" },
    { "Header append Cache-Control no-transform", "Cache-Control: own, no-transform\r\n", "",
      "Cache-Control: own, no-transform\r\n" },
    /* RFC 9110, 15.4.5: what a 304 has. */
    { "Header set Content-Location /a\nHeader set Vary b\nHeader set Expires c\nHeader set Set-Cookie d\nHeader set X "
      "e",
      "Cache-Control: own\r\nContent-Location: /a\r\nVary: b\r\nExpires: c\r\nSet-Cookie: d\r\nX: e\r\n", "",
      "Cache-Control: own\r\nContent-Location: /a\r\nVary: b\r\nExpires: c\r\nSet-Cookie: d\r\n" },
};

static void fields_are_changed_in_the_order_in_which_it_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct policy policy = { .rules = NULL };
        read_text(rows[i].text);
        assert_true(header_fields_make(&arena, &rig.config.sites[0]->rules.headers, SPAN("own"), &policy));
        require_lines(policy.success_fields, rows[i].success, rows[i].text, "fields of successes");
        require_lines(policy.always_fields, rows[i].always, rows[i].text, "fields of all");
        require_lines(policy.validated_fields, rows[i].validated, rows[i].text, "fields of 304");
        rig_close(&rig);
    }
    arena_done(&arena);
}

static void fields_of_the_answers_own_making_can_be_left_out(void **state)
{
    (void)state;
    struct policy policy = { .expires = true, .expires_sets_age = true };
    read_text("Header unset ETag\nHeader unset Last-Modified\nHeader unset Accept-Ranges\nHeader unset Expires\n"
              "Header set cache-control x\nHeader set Content-Type text/x\n");
    assert_true(header_fields_make(&arena, &rig.config.sites[0]->rules.headers, SPAN_NONE, &policy));
    assert_true(policy.omits_etag && policy.omits_modified && policy.omits_ranges);
    assert_false(policy.expires || policy.expires_sets_age);
    assert_true(span_equal(policy.content_type, SPAN("text/x")));
    require_lines(policy.success_fields, "cache-control: x\r\n", "", "fields");
    rig_close(&rig);
    arena_done(&arena);
}

/* However many sections set the same fields, an answer has each once. */
static void what_could_come_together_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *directive;
        bool names_differ;
        int value_bytes;
        unsigned sections;
        bool is_taken;
    } bounds[] = { { "set", false, 100, 200, true },        { "set", true, 100, 50, true },
                   { "set", true, 100, 200, false },        { "add", false, 100, 50, true },
                   { "add", false, 100, 200, false },       { "append", false, 100, 200, false },
                   { "always set", false, 100, 200, true }, { "add", false, 1, 256, true },
                   { "add", false, 1, 257, false } };
    for (size_t i = 0; i < ARRAY_COUNT(bounds); i++) {
        char *text = NULL;
        size_t size;
        FILE *stream = open_memstream(&text, &size);
        assert_non_null(stream);
        for (unsigned j = 0; j < bounds[i].sections; j++)
            fprintf(stream, "<Location /%u>\nHeader %s X%u %0*u\n</Location>\n", j, bounds[i].directive,
                    bounds[i].names_differ ? j : 0, bounds[i].value_bytes, j % 10);
        fclose(stream);
        if (rig_read(&rig, text) != bounds[i].is_taken)
            fail_msg("%u of %s: %s", bounds[i].sections, bounds[i].directive, rig_errors(&rig));
        rig_close(&rig);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_changed_in_the_order_in_which_it_is_said),
        cmocka_unit_test(fields_of_the_answers_own_making_can_be_left_out),
        cmocka_unit_test(what_could_come_together_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
