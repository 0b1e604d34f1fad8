/* observer.h - the thread that hears of changes, and does nothing else that could take time.
 *
 * Role:   obeys the lookout: what changed leaves the table at once, and what is being written is kept until it is whole
 *         (settling). What is pinned is loaded again.
 * Owns:   its thread, the list of what settles.
 * Thread: made and freed by one; observer_counts() by any. It waits for nobody: neither for a device, nor for readers (that is
 *         the keeper's), as everything that changes meanwhile is served as it was.
 */
#ifndef FOLIO_CACHE_OBSERVER_H
#define FOLIO_CACHE_OBSERVER_H

#include "cache/load.h"

struct keeper;
struct loader;
struct lookout;
struct observer;

/* NULL: no memory, no descriptor, or no thread. All that is given must outlive it. */
NODISCARD struct observer *observer_new(const struct load_rules *rules, const struct tree_list *trees,
                                        struct lookout *lookout, struct table *table, struct loader *loader,
                                        struct keeper *keeper);

/* Stop the thread. patience_ms: it may take so long; negative: however long. False: it still waits for the device that
 * DocumentRoot is on, and goes on using what it was given. */
NODISCARD bool observer_stop(struct observer *observer, int64_t patience_ms);
void observer_free(struct observer *observer); /* takes NULL; stops it, however long that takes */

/* Whether it is at changes that it was told of. When lookout_descriptor() is not readable, and then this is false,
 * everything that was told until then has been obeyed. Any thread. */
bool observer_is_obeying(const struct observer *observer);

/* When it last began to read what was told, monotonic; 0: never. Any thread. */
int64_t observer_turn_us(const struct observer *observer);

struct observer_counts {
    uint64_t invalidations; /* entries removed because something was told of them */
    uint64_t settles;       /* files that were seen being written, and whose old version was kept meanwhile */
};

struct observer_counts observer_counts(const struct observer *observer); /* takes NULL */

#endif
