#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "http/h1_parse.h"

static const struct h1_limits limits = { .line_bytes = 100, .field_bytes = 20, .fields = 3, .head_bytes = 1000 };

static struct guarded guarded;

static int set_up(void **state)
{
    (void)state;
    guarded = guarded_open(4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guarded_close(&guarded);
    return 0;
}

struct outcome {
    enum h1_result result;
    size_t used;   /* bytes that were taken, in all */
    uint64_t data; /* of them, bytes of data */
};

/* `first` bytes, and then `step` at a time. */
static struct outcome feed(struct span bytes, size_t first, size_t step)
{
    struct h1_chunks chunks = { 0 };
    struct outcome outcome = { .result = H1_MORE };
    size_t size = first;
    for (size_t at = 0; outcome.result == H1_MORE && at < bytes.size; size = step) {
        size_t used = 77;
        uint64_t data = 78;
        if (size > bytes.size - at) size = bytes.size - at;
        struct span piece = span_of(guarded_copy(&guarded, bytes.data + at, size), size);
        outcome.result = h1_chunks_skip(&chunks, &limits, piece, &used, &data);
        if (outcome.result == H1_BAD) {
            assert_int_equal(used, 77);
            assert_int_equal(data, 78);
            break;
        }
        if (outcome.result == H1_MORE) assert_int_equal(used, size);
        outcome.used += used;
        outcome.data += data;
        at += size;
    }
    if (outcome.result == H1_DONE) {
        const struct h1_chunks start = { 0 };
        assert_memory_equal(&chunks, &start, sizeof start);
    }
    return outcome;
}

static void check(const char *text, enum h1_result result, size_t used, uint64_t data)
{
    struct span bytes = span_of_string(text);
    for (size_t at = 0; at <= bytes.size + 1; at++) {
        struct outcome outcome = at > bytes.size ? feed(bytes, 1, 1) : feed(bytes, at, bytes.size);
        bool is_right =
            outcome.result == result && (result == H1_BAD || (outcome.used == used && outcome.data == data));
        if (!is_right) {
            fail_msg("split at %zu: result %d, used %zu, data %zu:\n%s", at, (int)outcome.result, outcome.used,
                     (size_t)outcome.data, text);
        }
    }
}

static void bodies_end_where_their_last_byte_is(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        uint64_t data;
    } rows[] = {
        { "0\r\n\r\n", 0 },
        { "00000000000000000000\r\n\r\n", 0 },
        { "1\r\nx\r\n0\r\n\r\n", 1 },
        { "3\r\nabc\r\n00a\r\n0123456789\r\n0\r\n\r\n", 13 },
        { "A\r\n0123456789\r\n0\r\n\r\n", 10 },
        { "1f\r\n0123456789012345678901234567890\r\n0\r\n\r\n", 31 },
        { "4\r\n\r\n\r\n\r\n0\r\n\r\n", 4 },
        { "5\r\n0\r\n\r\n\r\n0\r\n\r\n", 5 },
        { "1;a\r\nx\r\n0;b=c\r\n\r\n", 1 },
        { "1 ; a=\"\xff;\"\r\nx\r\n0\t;\r\n\r\n", 1 },
        { "0\r\nX: y\r\nZ:\r\n\r\n", 0 },
        { "0\r\nA:1\r\nB:2\r\nC:3\r\n\r\n", 0 },
        { "1;345678901234567890\r\nx\r\n0;345678901234567890\r\nA:345678901234567890\r\n\r\n", 1 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char more[256];
        size_t size = strlen(rows[i].body);
        check(rows[i].body, H1_DONE, size, rows[i].data);
        strcat(strcpy(more, rows[i].body), "GET / HTTP/1.1\r\n");
        check(more, H1_DONE, size, rows[i].data);
    }
}

static void what_is_not_finished_asks_for_more(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        uint64_t data;
    } rows[] = {
        { "1", 0 },
        { "1;", 0 },
        { "1\r", 0 },
        { "2\r\na", 1 },
        { "2\r\nab", 2 },
        { "2\r\nab\r\n", 2 },
        { "0\r\n", 0 },
        { "0\r\n\r", 0 },
        { "0\r\nX", 0 },
        { "0\r\nX:y\r\n", 0 },
        { "ffffffffffffffff\r\nabc", 3 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        check(rows[i].body, H1_MORE, strlen(rows[i].body), rows[i].data);
    }
}

static void malformed_bodies_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "\r\n",
        " 1\r\nx\r\n0\r\n\r\n",
        "x\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\n",
        "1 \r\nx\r\n0\r\n\r\n",
        "1\t\r\n",
        "1 2\r\n",
        "1\nx\r\n",
        "1\r\rx",
        "1\rx",
        "1;a\nx",
        "1;a\rx",
        "1;\x01\r\n",
        "1;\x7f\r\n",
        "1\r\nxy\r\n",
        "1\r\nx\n",
        "1\r\nx\rx",
        "1\r\nx0\r\n",
        "10000000000000000\r\n",
        "fffffffffffffffff\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "0\r\n: y\r\n\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\n X: y\r\n\r\n",
        "0\r\nX: y\r\n z\r\n\r\n",
        "0\r\nX: \x02\r\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\nX: y\rz",
        "0\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n",
        "1;3456789012345678901\r\n",
        "1;4567890123456789012345678901234567890\r\n",
        "000000000000000000001\r\n",
        "0\r\nA:3456789012345678901\r\n",
        "0\r\nA23456789012345678901:\r\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) check(rows[i], H1_BAD, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_end_where_their_last_byte_is),
        cmocka_unit_test(what_is_not_finished_asks_for_more),
        cmocka_unit_test(malformed_bodies_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
