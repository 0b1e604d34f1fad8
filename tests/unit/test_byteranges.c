#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/byteranges.h"
#include "http/token.h"

#define TYPE "Content-Type: text/plain; charset=utf-8\r\n"
#define ZERO "AAAAAAAAAAAAAAAAAAAAAA" /* the boundary that no random bits make */

static const uint64_t none[2] = { 0, 0 };

static void content_range_says_what_part_it_is(void **state)
{
    (void)state;
    char text[CONTENT_RANGE_BYTES_MAX] = "";
    *content_range_append(text, (struct byte_range){ 2, 5 }, 10) = '\0';
    assert_string_equal(text, "Content-Range: bytes 2-5/10\r\n");
    *content_range_append_unsatisfied(text, 10) = '\0';
    assert_string_equal(text, "Content-Range: bytes */10\r\n");
}

/* The example of RFC 9110, 14.6, in our words. */
static void a_body_is_parts_between_delimiters(void **state)
{
    (void)state;
    struct boundary boundary = boundary_of(none);
    struct ranges ranges = { .count = 2, .items = { { 500, 501 }, { 7000, 7001 } } };
    char text[1024], *at = byteranges_append_type(text, &boundary);
    assert_true(at - text <= BYTERANGES_TYPE_BYTES_MAX);
    *at = '\0';
    assert_string_equal(text, "Content-Type: multipart/byteranges; boundary=" ZERO "\r\n");
    at = byteranges_append_part_head(text, &boundary, SPAN(TYPE), &ranges, 0, 8000);
    memcpy(at, "ab", 2);
    at = byteranges_append_part_head(at + 2, &boundary, SPAN(TYPE), &ranges, 1, 8000);
    memcpy(at, "cd", 2);
    char *end = byteranges_append_end(at + 2, &boundary);
    assert_int_equal(end - at - 2, BYTERANGES_END_BYTES);
    *end = '\0';
    assert_string_equal(text, "--" ZERO "\r\n" TYPE "Content-Range: bytes 500-501/8000\r\n\r\nab"
                              "\r\n--" ZERO "\r\n" TYPE "Content-Range: bytes 7000-7001/8000\r\n\r\ncd"
                              "\r\n--" ZERO "--\r\n");
    assert_int_equal(byteranges_size(SPAN(TYPE), &ranges, 8000), end - text);
}

static void a_part_without_a_type_has_none(void **state)
{
    (void)state;
    struct boundary boundary = boundary_of(none);
    struct ranges ranges = { .count = 1, .items = { { 0, 0 } } };
    char text[BYTERANGES_PART_HEAD_BYTES_MAX];
    *byteranges_append_part_head(text, &boundary, SPAN(""), &ranges, 0, 1) = '\0';
    assert_string_equal(text, "--" ZERO "\r\nContent-Range: bytes 0-0/1\r\n\r\n");
}

static void the_largest_numbers_fit(void **state)
{
    (void)state;
    struct boundary boundary = boundary_of(none);
    uint64_t length = INT64_MAX;
    struct ranges ranges = { .count = 2, .items = { { 0, length / 2 }, { length - 2, length - 1 } } };
    char text[BYTERANGES_PART_HEAD_BYTES_MAX];
    uint64_t wanted = length / 2 + 1 + 2 + BYTERANGES_END_BYTES;
    for (unsigned i = 0; i < 2; i++) {
        const char *end = byteranges_append_part_head(text, &boundary, SPAN(""), &ranges, i, length);
        assert_true(end - text <= BYTERANGES_PART_HEAD_BYTES_MAX);
        wanted += (uint64_t)(end - text);
    }
    assert_int_equal(byteranges_size(SPAN(""), &ranges, length), wanted);
    const struct byte_range widest = { UINT64_MAX - 2, UINT64_MAX - 1 };
    char field[CONTENT_RANGE_BYTES_MAX];
    assert_true(content_range_append(field, widest, UINT64_MAX) - field <= CONTENT_RANGE_BYTES_MAX);
}

/* Eleven characters of six bits hold a half of the seed. */
static void every_random_bit_counts(void **state)
{
    (void)state;
    struct boundary seen[129];
    unsigned count = 0;
    seen[count++] = boundary_of(none);
    for (unsigned bit = 0; bit < 128; bit++) {
        uint64_t random[2] = { 0, 0 };
        random[bit / 64] = 1ull << bit % 64;
        seen[count++] = boundary_of(random);
    }
    for (unsigned i = 0; i < count; i++) {
        assert_true(token_is(span_of(seen[i].text, BOUNDARY_BYTES)));
        for (unsigned j = 0; j < i; j++) assert_memory_not_equal(seen[i].text, seen[j].text, BOUNDARY_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_range_says_what_part_it_is),
        cmocka_unit_test(a_body_is_parts_between_delimiters),
        cmocka_unit_test(a_part_without_a_type_has_none),
        cmocka_unit_test(the_largest_numbers_fit),
        cmocka_unit_test(every_random_bit_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
