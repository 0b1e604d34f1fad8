#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "base/compiler.h"
#include "http/accept_encoding.h"

/* Ranks of br, zstd, gzip and identity, as digits. */
static const struct {
    const char *value; /* NULL: no such field */
    const char *ranks;
} rows[] = {
    { NULL, "0001" },
    { "", "0001" },
    { " ", "0001" },
    { ",,", "0001" },
    { "gzip", "0021" },
    { "GZip", "0021" },
    { "x-gzip", "0021" },
    { "X-GZIP", "0021" },
    { "br", "2001" },
    { "zstd", "0201" },
    { "identity", "0001" },
    { "deflate", "0001" },
    { "compress, deflate", "0001" },
    { "dcb, dcz", "0001" },
    { "gzip, deflate, br, zstd", "2221" },
    { "gzip , deflate, br, zstd", "2221" },
    { "gzip, deflate, br", "2021" },
    { "gzip,deflate,br", "2021" },
    { "gzip, deflate", "0021" },
    { "gzip;q=1.0, deflate;q=0.6, identity;q=0.3", "0021" },
    { "br;q=1.0, gzip;q=0.8, *;q=0.1", "3121" },
    { "gzip;q=1.0, identity; q=0.5, *;q=0", "0021" },
    { "compress;q=0.5, gzip;q=1.0", "0021" },
    /* weights order */
    { "br;q=0.1, gzip;q=0.2, zstd;q=0.3", "2431" },
    { "br;q=0.001", "2001" },
    { "br;q=0.0001", "2001" }, /* not 0 */
    { "br;q=0.8333333333333334, gzip;q=0.833", "2021" },
    { "identity, br;q=0.5", "1002" },
    { "identity;q=0.5, br;q=0.5", "1001" },
    { "identity;q=0.5, br;q=0.4, gzip;q=0.6", "1032" },
    /* refusals */
    { "identity;q=0", "0000" },
    { "*;q=0", "0000" },
    { "*;q=0.0", "0000" },
    { "*;q=0.000", "0000" },
    { "gzip;q=0", "0001" },
    { "gzip, identity;q=0", "0010" },
    { "*;q=0, gzip", "0010" },
    { "*;q=0, identity", "0001" },
    { "gzip;q=0, *", "1101" },
    /* the star is for what is not named, wherever it stands */
    { "*", "1111" },
    { "*;q=0.5, br", "2111" },
    { "br, *;q=0.5", "2111" },
    { "br;q=0.2, *;q=0.5", "1222" },
    { "identity;q=0.1, *", "2221" },
    /* named twice: the higher one */
    { "gzip;q=0, gzip", "0021" },
    { "gzip, gzip;q=0", "0021" },
    { "gzip;q=0.5, x-gzip, br;q=0.7", "2031" },
    /* how weights may be written (12.4.2) */
    { "gzip ; q=0", "0001" },
    { "gzip;\tq=0", "0001" },
    { "gzip;Q=0", "0001" },
    { "gzip;q=1", "0021" },
    { "gzip;q=1.", "0021" },
    { "gzip;q=1.000", "0021" },
    { "gzip;q=1.0000", "0021" },
    { "gzip;q=0.", "0001" },
    /* what is malformed is overlooked, and nothing besides */
    { "gzip;q=1.001, br", "2001" },
    { "gzip;q=2, br", "2001" },
    { "gzip;q=-1, br", "2001" },
    { "gzip;q=.5, br", "2001" },
    { "gzip;q=0,5, br", "2001" },
    { "gzip;q=, br", "2001" },
    { "gzip;q, br", "2001" },
    { "gzip;, br", "2001" },
    { "gzip;q =1, br", "2001" },
    { "gzip;q= 1, br", "2001" },
    { "gzip;level=9, br", "2001" },
    { "gzip;q=1;level=9, br", "2001" },
    { "gzip;level=9;q=1, br", "2001" },
    { "gzip br, zstd", "0201" },
    { "\"gzip\", br", "2001" },
    { "g(zip), br", "2001" },
    { ";q=1, br", "2001" },
    { "gzipp, brr, zst, xgzip, x-br", "0001" },
};

static const char *text_of(struct accepted accepted)
{
    static char text[CODING_COUNT + 1];
    for (enum coding coding = 0; coding < CODING_COUNT; coding++) {
        text[coding] = (char)('0' + accepted_rank(accepted, coding));
    }
    return text;
}

static void a_value_is_brought_to_its_normal_form(void **state)
{
    (void)state;
    struct guarded guarded = guarded_open(4096);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct span value = SPAN_NONE;
        if (rows[i].value) {
            size_t size = strlen(rows[i].value);
            value = span_of(guarded_copy(&guarded, rows[i].value, size), size);
        }
        const char *ranks = text_of(accept_encoding_parse(value));
        if (strcmp(ranks, rows[i].ranks) != 0) fail_msg("\"%s\": %s", rows[i].value, ranks);
    }
    guarded_close(&guarded);
}

static struct request request_of(const char *const *lines, size_t count)
{
    struct request request = { .field_count = 1, .fields = { { .name = SPAN("x"), .value = SPAN("br") } } };
    for (size_t i = 0; i < count; i++) {
        if (i == 0) request.first_of[FIELD_ACCEPT_ENCODING] = request.field_count;
        request.known_mask |= 1u << FIELD_ACCEPT_ENCODING;
        request.fields[request.field_count++] =
            (struct field){ .value = span_of_string(lines[i]), .id = FIELD_ACCEPT_ENCODING };
    }
    return request;
}

static void several_lines_are_one_list(void **state)
{
    (void)state;
    static const struct {
        const char *lines[3];
        size_t count;
        const char *ranks;
    } requests[] = {
        { { NULL }, 0, "0001" },
        { { "gzip" }, 1, "0021" },
        { { "" }, 1, "0001" },
        { { "gzip", "br" }, 2, "2021" },
        { { "gzip", "br;q=0.5", "*;q=0" }, 3, "1020" },
        { { "identity;q=0", "", "zstd" }, 3, "0100" },
        { { "gzip, deflate, br, zstd", "gzip, deflate, br, zstd" }, 2, "2221" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(requests); i++) {
        struct request request = request_of(requests[i].lines, requests[i].count);
        assert_string_equal(text_of(accept_encoding_of(&request)), requests[i].ranks);
    }
}

/* The fast way for usual values, and the long way, which a word more that is unknown makes them go. */
static void usual_values_mean_what_the_parser_says(void **state)
{
    (void)state;
    static const char *const usual[] = { "gzip, deflate, br, zstd", "gzip, deflate, br", "gzip, deflate", "gzip",
                                         "identity" };
    for (size_t i = 0; i < ARRAY_COUNT(usual); i++) {
        char longer[64] = "x, ";
        strcat(longer, usual[i]);
        assert_int_equal(accept_encoding_parse(span_of_string(usual[i])).ranks,
                         accept_encoding_parse(span_of_string(longer)).ranks);
    }
}

enum {
    BR = 1 << CODING_BR,
    ZSTD = 1 << CODING_ZSTD,
    GZIP = 1 << CODING_GZIP,
    PLAIN = 1 << CODING_IDENTITY,
    ALL = BR | ZSTD | GZIP | PLAIN,
};

static const struct {
    const char *value;
    struct codings codings; /* sizes: br, zstd, gzip, identity */
    enum coding chosen;
} choices[] = {
    { "gzip, deflate, br, zstd", { ALL, { 20, 30, 40, 100 } }, CODING_BR },
    { "gzip, deflate, br, zstd", { ALL, { 30, 20, 40, 100 } }, CODING_ZSTD },
    { "gzip, deflate, br, zstd", { ALL, { 30, 40, 20, 100 } }, CODING_GZIP },
    { "gzip, deflate, br, zstd", { ALL, { 20, 20, 20, 100 } }, CODING_BR },
    { "gzip, deflate, br, zstd", { ZSTD | GZIP | PLAIN, { 0, 20, 20, 100 } }, CODING_ZSTD },
    { "gzip, deflate, br, zstd", { PLAIN, { 0, 0, 0, 100 } }, CODING_IDENTITY },
    { "gzip, deflate, br", { ALL, { 30, 20, 40, 100 } }, CODING_BR },
    { "gzip, deflate", { ALL, { 20, 30, 40, 100 } }, CODING_GZIP },
    { "gzip, br;q=0.9", { ALL, { 20, 30, 40, 100 } }, CODING_GZIP },
    { "gzip;q=0.5", { ALL, { 20, 30, 40, 100 } }, CODING_GZIP },
    { "gzip", { BR | PLAIN, { 20, 0, 0, 100 } }, CODING_IDENTITY },
    { NULL, { ALL, { 20, 30, 40, 100 } }, CODING_IDENTITY },
    { "", { ALL, { 20, 30, 40, 100 } }, CODING_IDENTITY },
    { "*", { ALL, { 20, 30, 40, 100 } }, CODING_BR },
    { "*", { ALL, { 120, 130, 140, 100 } }, CODING_IDENTITY },
    { "*", { ALL, { 100, 100, 100, 100 } }, CODING_BR },
    { "identity, gzip;q=0.9", { ALL, { 20, 30, 40, 100 } }, CODING_IDENTITY },
    { "identity, gzip", { ALL, { 20, 30, 40, 100 } }, CODING_GZIP },
    { "gzip", { ALL, { 20, 30, 140, 100 } }, CODING_GZIP }, /* that it is bigger is the client's wish */
    /* nothing is accepted: the identity all the same */
    { "*;q=0", { ALL, { 20, 30, 40, 100 } }, CODING_IDENTITY },
    { "identity;q=0", { ALL, { 20, 30, 40, 100 } }, CODING_IDENTITY },
    { "br, identity;q=0", { GZIP | PLAIN, { 0, 0, 40, 100 } }, CODING_IDENTITY },
    { "br, identity;q=0", { ALL, { 120, 30, 40, 100 } }, CODING_BR },
};

static void the_best_of_what_there_is_is_chosen(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(choices); i++) {
        struct span value = choices[i].value ? span_of_string(choices[i].value) : SPAN_NONE;
        struct accepted accepted = accept_encoding_parse(value);
        enum coding chosen = accept_encoding_choose(accepted, &choices[i].codings);
        if (chosen != choices[i].chosen) fail_msg("row %zu: %d", i, (int)chosen);
    }
    assert_false(accepted_has(accept_encoding_parse(SPAN("br, identity;q=0")), CODING_IDENTITY));
    assert_true(accepted_has(accept_encoding_parse(SPAN("br")), CODING_IDENTITY));
}

static void codings_have_their_names(void **state)
{
    (void)state;
    assert_true(span_equal(coding_name(CODING_BR), SPAN("br")));
    assert_true(span_equal(coding_name(CODING_ZSTD), SPAN("zstd")));
    assert_true(span_equal(coding_name(CODING_GZIP), SPAN("gzip")));
    assert_int_equal(coding_name(CODING_IDENTITY).size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_brought_to_its_normal_form),
        cmocka_unit_test(several_lines_are_one_list),
        cmocka_unit_test(usual_values_mean_what_the_parser_says),
        cmocka_unit_test(the_best_of_what_there_is_is_chosen),
        cmocka_unit_test(codings_have_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
