#include "net/conn.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "net/worker.h"

enum {
    STASH_BYTES_MIN = 1 << 10,
    LINGER_MS = 2000,
    RUNS_MAX = 4, /* slices in one go; then it is another's turn */
};

/* What it waits for must come by deadline_ms. Later is free: the wheel finds out when the timer comes up. */
static void expect_by(struct worker *worker, struct conn *conn, int64_t deadline_ms)
{
    conn->deadline_ms = deadline_ms;
    conn_wake_by(worker, conn, deadline_ms);
}

void conn_wake_by(struct worker *worker, struct conn *conn, int64_t at_ms)
{
    if (at_ms >= conn->timer_at_ms) return;
    timer_wheel_remove(&worker->wheel, &conn->timer);
    conn->timer_at_ms = at_ms;
    timer_wheel_add(&worker->wheel, &conn->timer, at_ms);
}

void conn_begin(struct worker *worker, struct conn *conn, int fd, const struct peer_address *peer)
{
    uint32_t generation = (conn->generation + 1) & INT32_MAX, slot = conn->slot; /* all ones mean other things */
    *conn = (struct conn){
        .fd = fd, .slot = slot, .generation = generation, .phase = CONN_OPEN, .peer = *peer, .client = *peer
    };
    const struct handler *handler = &worker->options->handler;
    if (handler->group_of) conn->group = handler->group_of(handler->self, fd);
    conn->awaits_proxy = worker->options->expects_proxy;
    conn->is_writable = true; /* epoll tells at once if there is something to read already */
    list_init(&conn->ready);
    list_init(&conn->starved);
    list_init(&conn->timer);
    list_init(&conn->lending_link);
    conn->deadline_ms = conn->timer_at_ms = worker->now_ms + worker->options->request_timeout_ms;
    timer_wheel_add(&worker->wheel, &conn->timer, conn->deadline_ms);
}

static void drop_stash(struct worker *worker, struct conn *conn)
{
    block_give(&worker->pool, conn->stash, conn->stash_capacity);
    conn->stash = NULL;
    conn->stash_size = conn->stash_capacity = 0;
}

static void drop_pending(struct worker *worker, struct conn *conn)
{
    if (!conn->pending) return;
    conn_log_aborted(worker, conn);
    pending_free(conn->pending, &worker->pool);
    conn->pending = NULL;
}

void conn_forget_mails(struct conn *conn)
{
    for (struct mail *mail = conn->mails, *next; mail; mail = next) {
        next = mail->next;
        mail_free(mail);
    }
    conn->mails = NULL;
}

void conn_end(struct worker *worker, struct conn *conn)
{
    ASSERT(conn->phase != CONN_FREE);
    conn_forget_mails(conn);
    drop_pending(worker, conn);
    drop_stash(worker, conn);
    lending_end(worker, conn);
    pace_done(&conn->pace);
    list_remove(&conn->ready);
    list_remove(&conn->starved);
    timer_wheel_remove(&worker->wheel, &conn->timer);
    close(conn->fd);
    conn->phase = CONN_FREE;
    worker_release(worker, conn);
}

/* The peer may still be sent pages that are only lent. A server that ends leaves them to the kernel: with it, its leases go. */
static bool owes(struct worker *worker, struct conn *conn)
{
    return worker->obeyed <= WORKER_HAND_OVER && lending_goes_on(worker, conn);
}

/* Everything was said. RFC 9112, 9.6: close in stages where the peer may still be sending; or may still be sent pages that are
 * only lent. */
static void finish(struct worker *worker, struct conn *conn)
{
    bool may_send_more = (conn->lingers || conn->is_readable) && !conn->has_ended;
    if ((!may_send_more && !owes(worker, conn)) || shutdown(conn->fd, SHUT_WR) != 0) {
        conn_end(worker, conn);
        return;
    }
    lending_note_sent(conn, 1); /* the end counts in the queues */
    drop_stash(worker, conn);
    conn->phase = CONN_LINGERING;
    expect_by(worker, conn, worker->now_ms + LINGER_MS);
}

static void linger(struct worker *worker, struct conn *conn)
{
    for (int i = 0; i < RUNS_MAX && conn->is_readable; i++) {
        ssize_t n = socket_receive(conn->fd, worker->input, WORKER_INPUT_BYTES);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            conn_end(worker, conn);
            return;
        }
        if (n == 0) conn->has_ended = true;
        if (n < WORKER_INPUT_BYTES) conn->is_readable = false;
    }
    if (conn->has_ended && !conn->is_readable && !owes(worker, conn)) conn_end(worker, conn);
}

void conn_starve(struct worker *worker, struct conn *conn)
{
    if (conn->is_starved) return;
    conn->is_starved = true;
    list_append(&worker->starved, &conn->starved);
}

/* Keep `rest` for later: a head that is not whole yet, or requests of a later turn. False: no memory. */
static bool keep_rest(struct worker *worker, struct conn *conn, struct span rest)
{
    if (rest.size == 0) {
        drop_stash(worker, conn);
        return true;
    }
    if (!conn->stash) {
        size_t capacity;
        conn->stash = block_take(&worker->pool, rest.size < STASH_BYTES_MIN ? STASH_BYTES_MIN : rest.size, &capacity);
        if (!conn->stash) return false;
        conn->stash_capacity = (uint32_t)capacity;
    }
    memmove(conn->stash, rest.data, rest.size);
    conn->stash_size = (uint32_t)rest.size;
    return true;
}

/* Room in the stash for more to be received behind what it holds. */
static bool widen_stash(struct worker *worker, struct conn *conn)
{
    if (conn->stash_size < conn->stash_capacity) return true;
    size_t capacity;
    char *wider = block_take(&worker->pool, (size_t)conn->stash_capacity * 2, &capacity);
    if (!wider) return false;
    memcpy(wider, conn->stash, conn->stash_size);
    block_give(&worker->pool, conn->stash, conn->stash_capacity);
    conn->stash = wider;
    conn->stash_capacity = (uint32_t)capacity;
    return true;
}

/* Receive once. ret_bytes: everything that was not used yet. False: the connection broke. */
static bool receive(struct worker *worker, struct conn *conn, struct span *ret_bytes)
{
    char *to = worker->input;
    size_t room = WORKER_INPUT_BYTES;
    if (conn->stash) {
        if (!widen_stash(worker, conn)) return false;
        to = conn->stash + conn->stash_size;
        room = conn->stash_capacity - conn->stash_size;
    }
    ssize_t n = socket_receive(conn->fd, to, room);
    if (n < 0 && socket_lacks_memory(errno)) {
        conn_starve(worker, conn);
        *ret_bytes = conn->stash ? span_of(conn->stash, conn->stash_size) : span_of(worker->input, 0);
        return true;
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (n == 0) conn->has_ended = true;
    /* Edge-triggered: less than there was room for means that there is no more, until the next event (epoll(7)). */
    if (n < (ssize_t)room && !(n < 0 && errno == EINTR)) conn->is_readable = false;
    if (n > 0 && conn->began_us == 0 && conn->framing == CONTENT_NONE) conn->began_us = worker->turn.now_us;
    if (conn->stash) {
        conn->stash_size += n > 0 ? (uint32_t)n : 0;
        *ret_bytes = span_of(conn->stash, conn->stash_size);
    } else {
        *ret_bytes = span_of(worker->input, n > 0 ? (size_t)n : 0);
    }
    return true;
}

/* When must what comes next have come? */
static void set_deadline(struct worker *worker, struct conn *conn, bool had_stash, bool answered)
{
    const struct worker_options *options = worker->options;
    if (conn->is_waiting && !conn->pending) {
        expect_by(worker, conn, worker->now_ms + options->load_timeout_ms);
    } else if (conn->pending) {
        expect_by(worker, conn, worker->now_ms + options->send_min_window_ms);
    } else if (conn->stash || conn->framing != CONTENT_NONE) {
        /* Absolute: more bytes of the same request do not buy more time. */
        if (!had_stash || answered) expect_by(worker, conn, worker->now_ms + options->request_timeout_ms);
    } else if (conn->was_asked) {
        conn->deadline_ms = worker->now_ms + options->keepalive_timeout_ms;
        if (conn->deadline_ms < conn->timer_at_ms) expect_by(worker, conn, conn->deadline_ms);
    }
}

/* relaxed, and no addition in one step: only this thread writes */
static void add(_Atomic uint64_t *count, unsigned number)
{
    if (number == 0) return;
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + number, memory_order_relaxed);
}

static void count_answers(struct worker *worker)
{
    const struct turn *turn = &worker->turn;
    unsigned hits = 0, misses = 0, turned_away = 0;
    for (unsigned i = 0; i < turn->exchange_count; i++) {
        enum cache_outcome outcome = turn->exchanges[i].outcome;
        hits += outcome == CACHE_HIT || outcome == CACHE_REVALIDATED;
        misses += outcome == CACHE_MISS || outcome == CACHE_LOAD;
        turned_away += turn->exchanges[i].is_turned_away;
    }
    add(&worker->counts.requests, turn->exchange_count);
    add(&worker->counts.hits, hits);
    add(&worker->counts.misses, misses);
    add(&worker->counts.turned_away, turned_away);
}

/* Receive if there is need, and answer what is there. False: the connection broke. */
static bool serve(struct worker *worker, struct conn *conn)
{
    struct span bytes = span_of(conn->stash, conn->stash_size);
    bool had_stash = conn->stash != NULL || conn->framing != CONTENT_NONE;
    /* What is begun can be kept, if the socket does not take its answer, or it is not whole. */
    if (!block_pool_put_aside(&worker->pool)) {
        conn_starve(worker, conn);
        return true;
    }
    if (!conn->has_request && !receive(worker, conn, &bytes)) return false;
    size_t used = conn_input(worker, conn, bytes);
    unsigned answered = worker->turn.exchange_count;
    count_answers(worker);
    if (!conn_send_turn(worker, conn)) return false;
    if (!keep_rest(worker, conn, span_from(bytes, used))) return false;
    if (conn->stash && answered > 0 && conn->began_us == 0) conn->began_us = worker->turn.now_us;
    set_deadline(worker, conn, had_stash, answered > 0);
    return true;
}

/* Is there something to do without another event? */
static bool can_go_on(const struct conn *conn)
{
    if (lending_holds_back(conn)) return false;
    /* Answers go out while the next request waits for a loader, or starves; a stream, when it has brought its window. */
    if (conn->pending)
        return conn->is_writable && !conn->cannot_send && !conn->pace.is_paused &&
               !(conn->is_waiting && conn->pending->stream.entry);
    if (conn->is_waiting || conn->is_starved) return false;
    return conn->has_request || conn->is_readable || conn->closes || conn->has_ended;
}

/* The same as conn_run(), once what came from the sockets in this round was answered. */
static void run_later(struct worker *worker, struct conn *conn)
{
    if (can_go_on(conn) && list_is_empty(&conn->ready)) list_append(&worker->ready, &conn->ready);
}

void conn_run(struct worker *worker, struct conn *conn)
{
    list_remove(&conn->ready);
    if (conn->phase == CONN_LINGERING) {
        linger(worker, conn);
        return;
    }
    for (int i = 0; i < RUNS_MAX && can_go_on(conn); i++) {
        bool is_alive = true, is_stream = false;
        if (conn->pending) {
            is_stream = conn->pending->part == conn->pending->part_count;
            is_alive = conn_send_pending(worker, conn);
            if (is_alive && is_stream && conn->is_waiting)
                expect_by(worker, conn, worker->now_ms + worker->options->load_timeout_ms);
            if (is_alive && !conn->pending && !conn->closes) set_deadline(worker, conn, false, true);
        } else if (conn->closes) {
            finish(worker, conn);
            return;
        } else if (conn->has_request || conn->is_readable) {
            is_alive = serve(worker, conn);
        } else {
            finish(worker, conn); /* it has ended, and all was answered */
            return;
        }
        if (!is_alive) {
            conn_end(worker, conn);
            return;
        }
        if (is_stream) break; /* one slice a turn: fair between downloads */
    }
    run_later(worker, conn);
}

void conn_event(struct worker *worker, struct conn *conn, uint32_t events)
{
    /* Both have said that they will send no more; and yet what was sent may still be on its way. */
    bool has_hung_up = (events & EPOLLHUP) && !(conn->phase == CONN_LINGERING && owes(worker, conn));
    if ((events & EPOLLERR) || has_hung_up) {
        conn_end(worker, conn);
        return;
    }
    if (events & EPOLLOUT) conn->is_writable = true;
    if (events & (EPOLLIN | EPOLLRDHUP)) conn->is_readable = true;
    if (events & EPOLLRDHUP) conn->has_ended = true;
    /* A slice of a stream takes as long as many short answers: those of this round come first. */
    if (conn->pending && conn->pending->stream.entry)
        run_later(worker, conn);
    else
        conn_run(worker, conn);
}

/* A window of the stream that is pending was brought. If it could not be, nothing may touch it, and the answer must not
 * look whole. False: it does not go on now. */
static bool take_window(struct worker *worker, struct conn *conn, struct mail *mail)
{
    struct pending *pending = conn->pending;
    if (mail->status == STATUS_EXHAUSTED) {
        /* It is asked for again, unless it is found to be there. */
        pending->warm_until = pending->stream.offset;
        pending->cold_from = -1;
        conn->cannot_send = true;
        conn_starve(worker, conn);
        return false;
    }
    if (mail->status != STATUS_OK) {
        if (mail->status == STATUS_CHANGED) cache_forget(worker->options->cache, pending->stream.entry);
        socket_reset_on_close(conn->fd);
        conn_end(worker, conn);
        return false;
    }
    pending->copy = mail->data;
    pending->copy_size = mail->size;
    pending->copy_sent = 0;
    mail->data = NULL;
    return true;
}

void conn_mail(struct worker *worker, struct conn *conn, struct mail *mail)
{
    conn->is_waiting = false;
    bool is_window = conn->pending && conn->pending->stream.entry, goes_on = true;
    if (is_window) {
        goes_on = take_window(worker, conn, mail);
        mail_free(mail);
    } else {
        /* The request is asked again with it, once all before it is sent. */
        mail->next = conn->mails;
        conn->mails = mail;
        conn->has_request = true;
    }
    if (goes_on) run_later(worker, conn);
}

static bool is_too_slow(struct worker *worker, struct conn *conn)
{
    const struct worker_options *options = worker->options;
    struct pending *pending = conn->pending;
    int64_t took_us = worker->turn.now_us - pending->rate_from_us;
    if (options->send_min_bytes_s == 0 || took_us < options->send_min_window_ms * 1000) return false;
    /* What lies in the socket's buffer was not taken by anybody yet. */
    uint64_t unsent = socket_unsent_bytes(conn->fd);
    uint64_t taken = pending->sent > unsent ? pending->sent - unsent : 0;
    uint64_t wanted = pending->rate_taken + options->send_min_bytes_s * (uint64_t)took_us / 1000000;
    /* Nobody takes more than a Throttle lets him have. */
    if (conn->pace.set && wanted > pending->rate_sent) wanted = pending->rate_sent;
    bool is_slow = taken < wanted;
    pending->rate_from_us = worker->turn.now_us;
    pending->rate_taken = taken;
    pending->rate_sent = pending->sent;
    return is_slow;
}

/* Send what the turn holds, and then no more. */
static void send_last(struct worker *worker, struct conn *conn)
{
    conn->closes = conn->lingers = true;
    conn->is_waiting = false; /* the mail, if it still comes, is nobody's */
    conn->is_starved = conn->cannot_send = false;
    list_remove(&conn->starved);
    conn_forget_mails(conn);
    bool is_alive = conn_send_turn(worker, conn);
    drop_stash(worker, conn); /* not earlier: the log tells of the request that lies there */
    if (is_alive)
        conn_run(worker, conn);
    else
        conn_end(worker, conn);
}

/* RFC 9110, 15.5.9: the head did not come in time. */
static void refuse_late(struct worker *worker, struct conn *conn)
{
    struct handler handler = worker->options->handler;
    handler.refuse(handler.self, HTTP_REQUEST_TIMEOUT, NULL, &conn->client, &worker->turn);
    send_last(worker, conn);
}

/* RFC 9110, 15.6.4: the disk did not answer in time. The request that waits is the first in the stash. */
static void give_up(struct worker *worker, struct conn *conn)
{
    struct handler handler = worker->options->handler;
    struct turn *turn = &worker->turn;
    struct asking asking = { .closes = true, .peer = &conn->client, .group = conn->group };
    struct h1_parser parser = { 0 };
    enum http_status status;
    enum h1_result result =
        h1_parse(&parser, &worker->options->limits, conn->stash, conn->stash_size, &worker->request, &status);
    ASSERT(result == H1_DONE); /* as when it was asked */
    handler.give_up(handler.self, &worker->request, &asking, turn);
    turn->exchanges[turn->exchange_count - 1].began_us = conn->began_us ? conn->began_us : turn->now_us;
    send_last(worker, conn);
}

/* What was sent so far must not look whole, and what was only lent must not be sent on by nobody. */
static void break_off(struct worker *worker, struct conn *conn)
{
    if (conn->pending || owes(worker, conn)) socket_reset_on_close(conn->fd);
    conn_end(worker, conn);
}

void conn_timer(struct worker *worker, struct conn *conn)
{
    const struct worker_options *options = worker->options;
    bool is_due = worker->now_ms >= conn->deadline_ms;
    bool is_warming = conn->is_waiting && conn->pending && conn->pending->stream.entry;
    bool is_slow = is_due && conn->pending && !is_warming && is_too_slow(worker, conn);
    int64_t waited_us = is_warming ? worker->turn.now_us - conn->pending->warm_from_us : INT64_MAX;
    bool is_hung =
        is_due && (is_warming || (conn->is_waiting && !conn->pending)) && waited_us >= options->load_timeout_ms * 1000;
    bool goes_on = is_due && !is_slow && !is_hung && (conn->pending || conn->is_starved);
    /* Idle, or all was said; but the peer has not taken what it was sent. */
    bool is_quiet = is_due && !conn->pending && !conn->is_starved && !is_hung && !conn->stash;
    bool is_owing = is_quiet && owes(worker, conn) && lending_waits(worker, conn);
    goes_on |= is_owing;
    if (goes_on) conn->deadline_ms = worker->now_ms + (is_owing ? LINGER_MS : options->send_min_window_ms);
    bool resumes = conn->pace.is_paused && worker->now_ms >= conn->pace.until_ms;
    conn->timer_at_ms = conn->deadline_ms;
    if (conn->pace.is_paused && !resumes && conn->pace.until_ms < conn->timer_at_ms)
        conn->timer_at_ms = conn->pace.until_ms;
    timer_wheel_add(&worker->wheel, &conn->timer, conn->timer_at_ms);
    if (!is_due || goes_on) {
        if (resumes) conn->pace.is_paused = false;
        if (resumes) run_later(worker, conn);
        return;
    }
    bool is_open = conn->phase == CONN_OPEN && conn->stash && !conn->pending && !conn->closes;
    if (is_open && is_hung)
        give_up(worker, conn);
    else if (is_open && conn->framing == CONTENT_NONE)
        refuse_late(worker, conn);
    else
        break_off(worker, conn);
}
