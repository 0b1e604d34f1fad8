/* span.h - text and bytes that somebody else owns: where they start, and how many there are.
 *
 * Role:   the one way in which text and bytes travel; never NUL-terminated by contract.
 * Owns:   nothing; a span lives as long as what it points into.
 * Thread: any; a value.
 */
#ifndef FOLIO_BASE_SPAN_H
#define FOLIO_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const char *data; /* NULL: absent, which is not the same as empty */
    size_t size;      /* bytes */
};

/* A span over a string literal. */
#define SPAN(literal) ((struct span){ .data = "" literal, .size = sizeof(literal) - 1 })
#define SPAN_NONE     ((struct span){ .data = NULL, .size = 0 })

static inline struct span span_of(const char *data, size_t size)
{
    return (struct span){ .data = data, .size = size };
}

static inline struct span span_of_string(const char *string)
{
    return (struct span){ .data = string, .size = strlen(string) };
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool span_starts_with(struct span s, struct span prefix)
{
    return s.size >= prefix.size && (prefix.size == 0 || memcmp(s.data, prefix.data, prefix.size) == 0);
}

static inline bool span_ends_with(struct span s, struct span suffix)
{
    return s.size >= suffix.size &&
           (suffix.size == 0 || memcmp(s.data + (s.size - suffix.size), suffix.data, suffix.size) == 0);
}

/* What is left of `s` after its first `count` bytes; `count` is at most s.size. */
static inline struct span span_from(struct span s, size_t count)
{
    /* Nothing added to no address is still none, but C does not say so. */
    return (struct span){ .data = count > 0 ? s.data + count : s.data, .size = s.size - count };
}

static inline struct span span_first(struct span s, size_t count)
{
    return (struct span){ .data = s.data, .size = count };
}

/* ASCII only; no locale. */
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Equal but for the case of ASCII letters. */
static inline bool span_equal_nocase(struct span a, struct span b)
{
    if (a.size != b.size) return false;
    for (size_t i = 0; i < a.size; i++) {
        if (ascii_lower(a.data[i]) != ascii_lower(b.data[i])) return false;
    }
    return true;
}

#endif
