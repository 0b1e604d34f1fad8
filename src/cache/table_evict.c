/* Greedy-Dual-Size-Frequency by sampling: of some 32 entries the one with the least clock + frequency / bytes goes, and the
 * clock rises to what it had. An entry that is hit takes the clock's present value, so what is not hit sinks.
 * docs/EVICTION.md compares it with others. */
#include "base/check.h"
#include "cache/table_private.h"

enum { KEPT = 8, SAMPLES = 24, TRIM_EVICTIONS_MAX = 64, RETIRED_STREAMS_MAX = 16 };

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

/* What an entry in a slot is worth; one that is in use is worth everything. */
static uint64_t worth_at(const struct index *index, uint32_t at)
{
    return is_unused(index->slots[at]) ? priority_of(index->slots[at]) : UINT64_MAX;
}

static void swap_slots(struct index *index, uint32_t a, uint32_t b)
{
    struct entry *entry = index->slots[a];
    index->slots[a] = index->slots[b];
    index->slots[b] = entry;
    index->slots[a]->slot = a;
    index->slots[b]->slot = b;
}

/* Which of the first slots holds the entry worth least (wants_least), or most. */
static uint32_t extreme_of(const uint64_t worth[], uint32_t count, bool wants_least)
{
    uint32_t found = 0;
    for (uint32_t i = 1; i < count; i++) {
        if (wants_least ? worth[i] < worth[found] : worth[i] > worth[found]) found = i;
    }
    return found;
}

/* A small index is looked through, a big one sampled: what is worth little is kept in the first slots, where the next
 * search begins, so that sampling finds nearly the least of all. */
static bool evict_from(struct table *table, struct index *index)
{
    uint64_t worth[KEPT];
    uint32_t kept = index->count < KEPT ? index->count : KEPT;
    if (kept == 0) return false;
    for (uint32_t i = 0; i < kept; i++) worth[i] = worth_at(index, i);
    uint32_t most = extreme_of(worth, kept, false), others = index->count - kept;
    for (uint32_t i = 0; i < (others < SAMPLES ? others : SAMPLES); i++) {
        uint32_t at = kept + (others <= SAMPLES ? i : random_below(table, others));
        uint64_t sampled = worth_at(index, at);
        if (sampled >= worth[most]) continue;
        swap_slots(index, most, at);
        worth[most] = sampled;
        most = extreme_of(worth, kept, false);
    }
    uint32_t least = extreme_of(worth, kept, true);
    if (worth[least] == UINT64_MAX) return false;
    if (worth[least] > atomic_load_explicit(&table->clock, memory_order_relaxed))
        atomic_store_explicit(&table->clock, worth[least], memory_order_relaxed);
    table_unlink(table, index->slots[least]);
    table->counts.evicted++;
    return true;
}

/* Any entry: what can be made again, or has no content, goes first, then whichever class is the bigger. */
static bool evict_any(struct table *table)
{
    struct index *snapshots = &table->indexes[INDEX_SNAPSHOTS], *streams = &table->indexes[INDEX_STREAMS];
    if (evict_from(table, &table->indexes[INDEX_MADE])) return true;
    if (evict_from(table, &table->indexes[INDEX_WITHOUT_BODY])) return true;
    if (snapshots->count >= streams->count) return evict_from(table, snapshots) || evict_from(table, streams);
    return evict_from(table, streams) || evict_from(table, snapshots);
}

/* Bytes: streams give back next to nothing. */
static bool evict_bytes(struct table *table)
{
    return evict_from(table, &table->indexes[INDEX_MADE]) || evict_from(table, &table->indexes[INDEX_WITHOUT_BODY]) ||
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

void table_shed_snapshots(struct table *table, size_t bytes, int64_t now_ms)
{
    enum { EVICTIONS_MAX = 16, PAUSE_MS = 100 };
    pthread_mutex_lock(&table->lock);
    uint64_t until = table->published_bytes > bytes ? table->published_bytes - bytes : 0;
    if (now_ms - table->shed_ms < PAUSE_MS)
        until = UINT64_MAX; /* what went last may be of use yet */
    else
        table->shed_ms = now_ms;
    for (unsigned i = 0; i < EVICTIONS_MAX && table->published_bytes > until; i++) {
        if (!evict_from(table, &table->indexes[INDEX_SNAPSHOTS])) break;
    }
    pthread_mutex_unlock(&table->lock);
}

static bool is_short_of(const struct table *table, uint64_t bytes)
{
    return atomic_load_explicit(&table->bytes, memory_order_relaxed) + bytes > table->limits.bytes;
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
           atomic_load_explicit(&table->is_crowded, memory_order_relaxed) != 0 ||
           is_short_of(table, table->reserve_bytes);
}

bool table_needs_care_now(const struct table *table)
{
    return atomic_load_explicit(&table->is_crowded, memory_order_relaxed) != 0 ||
           is_short_of(table, table->reserve_bytes / 2) ||
           atomic_load_explicit(&table->retired_streams, memory_order_relaxed) >= RETIRED_STREAMS_MAX;
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

void table_clear(struct table *table)
{
    enum { AT_ONCE = 1024 };
    bool has_more = true;
    while (has_more) {
        has_more = false;
        pthread_mutex_lock(&table->lock);
        for (unsigned i = 0; i < INDEX_COUNT; i++) {
            struct index *index = &table->indexes[i];
            for (unsigned n = 0; n < AT_ONCE && index->count > 0; n++)
                table_unlink(table, index->slots[index->count - 1]);
            has_more |= index->count > 0;
        }
        pthread_mutex_unlock(&table->lock);
    }
}
