/* keeper.h - the thread that looks after the table.
 *
 * Role:   looks again at entries that are due by age; drops what expired; keeps a reserve free; waits for the readers and frees
 *         what was removed.
 * Owns:   its thread, a reference to each entry in its queue.
 * Thread: keeper_queue_check() by workers, without a lock or a system call; keeper_call() by any.
 */
#ifndef FOLIO_CACHE_KEEPER_H
#define FOLIO_CACHE_KEEPER_H

#include "cache/load.h"

struct keeper;
struct loader;
struct lookout;

/* revalidate_ms   how long a look at an entry is good for: the keeper looks again well before
 * expire_ms       0: nothing expires
 * lookout         NULL: nothing is watched
 *
 * NULL: no memory, no descriptor, or no thread. All that is given must outlive it. */
NODISCARD struct keeper *keeper_new(const struct load_rules *rules, struct lookout *lookout, struct table *table,
                                    struct loader *loader, int64_t revalidate_ms, int64_t expire_ms);

/* Stop the thread. patience_ms: it may take so long; negative: however long. False: it still waits for a device, and
 * goes on using what it was given. */
NODISCARD bool keeper_stop(struct keeper *keeper, int64_t patience_ms);
void keeper_free(struct keeper *keeper); /* takes NULL; stops it, however long that takes; the loader is still there */

/* Have `entry` looked at before it is due. The caller is an online reader. */
void keeper_queue_check(struct keeper *keeper, struct entry *entry);

/* There is something to trim or to reclaim: do it now. */
void keeper_call(struct keeper *keeper);

struct keeper_counts {
    uint64_t checks; /* entries looked at by age, and found unchanged */
};

struct keeper_counts keeper_counts(const struct keeper *keeper); /* takes NULL */

#endif
