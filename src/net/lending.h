/* lending.h - pages of a file that a connection may still have in flight.
 *
 * Role:   what sendfile(2) was given lies in the socket, and on this machine in the peer's socket, by reference. A connection
 *         borrows from a stream's lease (cache/leases.h) before it sends so, and gives back when the peer has everything. It borrows
 *         from one stream at a time: another one is copied until then.
 * Owns:   for each lending connection, a reference to the entry and a share in its lease.
 * Thread: the connection's worker.
 */
#ifndef FOLIO_NET_LENDING_H
#define FOLIO_NET_LENDING_H

#include <stdbool.h>
#include <stdint.h>

struct conn;
struct entry;
struct worker;

/* What a connection knows of it; all zero at first. */
struct lending {
    struct entry *lent;    /* pages of this one may be in flight; NULL: of none */
    uint64_t sent_since;   /* bytes sent after the last of those; the end of the connection counts as one */
    uint64_t owed;         /* bytes that the peer had not taken when it was last asked for */
    uint64_t owed_before;  /* the same, when lending_waits() was last called */
    int64_t owed_until_ms; /* by then it must have taken some of it */
};

/* May pages of the stream `entry` be sent by reference now? False: copy. */
bool lending_may_send(struct worker *worker, struct conn *conn, struct entry *entry);

/* So many bytes were sent by reference, or otherwise. */
void lending_note_lent(struct conn *conn);
void lending_note_sent(struct conn *conn, uint64_t size);

/* Whether the peer may still get changed pages. If not, they are given back. */
bool lending_goes_on(struct worker *worker, struct conn *conn);

/* Give back, whatever the peer has: the connection is closed. */
void lending_end(struct worker *worker, struct conn *conn);

/* Nothing more is sent for a moment: only an empty queue tells that a Unix socket's peer has all. */
bool lending_holds_back(const struct conn *conn);

/* The connection is to be closed when the peer has all; lending goes on. False: it was waited for long enough, and takes nothing
 * any more (SendMinRate). */
bool lending_waits(struct worker *worker, struct conn *conn);

/* Look at all connections that borrowed: those whose streams are recalled give back, or are broken off in the end. */
void lending_look(struct worker *worker);

#endif
