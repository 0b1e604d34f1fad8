/* text_write.h - writing text into room that is known to suffice.
 *
 * Role:   each writes at `at` and returns where the next goes; whoever calls has made sure of the room.
 * Owns:   nothing. Thread: any; pure functions.
 */
#ifndef FOLIO_BASE_TEXT_WRITE_H
#define FOLIO_BASE_TEXT_WRITE_H

#include <stdint.h>

#include "base/span.h"

enum { DECIMAL_BYTES_MAX = 20 };

static inline char *text_append(char *at, struct span text)
{
    if (text.size > 0) memcpy(at, text.data, text.size);
    return at + text.size;
}

/* At most DECIMAL_BYTES_MAX digits. */
static inline char *text_append_decimal(char *at, uint64_t number)
{
    char digits[DECIMAL_BYTES_MAX];
    size_t count = 0;
    do {
        digits[sizeof digits - ++count] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(at, digits + sizeof digits - count, count);
    return at + count;
}

#endif
