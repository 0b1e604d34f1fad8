/* table.h - the one table that all workers share: keys to entries.
 *
 * Role:   look-ups without locks (liburcu's hash table); additions, removals and eviction under one lock that is never held
 *         across a system call that could wait.
 * Owns:   one reference to each published entry; the budget in bytes and in files.
 * Thread: table_look_up() by any online reader; the rest by any thread as each says. Readers are workers; loaders and
 *         the keeper go online for the length of a call.
 * Limits: bytes and files are hard: table_reserve() fails rather than exceed them, and the caller then serves uncached.
 */
#ifndef FOLIO_CACHE_TABLE_H
#define FOLIO_CACHE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/status.h"
#include "cache/entry.h"

struct table_limits {
    uint64_t bytes;        /* of entries in existence: published, retired or held */
    uint32_t files;        /* published entries of any kind */
    uint32_t streams;      /* published entries that hold a descriptor */
    uint32_t without_body; /* published entries that have no content */
};

struct table_counts {
    uint64_t bytes, files, pinned, streams, without_body;   /* at present */
    uint64_t published, evicted, expired, removed, refused; /* since the start; refused: no room was found */
};

struct table;

NODISCARD struct table *table_new(const struct table_limits *limits);

/* Drops every entry. No thread may read any more; the caller is no online reader. Entries that are still
 * referenced are counted in ret_held, and must be given back before the process ends. Takes NULL. */
void table_free(struct table *table, uint64_t *ret_held);

uint64_t table_hash(const struct table *table, struct span key);

/* What `key` leads to, or NULL. The caller is an online reader, and may use the entry until it is next quiescent. */
struct entry *table_look_up(const struct table *table, struct span key, uint64_t hash);

/* Tell the table that `entry` was used. now_s: monotonic seconds. */
void table_note_hit(const struct table *table, struct entry *entry, uint32_t now_s);

/* Make room for `bytes` and one entry of `kind` (pinned ones are never evicted themselves), by evicting if need be; at most evictions_max of them.
 * True: the bytes are the caller's; it must give them to an entry (table_charge) or back (table_unreserve).
 * The caller is an online reader. */
NODISCARD bool table_reserve(struct table *table, enum entry_kind kind, bool is_pinned, size_t bytes,
                             unsigned evictions_max);
void table_unreserve(struct table *table, size_t bytes);

/* From now on `entry` holds `bytes` that were reserved, until it is freed. */
void table_charge(struct table *table, struct entry *entry, size_t bytes);
void table_discharge(struct table *table, struct entry *entry); /* entry_unref()'s alone */

/* Publish `entry`, in place of any other with its key; the table takes a reference of its own. If the one that
 * is there was sampled later, that one stays and is returned. The result may be used until the caller is quiescent,
 * which is an online reader. */
struct entry *table_publish(struct table *table, struct entry *entry);

/* Take `entry` out if it is still there. The caller is an online reader. */
void table_remove(struct table *table, struct entry *entry);

/* Look at up to `budget` entries of each class (snapshots, streams, those without content), going on where the last call
 * stopped, and remove those that were not used since used_before_s; returns how many were looked at. The caller is an online reader. */
unsigned table_expire(struct table *table, uint32_t used_before_s, unsigned budget);

/* Remove everything, pinned or not, a few at a time so that nobody waits long for the lock. The caller is an online reader. */
void table_clear(struct table *table);

/* Descriptors are short: evict up to `count` streams that nobody uses. The caller is an online reader. */
void table_shed_streams(struct table *table, unsigned count);

/* The system has no memory: evict a few snapshots that nobody uses, so that it gets `bytes` back if it can; not often, as it
 * may be of no use. now_ms is monotonic. As above. */
void table_shed_snapshots(struct table *table, size_t bytes, int64_t now_ms);

/* Evict until a reserve is free again, so that misses find room at once. The caller is an online reader. */
void table_trim(struct table *table);

/* Wait for the readers, and give up the table's references to what was removed before. Returns whether there was
 * any. The caller is no reader, or offline. */
bool table_reclaim(struct table *table);

/* Give the hash more buckets, if there are more entries than those. The library could do so itself, but that of Debian 12
 * (0.13.2) may lose the request when its thread is quick, and then never grows again. Without memory it is tried again
 * when the next entry is published. The caller is a registered reader, and offline. */
void table_widen(struct table *table);

/* Whether table_widen(), table_trim() or table_reclaim() has work. Any thread. */
bool table_needs_care(const struct table *table);

/* Whether that is so urgent that somebody must be woken for it: half of what table_trim() keeps free is taken,
 * or streams that were taken out hold descriptors. Any thread. */
bool table_needs_care_now(const struct table *table);

struct table_counts table_counts(struct table *table);

#endif
