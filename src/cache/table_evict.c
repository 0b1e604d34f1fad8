/* Greedy-Dual-Size-Frequency by sampling: of some 32 entries the one with the least clock + frequency / bytes goes, and the
 * clock rises to what it had. An entry that is hit takes the clock's present value, so what is not hit sinks. */
#include "base/check.h"
#include "cache/table_private.h"

enum { SAMPLES = 32, TRIM_EVICTIONS_MAX = 64 };

static uint32_t random_below(struct table *table, uint32_t bound)
{
    uint64_t x = table->random_state; /* xorshift64 */
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    table->random_state = x;
    return (uint32_t)(((x >> 32) * bound) >> 32);
}

/* Frequency per byte with 32 bits behind the point: at 15 hits and 1 KiB, some 60 million; the clock lasts for good. */
static uint64_t priority_of(const struct entry *entry)
{
    uint64_t frequency = atomic_load_explicit(&entry->frequency, memory_order_relaxed);
    uint32_t bytes = entry->charged_bytes > 0 ? entry->charged_bytes : 1;
    return atomic_load_explicit(&entry->clock, memory_order_relaxed) + (((frequency + 1) << 32) / bytes);
}

/* Only the table holds it: taking it out frees its memory as soon as the readers have gone on. */
static bool is_unused(const struct entry *entry)
{
    return atomic_load_explicit(&entry->references, memory_order_relaxed) == 1;
}

static bool evict_from(struct table *table, struct index *index)
{
    struct entry *victim = NULL;
    uint64_t least = UINT64_MAX;
    uint32_t samples = index->count < SAMPLES ? index->count : SAMPLES;
    for (uint32_t i = 0; i < samples; i++) {
        /* A small index is looked through, a big one sampled. */
        uint32_t at = index->count <= SAMPLES ? i : random_below(table, index->count);
        struct entry *entry = index->slots[at];
        if (!is_unused(entry)) continue;
        uint64_t priority = priority_of(entry);
        if (priority < least) {
            least = priority;
            victim = entry;
        }
    }
    if (!victim) return false;
    if (least > atomic_load_explicit(&table->clock, memory_order_relaxed))
        atomic_store_explicit(&table->clock, least, memory_order_relaxed);
    table_unlink(table, victim);
    table->counts.evicted++;
    return true;
}

/* Any entry: what has no content goes first, then whichever class is the bigger. */
static bool evict_any(struct table *table)
{
    struct index *snapshots = &table->indexes[INDEX_SNAPSHOTS], *streams = &table->indexes[INDEX_STREAMS];
    if (evict_from(table, &table->indexes[INDEX_WITHOUT_BODY])) return true;
    if (snapshots->count >= streams->count) return evict_from(table, snapshots) || evict_from(table, streams);
    return evict_from(table, streams) || evict_from(table, snapshots);
}

/* Bytes: streams give back next to nothing. */
static bool evict_bytes(struct table *table)
{
    return evict_from(table, &table->indexes[INDEX_WITHOUT_BODY]) ||
           evict_from(table, &table->indexes[INDEX_SNAPSHOTS]) || evict_from(table, &table->indexes[INDEX_STREAMS]);
}

bool table_reserve(struct table *table, enum entry_kind kind, bool is_pinned, size_t bytes, unsigned evictions_max)
{
    struct index *index = &table->indexes[index_number(kind, is_pinned)];
    bool has_room = false;
    if (bytes > table->limits.bytes) evictions_max = 0; /* nobody's going would make it fit */
    pthread_mutex_lock(&table->lock);
    while (index->count == index->slots_max && evictions_max > 0 && evict_from(table, index)) evictions_max--;
    while (table->files >= table->limits.files && evictions_max > 0 && evict_any(table)) evictions_max--;
    /* What is evicted counts until the readers have gone on; evict for what is published and what is wanted, and
     * then see whether the rest is gone already. */
    while (table->published_bytes + bytes > table->limits.bytes && evictions_max > 0 && evict_bytes(table))
        evictions_max--;
    uint64_t in_use = atomic_load_explicit(&table->bytes, memory_order_relaxed);
    if (index->count < index->slots_max && table->files < table->limits.files && in_use <= table->limits.bytes &&
        bytes <= table->limits.bytes - in_use) {
        atomic_fetch_add_explicit(&table->bytes, bytes, memory_order_relaxed);
        has_room = true;
    } else {
        table->counts.refused++;
    }
    pthread_mutex_unlock(&table->lock);
    return has_room;
}

void table_shed_streams(struct table *table, unsigned count)
{
    pthread_mutex_lock(&table->lock);
    while (count > 0 && evict_from(table, &table->indexes[INDEX_STREAMS])) count--;
    pthread_mutex_unlock(&table->lock);
}

static bool is_short(const struct table *table)
{
    return atomic_load_explicit(&table->bytes, memory_order_relaxed) + table->reserve_bytes > table->limits.bytes;
}

void table_trim(struct table *table)
{
    pthread_mutex_lock(&table->lock);
    for (unsigned i = 0; i < TRIM_EVICTIONS_MAX; i++) {
        if (table->published_bytes + table->reserve_bytes <= table->limits.bytes || !evict_bytes(table)) break;
    }
    pthread_mutex_unlock(&table->lock);
}

bool table_needs_care(const struct table *table)
{
    return atomic_load_explicit(&table->has_retired, memory_order_relaxed) != 0 ||
           atomic_load_explicit(&table->is_crowded, memory_order_relaxed) != 0 || is_short(table);
}

unsigned table_expire(struct table *table, uint32_t used_before_s, unsigned budget)
{
    unsigned looked_at = 0;
    pthread_mutex_lock(&table->lock);
    for (unsigned i = 0; i < INDEX_PINNED; i++) {
        struct index *index = &table->indexes[i];
        unsigned share = budget < index->count ? budget : index->count;
        for (; share > 0 && index->count > 0; share--, looked_at++) {
            if (table->expire_at[i] >= index->count) table->expire_at[i] = 0;
            struct entry *entry = index->slots[table->expire_at[i]];
            uint32_t used_s = atomic_load_explicit(&entry->used_s, memory_order_relaxed);
            if ((int32_t)(used_s - used_before_s) >= 0) {
                table->expire_at[i]++;
                continue;
            }
            table_unlink(table, entry); /* the last one takes its slot, and is looked at next */
            table->counts.expired++;
        }
    }
    pthread_mutex_unlock(&table->lock);
    return looked_at;
}
