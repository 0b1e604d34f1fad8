/* keeper.h - the thread that looks after the table.
 *
 * Role:   looks again at entries that are in use, before they are due, so that no hit has to; drops what expired; keeps a
 *         reserve free; waits for the readers and frees what was removed.
 * Owns:   its thread, and a reference to each entry in its queue.
 * Thread: keeper_queue_check() by workers, without a lock or a system call; keeper_call() by any.
 */
#ifndef FOLIO_CACHE_KEEPER_H
#define FOLIO_CACHE_KEEPER_H

#include "cache/load.h"

struct keeper;

/* revalidate_ms   how long a look at an entry is good for: the keeper looks again well before
 * expire_ms       0: nothing expires
 *
 * NULL: no memory, or no thread. `rules` must outlive it. */
NODISCARD struct keeper *keeper_new(const struct load_rules *rules, struct table *table, int64_t revalidate_ms,
                                    int64_t expire_ms);
void keeper_free(struct keeper *keeper); /* takes NULL; stops the thread */

/* Have `entry` looked at before it is due. The caller is an online reader. */
void keeper_queue_check(struct keeper *keeper, struct entry *entry);

/* There is something to trim or to reclaim: do it now. */
void keeper_call(struct keeper *keeper);

/* Entries that were found unchanged since the start. */
uint64_t keeper_checks(const struct keeper *keeper);

#endif
