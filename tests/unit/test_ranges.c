#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "../support/guarded.h"
#include "http/ranges.h"

static const struct {
    const char *value;
    uint64_t length;
    enum range range;
    uint64_t first;
    uint64_t last;
} singles[] = {
    { "bytes=0-0", 10, RANGE_PART, 0, 0 },
    { "bytes=0-9", 10, RANGE_PART, 0, 9 },
    { "bytes=2-5", 10, RANGE_PART, 2, 5 },
    { "BYTES=2-5", 10, RANGE_PART, 2, 5 },
    { "bytes=9-", 10, RANGE_PART, 9, 9 },
    { "bytes=0-", 10, RANGE_PART, 0, 9 },
    { "bytes=5-10", 10, RANGE_PART, 5, 9 },
    { "bytes=5-18446744073709551615", 10, RANGE_PART, 5, 9 },
    { "bytes=5-18446744073709551616", 10, RANGE_PART, 5, 9 },
    { "bytes=5-99999999999999999999999", 10, RANGE_PART, 5, 9 },
    { "bytes=-1", 10, RANGE_PART, 9, 9 },
    { "bytes=-10", 10, RANGE_PART, 0, 9 },
    { "bytes=-11", 10, RANGE_PART, 0, 9 },
    { "bytes=-99999999999999999999999", 10, RANGE_PART, 0, 9 },
    { "bytes=0000-00003", 10, RANGE_PART, 0, 3 },
    { "bytes=18446744073709551614-", UINT64_MAX, RANGE_PART, UINT64_MAX - 1, UINT64_MAX - 1 },
    { "bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0 },
    { "bytes=10-10", 10, RANGE_UNSATISFIABLE, 0, 0 },
    { "bytes=99999999999999999999999-", 10, RANGE_UNSATISFIABLE, 0, 0 },
    { "bytes=18446744073709551618-", 10, RANGE_UNSATISFIABLE, 0, 0 },
    { "bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0 },
    { "bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0 },
    { "bytes=0-0", 0, RANGE_UNSATISFIABLE, 0, 0 },
    { "bytes=-5", 0, RANGE_WHOLE, 0, 0 },
    { "bytes=5-4", 10, RANGE_WHOLE, 0, 0 },
    { "bytes=50-40", 10, RANGE_WHOLE, 0, 0 },
    { "bytes=", 10, RANGE_WHOLE, 0, 0 },
    { "bytes=-", 10, RANGE_WHOLE, 0, 0 },
    { "bytes", 10, RANGE_WHOLE, 0, 0 },
    { "", 10, RANGE_WHOLE, 0, 0 },
    { "bytes=1", 10, RANGE_WHOLE, 0, 0 },
    { "bytes=a-b", 10, RANGE_WHOLE, 0, 0 },
    { "bytes=0-a", 10, RANGE_WHOLE, 0, 0 },
    { "bytes=0-1x", 10, RANGE_WHOLE, 0, 0 },
    { "bytes=+0-1", 10, RANGE_WHOLE, 0, 0 },
    { "bytes=--1", 10, RANGE_WHOLE, 0, 0 },
    { "bytes=0--1", 10, RANGE_WHOLE, 0, 0 },
    { "bytes=0x0-0x1", 10, RANGE_WHOLE, 0, 0 },
    { "bytes = 0-1", 10, RANGE_WHOLE, 0, 0 },
    { "bytes:0-1", 10, RANGE_WHOLE, 0, 0 },
    { "items=0-1", 10, RANGE_WHOLE, 0, 0 },
};

static void a_single_range_is_resolved_against_the_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(singles); i++) {
        struct ranges ranges = { .count = 77 };
        enum range range = ranges_parse(span_of_string(singles[i].value), singles[i].length, 16, &ranges);
        if (range != singles[i].range)
            fail_msg("%s of %zu: %d", singles[i].value, (size_t)singles[i].length, (int)range);
        assert_int_equal(ranges.count, range == RANGE_PART ? 1 : 77);
        if (range != RANGE_PART) continue;
        assert_int_equal(ranges.items[0].first, singles[i].first);
        assert_int_equal(ranges.items[0].last, singles[i].last);
    }
}

/* Several ranges, and how they are answered: as text; "" is the whole, "416" none. */
static const struct {
    const char *value;
    uint64_t length;
    const char *answered;
} several[] = {
    { "bytes=0-1,4-5", 10, "0-1 4-5" },
    { "bytes=4-5,0-1", 10, "4-5 0-1" }, /* in the order asked for (RFC 9110, 15.3.7.2) */
    { "bytes=0-0,-1", 10, "0-0 9-9" },
    { "bytes=0-1 , 4-5", 10, "0-1 4-5" },
    { "bytes=0-1\t,\t4-5", 10, "0-1 4-5" },
    { "bytes=,0-1,,4-5,", 10, "0-1 4-5" }, /* 5.6.1.2: empty elements */
    { "bytes=0-1,", 10, "0-1" },
    { "bytes= 0-1", 10, "0-1" },
    { "bytes=2-3,2-3", 10, "2-3" },
    { "bytes=0-3,2-5", 10, "0-5" },
    { "bytes=2-5,0-3", 10, "0-5" },
    { "bytes=0-3,4-5", 10, "0-5" },
    { "bytes=4-5,0-3", 10, "0-5" },
    { "bytes=0-5,2-3", 10, "0-5" },
    { "bytes=2-3,0-5", 10, "0-5" },
    { "bytes=0-0,2-2,1-1", 10, "0-2" }, /* the last one joins the others */
    { "bytes=6-6,0-0,2-2,1-1", 10, "6-6 0-2" },
    { "bytes=0-0,6-6,2-2,1-1", 10, "0-2 6-6" },
    { "bytes=2-2,6-6,0-0,1-1", 10, "0-2 6-6" },
    { "bytes=0-0,2-2,4-4,6-6,1-5", 10, "0-6" },
    { "bytes=0-0,4-4,2-2,6-6,1-1,3-3", 10, "0-4 6-6" },
    { "bytes=0-1,10-", 10, "0-1" }, /* what is beyond the end is left out */
    { "bytes=20-30,4-5,10-11", 10, "4-5" },
    { "bytes=-0,4-5", 10, "4-5" },
    { "bytes=10-,20-30", 10, "416" },
    { "bytes=-0,10-", 10, "416" },
    { "bytes=0-0,1-1", 0, "416" },
    { "bytes=-1,0-1", 0, "" }, /* the end of nothing is there */
    { "bytes=,", 10, "" },
    { "bytes=0-1,x", 10, "" },
    { "bytes=x,0-1", 10, "" },
    { "bytes=0-1;4-5", 10, "" },
    { "bytes=0-1 4-5", 10, "" },
    { "bytes=0 - 1", 10, "" },
    { "bytes=10-,5-4", 10, "" },
    { "bytes=0-1,bytes=4-5", 10, "" },
    /* more bytes than there are */
    { "bytes=0-4,5-9", 10, "0-9" },
    { "bytes=0-4,4-9", 10, "" },
    { "bytes=0-,0-", 10, "" },
    { "bytes=0-0,0-", 10, "" },
    { "bytes=0-5,-5", 10, "" },
    { "bytes=0-,-1", UINT64_MAX, "" },
    { "bytes=-2,0-1", UINT64_MAX, "18446744073709551613-18446744073709551614 0-1" },
    { "bytes=0-,18446744073709551614-", UINT64_MAX, "" },
    { "bytes=1-18446744073709551613,0-0,-1", UINT64_MAX, "0-18446744073709551614" },
};

static void several_ranges_are_joined_and_keep_their_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(several); i++) {
        struct ranges ranges = { .count = 0 };
        char text[256] = "";
        size_t size = 0;
        enum range range = ranges_parse(span_of_string(several[i].value), several[i].length, 16, &ranges);
        if (range == RANGE_UNSATISFIABLE) size = (size_t)snprintf(text, sizeof text, "416");
        for (unsigned j = 0; j < ranges.count; j++) {
            size +=
                (size_t)snprintf(text + size, sizeof text - size, "%s%llu-%llu", j > 0 ? " " : "",
                                 (unsigned long long)ranges.items[j].first, (unsigned long long)ranges.items[j].last);
        }
        if (strcmp(text, several[i].answered) != 0) fail_msg("%s: \"%s\"", several[i].value, text);
    }
}

static size_t many(char *at, unsigned count)
{
    size_t size = (size_t)sprintf(at, "bytes=");
    for (unsigned i = 0; i < count; i++) size += (size_t)sprintf(at + size, "%u-%u,", 2 * i, 2 * i);
    return size;
}

static void more_ranges_than_the_most_are_the_whole(void **state)
{
    (void)state;
    char text[2048];
    for (unsigned most = 0; most <= RANGES_MAX; most++) {
        struct ranges ranges;
        if (most > 0) {
            assert_int_equal(ranges_parse(span_of(text, many(text, most)), 1000, most, &ranges), RANGE_PART);
            assert_int_equal(ranges.count, most);
        }
        assert_int_equal(ranges_parse(span_of(text, many(text, most + 1)), 1000, most, &ranges), RANGE_WHOLE);
    }
    /* They are counted as they are asked for: joined or out of reach makes no difference. */
    struct ranges ranges;
    assert_int_equal(ranges_parse(SPAN("bytes=0-1,2-3"), 10, 1, &ranges), RANGE_WHOLE);
    assert_int_equal(ranges_parse(SPAN("bytes=0-1,10-"), 10, 1, &ranges), RANGE_WHOLE);
}

static void nothing_behind_the_value_is_read(void **state)
{
    (void)state;
    struct guarded guarded = guarded_open(4096);
    for (size_t i = 0; i < ARRAY_COUNT(several); i++) {
        for (size_t size = 0; size <= strlen(several[i].value); size++) {
            struct ranges ranges;
            const char *copy = guarded_copy(&guarded, several[i].value, size);
            (void)!ranges_parse(span_of(copy, size), several[i].length, 16, &ranges);
        }
    }
    guarded_close(&guarded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_range_is_resolved_against_the_length),
        cmocka_unit_test(several_ranges_are_joined_and_keep_their_order),
        cmocka_unit_test(more_ranges_than_the_most_are_the_whole),
        cmocka_unit_test(nothing_behind_the_value_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
