/* arena.h - memory that is taken in pieces and given back as a whole.
 *
 * Role:   what lives exactly as long as its owner (a configuration, a report of mistakes), without a free for each piece.
 * Owns:   every piece, until arena_done(); a piece never moves. The arena itself may be moved by assignment.
 * Thread: one at a time.
 */
#ifndef FOLIO_BASE_ARENA_H
#define FOLIO_BASE_ARENA_H

#include "base/compiler.h"
#include "base/span.h"

/* Zeroed memory is an empty arena. */
struct arena {
    struct arena_block *blocks; /* the newest first */
    char *at, *end;             /* what is left of it */
};

/* Zeroed memory of `size` bytes, aligned for any type; NULL: no memory. */
NODISCARD void *arena_take(struct arena *arena, size_t size);

/* A copy of `text`, with a NUL behind it that is not counted. data is NULL: no memory. */
NODISCARD struct span arena_text(struct arena *arena, struct span text);

/* Free everything that was taken. */
void arena_done(struct arena *arena);

#endif
