/* ranges.h - which bytes a Range field asks for (RFC 9110, section 14).
 *
 * Role:   reads a `Range: bytes=...` against the length of a representation: one range or several, in the order asked for,
 *         none overlapping or touching another. Whether the field counts at all (method, If-Range) is conditions.h's to say.
 * Owns:   nothing. Thread: any; a pure function.
 * Limits: at most ranges_max range specifiers, and no more bytes than the representation has: beyond either, the whole of
 *         it is cheaper, for both sides (RFC 9110, 14.2 and 17.15).
 */
#ifndef FOLIO_HTTP_RANGES_H
#define FOLIO_HTTP_RANGES_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/span.h"

enum { RANGES_MAX = 64 }; /* the most that MaxRanges may ask for */

/* Both inclusive; first <= last < length. */
struct byte_range {
    uint64_t first, last;
};

struct ranges {
    unsigned count;
    struct byte_range items[RANGES_MAX]; /* the first `count` of them, and nothing behind, are set */
};

enum range {
    RANGE_WHOLE,         /* 200: no ranges, or none that we follow: another unit, malformed, too many, too much */
    RANGE_PART,          /* 206: one range, or several (multipart/byteranges) */
    RANGE_UNSATISFIABLE, /* 416: well-formed, but all of it lies beyond the end */
};

/* Read the value of a Range field.
 *
 * ranges_max  MaxRanges; at most RANGES_MAX, and 0 is the same as no Range at all
 * ret_ranges  set on RANGE_PART only: count is 1 or more. Ranges that overlap or touch are one, at the place of the first of
 *             them (RFC 9110, 15.3.7.2); those beyond the end are left out
 */
NODISCARD enum range ranges_parse(struct span value, uint64_t length, unsigned ranges_max, struct ranges *ret_ranges);

static inline uint64_t byte_range_size(struct byte_range range)
{
    return range.last - range.first + 1;
}

#endif
