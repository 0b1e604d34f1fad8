#include "cache/table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <xxhash.h>

#include "base/check.h"
#include "cache/table_private.h"

enum { BUCKETS_AT_START = 1024, BUCKETS_MAX = 1 << 29 };

static bool index_init(struct index *index, uint32_t slots_max)
{
    /* Address space for the most there can be; the system gives memory to what is used. */
    size_t bytes = (size_t)slots_max * sizeof *index->slots;
    void *slots = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (slots == MAP_FAILED) return false;
    index->slots = slots;
    index->slots_max = slots_max;
    return true;
}

static void index_done(struct index *index)
{
    if (index->slots) munmap(index->slots, (size_t)index->slots_max * sizeof *index->slots);
}

static void index_add(struct index *index, struct entry *entry)
{
    ASSERT(index->count < index->slots_max);
    entry->slot = index->count;
    index->slots[index->count++] = entry;
}

static void index_remove(struct index *index, struct entry *entry)
{
    struct entry *last = index->slots[--index->count];
    index->slots[entry->slot] = last;
    last->slot = entry->slot;
}

static struct index *index_of(struct table *table, const struct entry *entry)
{
    return &table->indexes[index_number((enum entry_kind)entry->kind, entry->is_pinned)];
}

struct table *table_new(const struct table_limits *limits)
{
    struct table *table = calloc(1, sizeof *table);
    if (!table) return NULL;
    table->limits = *limits;
    table->reserve_bytes = limits->bytes / 64;
    atomic_init(&table->buckets, BUCKETS_AT_START);
    pthread_mutex_init(&table->lock, NULL);
    if (getrandom(&table->seed, sizeof table->seed, 0) != sizeof table->seed) goto fail;
    table->random_state = table->seed | 1;
    table->hash =
        cds_lfht_new_flavor(BUCKETS_AT_START, BUCKETS_AT_START, 0, CDS_LFHT_ACCOUNTING, &urcu_qsbr_flavor, NULL);
    if (!table->hash) goto fail;
    if (!index_init(&table->indexes[INDEX_SNAPSHOTS], limits->files)) goto fail;
    if (!index_init(&table->indexes[INDEX_PINNED], limits->files)) goto fail;
    if (!index_init(&table->indexes[INDEX_STREAMS], limits->streams)) goto fail;
    if (!index_init(&table->indexes[INDEX_MADE], limits->files)) goto fail;
    if (!index_init(&table->indexes[INDEX_WITHOUT_BODY], limits->without_body)) goto fail;
    return table;
fail:
    table_free(table, NULL);
    return NULL;
}

void table_free(struct table *table, uint64_t *ret_held)
{
    if (!table) return;
    uint64_t held = 0;
    if (table->hash) {
        rcu_reader_begin();
        for (unsigned i = 0; i < INDEX_COUNT; i++) {
            while (table->indexes[i].count > 0) table_remove(table, table->indexes[i].slots[0]);
        }
        rcu_reader_end();
        for (struct entry *entry = table->retired; entry; entry = entry->next)
            held += atomic_load_explicit(&entry->references, memory_order_relaxed) - 1;
        table_reclaim(table);
        int failed = cds_lfht_destroy(table->hash, NULL);
        ASSERT(failed == 0);
    }
    for (unsigned i = 0; i < INDEX_COUNT; i++) index_done(&table->indexes[i]);
    pthread_mutex_destroy(&table->lock);
    free(table);
    if (ret_held) *ret_held = held;
}

uint64_t table_hash(const struct table *table, struct span key)
{
    return XXH3_64bits_withSeed(key.data, key.size, table->seed);
}

struct wanted {
    struct span key;
    uint64_t hash;
};

static int is_wanted(struct cds_lfht_node *node, const void *key)
{
    const struct wanted *wanted = key;
    struct entry *entry = CONTAINER_OF(node, struct entry, node);
    /* acquire: see table_publish() */
    (void)atomic_load_explicit(&entry->references, memory_order_acquire);
    return entry->hash == wanted->hash && span_equal(entry_key(entry), wanted->key);
}

struct entry *table_look_up(const struct table *table, struct span key, uint64_t hash)
{
    struct wanted wanted = { key, hash };
    struct cds_lfht_iter iter;
    cds_lfht_lookup(table->hash, (unsigned long)hash, is_wanted, &wanted, &iter);
    struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
    return node ? CONTAINER_OF(node, struct entry, node) : NULL;
}

void table_note_hit(const struct table *table, struct entry *entry, uint32_t now_s)
{
    /* Written only while it still changes: a hot entry's cache line stays shared between the workers. */
    uint64_t clock = atomic_load_explicit(&table->clock, memory_order_relaxed);
    if (atomic_load_explicit(&entry->clock, memory_order_relaxed) != clock)
        atomic_store_explicit(&entry->clock, clock, memory_order_relaxed);
    uint8_t frequency = atomic_load_explicit(&entry->frequency, memory_order_relaxed);
    if (frequency < ENTRY_FREQUENCY_MAX)
        atomic_store_explicit(&entry->frequency, (uint8_t)(frequency + 1), memory_order_relaxed);
    if (atomic_load_explicit(&entry->used_s, memory_order_relaxed) != now_s)
        atomic_store_explicit(&entry->used_s, now_s, memory_order_relaxed);
}

/* Under the lock: out of the hash and the index, and on the list of what waits for the readers. */
static void retire(struct table *table, struct entry *entry)
{
    index_remove(index_of(table, entry), entry);
    entry->is_published = 0;
    entry->next = table->retired;
    table->retired = entry;
    atomic_store_explicit(&table->has_retired, 1, memory_order_relaxed);
    if (entry->kind == ENTRY_STREAM) atomic_fetch_add_explicit(&table->retired_streams, 1, memory_order_relaxed);
    table->files--;
    table->published_bytes -= entry->charged_bytes;
}

void table_unlink(struct table *table, struct entry *entry)
{
    int failed = cds_lfht_del(table->hash, &entry->node);
    ASSERT(failed == 0);
    retire(table, entry);
}

void table_charge(struct table *table, struct entry *entry, size_t bytes)
{
    entry->charged_to = table;
    entry->charged_bytes = (uint32_t)bytes;
}

void table_discharge(struct table *table, struct entry *entry)
{
    table_unreserve(table, entry->charged_bytes);
}

void table_unreserve(struct table *table, size_t bytes)
{
    /* relaxed: a count; nothing is read on the strength of it but other counts */
    atomic_fetch_sub_explicit(&table->bytes, bytes, memory_order_relaxed);
}

/* Whoever reserved may have waited for the disk since: another may have taken the place. */
static bool has_place(const struct table *table, const struct index *index, const struct entry *there)
{
    bool takes_its_slot =
        there && &table->indexes[index_number((enum entry_kind)there->kind, there->is_pinned)] == index;
    if (!takes_its_slot && index->count == index->slots_max) return false;
    return there || table->files < table->limits.files;
}

struct entry *table_publish(struct table *table, struct entry *entry)
{
    struct wanted wanted = { entry_key(entry), entry->hash };
    struct index *index = index_of(table, entry);
    struct entry *result = entry;
    pthread_mutex_lock(&table->lock);
    struct entry *there = table_look_up(table, wanted.key, wanted.hash);
    if (there && there->sampled_us >= entry->sampled_us) {
        result = there;
    } else if (!has_place(table, index, there)) {
        table->counts.refused++;
    } else {
        entry->is_published = 1;
        atomic_store_explicit(&entry->clock, atomic_load_explicit(&table->clock, memory_order_relaxed),
                              memory_order_relaxed);
        /* release: with the acquire in is_wanted(), for checkers that do not see the order that liburcu makes */
        atomic_fetch_add_explicit(&entry->references, 1, memory_order_release);
        struct cds_lfht_node *old =
            cds_lfht_add_replace(table->hash, (unsigned long)entry->hash, is_wanted, &wanted, &entry->node);
        if (old) retire(table, CONTAINER_OF(old, struct entry, node));
        index_add(index, entry);
        table->files++;
        table->published_bytes += entry->charged_bytes;
        table->counts.published++;
        if (table->files > atomic_load_explicit(&table->buckets, memory_order_relaxed))
            atomic_store_explicit(&table->is_crowded, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&table->lock);
    return result;
}

void table_remove(struct table *table, struct entry *entry)
{
    pthread_mutex_lock(&table->lock);
    if (entry->is_published) {
        table_unlink(table, entry);
        table->counts.removed++;
    }
    pthread_mutex_unlock(&table->lock);
}

void table_widen(struct table *table)
{
    if (!atomic_exchange_explicit(&table->is_crowded, 0, memory_order_relaxed)) return;
    pthread_mutex_lock(&table->lock);
    uint32_t files = table->files;
    pthread_mutex_unlock(&table->lock);
    uint32_t buckets = atomic_load_explicit(&table->buckets, memory_order_relaxed);
    while (buckets <= files && buckets < BUCKETS_MAX) buckets *= 2;
    /* The library ends the process when the allocator has nothing for its buckets: better asked before. */
    void *room = malloc(buckets * sizeof(struct cds_lfht_node));
    if (!room) return;
    free(room);
    cds_lfht_resize(table->hash, buckets);
    atomic_store_explicit(&table->buckets, buckets, memory_order_relaxed);
}

bool table_reclaim(struct table *table)
{
    pthread_mutex_lock(&table->lock);
    struct entry *gone = table->retired;
    table->retired = NULL;
    atomic_store_explicit(&table->has_retired, 0, memory_order_relaxed);
    atomic_store_explicit(&table->retired_streams, 0, memory_order_relaxed);
    pthread_mutex_unlock(&table->lock);
    if (!gone) return false;
    rcu_wait_for_readers();
    while (gone) {
        struct entry *next = gone->next;
        entry_unref(gone);
        gone = next;
    }
    return true;
}

struct table_counts table_counts(struct table *table)
{
    pthread_mutex_lock(&table->lock);
    struct table_counts counts = table->counts;
    counts.files = table->files;
    counts.pinned = table->indexes[INDEX_PINNED].count;
    counts.streams = table->indexes[INDEX_STREAMS].count;
    counts.without_body = table->indexes[INDEX_WITHOUT_BODY].count;
    pthread_mutex_unlock(&table->lock);
    counts.bytes = atomic_load_explicit(&table->bytes, memory_order_relaxed);
    return counts;
}
