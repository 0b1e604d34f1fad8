/* cache.h - the files that are served, as the floors above see them.
 *
 * Role:   table, loaders, observer and keeper behind one door: find what a key leads to, without ever waiting.
 * Owns:   all of them. The observer is one thread, which obeys the watch; the keeper another, which looks again at entries in
 *         use, expires, trims and reclaims.
 * Thread: cache_find() and cache_ask() by workers, which are online readers; the rest at start and stop.
 */
#ifndef FOLIO_CACHE_CACHE_H
#define FOLIO_CACHE_CACHE_H

#include "cache/keeper.h"
#include "cache/leases.h"
#include "cache/load.h"
#include "cache/loader.h"
#include "cache/lookout.h"
#include "cache/mailbox.h"
#include "cache/observer.h"
#include "cache/preload.h"
#include "cache/table.h"

struct cache_options {
    struct load_rules rules;
    struct tree_list trees; /* the cache gives each its watch, and takes it back; all must outlive it */
    struct table_limits limits;
    int64_t revalidate_ms; /* an entry that was not found unchanged for so long is looked at before it is used */
    int64_t expire_ms;     /* an entry that was not used for so long is dropped; 0: never */
    unsigned loaders_max;
};

struct cache;

/* Starts the keeper and the observer. NULL: no memory, or no thread. */
NODISCARD struct cache *cache_new(const struct cache_options *options);

/* Stop loaders and keeper: mails that wait are answered with STATUS_FAILED. Once the workers have ended, cache_free().
 *
 * patience_ms  how long they may take; negative: however long
 *
 * False: some still wait for a device. The cache must never be freed then, nor the workers: the process is to end. */
NODISCARD bool cache_stop(struct cache *cache, int64_t patience_ms);

/* ret_held: references that somebody failed to give back; may be NULL. Takes NULL. */
void cache_free(struct cache *cache, uint64_t *ret_held);

enum cache_outcome {
    CACHE_HIT,         /* in the table, and fresh */
    CACHE_REVALIDATED, /* in the table, and just now found unchanged */
    CACHE_MISS,        /* loaded in place */
    CACHE_LOAD,        /* loaded by a loader */
    CACHE_NONE,        /* the cache was not asked */
};

struct cache_found {
    struct entry *entry;
    enum cache_outcome outcome;
    bool is_owned; /* the caller has a reference to give back; else it may use the entry until it is quiescent */
};

/* A descriptor that is readable when something was told that was not obeyed yet: who waits for it as for requests knows that of a
 * change that came before a request. -1: nothing is told of any change (fs.inotify.max_user_instances), and all is looked at by age. */
int cache_signal(const struct cache *cache);

/* Whether something that was told is just being obeyed; to be asked after the signal. */
bool cache_is_obeying(const struct cache *cache);

/* Find what `key` (a normalised path) leads to, without waiting for a device.
 *
 * now_us              monotonic, of this turn
 * doubt_us            monotonic; since then something was told that may not be obeyed yet: it is looked at before it is used; 0: no
 * STATUS_WOULD_BLOCK  cache_ask() for it, also where memory or descriptors are short: loaders have some of their own
 * STATUS_FAILED       as load_entry()
 */
NODISCARD enum status cache_find(struct cache *cache, struct span key, int64_t now_us, int64_t doubt_us,
                                 struct cache_found *ret_found);

/* Have the other forms of `entry`, a file, looked for and made (cache/forms.h), unless they were. The caller is an online reader. */
void cache_want_forms(struct cache *cache, struct entry *entry);

/* What is in the table as `key`, without looking whether it is still so: of what follows no file. NULL: nothing. The caller may use it
 * until it is quiescent. */
struct entry *cache_look_up(struct cache *cache, struct span key, int64_t now_us);

/* Have a loader load `key`, and post the answer to `mailbox`, with `cookie`. */
NODISCARD enum status cache_ask(struct cache *cache, struct span key, struct mailbox *mailbox, uint64_t cookie);

/* Of mails that answer cache_ask(), the one about `key`. NULL: there is none. */
const struct mail *cache_mail_about(const struct cache *cache, const struct mail *mails, struct span key);

/* Have a loader bring a window of `stream` into memory, and post a mail without entry; with `copies` the mail has its bytes, as
 * is needed where the stream is remote: then a worker must not call its file system. */
NODISCARD enum status cache_bring(struct cache *cache, struct entry *stream, const struct loader_window *window,
                                  bool copies, struct mailbox *mailbox, uint64_t cookie);

/* loader_drop() */
void cache_drop(struct cache *cache, struct entry *stream, const struct loader_window *window);

/* From now on `borrower` is asked when pages have to be given back. Both take a NULL cache. Any thread. */
void cache_enlist(struct cache *cache, struct lease_borrower *borrower);
void cache_dismiss(struct cache *cache, struct lease_borrower *borrower);

/* `entry` was found changed by who sent it: nobody is offered it any more. The caller is an online reader, with a reference. */
void cache_forget(struct cache *cache, struct entry *entry);

/* For who opens what stays open for long (cache/spares.h). Both take a NULL cache. */
int cache_keep_off_spares(const struct cache *cache, int fd);
int cache_spares_end(const struct cache *cache);

/* Descriptors or memory are short: give some back soon. The caller is an online reader. */
void cache_relieve(struct cache *cache);

/* Load what is pinned. The caller is no reader. Returns how many files could not be pinned. */
uint64_t cache_preload(struct cache *cache, struct preload *preload);

/* Another process serves from a cache of its own: give back what is not being sent. The caller is no reader. */
void cache_shrink(struct cache *cache);

/* The table itself, for who makes entries by other ways (cache/forms.h). */
struct table *cache_table(struct cache *cache);

struct cache_counts {
    struct table_counts table;
    uint64_t loads; /* by loaders */
    struct keeper_counts keeper;
    struct observer_counts observer;
    struct lease_counts leases;
    struct lookout_counts lookout;
};

struct cache_counts cache_counts(struct cache *cache);

#endif
