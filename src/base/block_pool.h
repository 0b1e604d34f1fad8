/* block_pool.h - memory that is taken and given back within one thread, without asking the allocator each time.
 *
 * Role:   for what a connection needs only now and then: the rest of a request that has not come yet, answers that the
 *         socket would not take. Blocks come in a few sizes; a bounded number of each is kept when given back.
 * Owns:   the blocks that it keeps. Thread: one worker's.
 * Errors: NULL when the system has no memory.
 */
#ifndef FOLIO_BASE_BLOCK_POOL_H
#define FOLIO_BASE_BLOCK_POOL_H

#include <stddef.h>

#include "base/compiler.h"

enum { BLOCK_POOL_CLASSES = 5 }; /* 1, 4, 16, 64 and 256 KiB; what is bigger is not kept */

struct block_pool {
    struct block *kept[BLOCK_POOL_CLASSES];
    unsigned kept_count[BLOCK_POOL_CLASSES];
};

/* At least `size` bytes; ret_capacity is how many there are, and must be told when they are given back. */
NODISCARD void *block_take(struct block_pool *pool, size_t size, size_t *ret_capacity);
void block_give(struct block_pool *pool, void *block, size_t capacity); /* takes NULL */

void block_pool_done(struct block_pool *pool);

#endif
