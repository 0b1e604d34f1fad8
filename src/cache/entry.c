#include "cache/entry.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "cache/table.h"
#include "cache/watch.h"

/* The allocator's header, an index slot, and a bucket of the hash table and a half. */
enum { ENTRY_OVERHEAD_BYTES = 16 + 8 + 24 };

static size_t allocation_bytes(size_t key_size, size_t head_size, size_t body_size)
{
    return sizeof(struct entry) + key_size + head_size + body_size;
}

size_t entry_cost(size_t key_size, size_t head_size, size_t body_size)
{
    return ((allocation_bytes(key_size, head_size, body_size) + 15) & ~(size_t)15) + ENTRY_OVERHEAD_BYTES;
}

struct entry *entry_new(enum entry_kind kind, struct span key, uint64_t hash, size_t head_size, uint64_t body_size)
{
    struct entry *entry = malloc(allocation_bytes(key.size, head_size, entry_body_bytes(kind, body_size)));
    if (!entry) return NULL;
    *entry = (struct entry){
        .hash = hash,
        .references = 1,
        .kind = (uint8_t)kind,
        .fd = -1,
        .key_size = (uint32_t)key.size,
        .head_size = (uint32_t)head_size,
        .body_size = body_size,
    };
    memcpy(entry->bytes + head_size, key.data, key.size);
    if (kind == ENTRY_STREAM) {
        struct entry_stream *stream = entry_stream(entry);
        stream->map = NULL;
        lease_init(&stream->lease);
        for (size_t i = 0; i < entry_windows(body_size); i++) atomic_init(&stream->warm_ms[i], 0);
    }
    return entry;
}

void entry_unref(struct entry *entry)
{
    if (!entry) return;
    /* release: what this holder read happens before the free; acquire: the last one sees all of that */
    uint32_t before = atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel);
    ASSERT(before > 0);
    if (before > 1) return;
    ASSERT(!entry->is_published);
    if (entry->kind == ENTRY_STREAM) {
        lease_return(&entry_stream(entry)->lease); /* nobody has pages of it: borrowers hold references */
        file_unmap(entry_stream(entry)->map, entry->body_size);
    }
    if (entry->fd >= 0 && entry->is_remote)
        file_close_elsewhere(entry->fd);
    else if (entry->fd >= 0)
        close(entry->fd);
    folder_unref(entry->folder);
    if (entry->charged_to) table_discharge(entry->charged_to, entry);
    free(entry);
}

/* The window that offset..offset+size-1 is in; SIZE_MAX: it is in two, or not among the first. */
static size_t window_of(const struct entry *entry, int64_t offset, int64_t size)
{
    size_t window = (size_t)(offset / ENTRY_WINDOW_BYTES);
    bool is_one = size > 0 && (size_t)((offset + size - 1) / ENTRY_WINDOW_BYTES) == window;
    return is_one && window < entry_windows(entry->body_size) ? window : SIZE_MAX;
}

bool entry_window_is_warm(struct entry *entry, int64_t offset, int64_t size, uint32_t now_ms)
{
    size_t window = window_of(entry, offset, size);
    if (window == SIZE_MAX) return false;
    uint32_t warm_ms = atomic_load_explicit(&entry_stream(entry)->warm_ms[window], memory_order_relaxed);
    return warm_ms != 0 && now_ms - warm_ms < ENTRY_WARM_MS;
}

void entry_note_warm_window(struct entry *entry, int64_t offset, int64_t size, uint32_t now_ms)
{
    size_t window = window_of(entry, offset, size);
    bool is_all = window != SIZE_MAX && offset % ENTRY_WINDOW_BYTES == 0 &&
                  (size == ENTRY_WINDOW_BYTES || offset + size == (int64_t)entry->body_size);
    if (is_all) atomic_store_explicit(&entry_stream(entry)->warm_ms[window], now_ms, memory_order_relaxed);
}
