/* listeners.h - the listening sockets that a configuration asks for, one of each for every worker.
 *
 * Role:   opens them all before anything is served, or says which cannot be opened, and how to mend it.
 * Owns:   the descriptors, until workers take them over (listeners_take).
 * Thread: the first, at the start.
 */
#ifndef FOLIO_SERVER_LISTENERS_H
#define FOLIO_SERVER_LISTENERS_H

#include "net/worker.h"
#include "platform/socket.h"
#include "server/config.h"

struct listeners {
    unsigned address_count, workers;
    struct socket_address addresses[WORKER_LISTENERS_MAX];
    int fds[WORKER_LISTENERS_MAX][THREADS_MAX]; /* -1: none, or taken */
};

/* False: it was said on standard error. */
NODISCARD bool listeners_open(struct listeners *listeners, const struct config *config, unsigned workers);

/* Hand worker `index` its own; returns how many. */
unsigned listeners_take(struct listeners *listeners, unsigned index, struct worker_listener *out);

/* Close what nobody took, and remove the files of Unix sockets. */
void listeners_close(struct listeners *listeners);

#endif
