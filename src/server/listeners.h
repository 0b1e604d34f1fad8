/* listeners.h - the listening sockets that configurations ask for.
 *
 * Role:   one socket of each address for every worker (SO_REUSEPORT), so that nothing is shared between workers; or says
 *         which cannot be opened, and how to mend it. They outlive server processes: what waits in their queues is not lost.
 * Owns:   the descriptors.
 * Thread: the supervisor's only, and in a server process the first.
 */
#ifndef FOLIO_SERVER_LISTENERS_H
#define FOLIO_SERVER_LISTENERS_H

#include "net/worker.h"
#include "platform/socket.h"
#include "server/config.h"

enum { LISTENERS_MAX = 2 * CONFIG_LISTENS_MAX };

struct listeners_at {
    struct socket_address asked;   /* as configured; port 0: any */
    struct socket_address address; /* as it is */
    unsigned count;                /* sockets; each must be served by some worker */
    unsigned served;               /* so many of them are served already; 0: none is */
    int fds[THREADS_MAX];
};

enum { LISTENERS_SOCKETS_MAX = LISTENERS_MAX * THREADS_MAX };

struct listeners {
    unsigned address_count;
    struct listeners_at at[LISTENERS_MAX];
};

/* Open what `config` asks for beyond what is there, but do not listen yet: where the kernel shares connections out, those for a
 * socket that nobody accepts from would wait. False: it was told, and nothing was changed. */
NODISCARD bool listeners_extend(struct listeners *listeners, const struct config *config);

/* Listen with all of them: whoever connects waits in a queue from here on. False: it was told. */
NODISCARD bool listeners_listen(const struct listeners *listeners);

/* A server process is ready, or there is none any more: all sockets are to be served, and take whoever comes. */
void listeners_serve(struct listeners *listeners);

/* Close what `config` does not ask for, and what was opened for a server that never got ready. The server process that
 * has served it, and is told to hand over next, finds that nobody is let in any more, and takes who was. */
void listeners_keep(struct listeners *listeners, const struct config *config);

/* In a server process: close its copies of what `config` does not ask for. */
void listeners_choose(struct listeners *listeners, const struct config *config);

/* The sockets that worker `index` of `workers` serves, as copies of its own. Each is served by some worker: those that are too many
 * to have one each, and Unix sockets, which cannot be had twice, by all. False: no descriptors. */
NODISCARD bool listeners_share(const struct listeners *listeners, unsigned index, unsigned workers,
                               struct worker_listener out[LISTENERS_SOCKETS_MAX], unsigned *ret_count);

/* In a server process: close its copies of what the supervisor holds; the addresses stay known. */
void listeners_drop(struct listeners *listeners);

/* Close all, and remove the files of Unix sockets. */
void listeners_close(struct listeners *listeners);

/* How many worker threads `config` asks for. */
unsigned listeners_workers(const struct config *config);

#endif
