/* table_rig.h - entries of a table, made as loaders make them, without files.
 *
 * The calling thread is an online reader.
 */
#ifndef FOLIO_TESTS_SUPPORT_TABLE_RIG_H
#define FOLIO_TESTS_SUPPORT_TABLE_RIG_H

#include <stdlib.h>
#include <string.h>

#include "cache/table.h"

/* An entry with its share of the budget, and one reference, the caller's; NULL: there was no room. Its body is `size` bytes, each
 * `filling`. */
static inline struct entry *rig_entry(struct table *table, enum entry_kind kind, const char *key, size_t size,
                                      char filling, int64_t sampled_us)
{
    struct span name = span_of_string(key);
    size_t cost = entry_cost(name.size, 0, kind == ENTRY_SNAPSHOT ? size : 0);
    if (!table_reserve(table, kind, false, cost, 1000)) return NULL;
    struct entry *entry = entry_new(kind, name, table_hash(table, name), 0, size);
    if (!entry) abort();
    if (kind == ENTRY_SNAPSHOT) memset(entry_body(entry), filling, size);
    table_charge(table, entry, cost);
    entry_stamp(entry, sampled_us);
    return entry;
}

/* Publish it, and keep no reference. Whether it is what the key leads to now; false also if there was no room for it. */
static inline bool rig_publish(struct table *table, enum entry_kind kind, const char *key, size_t size, char filling,
                               int64_t sampled_us)
{
    struct entry *entry = rig_entry(table, kind, key, size, filling, sampled_us);
    if (!entry) return false;
    bool is_there = table_publish(table, entry) == entry && entry->is_published;
    entry_unref(entry);
    return is_there;
}

static inline struct entry *rig_find(struct table *table, const char *key)
{
    struct span name = span_of_string(key);
    return table_look_up(table, name, table_hash(table, name));
}

/* The caller keeps nothing that it found. */
static inline bool rig_reclaim(struct table *table)
{
    rcu_offline();
    bool had_any = table_reclaim(table);
    rcu_online();
    return had_any;
}

/* Returns how many references were left. */
static inline uint64_t rig_free(struct table *table)
{
    uint64_t held;
    rcu_reader_end();
    table_free(table, &held);
    rcu_reader_begin();
    return held;
}

#endif
