/* worker.h - one thread that serves connections: its loop, listeners, connections, timers and buffers.
 *
 * Role:   waits for events, and turns each into work that never waits. A worker is quiescent (RCU) whenever it waits.
 * Owns:   everything in `struct worker`; nothing of a connection is shared with another worker.
 * Thread: its own, but for worker_command() and the mailbox.
 */
#ifndef FOLIO_NET_WORKER_H
#define FOLIO_NET_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/timer_wheel.h"
#include "net/conn.h"

enum {
    WORKER_INPUT_BYTES = 64 << 10,
    WORKER_SLAB_CONNS = 128, /* connections are allocated by so many */
};

struct worker;

/* What makes workers one team. */
struct worker_team {
    unsigned count;
    struct worker **workers; /* constant while they run */
};

/* The same for all workers, and constant while they run. */
struct worker_options {
    struct handler handler;
    struct cache *cache;
    struct h1_limits limits;
    bool expects_proxy; /* each connection begins with a PROXY header */
    int64_t request_timeout_ms, keepalive_timeout_ms;
    int64_t load_timeout_ms;   /* a request, or a stream, waits so long for a disk */
    uint64_t send_min_bytes_s; /* 0: no lowest rate */
    int64_t send_min_window_ms;
    int64_t hand_over_grace_ms, quit_grace_ms; /* how long a kept-alive connection may still ask, when told to end */
    int ended;                                 /* rung by each worker that ends */
    uint32_t connections_max;                  /* of all workers together */
    uint32_t borrowers_max; /* connections of a worker that may hold borrowed pages: each keeps descriptors; 0: any */
    struct worker_team *team;
    _Atomic uint32_t *connections; /* of all workers together; relaxed: a count */
};

struct worker_listener {
    int fd;
    bool is_shared; /* by all workers; else this worker's own */
};

/* Ordered: a later one is the stronger. */
enum worker_command {
    WORKER_SERVE,
    WORKER_HAND_OVER, /* accept no more, as another process does; else as WORKER_FINISH, with more patience */
    WORKER_FINISH,    /* accept no more; answer what was begun; let kept-alive connections ask once more, then end */
    WORKER_STOP,      /* send what is ready to be sent, for a short time, then end */
};

/* Written by the worker, read by any; relaxed: counts. */
struct worker_counts {
    _Atomic uint64_t requests, accepted, aborted;
    _Atomic uint64_t hits, misses; /* answers whose file was in memory, and fresh; and whose file had to be loaded */
    _Atomic uint64_t throttled;    /* answers that a Throttle made wait */
    _Atomic uint64_t turned_away;  /* requests that Throttle's LEAST refused */
    _Atomic uint64_t copied;       /* answers that were big files, of which something was copied to be sent */
};

struct worker {
    const struct worker_options *options;
    unsigned index;
    pthread_t thread;
    struct worker_counts counts;
    _Atomic int
        command; /* enum worker_command: written by worker_command(); release/acquire with the mailbox's wakeup */
    _Atomic int is_asked_for_room; /* another worker has no connection to spare: close an idle one; relaxed: a hint */
    _Atomic int has_ended;         /* written last by the worker */
    int epoll;
    bool was_told;            /* the cache has a signal; its descriptor says no more until it is listened to again */
    bool is_paused;           /* listeners are not in the epoll: no descriptors, or too many connections */
    int64_t resume_at_ms;     /* when is_paused */
    uint64_t last_descriptor; /* the number of the last connection that was accepted */
    bool next_one_leaves;     /* others lack connections, and none here is idle: the next answer ends its own */
    int64_t sweep_at_ms;      /* once it was told to end: when it looks at all connections next */
    int64_t finish_at_ms;     /* FINISH: idle connections are closed from here on; STOP: all */
    enum worker_command obeyed;
    unsigned listener_count;
    struct worker_listener *listeners; /* listener_count of them */
    struct mailbox mailbox;
    struct timer_wheel wheel;
    struct list ready;   /* connections that can go on without an event */
    struct list starved; /* connections whose request waits for a descriptor or for memory */
    int64_t feed_at_ms;  /* when they are asked again */
    struct lease_borrower borrower;
    struct list lending; /* connections that borrowed pages (linked by `lending_link`) */
    uint32_t lending_count;
    int64_t look_at_ms; /* when they are looked at next; INT64_MAX: there are none */
    int peer_queues;    /* tells what peers on this machine have not read; -1: it cannot be told */
    struct block_pool pool;
    struct conn **slabs; /* slab_count of WORKER_SLAB_CONNS each */
    uint32_t slab_count;
    uint32_t *free_slots; /* a stack of free_count slot numbers */
    uint32_t free_count;
    uint32_t conn_count;
    int64_t now_ms;
    char *input; /* WORKER_INPUT_BYTES: what is received; between that, what is copied from streams */
    struct request request;
    struct turn turn;
};

/* Make worker number `index`, with copies of `listeners`, whose descriptors become its own; it does not run yet. NULL: memory, or
 * descriptors; the listeners' are closed. */
NODISCARD struct worker *worker_new(unsigned index, const struct worker_options *options,
                                    const struct worker_listener *listeners, unsigned listener_count);
void worker_free(struct worker *worker); /* takes NULL; not running */

/* Start its thread, which ends once it was told to. */
NODISCARD enum status worker_start(struct worker *worker);

/* Tell it; something weaker than before is ignored. One thread. */
void worker_command(struct worker *worker, enum worker_command command);

/* Its thread is about to end, or has. Any thread. */
bool worker_has_ended(const struct worker *worker);

/* For connections: one has ended, and its slot is free. */
void worker_release(struct worker *worker, struct conn *conn);

/* Whether answers must end their connection: the server finishes, or connections are short. */
static inline bool worker_wants_to_close(const struct worker *worker)
{
    return worker->is_paused || worker->obeyed != WORKER_SERVE;
}

#endif
