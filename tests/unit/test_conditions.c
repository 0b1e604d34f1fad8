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
    const char *if_range;
    const char *another; /* a second line of If-Range */
    bool holds;
} if_ranges[] = {
    { "\"v1\"", NULL, true },
    { "\"v2\"", NULL, false },
    { "W/\"v1\"", NULL, false },
    { "\"v1\", \"v2\"", NULL, false },
    { "*", NULL, false },
    { "", NULL, false },
    { "v1", NULL, false },
    { "\"v1\"", "\"v1\"", false },
    { MODIFIED, NULL, false }, /* two versions of one second have the same date */
    { "Sunday, 06-Nov-94 08:49:37 GMT", NULL, false },
    { BEFORE, NULL, false },
    { AFTER, NULL, false },
    { "never", NULL, false },
};

static void a_range_is_given_only_if_if_range_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(if_ranges); i++) {
        struct given given[GIVEN_MAX] = { { FIELD_RANGE, "bytes=1-2" },
                                          { FIELD_IF_RANGE, if_ranges[i].if_range },
                                          { FIELD_IF_RANGE, if_ranges[i].another } };
        struct request request = request_of(METHOD_GET, given);
        struct ranges ranges;
        enum range range = range_evaluate(&request, &with_date, 10, 16, &ranges);
        if ((range == RANGE_PART) != if_ranges[i].holds) fail_msg("row %zu, with a date", i);
        range = range_evaluate(&request, &without_date, 10, 16, &ranges);
        if ((range == RANGE_PART) != if_ranges[i].holds) fail_msg("row %zu, without a date", i);
    }
}

static void without_an_entity_tag_no_if_range_can_hold(void **state)
{
    (void)state;
    static const struct validators untagged = { .etag = { NULL, 0 }, .modified_s = 784111777, .has_modified = true };
    struct ranges ranges;
    struct given empty[GIVEN_MAX] = { { FIELD_RANGE, "bytes=1-2" }, { FIELD_IF_RANGE, "" } };
    struct request request = request_of(METHOD_GET, empty);
    assert_int_equal(range_evaluate(&request, &untagged, 10, 16, &ranges), RANGE_WHOLE);
    struct given date[GIVEN_MAX] = { { FIELD_RANGE, "bytes=1-2" }, { FIELD_IF_RANGE, MODIFIED } };
    request = request_of(METHOD_GET, date);
    assert_int_equal(range_evaluate(&request, &untagged, 10, 16, &ranges), RANGE_WHOLE);
    struct given tag[GIVEN_MAX] = { { NONE_MATCH, "\"\", \"v1\"" } };
    request = request_of(METHOD_GET, tag);
    assert_int_equal(conditions_evaluate(&request, &untagged, now_s), CONDITION_PASSED);
    struct given any[GIVEN_MAX] = { { MATCH, "*" }, { NONE_MATCH, "*" } };
    request = request_of(METHOD_GET, any);
    assert_int_equal(conditions_evaluate(&request, &untagged, now_s), CONDITION_NOT_MODIFIED);
}

static void an_unsatisfiable_range_with_a_false_if_range_is_no_range(void **state)
{
    (void)state;
    struct given given[GIVEN_MAX] = { { FIELD_RANGE, "bytes=10-" }, { FIELD_IF_RANGE, "\"v2\"" } };
    struct request request = request_of(METHOD_GET, given);
    struct ranges ranges;
    assert_int_equal(range_evaluate(&request, &with_date, 10, 16, &ranges), RANGE_WHOLE);
}

static void ranges_are_for_get_and_stand_on_one_line(void **state)
{
    (void)state;
    struct given given[GIVEN_MAX] = { { FIELD_RANGE, "bytes=1-2" } };
    struct request request = request_of(METHOD_HEAD, given);
    struct ranges ranges;
    assert_int_equal(range_evaluate(&request, &with_date, 10, 16, &ranges), RANGE_WHOLE);
    struct given twice[GIVEN_MAX] = { { FIELD_RANGE, "bytes=1-2" }, { FIELD_RANGE, "bytes=1-2" } };
    request = request_of(METHOD_GET, twice);
    assert_int_equal(range_evaluate(&request, &with_date, 10, 16, &ranges), RANGE_WHOLE);
    struct given none[GIVEN_MAX] = { { 0, NULL } };
    request = request_of(METHOD_GET, none);
    assert_int_equal(range_evaluate(&request, &with_date, 10, 16, &ranges), RANGE_WHOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_are_evaluated_in_the_order_of_the_rfc),
        cmocka_unit_test(other_methods_have_no_conditions),
        cmocka_unit_test(a_range_is_given_only_if_if_range_holds),
        cmocka_unit_test(without_an_entity_tag_no_if_range_can_hold),
        cmocka_unit_test(an_unsatisfiable_range_with_a_false_if_range_is_no_range),
        cmocka_unit_test(ranges_are_for_get_and_stand_on_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
