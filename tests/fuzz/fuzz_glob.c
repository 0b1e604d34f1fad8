/* The input is a pattern, a line end, and a path. A reader that tries one thing after the other says the same, where it comes to an end. */
#include "../support/require.h"
#include "base/glob.h"

enum { STEPS_MAX = 200000 };
static unsigned steps;

/* The class at *at, which is good; whether it takes `c`; leaves *at behind it. */
static bool read_class(const char **at, unsigned char c)
{
    const char *p = *at + 1;
    bool is_negated = *p == '!' || *p == '^', is_in = false;
    p += is_negated;
    for (const char *first = p; p == first || *p != ']';) {
        p += *p == '\\';
        unsigned char low = (unsigned char)*p++, high = low;
        if (*p == '-' && p[1] != ']') {
            p++;
            p += *p == '\\';
            high = (unsigned char)*p++;
        }
        is_in |= low <= c && c <= high;
    }
    *at = p + 1;
    return c != '/' && is_in != is_negated;
}

/* Both end with a NUL, and hold none. */
static bool read_plainly(const char *pattern, const char *path)
{
    if (steps++ > STEPS_MAX) return false;
    switch (*pattern) {
    case '\0': return *path == '\0';
    case '*': {
        bool is_double = pattern[1] == '*';
        for (;; path++) {
            if (read_plainly(pattern + 1 + is_double, path)) return true;
            if (*path == '\0' || (*path == '/' && !is_double)) return false;
        }
    }
    case '?': return *path != '\0' && *path != '/' && read_plainly(pattern + 1, path + 1);
    case '[': {
        bool takes = read_class(&pattern, (unsigned char)*path);
        return *path != '\0' && takes && read_plainly(pattern, path + 1);
    }
    case '\\': pattern++; break;
    default: break;
    }
    return *pattern == *path && read_plainly(pattern + 1, path + 1);
}

/* One alternative after the other. */
static bool read_alternatives(char *pattern, const char *path)
{
    bool matches = false;
    char *begin = pattern;
    for (char *at = pattern;; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
        } else if (*at == '[') {
            const char *end = at;
            (void)read_class(&end, 'x');
            at += end - at - 1;
        } else if (*at == '|' || *at == '\0') {
            bool is_last = *at == '\0';
            *at = '\0';
            matches |= read_plainly(begin, path);
            if (is_last) return matches;
            begin = at + 1;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *line_end = size > 0 ? memchr(bytes, '\n', size) : NULL;
    if (line_end == NULL || memchr(bytes, '\0', size) != NULL) return 0;
    size_t pattern_size = (size_t)(line_end - bytes), path_size = size - pattern_size - 1, at = 0;
    char *pattern = exact_copy(bytes, pattern_size), *path = exact_copy(line_end + 1, path_size);
    if (glob_check(span_of(pattern, pattern_size), &at)) {
        bool matches = glob_matches(span_of(pattern, pattern_size), span_of(path, path_size));
        char *strings = calloc(size + 2, 1);
        REQUIRE(strings != NULL);
        memcpy(strings, bytes, size);
        strings[pattern_size] = '\0';
        steps = 0;
        bool plainly = read_alternatives(strings, strings + pattern_size + 1);
        REQUIRE(steps > STEPS_MAX || matches == plainly);
        free(strings);
    } else {
        REQUIRE(at < pattern_size);
    }
    free(path);
    free(pattern);
    return 0;
}
