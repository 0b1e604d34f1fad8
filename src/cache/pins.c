#include "cache/pins.h"

#include <stdint.h>
#include <stdlib.h>
#include <xxhash.h>

struct pins {
    bool locks_big_files;
    uint64_t *hashes;   /* open addressing; 0: free; the lowest bit tells PINNED_BY_DESCRIPTOR */
    size_t count, room; /* room is a power of two, and more than count */
    struct span *folders;
    size_t folder_count;
};

struct pins *pins_new(bool locks_big_files)
{
    struct pins *pins = calloc(1, sizeof *pins);
    if (pins) pins->locks_big_files = locks_big_files;
    return pins;
}

void pins_free(struct pins *pins)
{
    if (!pins) return;
    for (size_t i = 0; i < pins->folder_count; i++) free((void *)(uintptr_t)pins->folders[i].data);
    free(pins->folders);
    free(pins->hashes);
    free(pins);
}

/* 63 bits stand for a key: that two of a million are alike is one chance in ten million. */
static uint64_t hash_of(struct span key)
{
    uint64_t hash = XXH3_64bits(key.data, key.size) & ~(uint64_t)1;
    return hash ? hash : 2;
}

static uint64_t *slot_of(const struct pins *pins, uint64_t hash)
{
    size_t at = (size_t)(hash >> 1) & (pins->room - 1);
    while (pins->hashes[at] && (pins->hashes[at] & ~(uint64_t)1) != hash) at = (at + 1) & (pins->room - 1);
    return &pins->hashes[at];
}

static bool widen(struct pins *pins)
{
    struct pins wider = { .room = pins->room ? 2 * pins->room : 1024 };
    wider.hashes = calloc(wider.room, sizeof *wider.hashes);
    if (!wider.hashes) return false;
    for (size_t i = 0; i < pins->room; i++) {
        if (pins->hashes[i]) *slot_of(&wider, pins->hashes[i] & ~(uint64_t)1) = pins->hashes[i];
    }
    free(pins->hashes);
    pins->hashes = wider.hashes;
    pins->room = wider.room;
    return true;
}

bool pins_add_file(struct pins *pins, struct span key, enum pinned how)
{
    if (2 * pins->count >= pins->room && !widen(pins)) return false;
    uint64_t hash = hash_of(key), *slot = slot_of(pins, hash);
    pins->count += *slot == 0;
    *slot = hash | (how == PINNED_BY_DESCRIPTOR);
    return true;
}

bool pins_add_folder(struct pins *pins, struct span key)
{
    struct span *folders = realloc(pins->folders, (pins->folder_count + 1) * sizeof *folders);
    if (!folders) return false;
    pins->folders = folders;
    char *copy = malloc(key.size);
    if (!copy) return false;
    memcpy(copy, key.data, key.size);
    folders[pins->folder_count++] = span_of(copy, key.size);
    return true;
}

enum pinned pins_ask(const struct pins *pins, struct span key)
{
    if (!pins) return PINNED_NOT;
    if (pins->count > 0) {
        uint64_t found = *slot_of(pins, hash_of(key));
        if (found) return found & 1 ? PINNED_BY_DESCRIPTOR : PINNED_IN_MEMORY;
    }
    for (size_t i = 0; i < pins->folder_count; i++) {
        if (span_starts_with(key, pins->folders[i])) return PINNED_IN_MEMORY;
    }
    return PINNED_NOT;
}

bool pins_lock_big_files(const struct pins *pins)
{
    return pins && pins->locks_big_files;
}
