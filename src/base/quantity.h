/* quantity.h - amounts of bytes and of time as people write them.
 *
 * Role:   "64M" and "250ms" to numbers, and bytes back to "1.5 GiB". Thread: any; pure functions.
 */
#ifndef FOLIO_BASE_QUANTITY_H
#define FOLIO_BASE_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/span.h"

enum { QUANTITY_TEXT_BYTES = 32 };

/* Digits only. */
NODISCARD bool quantity_parse_number(struct span text, uint64_t *ret_number);

/* Digits, and K, M, G or T (powers of 1024; also KB, KiB ...; letters' case ignored). */
NODISCARD bool quantity_parse_bytes(struct span text, uint64_t *ret_bytes);

/* Digits, and ms, s, m (or min), h or d; seconds when there is no unit. */
NODISCARD bool quantity_parse_ms(struct span text, uint64_t *ret_ms);

/* "512 bytes", "1.5 GiB"; returns `out`. */
const char *quantity_format_bytes(uint64_t bytes, char out[QUANTITY_TEXT_BYTES]);

#endif
