/* lease_break.h - the kernel's word that somebody wants to write to a file whose lease is held.
 *
 * Role:   raw: a real-time signal that says which descriptor it is about, taken from a descriptor (fcntl(2), F_SETSIG;
 *         signalfd(2)). The leases themselves are in file.h.
 * Owns:   nothing; descriptors that are returned are the caller's.
 * Thread: any announces; one reads. The signals are the process's, and must be blocked in all its threads.
 */
#ifndef FOLIO_PLATFORM_LEASE_BREAK_H
#define FOLIO_PLATFORM_LEASE_BREAK_H

#include <stdbool.h>

#include "base/compiler.h"

/* Block the signals in this thread, and get a descriptor that is readable when one came. Other threads are started with all
 * signals blocked (thread_start()). -1 with errno. */
NODISCARD int lease_breaks_open(void);

/* Whoever breaks a lease on `fd`, which is taken after this, is told of by lease_breaks_next(). */
void lease_break_announce(int fd);

enum lease_break {
    LEASE_BREAK_NONE, /* no more for now */
    LEASE_BREAK_FILE, /* of *ret_fd */
    LEASE_BREAK_ANY,  /* of some: the queue of signals was full, or the lease was not announced */
};

NODISCARD enum lease_break lease_breaks_next(int breaks, int *ret_fd);

/* Whether this process may take leases on the files of others (CAP_LEASE), where the system has them at all. */
NODISCARD bool lease_is_for_all(void);

/* Whether somebody waits for the lease that is held on `fd`, or none is held any more. */
NODISCARD bool lease_is_wanted(int fd);

#endif
