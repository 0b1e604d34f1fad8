/* ring_memory.h - memory that begins anew behind its end, so that what wraps around is still in one piece.
 *
 * Thread: any.
 */
#ifndef FOLIO_PLATFORM_RING_MEMORY_H
#define FOLIO_PLATFORM_RING_MEMORY_H

#include <stddef.h>

#include "base/compiler.h"

/* `size` bytes (a multiple of the page size), mapped twice in a row. NULL: no memory. */
NODISCARD char *ring_memory_new(size_t size);
void ring_memory_free(char *memory, size_t size); /* takes NULL */

#endif
