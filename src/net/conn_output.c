#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "net/conn.h"
#include "net/worker.h"
#include "platform/clock.h"

enum {
    WINDOW_BYTES = 2 << 20, /* of a stream: made resident as a whole */
    COPY_BYTES = 128 << 10, /* of a remote stream: kept in memory while it is sent */
    /* Of a stream, sent in one call; the receiver reads one while the next is queued (measured: 2 MiB cost more CPU a byte). */
    SLICE_BYTES = 128 << 10,
    /* The same of what was in memory, which goes at once (measured at 1 GiB: 1.12 of the floor, 1.20 with 128 KiB). */
    SLICE_BYTES_HOT = 512 << 10,
    SEND_PARTS_MAX = 64,
};

/* Tell the log of those of exchanges[*first..count-1] that are over once `sent` bytes were taken. */
static void log_finished(struct worker *worker, struct conn *conn, const struct exchange *exchanges, unsigned *first,
                         unsigned count, uint64_t sent)
{
    const struct handler *handler = &worker->options->handler;
    for (; *first < count && exchanges[*first].ends_at <= sent; (*first)++) {
        if (handler->wants_log)
            handler->finished(handler->self, worker->index, &exchanges[*first], &conn->client, sent);
    }
}

void conn_log_aborted(struct worker *worker, struct conn *conn)
{
    struct pending *pending = conn->pending;
    const struct handler *handler = &worker->options->handler;
    /* relaxed: a count */
    atomic_fetch_add_explicit(&worker->counts.aborted, 1, memory_order_relaxed);
    for (; pending->exchange < pending->exchange_count && handler->wants_log; pending->exchange++) {
        struct exchange *exchange = &pending->exchanges[pending->exchange];
        handler->finished(handler->self, worker->index, exchange, &conn->client, pending->sent);
    }
}

/* What a call of send and its kin returned. False: the connection broke. After less than was asked for, it is tried again: a
 * full socket says so then (and epoll will tell when it is not), but it may also have been an interruption. */
static bool note_sent(struct worker *worker, struct conn *conn, ssize_t sent)
{
    if (sent >= 0 || errno == EINTR) return true;
    if (errno == EAGAIN) conn->is_writable = false;
    if (errno == EAGAIN || !socket_lacks_memory(errno)) return errno == EAGAIN;
    conn->cannot_send = true;
    conn_starve(worker, conn);
    return true;
}

bool conn_send_turn(struct worker *worker, struct conn *conn)
{
    struct turn *turn = &worker->turn;
    uint64_t sent = 0;
    unsigned finished = 0;
    bool is_whole = true, is_broken = false, is_paced = turn->throttles != NULL;
    if (is_paced && !conn_pace_turn(worker, conn)) {
        is_whole = false;
    } else if (turn->part_count > 0) {
        ssize_t n = socket_send(conn->fd, turn->parts, turn->part_count, turn->stream.entry != NULL);
        is_broken = !note_sent(worker, conn, n);
        sent = n > 0 ? (uint64_t)n : 0;
        lending_note_sent(conn, sent);
        is_whole = sent == turn->bytes;
    }
    log_finished(worker, conn, turn->exchanges, &finished, turn->exchange_count, sent);
    if (!is_whole) {
        bool is_long = turn->stream.left > SLICE_BYTES || turn->leg_count > 0;
        conn->pending = pending_new(&worker->pool, turn, sent);
        /* Without, each slice would end in a half-full segment (measured at 1 MiB: 1.17 of the floor, 1.03 with). */
        if (conn->pending && is_long && !is_paced) socket_cork(conn->fd, conn->pending->is_corked = true);
        if (!conn->pending) is_broken = true;
        if (!conn->pending && turn->stream.entry) {
            entry_unref(turn->stream.entry);
            turn->stream = (struct stream_part){ .entry = NULL };
        }
    }
    if (is_paced) conn_pace_turn_sent(worker, conn, sent);
    turn_reset(turn);
    return !is_broken;
}

/* Have a loader bring `window` of the stream. If none can now, it is asked again in a moment. */
static bool ask_for_window(struct worker *worker, struct conn *conn, const struct loader_window *window)
{
    struct entry *stream = conn->pending->stream.entry;
    uint64_t cookie = (uint64_t)conn->generation << 32 | conn->slot;
    conn->is_waiting = cache_bring(worker->options->cache, stream, window, conn->pending->by_loader, &worker->mailbox,
                                   cookie) == STATUS_OK;
    conn->pending->warm_from_us = worker->turn.now_us;
    if (conn->is_waiting) return true;
    conn->cannot_send = true;
    conn_starve(worker, conn);
    return false;
}

/* What was brought for this answer, and lies before `until`, was sent: have it dropped, with the next window or alone. What
 * comes behind the first bytes that had to be brought was brought, too, be it by the kernel's own reading ahead. */
static void let_go(struct pending *pending, int64_t until, struct loader_window *window)
{
    if (pending->cold_from < 0 || until <= pending->cold_from) return;
    window->sent_from = pending->cold_from;
    window->sent_size = until - pending->cold_from;
    pending->cold_from = until;
}

static void drop_until(struct worker *worker, struct pending *pending, int64_t until)
{
    struct loader_window window = { 0 };
    let_go(pending, until, &window);
    if (window.sent_size > 0) cache_drop(worker->options->cache, pending->stream.entry, &window);
}

/* Have a loader bring the window of `size` bytes that is next, and begin with the one behind it. */
static bool bring_window(struct worker *worker, struct conn *conn, int64_t size)
{
    struct pending *pending = conn->pending;
    const struct stream_part *stream = &pending->stream;
    struct loader_window window = { .offset = stream->offset, .size = size, .ahead = stream->left - size };
    if (window.ahead > WINDOW_BYTES) window.ahead = WINDOW_BYTES;
    /* The socket may still refer to the last of what it took. */
    let_go(pending, stream->offset - WINDOW_BYTES, &window);
    if (!ask_for_window(worker, conn, &window)) return false;
    if (pending->cold_from < 0) pending->cold_from = stream->offset;
    return true;
}

/* Make sure that the next bytes of the stream are in memory. False: a loader was asked, or none could be yet. */
static bool window_is_warm(struct worker *worker, struct conn *conn)
{
    struct pending *pending = conn->pending;
    struct stream_part *stream = &pending->stream;
    if (stream->offset < pending->warm_until) return true;
    int64_t size = WINDOW_BYTES - stream->offset % WINDOW_BYTES;
    if (size > stream->left) size = stream->left;
    pending->warm_until = stream->offset + size;
    uint32_t now_ms = (uint32_t)worker->now_ms;
    pending->doubt_ms = worker->now_ms; /* it is looked at again before each slice */
    if (entry_window_is_warm(stream->entry, stream->offset, size, now_ms)) {
        pending->doubt_ms += ENTRY_WARM_MS; /* but what many ask for only if this one takes long */
        return true;
    }
    /* Where one window had to be brought, the next may be half on its way, which only reading it tells. */
    bool may_be_here = pending->cold_from < 0;
    if (may_be_here && file_residency(stream->entry->fd, stream->offset, size) == FILE_RESIDENT) {
        entry_note_warm_window(stream->entry, stream->offset, size, now_ms);
        return true;
    }
    if (!bring_window(worker, conn, size)) pending->warm_until = stream->offset;
    return false;
}

/* What was there, or was brought, may be gone again before it is sent: that takes its time, and systems that are short of memory,
 * or that take back in advance what does not look used (docs/adr/), take the page that was read last as soon as any other. */
static bool slice_is_gone(const struct worker *worker, const struct pending *pending, int64_t size)
{
    const struct stream_part *stream = &pending->stream;
    return worker->now_ms >= pending->doubt_ms &&
           file_residency(stream->entry->fd, stream->offset, size) == FILE_ABSENT;
}

/* RFC 9112, 8: a version that changed under way must not look complete. Asked before its last bytes are sent. */
static bool is_still_the_same(struct worker *worker, struct entry *entry)
{
    if (file_keeps_version(entry->fd, &entry->identity)) return true;
    cache_forget(worker->options->cache,
                 entry); /* the watch will tell of it, too, but perhaps later than the next request */
    return false;
}

static void note_copied(struct worker *worker, struct pending *pending)
{
    if (!pending->is_copied) atomic_fetch_add_explicit(&worker->counts.copied, 1, memory_order_relaxed);
    pending->is_copied = true;
}

/* Would a change of the stream's file that comes from now on show in its times? */
static bool has_settled(struct pending *pending)
{
    if (!pending->has_settled) pending->has_settled = !load_is_racy(&pending->stream.entry->identity);
    return pending->has_settled;
}

/* What a loader copied of the stream: a remote one, or one whose pages do not stay in memory; false: broken. */
static bool send_copy(struct worker *worker, struct conn *conn)
{
    struct pending *pending = conn->pending;
    struct stream_part *stream = &pending->stream;
    if (!pending->copy && !stream->entry->is_remote && !has_settled(pending)) {
        conn->cannot_send = true;
        conn_starve(worker, conn);
        return true;
    }
    if (!pending->copy) {
        struct loader_window window = { .offset = stream->offset, .size = stream->left };
        if (window.size > COPY_BYTES) window.size = COPY_BYTES;
        (void)ask_for_window(worker, conn, &window);
        return true;
    }
    size_t size = pace_most(&conn->pace, pending->copy_size - pending->copy_sent);
    struct iovec part = { .iov_base = pending->copy + pending->copy_sent, .iov_len = size };
    ssize_t n = socket_send(conn->fd, &part, 1, (int64_t)size < stream->left);
    if (n < 0) return note_sent(worker, conn, n);
    pending_stream_sent(pending, (size_t)n);
    lending_note_sent(conn, (uint64_t)n);
    return true;
}

/* The next `size` bytes of the stream by reference: nobody writes to them meanwhile. False: broken. */
static bool lend_slice(struct worker *worker, struct conn *conn, int64_t size)
{
    struct stream_part *stream = &conn->pending->stream;
    while (size > 0) {
        off_t offset = stream->offset;
        ssize_t n = sendfile(conn->fd, stream->entry->fd, &offset, (size_t)size);
        if (n < 0) return note_sent(worker, conn, n);
        if (n == 0) { /* shorter than it was */
            cache_forget(worker->options->cache, stream->entry);
            return false;
        }
        lending_note_lent(conn);
        pending_stream_sent(conn->pending, (size_t)n);
        size -= n;
    }
    return true;
}

/* Read the next `size` bytes of the stream into the worker's buffer; *ret_got: 0 if they are not in memory any more. False: they
 * are not, or may not be, of the same version. */
static bool read_piece(struct worker *worker, struct pending *pending, size_t size, size_t *ret_got)
{
    struct entry *entry = pending->stream.entry;
    size_t got = 0;
    bool would_tell = has_settled(pending);
    enum status read = file_read(entry->fd, worker->input, size, pending->stream.offset, FILE_NOWAIT, &got);
    if (read == STATUS_WOULD_BLOCK) {
        pending->by_loader = true;
        *ret_got = 0;
        return true;
    }
    if (read != STATUS_OK || got < size) return false;
    *ret_got = size;
    /* Without a lease the file's times tell, as a write sets them before it changes a byte; but not if they were set just before. */
    if (!lease_is_held(&entry_stream(entry)->lease) && !would_tell) return false;
    return is_still_the_same(worker, entry);
}

/* The next bytes by way of the worker's buffer. False: broken. */
static bool copy_slice(struct worker *worker, struct conn *conn, int64_t size)
{
    struct pending *pending = conn->pending;
    note_copied(worker, pending);
    while (size > 0) {
        size_t want = size < WORKER_INPUT_BYTES ? (size_t)size : WORKER_INPUT_BYTES, got;
        if (!read_piece(worker, pending, want, &got)) return false;
        if (got == 0) return true;
        struct iovec part = { .iov_base = worker->input, .iov_len = got };
        ssize_t n = socket_send(conn->fd, &part, 1, (int64_t)want < pending->stream.left);
        if (n < 0) return note_sent(worker, conn, n);
        lending_note_sent(conn, (uint64_t)n);
        pending_stream_sent(pending, (size_t)n);
        size -= n;
    }
    return true;
}

/* One slice of the stream; false: broken. */
static bool send_slice(struct worker *worker, struct conn *conn)
{
    struct pending *pending = conn->pending;
    struct stream_part *stream = &pending->stream;
    if (!window_is_warm(worker, conn)) return true;
    int64_t size = pending->warm_until - stream->offset;
    int64_t most = pending->cold_from < 0 ? SLICE_BYTES_HOT : SLICE_BYTES;
    if (size > most) size = most;
    size = (int64_t)pace_most(&conn->pace, (uint64_t)size);
    if (slice_is_gone(worker, pending, size)) {
        pending->by_loader = true;
        note_copied(worker, pending);
        return true;
    }
    bool is_alive = true;
    if (!lending_may_send(worker, conn, stream->entry))
        is_alive = copy_slice(worker, conn, size);
    else if (size < stream->left || is_still_the_same(worker, stream->entry))
        is_alive = lend_slice(worker, conn, size);
    else
        is_alive = false;
    if (!is_alive) socket_reset_on_close(conn->fd);
    return is_alive;
}

static bool send_pending_parts(struct worker *worker, struct conn *conn)
{
    struct pending *pending = conn->pending;
    struct iovec parts[SEND_PARTS_MAX];
    unsigned count = pending_parts(pending, parts, SEND_PARTS_MAX);
    if (conn->pace.set) count = conn_pace_cut(conn, parts, count);
    bool more = pending_has_more(pending) || pending->part + count < pending->part_count;
    ssize_t n = socket_send(conn->fd, parts, count, more);
    if (n < 0) return note_sent(worker, conn, n);
    pending_sent(pending, (size_t)n);
    lending_note_sent(conn, (uint64_t)n);
    return true;
}

static void end_pending(struct worker *worker, struct conn *conn)
{
    if (conn->pending->is_corked) socket_cork(conn->fd, false);
    pending_free(conn->pending, &worker->pool);
    conn->pending = NULL;
}

bool conn_send_pending(struct worker *worker, struct conn *conn)
{
    struct pending *pending = conn->pending;
    uint64_t before = pending->sent;
    bool is_alive = true, is_paced = conn->pace.set != NULL;
    if (is_paced && !conn_pace_goes_on(worker, conn)) return true;
    if (pending->part < pending->part_count)
        is_alive = send_pending_parts(worker, conn);
    else if (pending->stream.left > 0)
        is_alive = pending->by_loader ? send_copy(worker, conn) : send_slice(worker, conn);
    if (!is_alive) return false;
    uint64_t sent = pending->sent - before;
    log_finished(worker, conn, pending->exchanges, &pending->exchange, pending->exchange_count, pending->sent);
    if (pending->part == pending->part_count && (!pending->stream.entry || pending->stream.left == 0)) {
        if (pending->stream.entry) drop_until(worker, pending, pending->stream.offset);
        if (!pending_next_leg(pending)) end_pending(worker, conn);
    }
    if (is_paced) conn_pace_sent(conn, sent);
    return true;
}
