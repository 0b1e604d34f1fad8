/* conn.h - one connection: its life from accept to close.
 *
 * Role:   receives, has requests parsed and answered, sends; and knows how long each may take.
 * Owns:   its descriptor; what it received and could not use yet; what the socket would not take. An idle connection owns
 *         neither of the latter.
 * Thread: one worker's.
 */
#ifndef FOLIO_NET_CONN_H
#define FOLIO_NET_CONN_H

#include "base/list.h"
#include "http/h1_parse.h"
#include "net/lending.h"
#include "net/pace.h"
#include "net/pending.h"

struct worker;

enum conn_phase {
    CONN_FREE = 0,  /* a slot that is not used */
    CONN_OPEN,      /* requests are read and answered */
    CONN_LINGERING, /* all was said; what the peer still sends is thrown away, so that no reset destroys the answer */
};

/* A body that is read to be thrown away, after its request was answered. */
struct drain {
    struct h1_chunks chunks; /* framing CONTENT_CHUNKED */
    uint32_t left;           /* bytes of a body with a length; or that a chunked one may still have */
};

struct conn {
    int fd;
    uint32_t slot;         /* its own number */
    uint32_t generation;   /* counts the uses of the slot: mail for an earlier one is not ours */
    uint8_t phase;         /* enum conn_phase */
    uint8_t framing;       /* enum content_framing: of the body that is being drained */
    uint16_t group;        /* the handler's: struct asking */
    bool awaits_proxy : 1; /* the PROXY header is to come first */
    bool is_readable : 1;  /* the socket may have more to receive */
    bool is_writable : 1;  /* the socket may take more */
    bool has_ended : 1;    /* the peer will send nothing more */
    bool is_waiting : 1;   /* for a loader's mail */
    bool is_starved : 1;   /* in the worker's list of those: it goes on in a moment */
    bool is_unwatched : 1; /* and starved: the epoll had no memory for it */
    bool cannot_send : 1;  /* and starved: what is pending is what lacks something; else it is sent meanwhile */
    bool closes : 1;       /* once what is pending was sent */
    bool lingers : 1;      /* and then lingers first: the peer may still be sending */
    bool was_asked : 1;    /* it got an answer before: it is a kept-alive one */
    bool has_request : 1;  /* the stash may hold a whole request: go on without receiving */
    struct list ready;     /* in the worker's list of connections to go on with */
    struct list starved;   /* in its list of those that lack memory or a descriptor */
    struct list timer;     /* in the wheel, always */
    int64_t timer_at_ms;   /* when it comes up there */
    int64_t deadline_ms;   /* what it waits for must have come by then */
    int64_t starved_ms;    /* when the present request was asked first and starved; 0: it did not */
    int64_t began_us;      /* when the first byte of the request that is being received came; 0: none has */
    char *stash;           /* received, not used yet; NULL: nothing */
    uint32_t stash_size, stash_capacity;
    struct pending *pending;
    struct mail *mails; /* what loaders found for the request that is not answered yet; its own */
    struct lending lending;
    struct list lending_link; /* in the worker's list of those that borrowed */
    struct pace pace;         /* where a Throttle holds for what is pending */
    union {
        struct h1_parser parser; /* framing is CONTENT_NONE */
        struct drain drain;      /* otherwise */
    };
    struct peer_address peer;   /* of the socket */
    struct peer_address client; /* who asks: the same, or whom a proxy names */
};

/* A new connection, just accepted. */
void conn_begin(struct worker *worker, struct conn *conn, int fd, const struct peer_address *peer);

/* epoll's events for it. */
void conn_event(struct worker *worker, struct conn *conn, uint32_t events);

/* Go on: receive, answer, send, until there is nothing to do or it is another's turn. */
void conn_run(struct worker *worker, struct conn *conn);

/* A loader's answer, which it takes over. */
void conn_mail(struct worker *worker, struct conn *conn, struct mail *mail);

/* Its timer came up (and is in no list). */
void conn_timer(struct worker *worker, struct conn *conn);

/* Close at once; the slot is free after this. */
void conn_end(struct worker *worker, struct conn *conn);

/* Kept alive, and nothing under way. */
static inline bool conn_is_idle(const struct conn *conn)
{
    return conn->phase == CONN_OPEN && conn->was_asked && !conn->stash && !conn->pending && !conn->is_waiting &&
           !conn->is_starved && conn->framing == CONTENT_NONE;
}

/* It lacks memory or descriptors: it goes on in a moment, where it is. */
void conn_starve(struct worker *worker, struct conn *conn);

/* Between conn's two sources: input and output. */

/* The request was answered, or is to be asked as if for the first time. */
void conn_forget_mails(struct conn *conn);

/* Parse and answer what is in `bytes`; returns how many bytes were used. */
size_t conn_input(struct worker *worker, struct conn *conn, struct span bytes);

/* Send the worker's turn; what the socket does not take becomes conn->pending. False: the connection broke. */
NODISCARD bool conn_send_turn(struct worker *worker, struct conn *conn);

/* Send more of conn->pending. False: the connection broke, or must be broken. */
NODISCARD bool conn_send_pending(struct worker *worker, struct conn *conn);

/* It is to go on by then, or a tick of the wheel later: it is paused. */
void conn_wake_by(struct worker *worker, struct conn *conn, int64_t at_ms);

/* conn_pace.c: where a Throttle holds for the worker's turn. Whether all of it may be sent now. */
bool conn_pace_turn(struct worker *worker, struct conn *conn);

/* The socket took `sent` bytes of that turn. */
void conn_pace_turn_sent(struct worker *worker, struct conn *conn, uint64_t sent);

/* Whether some of what is pending may be sent now (pace_most() says how much). False: it is paused, and will be woken. */
bool conn_pace_goes_on(struct worker *worker, struct conn *conn);

/* Cut what is about to be sent to that; returns how many parts are left. */
unsigned conn_pace_cut(const struct conn *conn, struct iovec *parts, unsigned count);

/* The socket took `sent` bytes of what was pending, or is. */
void conn_pace_sent(struct conn *conn, uint64_t sent);

/* The connection ends before its answers were sent whole: tell the log. */
void conn_log_aborted(struct worker *worker, struct conn *conn);

#endif
