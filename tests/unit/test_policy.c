#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/config_rig.h"
#include "server/policy.h"

static struct config_rig rig;
static struct policies *policies;

static void open_policies(const char *text)
{
    if (!rig_read(&rig, text)) fail_msg("%s: %s", text, rig.error);
    policies = policies_new(&rig.config);
    assert_non_null(policies);
}

static void close_policies(void)
{
    policies_free(policies);
    rig_close(&rig);
}

static const struct rules *rules_at(const char *url)
{
    struct section_subject subject = { .folder = SPAN("/srv"), .name = SPAN("a.css"), .url = span_of_string(url) };
    return policies_rules(policies, 0, &subject);
}

static uint16_t number_of(const char *url, struct span type, struct span path)
{
    uint16_t number;
    assert_true(policies_choose(policies, rules_at(url), type, path, false, NULL, &number));
    return number;
}

/* Of a style sheet. */
static uint16_t number_by(const struct rules *rules, const struct throttle_set *throttles)
{
    uint16_t number;
    assert_true(policies_choose(policies, rules, SPAN("text/css"), SPAN("/a.css"), false, throttles, &number));
    return number;
}

static void what_has_the_same_rules_has_the_same_policy(void **state)
{
    (void)state;
    open_policies("<Location /a>\nHeader set X a\n</Location>\n<Location /b>\nHeader set X b\n</Location>\n");
    uint16_t a = number_of("/a/1", SPAN("text/css"), SPAN("a.css")),
             b = number_of("/b/1", SPAN("text/css"), SPAN("a.css"));
    assert_int_not_equal(a, POLICY_NONE);
    assert_ptr_equal(rules_at("/a/1"), rules_at("/a/2"));
    assert_ptr_not_equal(rules_at("/a/1"), rules_at("/b/1"));
    assert_int_equal(number_of("/a/2", SPAN("text/css"), SPAN("b.css")), a);
    assert_int_not_equal(a, b);
    assert_int_not_equal(number_of("/a/1", SPAN("text/html"), SPAN("a.html")), a);
    assert_int_not_equal(number_of("/a/1", SPAN_NONE, SPAN("a.css")), a);
    assert_true(span_equal(policies_get(policies, a)->success_fields, SPAN("Cache-Control: max-age=600\r\nX: a\r\n")));
    assert_true(span_equal(policies_get(policies, b)->success_fields, SPAN("Cache-Control: max-age=600\r\nX: b\r\n")));
    assert_null(policies_get(policies, POLICY_NONE));
    close_policies();
}

/* Apache, "How the sections are merged": directories, files, locations; a list of Require replaces the one outside. */
static void sections_come_over_one_another_in_apaches_order(void **state)
{
    (void)state;
    open_policies("<Location /a>\nHeader set X location\n</Location>\n<Files *.css>\nHeader set X files\n</Files>\n"
                  "<Directory /srv>\nHeader set X directory\nRequire all denied\n</Directory>\n"
                  "<Location /a/open>\nRequire all granted\n</Location>\n");
    static const struct {
        const char *url, *x;
        bool is_restricted;
    } rows[] = { { "/a/1", "X: location\r\n", true },
                 { "/b", "X: files\r\n", true },
                 { "/a/open/1", "X: location\r\n", false } };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct policy *policy = policies_get(policies, number_of(rows[i].url, SPAN_NONE, SPAN("a.css")));
        if (!span_equal(policy->success_fields, span_of_string(rows[i].x)) ||
            policy->is_restricted != rows[i].is_restricted)
            fail_msg("%s: %.*s", rows[i].url, (int)policy->success_fields.size, policy->success_fields.data);
    }
    close_policies();
}

static void a_folders_longer_path_comes_over_a_shorter_one(void **state)
{
    (void)state;
    open_policies("<Directory /srv/a>\nFileETag Digest\n</Directory>\n<Directory /srv>\nFileETag None\n</Directory>\n");
    struct section_subject outer = { .folder = SPAN("/srv"), .name = SPAN("x"), .url = SPAN("/x") };
    struct section_subject inner = { .folder = SPAN("/srv/a/b"), .name = SPAN("x"), .url = SPAN("/a/b/x") };
    assert_int_equal(policies_rules(policies, 0, &outer)->file_etag, ETAG_NONE);
    assert_int_equal(policies_rules(policies, 0, &inner)->file_etag, ETAG_DIGEST);
    close_policies();
}

static void rules_know_the_sections_that_they_are_of(void **state)
{
    (void)state;
    open_policies("<Directory /srv>\nHeader set X a\n</Directory>\n<Files *.js>\nHeader set X b\n</Files>\n"
                  "<Location /a>\nHeader set X c\n</Location>\n");
    static const bool wanted[2][4] = { { true, false, true }, { true, false, false } };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(policies_rules_are_of(rules_at("/a/1"), i), wanted[0][i]);
        assert_int_equal(policies_rules_are_of(rules_at("/b"), i), wanted[1][i]);
    }
    assert_false(policies_rules_are_of(rules_at("/a/1"), 100));
    close_policies();
}

static void what_has_other_throttles_has_another_policy(void **state)
{
    (void)state;
    open_policies("");
    static const struct throttle_set sets[2];
    const struct throttle_set *rows[] = { NULL, &sets[0], &sets[1] };
    uint16_t numbers[ARRAY_COUNT(rows)];
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        numbers[i] = number_by(rules_at("/"), rows[i]);
        assert_ptr_equal(policies_get(policies, numbers[i])->throttles, rows[i]);
        for (size_t j = 0; j < i; j++) assert_int_not_equal(numbers[i], numbers[j]);
    }
    assert_int_equal(number_by(rules_at("/"), rows[1]), numbers[1]);
    close_policies();
}

/* Of rules of our own, each for `ages` ages: a policy is of rules that are one if they lie at one place. Returns how many were given a
 * number of their own. */
static unsigned give_numbers(struct rules *own, unsigned count, unsigned ages)
{
    unsigned given = 0;
    uint16_t last = 0;
    for (unsigned i = 0; i < count; i++) {
        own[i] = *rules_at("/");
        for (unsigned j = 0; j < ages; j++) {
            own[i].cache_default_age_ms = 1000ull * j;
            uint16_t number = number_by(&own[i], NULL);
            given += number > last;
            last = number;
        }
    }
    return given;
}

static void beyond_the_ordinary_ones_there_is_one_for_the_same_rules_and_throttles(void **state)
{
    (void)state;
    enum { RULES = 100, AGES = POLICIES_ORDINARY_MAX / RULES };
    static const struct throttle_set throttled;
    open_policies("Header set X y\n");
    struct rules *own = test_calloc(RULES, sizeof *own);
    assert_int_equal(give_numbers(own, RULES, AGES), RULES * AGES);
    unsigned left = POLICIES_ORDINARY_MAX - RULES * AGES;
    struct rules more = *rules_at("/");
    assert_int_equal(give_numbers(&more, 1, left), left);
    more.cache_default_age_ms = 1000ull * left;
    uint16_t css = number_by(&more, NULL);
    const struct policy *makeshift = policies_get(policies, css);
    assert_true(makeshift->is_makeshift);
    assert_false(makeshift->may_have_forms);
    assert_ptr_equal(makeshift->rules, &more);
    assert_true(span_equal(makeshift->success_fields, SPAN("Cache-Control: no-store\r\nX: y\r\n")));
    more.cache_default_age_ms++;
    assert_int_equal(number_by(&more, NULL), css);
    uint16_t slower = number_by(&more, &throttled);
    assert_int_not_equal(slower, css);
    assert_ptr_equal(policies_get(policies, slower)->throttles, &throttled);
    uint16_t nothing;
    assert_true(policies_choose(policies, &more, SPAN_NONE, SPAN_NONE, false, NULL, &nothing));
    assert_true(span_equal(policies_get(policies, nothing)->success_fields, SPAN("X: y\r\n")));
    /* Who has an ordinary one goes on having it. */
    own[0].cache_default_age_ms = 0;
    assert_false(policies_get(policies, number_by(&own[0], NULL))->is_makeshift);
    test_free(own);
    close_policies();
}

static void when_there_are_too_many_there_is_none(void **state)
{
    (void)state;
    open_policies("");
    struct rules *own = test_calloc(POLICIES_MAX + 1, sizeof *own);
    assert_int_equal(give_numbers(own, POLICIES_MAX, 1), POLICIES_MAX);
    own[POLICIES_MAX] = own[0];
    assert_int_equal(number_by(&own[POLICIES_MAX], NULL), POLICY_NONE);
    assert_null(policies_get(policies, POLICY_NONE));
    assert_int_equal(number_by(&own[POLICIES_MAX - 1], NULL), POLICIES_MAX);
    test_free(own);
    close_policies();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_the_same_rules_has_the_same_policy),
        cmocka_unit_test(sections_come_over_one_another_in_apaches_order),
        cmocka_unit_test(a_folders_longer_path_comes_over_a_shorter_one),
        cmocka_unit_test(rules_know_the_sections_that_they_are_of),
        cmocka_unit_test(what_has_other_throttles_has_another_policy),
        cmocka_unit_test(beyond_the_ordinary_ones_there_is_one_for_the_same_rules_and_throttles),
        cmocka_unit_test(when_there_are_too_many_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
