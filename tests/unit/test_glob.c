#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "base/glob.h"

static const struct {
    const char *pattern;
    const char *path;
    bool matches;
} rows[] = {
    { "", "", true },
    { "", "a", false },
    { "a", "", false },
    { "/a/b", "/a/b", true },
    { "/a/b", "/a/b/", false },
    { "/a/b", "/a", false },
    { "/A", "/a", false },
    /* * */
    { "*", "", true },
    { "*", "abc", true },
    { "*", "a/b", false },
    { "*", "/", false },
    { "*.jpg", "a.jpg", true },
    { "*.jpg", ".jpg", true },
    { "*.jpg", "a.jpg.jpg", true },
    { "*.jpg", "a.jpgx", false },
    { "*.jpg", "a/b.jpg", false },
    { "/*/c", "/a/c", true },
    { "/*/c", "/a/b/c", false },
    { "/a*b*c", "/aXbYc", true },
    { "/a*b*c", "/abc", true },
    { "/a*b*c", "/acb", false },
    { "a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
    { "a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", true },
    /* ** */
    { "**", "", true },
    { "**", "/a/b/c", true },
    { "**.jpg", "/a/b.jpg", true },
    { "**.jpg", "b.jpg", true },
    { "**.jpg", "/a.jpg/b", false },
    { "/a/**", "/a/", true },
    { "/a/**", "/a/b/c", true },
    { "/a/**", "/a", false },
    { "/**/c", "/a/b/c", true },
    { "/**/c", "/c", false },
    { "/**/a/*", "/x/y/a/b", true },
    { "/**/a/*", "/x/y/a/b/c", false },
    { "/**/a/*", "/x/a/y/a/b", true },
    { "***", "a/b", true },
    { "***", "a", true },
    /* ? */
    { "?", "a", true },
    { "?", "", false },
    { "?", "/", false },
    { "?", "ab", false },
    { "/a?c", "/abc", true },
    { "/a?c", "/a/c", false },
    /* [...] */
    { "[abc]", "b", true },
    { "[abc]", "d", false },
    { "[abc]", "", false },
    { "[a-c]x", "bx", true },
    { "[a-c]", "d", false },
    { "[!a-c]", "d", true },
    { "[!a-c]", "b", false },
    { "[^a-c]", "d", true },
    { "[^a-c]", "a", false },
    { "[!a]", "/", false },
    { "[+-9]", "/", false }, /* a class takes no '/', even if it is in it */
    { "[]]", "]", true },
    { "[]a]", "a", true },
    { "[!]]", "]", false },
    { "[!]]", "a", true },
    { "[a-]", "-", true },
    { "[a-]", "a", true },
    { "[-a]", "-", true },
    { "[a-c-e]", "b", true },
    { "[a-c-e]", "-", true },
    { "[a-c-e]", "d", false },
    { "[*?]", "*", true },
    { "[*?]", "x", false },
    { "[\\]]", "]", true },
    { "[\\]a]", "a", true },
    { "[a\\-c]", "b", false },
    { "[a\\-c]", "-", true },
    { "[|]", "|", true },
    { "[\x80-\xff]", "\xc3", true },
    { "*.[jp][pn]g", "a.png", true },
    /* escapes */
    { "\\*", "*", true },
    { "\\*", "a", false },
    { "\\[a]", "[a]", true },
    { "a\\|b", "a|b", true },
    { "a\\|b", "a", false },
    { "\\\\", "\\", true },
    { "\\a", "a", true },
    /* alternatives */
    { "a|b", "a", true },
    { "a|b", "b", true },
    { "a|b", "a|b", false },
    { "a|b", "c", false },
    { "jpg/**|**.jpg", "jpg/a/b", true },
    { "jpg/**|**.jpg", "a/b.jpg", true },
    { "jpg/**|**.jpg", "a/b.gif", false },
    { "a|", "", true },
    { "|a", "", true },
    { "a||b", "", true },
    { "]", "]", true },
};

static void paths_match_their_patterns(void **state)
{
    (void)state;
    struct guarded patterns = guarded_open(4096), paths = guarded_open(4096);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        size_t at, pattern_size = strlen(rows[i].pattern), path_size = strlen(rows[i].path);
        struct span pattern = span_of(guarded_copy(&patterns, rows[i].pattern, pattern_size), pattern_size);
        struct span path = span_of(guarded_copy(&paths, rows[i].path, path_size), path_size);
        if (!glob_check(pattern, &at)) fail_msg("%s: %zu", rows[i].pattern, at);
        if (glob_matches(pattern, path) != rows[i].matches) fail_msg("%s: %s", rows[i].pattern, rows[i].path);
    }
    guarded_close(&paths);
    guarded_close(&patterns);
}

static void mistakes_are_told_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        size_t at;
    } mistakes[] = {
        { "[", 0 },    { "a[", 1 },    { "a[b", 1 },      { "a[]", 1 },   { "a[!]", 1 },           { "a[!", 1 },
        { "ab\\", 2 }, { "[a\\]", 0 }, { "a|b[c-a]", 3 }, { "[a-\\", 0 }, { "x[b\\-a]y[b-a]", 8 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(mistakes); i++) {
        size_t at = 77;
        if (glob_check(span_of_string(mistakes[i].pattern), &at)) fail_msg("%s", mistakes[i].pattern);
        if (at != mistakes[i].at) fail_msg("%s: %zu", mistakes[i].pattern, at);
    }
}

/* The worst pattern there can be, against a path of many matches: would take longer than the world, if it were tried one by one. */
static void the_longest_pattern_is_matched_in_bounded_time(void **state)
{
    (void)state;
    char pattern[GLOB_BYTES_MAX + 1], path[8192];
    size_t at;
    for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = i % 3 == 2 ? 'a' : '*';
    memset(path, 'a', sizeof path);
    pattern[GLOB_BYTES_MAX - 1] = 'b';
    struct span longest = span_of(pattern, GLOB_BYTES_MAX);
    assert_true(glob_check(longest, &at));
    assert_false(glob_matches(longest, span_of(path, sizeof path)));
    path[sizeof path - 1] = 'b';
    assert_true(glob_matches(longest, span_of(path, sizeof path)));
    assert_false(glob_check(span_of(pattern, GLOB_BYTES_MAX + 1), &at));
    assert_int_equal(at, GLOB_BYTES_MAX);
}

static void plain_text_has_no_wildcards(void **state)
{
    (void)state;
    assert_false(glob_has_wildcards(SPAN("/srv/www/a-b_c.d]")));
    static const char *const wild[] = { "*", "a?", "[a]", "\\", "a|b" };
    for (size_t i = 0; i < ARRAY_COUNT(wild); i++) assert_true(glob_has_wildcards(span_of_string(wild[i])));
}

static void what_a_match_may_begin_with_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        bool may_begin; /* with '/' */
    } may[] = {
        { "", false },      { "/", true },    { "/a", true },       { "a", false },   { "*", false },
        { "*.jpg", false }, { "**", true },   { "**a", true },      { "*/a", true },  { "?a", false },
        { "[!a]b", false }, { "\\/a", true }, { "a|b|*.c", false }, { "a|/b", true }, { "a|**.c", true },
        { "a[|/]", false }, { "***", true },
    };
    for (size_t i = 0; i < ARRAY_COUNT(may); i++)
        assert_int_equal(glob_may_begin(span_of_string(may[i].pattern), '/'), may[i].may_begin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_match_their_patterns),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(the_longest_pattern_is_matched_in_bounded_time),
        cmocka_unit_test(plain_text_has_no_wildcards),
        cmocka_unit_test(what_a_match_may_begin_with_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
