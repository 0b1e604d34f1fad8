#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 16 * 1024, ALIGNMENT = _Alignof(max_align_t) };

struct arena_block {
    struct arena_block *older;
    _Alignas(ALIGNMENT) char bytes[];
};

static struct arena_block *block_new(size_t size)
{
    return calloc(1, sizeof(struct arena_block) + size);
}

void *arena_take(struct arena *arena, size_t size)
{
    if (size > PTRDIFF_MAX / 2) return NULL;
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded <= (size_t)(arena->end - arena->at)) {
        char *piece = arena->at;
        arena->at += rounded;
        return piece;
    }
    /* What is big has a block of its own, behind the one that still has room. */
    bool is_big = rounded > BLOCK_BYTES / 4;
    struct arena_block *block = block_new(is_big ? rounded : BLOCK_BYTES);
    if (!block) return NULL;
    if (is_big && arena->blocks) {
        block->older = arena->blocks->older;
        arena->blocks->older = block;
        return block->bytes;
    }
    block->older = arena->blocks;
    arena->blocks = block;
    arena->at = block->bytes + rounded;
    arena->end = block->bytes + (is_big ? rounded : BLOCK_BYTES);
    return block->bytes;
}

struct span arena_text(struct arena *arena, struct span text)
{
    char *copy = arena_take(arena, text.size + 1);
    if (!copy) return SPAN_NONE;
    if (text.size > 0) memcpy(copy, text.data, text.size);
    return span_of(copy, text.size);
}

void arena_done(struct arena *arena)
{
    for (struct arena_block *block = arena->blocks, *older; block; block = older) {
        older = block->older;
        free(block);
    }
    *arena = (struct arena){ 0 };
}
