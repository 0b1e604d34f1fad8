#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "net/turn.h"
#include "server/pages.h"

static bool has(struct span page, const char *text)
{
    char *string = malloc(page.size + 1);
    memcpy(string, page.data, page.size);
    string[page.size] = '\0';
    bool found = strstr(string, text) != NULL;
    free(string);
    return found;
}

static void every_error_has_a_small_page_that_names_it(void **state)
{
    (void)state;
    for (int code = 300; code < 600; code++) {
        struct span text = http_status_text((enum http_status)code), page = page_of((enum http_status)code);
        if (text.size == 0 || code == HTTP_NOT_MODIFIED) continue;
        char title[128];
        snprintf(title, sizeof title, "<title>%.*s</title>", (int)text.size, text.data);
        if (!has(page, title)) fail_msg("%d has no page of its own", code);
        snprintf(title, sizeof title, "<h1>%.*s</h1>", (int)text.size, text.data);
        assert_true(has(page, title));
        assert_true(span_starts_with(page, SPAN("<!doctype html>\n")));
        assert_true(span_ends_with(page, SPAN("</html>\n")));
        assert_true(page.size < 1024);
    }
}

/* RFC 9110, 15.3.5, 15.4.5: no content. */
static void answers_without_content_have_no_page(void **state)
{
    (void)state;
    static const enum http_status statuses[] = { HTTP_NONE,       HTTP_CONTINUE,        HTTP_OK,
                                                 HTTP_NO_CONTENT, HTTP_PARTIAL_CONTENT, HTTP_NOT_MODIFIED };
    for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) assert_int_equal(page_of(statuses[i]).size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_small_page_that_names_it),
        cmocka_unit_test(answers_without_content_have_no_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
