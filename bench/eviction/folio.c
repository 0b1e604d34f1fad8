/* folio.c - Folio's own table as a policy: entries without files, charged with the bytes of what they stand for.
 *
 * A miss does what a loader does (reserve, make, publish), and what the keeper does beside it, at once: it trims the
 * table, and frees what was evicted. Nobody else uses the table, so nothing is still being read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/table.h"
#include "policy.h"

enum {
    EVICTIONS_MAX = 4096, /* of a loader's reservation */
    HEAD_BYTES = 230,     /* of the ready-made fields of a usual answer */
};

struct folio {
    struct table *table;
    bool is_whole; /* charge what the entry itself takes, too */
};

static struct folio *begin(uint64_t bytes_max, uint32_t objects_max, bool is_whole)
{
    struct folio *folio = policy_memory(1, sizeof *folio);
    rcu_reader_begin();
    folio->table = table_new(&(struct table_limits){ .bytes = bytes_max, .files = objects_max + 1, 1, 1 });
    if (!folio->table) abort();
    folio->is_whole = is_whole;
    return folio;
}

static void *begin_bare(uint64_t bytes_max, uint32_t objects_max)
{
    return begin(bytes_max, objects_max, false);
}

static void *begin_whole(uint64_t bytes_max, uint32_t objects_max)
{
    return begin(bytes_max, objects_max, true);
}

static void end(void *cache)
{
    struct folio *folio = cache;
    rcu_reader_end();
    table_free(folio->table, NULL);
    free(folio);
}

static void let_in(struct folio *folio, struct span key, uint64_t hash, size_t bytes)
{
    struct table *table = folio->table;
    while (!table_reserve(table, ENTRY_SNAPSHOT, false, bytes, EVICTIONS_MAX)) {
        rcu_offline();
        bool had_any = table_reclaim(table);
        rcu_online();
        if (!had_any) return;
    }
    struct entry *entry = entry_new(ENTRY_SNAPSHOT, key, hash, 0, 0);
    if (!entry) abort();
    table_charge(table, entry, bytes);
    entry_stamp(entry, 0);
    (void)table_publish(table, entry);
    entry_unref(entry);
    if (!table_needs_care(table)) return;
    table_trim(table);
    rcu_offline();
    table_widen(table);
    (void)table_reclaim(table);
    rcu_online();
}

static bool ask(void *cache, uint32_t object, uint32_t bytes)
{
    struct folio *folio = cache;
    char text[16];
    int size = snprintf(text, sizeof text, "/%u", object);
    struct span key = span_of(text, (size_t)size);
    uint64_t hash = table_hash(folio->table, key);
    struct entry *entry = table_look_up(folio->table, key, hash);
    if (entry)
        table_note_hit(folio->table, entry, 0);
    else
        let_in(folio, key, hash, folio->is_whole ? entry_cost(key.size, HEAD_BYTES, bytes) : bytes);
    return entry != NULL;
}

const struct policy policy_folio = { "Folio", begin_bare, ask, end };
const struct policy policy_folio_whole = { "Folio, all it takes", begin_whole, ask, end };
