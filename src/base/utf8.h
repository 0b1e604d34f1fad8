/* utf8.h - what is a character in bytes that should be UTF-8 (RFC 3629).
 *
 * Thread: any; pure functions.
 */
#ifndef FOLIO_BASE_UTF8_H
#define FOLIO_BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* Bytes of the character at the front of `text`, which is not empty: 1 to 4; 0 when it is none (a continuation, an overlong form, half of a
 * surrogate pair, beyond U+10FFFF, or cut off). */
static inline unsigned utf8_character_size(struct span text)
{
    const uint8_t *at = (const uint8_t *)text.data;
    uint8_t first = at[0], low = 0x80, high = 0xbf;
    unsigned size;
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (text.size < size) return 0;
    /* The second byte tells what is overlong, a surrogate, or too high. */
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
    if (at[1] < low || at[1] > high) return 0;
    for (unsigned i = 2; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
    }
    return size;
}

static inline bool utf8_is_valid(struct span text)
{
    while (text.size > 0) {
        unsigned size = utf8_character_size(text);
        if (size == 0) return false;
        text = span_from(text, size);
    }
    return true;
}

#endif
