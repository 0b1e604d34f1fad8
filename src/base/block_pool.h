/* block_pool.h - memory that is taken and given back within one thread, without asking the allocator each time.
 *
 * Role:   for what a connection needs only now and then: the rest of a request that has not come yet, answers that the
 *         socket would not take. Blocks come in a few sizes; a bounded number of each is kept when given back.
 *         Some are put aside for when the system has no memory: small ones for requests that wait until it has, and two
 *         that hold whatever there may be, of answers and of requests.
 * Owns:   the blocks that it keeps. Thread: one worker's.
 * Errors: NULL when the system has no memory, and what was put aside is in use.
 */
#ifndef FOLIO_BASE_BLOCK_POOL_H
#define FOLIO_BASE_BLOCK_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

enum {
    BLOCK_POOL_CLASSES = 5,        /* 1, 4, 16, 64 and 256 KiB; what is bigger is not kept */
    BLOCK_POOL_SMALL_MIN = 64,     /* blocks of 1 KiB put aside */
    BLOCK_POOL_ASIDE_MAX = 2,      /* big ones put aside ... */
    BLOCK_ASIDE_BYTES = 384 << 10, /* ... each of so many bytes, of which none is touched until it is needed */
};

struct block_pool {
    struct block *kept[BLOCK_POOL_CLASSES];
    unsigned kept_count[BLOCK_POOL_CLASSES];
    void *aside[BLOCK_POOL_ASIDE_MAX];
    unsigned aside_count;
};

/* At least `size` bytes; ret_capacity is how many there are, and must be told when they are given back. */
NODISCARD void *block_take(struct block_pool *pool, size_t size, size_t *ret_capacity);
void block_give(struct block_pool *pool, void *block, size_t capacity); /* takes NULL */

/* Put aside what is missing there. False: no memory. Whoever waits for true before he begins something will not meet NULL. */
NODISCARD bool block_pool_put_aside(struct block_pool *pool);

void block_pool_done(struct block_pool *pool);

#endif
