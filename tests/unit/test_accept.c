#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/accept.h"

/* What a request with these lines of Accept, the second may be NULL, weighs `type` with. */
static unsigned weigh(const char *const lines[2], const char *type)
{
    struct request request = { .field_count = 1, .fields = { { .name = SPAN("x"), .value = SPAN("text/html") } } };
    for (size_t i = 0; i < 2 && lines[i]; i++) {
        if (i == 0) request.first_of[FIELD_ACCEPT] = request.field_count;
        request.known_mask |= 1u << FIELD_ACCEPT;
        request.fields[request.field_count++] = (struct field){ .value = span_of_string(lines[i]), .id = FIELD_ACCEPT };
    }
    return accept_weight(&request, span_of_string(type));
}

static void the_most_specific_range_holds(void **state)
{
    (void)state;
    static const struct {
        const char *lines[2], *type;
        unsigned weight;
    } rows[] = {
        { { NULL }, "text/html", 1000 },
        { { "text/html" }, "text/html", 1000 },
        { { "text/html" }, "application/json", 0 },
        { { "TEXT/Html;q=0.5" }, "text/html", 500 },
        { { "*/*;q=0.1" }, "application/json", 100 },
        { { "text/*;q=0.3, text/html;q=0.7, */*;q=0.5" }, "text/html", 700 },
        { { "text/*;q=0.3, text/html;q=0.7, */*;q=0.5" }, "text/plain", 300 },
        { { "text/*;q=0.3, text/html;q=0.7, */*;q=0.5" }, "image/png", 500 },
        { { "*/*, text/html;q=0" }, "text/html", 0 },
        { { "text/html;level=1;q=0.4" }, "text/html", 400 },
        { { "text/html ; q=0.4 ; ext=1" }, "text/html", 400 },
        { { "text/html;q=0.2, text/html;level=1" }, "text/html", 1000 },
        { { "text/html;q=2" }, "text/html", 0 },
        { { "text" }, "text/html", 0 },
        { { "tex/*, text/" }, "text/html", 0 },
        { { "" }, "text/html", 0 },
        { { ",;,;;q" }, "text/html", 0 },
        { { "image/png", "text/*;q=0.9" }, "text/html", 900 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned weight = weigh(rows[i].lines, rows[i].type);
        if (weight != rows[i].weight) fail_msg("row %zu: %u", i, weight);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_most_specific_range_holds) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
