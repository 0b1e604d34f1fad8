#include "net/conn.h"
#include "net/worker.h"

/* What is left of the answers that are pending. */
static uint64_t bytes_left(const struct pending *pending)
{
    uint64_t bytes = pending->stream.entry ? (uint64_t)pending->stream.left : 0;
    for (unsigned i = pending->part; i < pending->part_count; i++) bytes += pending->parts[i].size;
    for (unsigned i = pending->leg; i < pending->leg_count; i++)
        bytes += pending->legs[i].text.size + (uint64_t)pending->legs[i].size;
    return bytes - pending->part_sent;
}

bool conn_pace_turn(struct worker *worker, struct conn *conn)
{
    const struct turn *turn = &worker->turn;
    pace_begin(&conn->pace, turn->throttles, &turn->throttled);
    return pace_take(&conn->pace, turn->bytes, turn->now_us) >= turn->bytes;
}

void conn_pace_turn_sent(struct worker *worker, struct conn *conn, uint64_t sent)
{
    pace_note_sent(&conn->pace, sent);
    if (!conn->pending) {
        pace_end(&conn->pace);
        return;
    }
    pace_go_on(&conn->pace, conn->is_writable);
    if (!conn->pace.is_paused) return;
    atomic_fetch_add_explicit(&worker->counts.throttled, 1, memory_order_relaxed); /* a count */
    conn_wake_by(worker, conn, conn->pace.until_ms);
}

bool conn_pace_goes_on(struct worker *worker, struct conn *conn)
{
    pace_go_on(&conn->pace, true);
    if (pace_take(&conn->pace, bytes_left(conn->pending), worker->turn.now_us) > 0) return true;
    conn_wake_by(worker, conn, conn->pace.until_ms);
    return false;
}

unsigned conn_pace_cut(const struct conn *conn, struct iovec *parts, unsigned count)
{
    uint64_t left = conn->pace.allowed;
    for (unsigned i = 0; i < count; i++) {
        if (parts[i].iov_len >= left) {
            parts[i].iov_len = left;
            return i + 1;
        }
        left -= parts[i].iov_len;
    }
    return count;
}

void conn_pace_sent(struct conn *conn, uint64_t sent)
{
    pace_note_sent(&conn->pace, sent);
    if (conn->pending)
        pace_go_on(&conn->pace, conn->is_writable && !conn->is_waiting && !conn->cannot_send);
    else
        pace_end(&conn->pace);
}
