/* keeper.h - the thread that looks after the table.
 *
 * Role:   obeys the watch: what changed leaves the table at once, and what is being written is kept until it is whole
 *         (settling). Looks again at entries that are due by age; drops what expired; keeps a reserve free; waits for the readers
 *         and frees what was removed.
 * Owns:   its thread, a reference to each entry in its queue, the list of what settles.
 * Thread: keeper_queue_check() by workers, without a lock or a system call; keeper_call() by any.
 */
#ifndef FOLIO_CACHE_KEEPER_H
#define FOLIO_CACHE_KEEPER_H

#include "cache/load.h"

struct keeper;
struct loader;

/* revalidate_ms   how long a look at an entry is good for: the keeper looks again well before
 * expire_ms       0: nothing expires
 *
 * NULL: no memory, no descriptor, or no thread. `rules` and `trees` must outlive it. */
NODISCARD struct keeper *keeper_new(const struct load_rules *rules, const struct tree_list *trees, struct table *table,
                                    struct loader *loader, int64_t revalidate_ms, int64_t expire_ms);
void keeper_free(struct keeper *keeper); /* takes NULL; stops the thread */

/* Have `entry` looked at before it is due. The caller is an online reader. */
void keeper_queue_check(struct keeper *keeper, struct entry *entry);

/* There is something to trim or to reclaim: do it now. */
void keeper_call(struct keeper *keeper);

struct keeper_counts {
    uint64_t checks;        /* entries looked at by age, and found unchanged */
    uint64_t invalidations; /* entries removed because something was told of them */
    uint64_t settles;       /* files that were seen being written, and whose old version was kept meanwhile */
};

struct keeper_counts keeper_counts(const struct keeper *keeper); /* takes NULL */

#endif
