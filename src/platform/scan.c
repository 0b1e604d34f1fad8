#include "platform/scan.h"

#include <stdbool.h>
#include <stddef.h>

static bool ends_value(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

static bool ends_path(char c)
{
    return (unsigned char)c <= 0x20 || (unsigned char)c >= 0x7f || c == '?' || c == '#';
}

static bool ends_plain(char c)
{
    return (unsigned char)c < 0x20 || (unsigned char)c >= 0x7f || c == '"' || c == '\\';
}

const char *scan_value_end_scalar(const char *at, const char *end)
{
    while (at < end && !ends_value(*at)) at++;
    return at;
}

const char *scan_path_end_scalar(const char *at, const char *end)
{
    while (at < end && !ends_path(*at)) at++;
    return at;
}

const char *scan_plain_end_scalar(const char *at, const char *end)
{
    while (at < end && !ends_plain(*at)) at++;
    return at;
}

const char *scan_normal_end_scalar(const char *at, const char *end)
{
    for (; at < end; at++) {
        if (*at == '%' || *at == '\0') break;
        if (*at == '/' && at + 1 < end && (at[1] == '/' || at[1] == '.')) break;
    }
    return at;
}

#if defined(__SSE2__)

#include <emmintrin.h>

enum { WIDE = 16, HALF = 8 };

static __m128i equal(__m128i bytes, char c)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}

static __m128i load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* Eight bytes from `low`, and eight from `high`, which may overlap. */
static __m128i load_halves(const char *low, const char *high)
{
    return _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)(const void *)low),
                              _mm_loadl_epi64((const __m128i *)(const void *)high));
}

static unsigned value_enders(__m128i bytes)
{
    /* min(byte, 0x1f) == byte: an unsigned "at most 0x1f", which SSE2 has no comparison for. */
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    __m128i bad = _mm_or_si128(_mm_andnot_si128(equal(bytes, '\t'), control), equal(bytes, 0x7f));
    return (unsigned)_mm_movemask_epi8(bad);
}

static unsigned path_enders(__m128i bytes)
{
    /* Signed: bytes from 0x80 are negative, hence not above a space either. */
    __m128i visible = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(0x20));
    __m128i marks = _mm_or_si128(_mm_or_si128(equal(bytes, '?'), equal(bytes, '#')), equal(bytes, 0x7f));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(visible, _mm_set1_epi8(-1)), marks));
}

static unsigned plain_enders(__m128i bytes)
{
    __m128i low = _mm_cmpgt_epi8(_mm_set1_epi8(0x20), bytes);
    __m128i marks = _mm_or_si128(_mm_or_si128(equal(bytes, '"'), equal(bytes, '\\')), equal(bytes, 0x7f));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, marks));
}

/* `bytes`, and the same each one further on. */
static unsigned normal_enders(__m128i bytes, __m128i next)
{
    __m128i stop = _mm_or_si128(equal(bytes, '%'), equal(bytes, '\0'));
    __m128i pair = _mm_and_si128(equal(bytes, '/'), _mm_or_si128(equal(next, '/'), equal(next, '.')));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(stop, pair));
}

/* Where the lowest bit of a mask over load_halves(at, end - HALF) lies. */
static const char *halves_hit(unsigned mask, const char *at, const char *end)
{
    int bit = __builtin_ctz(mask);
    return bit < HALF ? at + bit : end - WIDE + bit;
}

/* The first byte in [at, end) that `enders` marks. Blocks of sixteen, then the last sixteen again (they overlap what was clean
 * already); eight to fifteen bytes in all as two halves that overlap, and fewer one by one. */
static inline __attribute__((always_inline)) const char *scan(const char *at, const char *end,
                                                              unsigned (*enders)(__m128i),
                                                              const char *(*scalar)(const char *, const char *))
{
    if (end - at >= WIDE) {
        do {
            unsigned mask = enders(load(at));
            if (mask != 0) return at + __builtin_ctz(mask);
            at += WIDE;
        } while (end - at >= WIDE);
        if (at == end) return end;
        unsigned mask = enders(load(end - WIDE));
        return mask != 0 ? end - WIDE + __builtin_ctz(mask) : end;
    }
    if (end - at >= HALF) {
        unsigned mask = enders(load_halves(at, end - HALF));
        return mask != 0 ? halves_hit(mask, at, end) : end;
    }
    return scalar(at, end);
}

const char *scan_value_end(const char *at, const char *end)
{
    return scan(at, end, value_enders, scan_value_end_scalar);
}

const char *scan_path_end(const char *at, const char *end)
{
    return scan(at, end, path_enders, scan_path_end_scalar);
}

const char *scan_plain_end(const char *at, const char *end)
{
    return scan(at, end, plain_enders, scan_plain_end_scalar);
}

const char *scan_normal_end(const char *at, const char *end)
{
    for (; end - at > WIDE; at += WIDE) {
        unsigned mask = normal_enders(load(at), load(at + 1));
        if (mask != 0) return at + __builtin_ctz(mask);
    }
    if (end - at > HALF) {
        /* The bytes before the last one, each with its neighbour; the last one has none. */
        unsigned mask = normal_enders(load_halves(at, end - 1 - HALF), load_halves(at + 1, end - HALF));
        if (mask != 0) return halves_hit(mask, at, end - 1);
        at = end - 1;
    }
    return scan_normal_end_scalar(at, end);
}

#else

const char *scan_value_end(const char *at, const char *end)
{
    return scan_value_end_scalar(at, end);
}

const char *scan_path_end(const char *at, const char *end)
{
    return scan_path_end_scalar(at, end);
}

const char *scan_plain_end(const char *at, const char *end)
{
    return scan_plain_end_scalar(at, end);
}

const char *scan_normal_end(const char *at, const char *end)
{
    return scan_normal_end_scalar(at, end);
}

#endif
