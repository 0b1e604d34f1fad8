#include "base/block_pool.h"

#include <stdlib.h>

struct block {
    struct block *next;
};

static const size_t class_bytes[BLOCK_POOL_CLASSES] = { 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10 };
static const unsigned class_kept_max[BLOCK_POOL_CLASSES] = { 256, 128, 64, 16, 4 };

/* The smallest class that holds `size`; BLOCK_POOL_CLASSES if none does. */
static unsigned class_of(size_t size)
{
    unsigned c = 0;
    while (c < BLOCK_POOL_CLASSES && class_bytes[c] < size) c++;
    return c;
}

void *block_take(struct block_pool *pool, size_t size, size_t *ret_capacity)
{
    unsigned c = class_of(size);
    size_t capacity = c < BLOCK_POOL_CLASSES ? class_bytes[c] : size;
    struct block *block = c < BLOCK_POOL_CLASSES ? pool->kept[c] : NULL;
    if (block) {
        pool->kept[c] = block->next;
        pool->kept_count[c]--;
    } else {
        block = malloc(capacity);
    }
    if (!block && size <= BLOCK_ASIDE_BYTES && pool->aside_count > 0) {
        block = pool->aside[--pool->aside_count];
        capacity = BLOCK_ASIDE_BYTES;
    }
    if (block) *ret_capacity = capacity;
    return block;
}

void block_give(struct block_pool *pool, void *memory, size_t capacity)
{
    struct block *block = memory;
    if (!block) return;
    if (capacity == BLOCK_ASIDE_BYTES && pool->aside_count < BLOCK_POOL_ASIDE_MAX) {
        pool->aside[pool->aside_count++] = block;
        return;
    }
    unsigned c = class_of(capacity);
    if (c == BLOCK_POOL_CLASSES || class_bytes[c] != capacity || pool->kept_count[c] == class_kept_max[c]) {
        free(block);
        return;
    }
    block->next = pool->kept[c];
    pool->kept[c] = block;
    pool->kept_count[c]++;
}

bool block_pool_put_aside(struct block_pool *pool)
{
    if (pool->aside_count == BLOCK_POOL_ASIDE_MAX) return true;
    while (pool->kept_count[0] < BLOCK_POOL_SMALL_MIN) {
        void *block = malloc(class_bytes[0]);
        if (!block) break;
        block_give(pool, block, class_bytes[0]);
    }
    while (pool->aside_count < BLOCK_POOL_ASIDE_MAX) {
        void *block = malloc(BLOCK_ASIDE_BYTES);
        if (!block) return false;
        pool->aside[pool->aside_count++] = block;
    }
    return true;
}

void block_pool_done(struct block_pool *pool)
{
    while (pool->aside_count > 0) free(pool->aside[--pool->aside_count]);
    for (unsigned c = 0; c < BLOCK_POOL_CLASSES; c++) {
        while (pool->kept[c]) {
            struct block *block = pool->kept[c];
            pool->kept[c] = block->next;
            free(block);
        }
        pool->kept_count[c] = 0;
    }
}
