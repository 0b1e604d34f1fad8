#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/conditions.h"

/* The representation of all tests. */
#define ETAG     "\"v1\""
#define MODIFIED "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE   "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER    "Sun, 06 Nov 1994 08:49:38 GMT"

static const int64_t now_s = 1795000000;

static const struct validators with_date = { .etag = { ETAG, 4 }, .modified_s = 784111777, .has_modified = true };
static const struct validators without_date = { .etag = { ETAG, 4 }, .modified_s = 784111777, .has_modified = false };

/* A field of a request under test; value NULL: no field. */
struct given {
    enum field_id id;
    const char *value;
};

enum { GIVEN_MAX = 3 };

static struct request request_of(enum method method, const struct given given[GIVEN_MAX])
{
    struct request request = { .method = method };
    /* Another field first, so that an index of 0 is nobody's. */
    request.fields[request.field_count++] = (struct field){ .name = SPAN("x"), .value = SPAN("*") };
    for (size_t i = 0; i < GIVEN_MAX && given[i].value != NULL; i++) {
        enum field_id id = given[i].id;
        if (!request_has(&request, id)) request.first_of[id] = request.field_count;
        request.known_mask |= 1u << id;
        request.fields[request.field_count++] =
            (struct field){ .name = SPAN("n"), .value = span_of_string(given[i].value), .id = id };
    }
    return request;
}

#define MATCH      FIELD_IF_MATCH
#define NONE_MATCH FIELD_IF_NONE_MATCH
#define SINCE      FIELD_IF_MODIFIED_SINCE
#define UNMODIFIED FIELD_IF_UNMODIFIED_SINCE

static const struct {
    struct given given[GIVEN_MAX];
    enum condition with_date;
    enum condition without_date;
} conditions[] = {
    { { { 0, NULL } }, CONDITION_PASSED, CONDITION_PASSED },
    /* If-None-Match: weak comparison */
    { { { NONE_MATCH, "\"v1\"" } }, CONDITION_NOT_MODIFIED, CONDITION_NOT_MODIFIED },
    { { { NONE_MATCH, "W/\"v1\"" } }, CONDITION_NOT_MODIFIED, CONDITION_NOT_MODIFIED },
    { { { NONE_MATCH, "*" } }, CONDITION_NOT_MODIFIED, CONDITION_NOT_MODIFIED },
    { { { NONE_MATCH, "\"v2\"" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { NONE_MATCH, "\"v2\", \"v1\"" } }, CONDITION_NOT_MODIFIED, CONDITION_NOT_MODIFIED },
    { { { NONE_MATCH, "\"v2\",\"v1\",\"v3\"" } }, CONDITION_NOT_MODIFIED, CONDITION_NOT_MODIFIED },
    { { { NONE_MATCH, ", ,\"v2\" ,\t, W/\"v1\" ," } }, CONDITION_NOT_MODIFIED, CONDITION_NOT_MODIFIED },
    { { { NONE_MATCH, "\"v2,\", \"v1\"" } }, CONDITION_NOT_MODIFIED, CONDITION_NOT_MODIFIED },
    { { { NONE_MATCH, "\"v2\"" }, { NONE_MATCH, "\"v1\"" } }, CONDITION_NOT_MODIFIED, CONDITION_NOT_MODIFIED },
    { { { NONE_MATCH, "\"v1" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { NONE_MATCH, "v1" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { NONE_MATCH, "'v1'" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { NONE_MATCH, "w/\"v1\"" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { NONE_MATCH, "W/ \"v1\"" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { NONE_MATCH, "\"v2\" \"v1\"" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { NONE_MATCH, "\"v 2\", \"v1\"" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { NONE_MATCH, "*, \"v1\"" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { NONE_MATCH, "\"\"" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { NONE_MATCH, "\"" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { NONE_MATCH, "" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { NONE_MATCH, "\"V1\"" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { NONE_MATCH, "\"v1\"x" } }, CONDITION_NOT_MODIFIED, CONDITION_NOT_MODIFIED },
    /* If-Modified-Since */
    { { { SINCE, MODIFIED } }, CONDITION_NOT_MODIFIED, CONDITION_PASSED },
    { { { SINCE, AFTER } }, CONDITION_NOT_MODIFIED, CONDITION_PASSED },
    { { { SINCE, BEFORE } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { SINCE, "Sunday, 06-Nov-94 08:49:37 GMT" } }, CONDITION_NOT_MODIFIED, CONDITION_PASSED },
    { { { SINCE, "Sun Nov  6 08:49:37 1994" } }, CONDITION_NOT_MODIFIED, CONDITION_PASSED },
    { { { SINCE, "yesterday" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { SINCE, "" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { SINCE, AFTER }, { SINCE, AFTER } }, CONDITION_PASSED, CONDITION_PASSED },
    /* If-None-Match counts more than If-Modified-Since */
    { { { NONE_MATCH, "\"v2\"" }, { SINCE, AFTER } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { SINCE, BEFORE }, { NONE_MATCH, "\"v1\"" } }, CONDITION_NOT_MODIFIED, CONDITION_NOT_MODIFIED },
    /* If-Match: strong comparison */
    { { { MATCH, "\"v1\"" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { MATCH, "*" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { MATCH, "\"v2\", \"v1\"" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { MATCH, "\"v2\"" }, { MATCH, "\"v1\"" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { MATCH, "W/\"v1\", \"v1\"" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { MATCH, "\"v2\"" } }, CONDITION_FAILED, CONDITION_FAILED },
    { { { MATCH, "W/\"v1\"" } }, CONDITION_FAILED, CONDITION_FAILED },
    { { { MATCH, "" } }, CONDITION_FAILED, CONDITION_FAILED },
    { { { MATCH, "v1" } }, CONDITION_FAILED, CONDITION_FAILED },
    /* If-Unmodified-Since, unless there is an If-Match */
    { { { UNMODIFIED, MODIFIED } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { UNMODIFIED, AFTER } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { UNMODIFIED, BEFORE } }, CONDITION_FAILED, CONDITION_PASSED },
    { { { UNMODIFIED, "never" } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { UNMODIFIED, BEFORE }, { UNMODIFIED, BEFORE } }, CONDITION_PASSED, CONDITION_PASSED },
    { { { MATCH, "\"v1\"" }, { UNMODIFIED, BEFORE } }, CONDITION_PASSED, CONDITION_PASSED },
    /* the order of RFC 9110, 13.2.2 */
    { { { NONE_MATCH, "\"v1\"" }, { MATCH, "\"v2\"" } }, CONDITION_FAILED, CONDITION_FAILED },
    { { { MATCH, "\"v1\"" }, { NONE_MATCH, "\"v1\"" } }, CONDITION_NOT_MODIFIED, CONDITION_NOT_MODIFIED },
    { { { UNMODIFIED, BEFORE }, { SINCE, AFTER } }, CONDITION_FAILED, CONDITION_PASSED },
    { { { UNMODIFIED, AFTER }, { SINCE, AFTER } }, CONDITION_NOT_MODIFIED, CONDITION_PASSED },
};

static void conditions_are_evaluated_in_the_order_of_the_rfc(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(conditions); i++) {
        struct request get = request_of(METHOD_GET, conditions[i].given);
        struct request head = request_of(METHOD_HEAD, conditions[i].given);
        if (conditions_evaluate(&get, &with_date, now_s) != conditions[i].with_date)
            fail_msg("row %zu, with a date", i);
        if (conditions_evaluate(&head, &with_date, now_s) != conditions[i].with_date) fail_msg("row %zu, HEAD", i);
        if (conditions_evaluate(&get, &without_date, now_s) != conditions[i].without_date) {
            fail_msg("row %zu, without a date", i);
        }
    }
}

static void other_methods_have_no_conditions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(conditions); i++) {
        struct request options = request_of(METHOD_OPTIONS, conditions[i].given);
        assert_int_equal(conditions_evaluate(&options, &with_date, now_s), CONDITION_PASSED);
    }
}

static const struct {
    const char *value;
    uint64_t length;
    enum range range;
    uint64_t first;
    uint64_t last;
} ranges[] = {
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
    { "bytes=0-1,3-4", 10, RANGE_WHOLE, 0, 0 },
    { "bytes=0-1,", 10, RANGE_WHOLE, 0, 0 },
    { "bytes = 0-1", 10, RANGE_WHOLE, 0, 0 },
    { "bytes:0-1", 10, RANGE_WHOLE, 0, 0 },
    { "items=0-1", 10, RANGE_WHOLE, 0, 0 },
};

static void a_single_range_is_resolved_against_the_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(ranges); i++) {
        struct given given[GIVEN_MAX] = { { FIELD_RANGE, ranges[i].value } };
        struct request request = request_of(METHOD_GET, given);
        uint64_t first = 77;
        uint64_t last = 78;
        enum range range = range_evaluate(&request, &with_date, ranges[i].length, now_s, &first, &last);
        bool is_part = ranges[i].range == RANGE_PART;
        if (range != ranges[i].range) fail_msg("%s of %zu: %d", ranges[i].value, (size_t)ranges[i].length, (int)range);
        assert_int_equal(first, is_part ? ranges[i].first : 77);
        assert_int_equal(last, is_part ? ranges[i].last : 78);
    }
}

static const struct {
    const char *if_range;
    const char *another; /* a second line of If-Range */
    int64_t now_s;
    bool holds;
    bool holds_without_date;
} if_ranges[] = {
    { "\"v1\"", NULL, 1795000000, true, true },
    { "\"v2\"", NULL, 1795000000, false, false },
    { "W/\"v1\"", NULL, 1795000000, false, false },
    { "\"v1\", \"v2\"", NULL, 1795000000, false, false },
    { "*", NULL, 1795000000, false, false },
    { "", NULL, 1795000000, false, false },
    { "v1", NULL, 1795000000, false, false },
    { "\"v1\"", "\"v1\"", 1795000000, false, false },
    { MODIFIED, NULL, 1795000000, true, false },
    { "Sunday, 06-Nov-94 08:49:37 GMT", NULL, 1795000000, true, false },
    { BEFORE, NULL, 1795000000, false, false },
    { AFTER, NULL, 1795000000, false, false },
    { "never", NULL, 1795000000, false, false },
    { MODIFIED, NULL, 784111777, false, false }, /* the file may change again within this second */
    { MODIFIED, NULL, 784111776, false, false },
    { MODIFIED, NULL, 784111778, true, false },
};

static void a_range_is_given_only_if_if_range_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(if_ranges); i++) {
        struct given given[GIVEN_MAX] = { { FIELD_RANGE, "bytes=1-2" },
                                          { FIELD_IF_RANGE, if_ranges[i].if_range },
                                          { FIELD_IF_RANGE, if_ranges[i].another } };
        struct request request = request_of(METHOD_GET, given);
        uint64_t first;
        uint64_t last;
        enum range range = range_evaluate(&request, &with_date, 10, if_ranges[i].now_s, &first, &last);
        if ((range == RANGE_PART) != if_ranges[i].holds) fail_msg("row %zu, with a date", i);
        range = range_evaluate(&request, &without_date, 10, if_ranges[i].now_s, &first, &last);
        if ((range == RANGE_PART) != if_ranges[i].holds_without_date) fail_msg("row %zu, without a date", i);
    }
}

static void an_unsatisfiable_range_with_a_false_if_range_is_no_range(void **state)
{
    (void)state;
    struct given given[GIVEN_MAX] = { { FIELD_RANGE, "bytes=10-" }, { FIELD_IF_RANGE, "\"v2\"" } };
    struct request request = request_of(METHOD_GET, given);
    uint64_t first;
    uint64_t last;
    assert_int_equal(range_evaluate(&request, &with_date, 10, now_s, &first, &last), RANGE_WHOLE);
}

static void ranges_are_for_get_and_stand_on_one_line(void **state)
{
    (void)state;
    struct given given[GIVEN_MAX] = { { FIELD_RANGE, "bytes=1-2" } };
    struct request request = request_of(METHOD_HEAD, given);
    uint64_t first;
    uint64_t last;
    assert_int_equal(range_evaluate(&request, &with_date, 10, now_s, &first, &last), RANGE_WHOLE);
    struct given twice[GIVEN_MAX] = { { FIELD_RANGE, "bytes=1-2" }, { FIELD_RANGE, "bytes=1-2" } };
    request = request_of(METHOD_GET, twice);
    assert_int_equal(range_evaluate(&request, &with_date, 10, now_s, &first, &last), RANGE_WHOLE);
    struct given none[GIVEN_MAX] = { { 0, NULL } };
    request = request_of(METHOD_GET, none);
    assert_int_equal(range_evaluate(&request, &with_date, 10, now_s, &first, &last), RANGE_WHOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_are_evaluated_in_the_order_of_the_rfc),
        cmocka_unit_test(other_methods_have_no_conditions),
        cmocka_unit_test(a_single_range_is_resolved_against_the_length),
        cmocka_unit_test(a_range_is_given_only_if_if_range_holds),
        cmocka_unit_test(an_unsatisfiable_range_with_a_false_if_range_is_no_range),
        cmocka_unit_test(ranges_are_for_get_and_stand_on_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
