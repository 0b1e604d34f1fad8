/* table_private.h - the inside of a table, shared by table.c and table_evict.c only.
 *
 * Role:   the struct, and how an entry leaves it. Thread: as each field says.
 */
#ifndef FOLIO_CACHE_TABLE_PRIVATE_H
#define FOLIO_CACHE_TABLE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "cache/table.h"

/* One for each class of entries that is bounded by itself. Eviction picks its samples here. */
enum {
    INDEX_SNAPSHOTS = ENTRY_SNAPSHOT,
    INDEX_STREAMS = ENTRY_STREAM,
    INDEX_MADE = ENTRY_MADE,
    INDEX_WITHOUT_BODY,
    INDEX_PINNED,
    INDEX_COUNT
};

static inline unsigned index_number(enum entry_kind kind, bool is_pinned)
{
    if (is_pinned) return INDEX_PINNED;
    return kind <= ENTRY_MADE ? (unsigned)kind : (unsigned)INDEX_WITHOUT_BODY;
}

struct index {
    struct entry **slots; /* 0 <= count <= slots_max; slots[i]->slot == i */
    uint32_t count, slots_max;
};

struct table {
    struct cds_lfht *hash;            /* readers without a lock; changed under `lock` */
    uint64_t seed;                    /* constant */
    struct table_limits limits;       /* constant */
    uint64_t reserve_bytes;           /* constant; what table_trim() keeps free */
    _Atomic uint64_t bytes;           /* charged or reserved: added to under `lock`, taken from by any thread */
    _Atomic uint64_t clock;           /* the highest priority evicted so far; written under `lock`, read by all */
    _Atomic uint32_t has_retired;     /* a hint for the keeper */
    _Atomic uint32_t retired_streams; /* the same: these hold descriptors */
    _Atomic uint32_t buckets;         /* of the hash; written by table_widen() only */
    _Atomic uint32_t is_crowded;      /* a hint for the keeper: there are more entries than buckets */
    pthread_mutex_t lock;             /* guards everything below; never held across a call that could wait */
    struct index indexes[INDEX_COUNT];
    uint32_t files;                  /* published: the sum of the indexes' counts */
    uint64_t published_bytes;        /* of them */
    uint64_t random_state;           /* never 0 */
    uint32_t expire_at[INDEX_COUNT]; /* where table_expire() goes on */
    int64_t shed_ms;                 /* when snapshots were shed last */
    struct entry *retired;           /* taken out since the last table_reclaim() */
    struct table_counts counts;
};

/* Under the lock, by an online reader: take a published entry out, and retire it. */
void table_unlink(struct table *table, struct entry *entry);

#endif
