/* base64.h - base 64, the strict way (RFC 4648, section 4).
 *
 * Thread: any; a pure function.
 */
#ifndef FOLIO_BASE_BASE64_H
#define FOLIO_BASE_BASE64_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/span.h"

/* Bytes that `size` characters can stand for, at most. */
static inline size_t base64_decoded_bytes_max(size_t size)
{
    return size / 4 * 3;
}

/* Decode `text` into `out`, which has room for base64_decoded_bytes_max(text.size). With padding, nothing between or behind, and no bits
 * set that stand for nothing, so that every sequence of bytes has one form only. False: it is not that; `out` may have been written to. */
NODISCARD bool base64_decode(struct span text, char *out, size_t *ret_size);

#endif
