/* compress.h - content codings (RFC 9110, section 8.4.1), by the libraries that are best at each.
 *
 * Role:   gzip by libdeflate, zstd, brotli; at levels for what is made once and sent often.
 * Owns:   nothing. Thread: any, at the price of much of its time and memory.
 */
#ifndef FOLIO_SERVER_COMPRESS_H
#define FOLIO_SERVER_COMPRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/span.h"
#include "http/accept_encoding.h"

/* `content` in `coding` (not the identity), to `out`. 0: it takes more than `room`, there is no memory, or *gives_up became true, which is looked
 * at every tenth of a second or so, but for gzip: that is made in one step, and takes some half a second for what is biggest. */
NODISCARD size_t compress_content(enum coding coding, struct span content, char *out, size_t room,
                                  const _Atomic bool *gives_up);

#endif
