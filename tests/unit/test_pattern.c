#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pattern.h"

static void groups_are_what_they_matched(void **state)
{
    (void)state;
    char error[PATTERN_ERROR_BYTES];
    size_t at;
    struct span groups[PATTERN_GROUPS_MAX];
    struct pattern *pattern = pattern_new(SPAN("^/([a-z]+)(-x)?/(\\d*)$"), error, &at);
    assert_non_null(pattern);
    assert_true(pattern_match(pattern, SPAN("/abc/42"), groups));
    assert_true(span_equal(groups[0], SPAN("/abc/42")));
    assert_true(span_equal(groups[1], SPAN("abc")));
    assert_null(groups[2].data);
    assert_true(span_equal(groups[3], SPAN("42")));
    for (size_t i = 4; i < PATTERN_GROUPS_MAX; i++) assert_null(groups[i].data);
    assert_true(pattern_match(pattern, SPAN("/abc-x/"), groups));
    assert_true(span_equal(groups[2], SPAN("-x")));
    assert_int_equal(groups[3].size, 0);
    assert_non_null(groups[3].data);
    assert_false(pattern_match(pattern, SPAN("/ABC/42"), groups));
    pattern_free(pattern);
}

static void more_groups_than_are_counted_do_no_harm(void **state)
{
    (void)state;
    char error[PATTERN_ERROR_BYTES];
    size_t at;
    struct span groups[PATTERN_GROUPS_MAX];
    struct pattern *pattern = pattern_new(SPAN("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)"), error, &at);
    assert_non_null(pattern);
    assert_true(pattern_match(pattern, SPAN("abcdefghijk"), groups));
    assert_true(span_equal(groups[9], SPAN("i")));
    pattern_free(pattern);
}

static void an_expression_that_runs_away_matches_nothing(void **state)
{
    (void)state;
    char error[PATTERN_ERROR_BYTES], subject[64];
    size_t at;
    struct span groups[PATTERN_GROUPS_MAX];
    struct pattern *pattern = pattern_new(SPAN("^(a+)+$"), error, &at);
    assert_non_null(pattern);
    memset(subject, 'a', sizeof subject);
    assert_true(pattern_match(pattern, span_of(subject, sizeof subject), groups));
    subject[63] = 'b';
    assert_false(pattern_match(pattern, span_of(subject, sizeof subject), groups));
    pattern_free(pattern);
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    char error[PATTERN_ERROR_BYTES];
    size_t at = 0;
    assert_null(pattern_new(SPAN("^/a(b"), error, &at));
    assert_string_equal(error, "missing closing parenthesis");
    assert_int_equal(at, 5);
    pattern_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_what_they_matched),
        cmocka_unit_test(more_groups_than_are_counted_do_no_harm),
        cmocka_unit_test(an_expression_that_runs_away_matches_nothing),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
