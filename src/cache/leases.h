/* leases.h - files to which nobody writes while they are lent.
 *
 * Role:   sendfile(2) lends a file's pages to a socket, and what is written to them before the peer has them reaches the peer.
 *         So a stream holds a read lease: whoever opens its file for writing waits, until the stream is out of the table, and every
 *         connection that was lent pages has given them back. A thread of its own hears of it, and waits for no disk. A loader
 *         that reads a file under a lease loses it to a writer in the same way.
 * Owns:   its thread; not the leases, which are parts of entries, or of whoever reads.
 * Thread: any takes and returns; borrowing is the workers'.
 * Order:  a borrower counts itself, and then looks whether the lease is recalled; who recalls says so, and then looks for
 *         borrowers. So one of them sees the other (both sequentially consistent).
 */
#ifndef FOLIO_CACHE_LEASES_H
#define FOLIO_CACHE_LEASES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "platform/file.h"

struct entry;
struct leases;
struct table;

struct lease {
    struct list link; /* by its descriptor, under the lock; when it is recalled, among those (the thread's alone) */
    struct leases *holder; /* who hears when it is broken; NULL: nobody, or there is no lease */
    struct entry *stream;  /* that it is a part of; NULL: it is a reader's */
    int fd;                /* -1: there is no lease */
    bool was_told;         /* the thread's alone: everybody knows that it is recalled */
    int64_t recalled_ms;   /* monotonic; before is_recalled is set */
    _Atomic uint32_t is_recalled;
    _Atomic uint32_t borrowers; /* connections that may have pages of it in flight */
};

/* Who borrows: one for each worker. */
struct lease_borrower {
    struct list link;           /* under the lock */
    _Atomic uint32_t was_asked; /* some lease that it may have borrowed from is recalled: look */
    int wakeup;                 /* rung when it was asked */
};

/* Starts the thread. Blocks its signals in this one, so before other threads are started. NULL: no descriptor, or no thread. */
NODISCARD struct leases *leases_new(struct table *table);
void leases_stop(struct leases *leases); /* stops the thread: nobody borrows any longer; takes NULL */
void leases_free(struct leases *leases); /* all are returned; takes NULL */

void lease_init(struct lease *lease);

/* Try for a lease on `fd`. `leases` may be NULL: then nobody hears when it is broken, and nothing may be borrowed. One that
 * was taken may be recalled already. */
NODISCARD enum file_lease lease_take(struct leases *leases, struct lease *lease, int fd, struct entry *stream);

/* Harmless if none is held. False: it was recalled before: somebody may have written since. */
bool lease_return(struct lease *lease);

/* Lend pages to a connection that has none of this lease yet. False: none may be lent: copy. */
NODISCARD bool lease_borrow(struct lease *lease);
void lease_give_back(struct lease *lease);

static inline bool lease_is_recalled(const struct lease *lease)
{
    return atomic_load_explicit(&lease->is_recalled, memory_order_seq_cst) != 0;
}

/* Nobody has written since it was taken. */
static inline bool lease_is_held(const struct lease *lease)
{
    return lease->holder && !lease_is_recalled(lease);
}

void leases_enlist(struct leases *leases, struct lease_borrower *borrower);
void leases_dismiss(struct leases *leases, struct lease_borrower *borrower);

struct lease_counts {
    uint64_t held;     /* of streams, now */
    uint64_t recalled; /* since the start */
};

struct lease_counts leases_counts(struct leases *leases);

#endif
