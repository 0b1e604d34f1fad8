#include "net/lending.h"

#include "cache/entry.h"
#include "net/conn.h"
#include "net/worker.h"
#include "platform/peer_queue.h"

enum {
    /* A writer waits so long for peers that do not take what they were sent, before they are broken off. Who takes it as
     * fast as the network lets him has it after a few round trips. */
    RECALL_MS = 1000,
    LOOK_MS = 1000,     /* between two looks at connections that borrowed, so that idle ones do not hold descriptors */
    LOOK_SOON_MS = 2,   /* while a writer waits */
    LOOK_LATER_MS = 20, /* and when he has waited for long */
};

static struct lease *lease_of(const struct conn *conn)
{
    return &entry_stream(conn->lending.lent)->lease;
}

/* The rest of the stream that pages were borrowed of is still to be sent. */
static bool is_half_sent(const struct conn *conn)
{
    return conn->pending && conn->pending->stream.entry == conn->lending.lent;
}

/* Bytes that the peer has not taken; *ret_unsent: of those the ones that its system does not have yet. */
static uint64_t bytes_owed(struct worker *worker, struct conn *conn, uint64_t *ret_unsent)
{
    /* In this order: what leaves the first queue meanwhile is counted in the second. */
    uint64_t unsent = socket_unsent_bytes(conn->fd), unread = 0;
    *ret_unsent = unsent;
    /* A Unix socket's bytes are the sender's until they are read. */
    if (conn->peer.is_unix) return unsent;
    if (!peer_queue_ask(worker->peer_queues, conn->fd, &conn->peer, &unread))
        unread = peer_is_here(conn->fd, &conn->peer) ? UINT32_MAX : 0;
    return unsent + unread;
}

static bool is_over(struct worker *worker, struct conn *conn, uint64_t *ret_unsent)
{
    conn->lending.owed = bytes_owed(worker, conn, ret_unsent);
    return conn->lending.owed <= (conn->peer.is_unix ? 0 : conn->lending.sent_since);
}

void lending_end(struct worker *worker, struct conn *conn)
{
    if (!conn->lending.lent) return;
    struct entry *entry = conn->lending.lent;
    lease_give_back(lease_of(conn));
    conn->lending.lent = NULL;
    list_remove(&conn->lending_link);
    worker->lending_count--;
    if (list_is_empty(&worker->lending)) worker->look_at_ms = INT64_MAX;
    entry_unref(entry);
}

bool lending_goes_on(struct worker *worker, struct conn *conn)
{
    uint64_t unsent;
    if (!conn->lending.lent) return false;
    if (!is_over(worker, conn, &unsent)) return true;
    lending_end(worker, conn);
    return false;
}

bool lending_may_send(struct worker *worker, struct conn *conn, struct entry *entry)
{
    if (conn->lending.lent == entry) return !lease_is_recalled(lease_of(conn));
    if (lending_goes_on(worker, conn)) return false;
    if (worker->peer_queues < 0 && !conn->peer.is_unix && peer_is_here(conn->fd, &conn->peer)) return false;
    /* Who does not take what was lent to him keeps it, his connection and the stream's descriptor: never all that there are. */
    uint32_t borrowers_max = worker->options->borrowers_max;
    if (borrowers_max > 0 && worker->lending_count >= borrowers_max) return false;
    if (!lease_borrow(&entry_stream(entry)->lease)) return false;
    entry_ref(entry);
    conn->lending.lent = entry;
    list_append(&worker->lending, &conn->lending_link);
    worker->lending_count++;
    if (worker->look_at_ms == INT64_MAX) worker->look_at_ms = worker->now_ms + LOOK_MS;
    return true;
}

void lending_note_lent(struct conn *conn)
{
    conn->lending.sent_since = 0;
}

void lending_note_sent(struct conn *conn, uint64_t size)
{
    if (conn->lending.lent) conn->lending.sent_since += size;
}

bool lending_holds_back(const struct conn *conn)
{
    return conn->lending.lent && conn->peer.is_unix && lease_is_recalled(lease_of(conn));
}

bool lending_waits(struct worker *worker, struct conn *conn)
{
    uint64_t before = conn->lending.owed_before;
    conn->lending.owed_before = conn->lending.owed;
    if (worker->options->send_min_bytes_s == 0) return true;
    if (conn->lending.owed_until_ms == 0 || conn->lending.owed < before)
        conn->lending.owed_until_ms = worker->now_ms + worker->options->send_min_window_ms;
    return worker->now_ms < conn->lending.owed_until_ms;
}

/* A stream that `conn` borrowed from is recalled. When to look again; INT64_MAX: it gave back, or is gone. */
static int64_t recall(struct worker *worker, struct conn *conn)
{
    int64_t waited_ms = worker->now_ms - lease_of(conn)->recalled_ms;
    uint64_t unsent;
    if (is_over(worker, conn, &unsent)) {
        bool was_held_back = lending_holds_back(conn);
        lending_end(worker, conn);
        if (conn->phase == CONN_LINGERING && conn->has_ended)
            conn_end(worker, conn);
        else if (was_held_back)
            conn_run(worker, conn);
        return INT64_MAX;
    }
    if (waited_ms < RECALL_MS) {
        /* A half-full segment would only lie there. */
        if (conn->pending && conn->pending->is_corked) socket_cork(conn->fd, conn->pending->is_corked = false);
        return worker->now_ms + LOOK_SOON_MS;
    }
    /* A reset is seen as one only if the answer is not whole yet: what is in the peer's own queue stays there to be read. Then
     * there is nothing but to wait until it was. */
    bool is_visible = is_half_sent(conn) || (!conn->peer.is_unix && unsent > conn->lending.sent_since);
    if (!is_visible) return worker->now_ms + LOOK_LATER_MS;
    socket_reset_on_close(conn->fd);
    if (!conn->pending) atomic_fetch_add_explicit(&worker->counts.aborted, 1, memory_order_relaxed);
    conn_end(worker, conn);
    return INT64_MAX;
}

/* Nobody waits for it. */
static void settle(struct worker *worker, struct conn *conn)
{
    /* What a Throttle makes wait borrows anew when it goes on: it may take for ever, and others want to borrow, too. */
    bool is_sending = is_half_sent(conn) && !conn->pace.is_paused;
    if (is_sending || lending_goes_on(worker, conn)) return;
    if (conn->phase == CONN_LINGERING && conn->has_ended) conn_end(worker, conn);
}

void lending_look(struct worker *worker)
{
    struct list round;
    int64_t soonest_ms = INT64_MAX;
    atomic_store_explicit(&worker->borrower.was_asked, 0, memory_order_seq_cst); /* before looking what is recalled */
    list_init(&round);
    list_splice(&round, &worker->lending);
    while (!list_is_empty(&round)) {
        struct conn *conn = CONTAINER_OF(round.next, struct conn, lending_link);
        list_remove(&conn->lending_link);
        list_append(&worker->lending, &conn->lending_link); /* before it may be closed */
        int64_t again_ms = worker->now_ms + LOOK_MS;
        if (lease_is_recalled(lease_of(conn)))
            again_ms = recall(worker, conn);
        else
            settle(worker, conn);
        if (again_ms < soonest_ms) soonest_ms = again_ms;
    }
    if (soonest_ms == INT64_MAX) soonest_ms = worker->now_ms + LOOK_MS; /* what was borrowed meanwhile */
    worker->look_at_ms = list_is_empty(&worker->lending) ? INT64_MAX : soonest_ms;
}
