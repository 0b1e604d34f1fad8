#include "base/glob.h"

#include <stdint.h>

#include "base/check.h"

/* Bytes of the element at `at`: "**", a class in brackets, an escaped byte, or any other byte. 0: unfinished. */
static size_t element_size(struct span pattern, size_t at)
{
    char c = pattern.data[at];
    size_t left = pattern.size - at;
    if (c == '*') return left > 1 && pattern.data[at + 1] == '*' ? 2 : 1;
    if (c == '\\') return left > 1 ? 2 : 0;
    if (c != '[') return 1;
    size_t i = 1;
    if (i < left && (pattern.data[at + i] == '!' || pattern.data[at + i] == '^')) i++;
    /* The first one in it may be ']' itself. */
    for (size_t first = i; i < left; i++) {
        if (pattern.data[at + i] == '\\')
            i++;
        else if (pattern.data[at + i] == ']' && i > first)
            return i + 1;
    }
    return 0;
}

/* A range or a single byte of a class; takes it off the front. */
static void take_class_item(struct span *class, unsigned char *ret_low, unsigned char *ret_high)
{
    unsigned char ends[2];
    for (unsigned i = 0; i < 2; i++) {
        if (class->data[0] == '\\') *class = span_from(*class, 1);
        ends[i] = (unsigned char)class->data[0];
        *class = span_from(*class, 1);
        bool is_range = class->size > 1 && class->data[0] == '-';
        if (i == 0 && !is_range) {
            ends[1] = ends[0];
            break;
        }
        if (i == 0) *class = span_from(*class, 1);
    }
    *ret_low = ends[0];
    *ret_high = ends[1];
}

/* What is between the brackets, without the negation. */
static struct span class_inside(struct span element, bool *ret_is_negated)
{
    struct span class = span_of(element.data + 1, element.size - 2);
    *ret_is_negated = class.data[0] == '!' || class.data[0] == '^';
    return *ret_is_negated ? span_from(class, 1) : class;
}

/* Whether one byte matches an element other than a star. */
static bool element_takes(struct span element, char c)
{
    switch (element.data[0]) {
    case '?': return c != '/';
    case '\\': return c == element.data[1];
    case '[': break;
    default: return c == element.data[0];
    }
    bool is_negated, is_in = false;
    struct span class = class_inside(element, &is_negated);
    while (class.size > 0) {
        unsigned char low, high;
        take_class_item(&class, &low, &high);
        is_in |= low <= (unsigned char)c && (unsigned char)c <= high;
    }
    return c != '/' && is_in != is_negated;
}

bool glob_check(struct span pattern, size_t *ret_at)
{
    size_t size;
    for (size_t at = 0; at < pattern.size; at += size) {
        size = element_size(pattern, at);
        bool is_good = size > 0 && at + size <= GLOB_BYTES_MAX;
        if (is_good && pattern.data[at] == '[') {
            bool is_negated;
            struct span class = class_inside(span_of(pattern.data + at, size), &is_negated);
            while (class.size > 0) {
                unsigned char low, high;
                take_class_item(&class, &low, &high);
                is_good &= low <= high;
            }
        }
        if (!is_good) {
            *ret_at = at;
            return false;
        }
    }
    return true;
}

/* The places of the pattern at which a match may stand, after each byte of the path: bit i is the element that begins at byte i. */
struct places {
    uint64_t bits[GLOB_BYTES_MAX / 64 + 1];
};

static void mark(struct places *places, size_t at)
{
    places->bits[at / 64] |= 1ull << at % 64;
}

/* Add `at`, and what can be reached from it without a byte: what is behind stars. */
static void mark_from(struct places *places, struct span pattern, size_t at)
{
    mark(places, at);
    while (at < pattern.size && pattern.data[at] == '*') {
        at += element_size(pattern, at);
        mark(places, at);
    }
}

/* One byte of the path: from the places `from` to the places `to`. */
static void step(struct span pattern, const struct places *from, struct places *to, char c)
{
    size_t words = pattern.size / 64 + 1;
    memset(to, 0, words * sizeof to->bits[0]);
    for (size_t word = 0; word < words; word++) {
        for (uint64_t bits = from->bits[word]; bits != 0; bits &= bits - 1) {
            size_t at = 64 * word + (size_t)__builtin_ctzll(bits);
            if (at == pattern.size) continue;
            size_t size = element_size(pattern, at);
            if (pattern.data[at] != '*') {
                if (element_takes(span_of(pattern.data + at, size), c)) mark_from(to, pattern, at + size);
            } else if (size == 2 || c != '/') {
                mark_from(to, pattern, at);
            }
        }
    }
}

/* Without alternatives. */
static bool alternative_matches(struct span pattern, struct span path)
{
    struct places places[2] = { 0 };
    mark_from(&places[0], pattern, 0);
    for (size_t i = 0; i < path.size; i++) step(pattern, &places[i % 2], &places[(i + 1) % 2], path.data[i]);
    return (places[path.size % 2].bits[pattern.size / 64] >> pattern.size % 64 & 1) != 0;
}

/* The same for a path of which only the beginning is known: something of the pattern is still possible. */
static bool alternative_may_begin(struct span pattern, struct span beginning)
{
    struct places before = { 0 }, after;
    mark_from(&before, pattern, 0);
    step(pattern, &before, &after, beginning.data[0]);
    uint64_t any = 0;
    for (size_t word = 0; word < pattern.size / 64 + 1; word++) any |= after.bits[word];
    return any != 0;
}

/* Whether `is_so` is true of one of the alternatives. */
static bool any_alternative(struct span pattern, struct span path, bool (*is_so)(struct span, struct span))
{
    ASSERT(pattern.size <= GLOB_BYTES_MAX);
    size_t begin = 0;
    for (size_t at = 0; at < pattern.size; at += element_size(pattern, at)) {
        if (pattern.data[at] != '|') continue;
        if (is_so(span_of(pattern.data + begin, at - begin), path)) return true;
        begin = at + 1;
    }
    return is_so(span_from(pattern, begin), path);
}

bool glob_matches(struct span pattern, struct span path)
{
    return any_alternative(pattern, path, alternative_matches);
}

bool glob_may_begin(struct span pattern, char c)
{
    return any_alternative(pattern, span_of(&c, 1), alternative_may_begin);
}

bool glob_has_wildcards(struct span pattern)
{
    for (size_t i = 0; i < pattern.size; i++) {
        if (memchr("*?[\\|", pattern.data[i], 5) != NULL) return true;
    }
    return false;
}
