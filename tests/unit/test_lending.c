#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cache/entry.h"
#include "net/lending.h"
#include "net/worker.h"
#include "platform/peer_queue.h"

enum { CONNS = 4, NOW_MS = 5000000, SOON_MS = 2, LATER_MS = 20, LOOK_MS = 1000, PATIENCE_MS = 1000 };

/* Sockets, and what is done to them. A connection's descriptor is its place here. */
static struct peer {
    uint64_t unsent, unread;
    bool is_unseen; /* nobody can tell what it has not read */
    bool is_here;
    bool is_corked, is_reset, is_ended;
    unsigned runs;
} peers[CONNS];

static struct worker worker;
static struct worker_options options;
static struct conn conns[CONNS];
static struct pending pending;
static struct entry *stream, *other;
static struct entry *borrows_anew; /* a connection that goes on sends this stream; NULL: none */

uint64_t __wrap_socket_unsent_bytes(int fd);
uint64_t __wrap_socket_unsent_bytes(int fd)
{
    return peers[fd].unsent;
}

bool __wrap_peer_queue_ask(int queues, int fd, const struct peer_address *peer, uint64_t *ret_bytes);
bool __wrap_peer_queue_ask(int queues, int fd, const struct peer_address *peer, uint64_t *ret_bytes)
{
    assert_ptr_equal(peer, &conns[fd].peer);
    assert_false(peer->is_unix);
    if (queues < 0 || peers[fd].is_unseen) return false;
    *ret_bytes = peers[fd].unread;
    return true;
}

bool __wrap_peer_is_here(int fd, const struct peer_address *peer);
bool __wrap_peer_is_here(int fd, const struct peer_address *peer)
{
    assert_ptr_equal(peer, &conns[fd].peer);
    return peers[fd].is_here;
}

void __wrap_socket_cork(int fd, bool on);
void __wrap_socket_cork(int fd, bool on)
{
    peers[fd].is_corked = on;
}

void __wrap_socket_reset_on_close(int fd);
void __wrap_socket_reset_on_close(int fd)
{
    peers[fd].is_reset = true;
}

void __wrap_conn_end(struct worker *of, struct conn *conn);
void __wrap_conn_end(struct worker *of, struct conn *conn)
{
    lending_end(of, conn);
    peers[conn->fd].is_ended = true;
}

void __wrap_conn_run(struct worker *of, struct conn *conn);
void __wrap_conn_run(struct worker *of, struct conn *conn)
{
    peers[conn->fd].runs++;
    if (borrows_anew) assert_true(lending_may_send(of, conn, borrows_anew));
}

bool __wrap_lease_borrow(struct lease *lease);
bool __wrap_lease_borrow(struct lease *lease)
{
    if (lease_is_recalled(lease)) return false;
    lease->borrowers++;
    return true;
}

void __wrap_lease_give_back(struct lease *lease);
void __wrap_lease_give_back(struct lease *lease)
{
    assert_true(lease->borrowers > 0);
    lease->borrowers--;
}

static struct lease *lease_of(struct entry *entry)
{
    return &entry_stream(entry)->lease;
}

static void recall(struct entry *entry)
{
    lease_of(entry)->recalled_ms = worker.now_ms;
    lease_of(entry)->is_recalled = 1;
}

static int with_a_worker(void **state)
{
    (void)state;
    options = (struct worker_options){ .send_min_bytes_s = 0 };
    worker = (struct worker){ .options = &options, .now_ms = NOW_MS, .look_at_ms = INT64_MAX, .peer_queues = 0 };
    list_init(&worker.lending);
    memset(peers, 0, sizeof peers);
    memset(conns, 0, sizeof conns);
    for (int i = 0; i < CONNS; i++) {
        conns[i].fd = i;
        conns[i].phase = CONN_OPEN;
        list_init(&conns[i].lending_link);
    }
    stream = entry_new(ENTRY_STREAM, SPAN("/stream"), 0, 0, 100);
    other = entry_new(ENTRY_STREAM, SPAN("/other"), 0, 0, 100);
    pending = (struct pending){ .stream.entry = stream };
    borrows_anew = NULL;
    return 0;
}

/* All is given back when the connections are closed. */
static int without_it(void **state)
{
    (void)state;
    for (int i = 0; i < CONNS; i++) lending_end(&worker, &conns[i]);
    bool is_clean = worker.lending_count == 0 && list_is_empty(&worker.lending) && worker.look_at_ms == INT64_MAX &&
                    stream->references == 1 && other->references == 1 && lease_of(stream)->borrowers == 0 &&
                    lease_of(other)->borrowers == 0;
    entry_unref(stream);
    entry_unref(other);
    return is_clean ? 0 : -1;
}

static void a_connection_borrows_from_one_stream_at_a_time(void **state)
{
    (void)state;
    assert_true(lending_may_send(&worker, &conns[0], stream));
    assert_true(lending_may_send(&worker, &conns[0], stream)); /* it has borrowed already */
    assert_int_equal(lease_of(stream)->borrowers, 1);
    assert_int_equal(stream->references, 2);
    assert_int_equal(worker.lending_count, 1);
    assert_int_equal(worker.look_at_ms, NOW_MS + LOOK_MS);
    peers[0].unread = 1;
    assert_false(lending_may_send(&worker, &conns[0], other));
    assert_int_equal(lease_of(stream)->borrowers, 1);
    peers[0].unread = 0;
    assert_true(lending_may_send(&worker, &conns[0], other));
    assert_int_equal(lease_of(stream)->borrowers, 0);
    assert_int_equal(stream->references, 1);
    assert_int_equal(lease_of(other)->borrowers, 1);
    assert_int_equal(worker.lending_count, 1);
}

static void of_a_recalled_stream_nothing_more_is_lent(void **state)
{
    (void)state;
    assert_true(lending_may_send(&worker, &conns[0], stream));
    recall(stream);
    assert_false(lending_may_send(&worker, &conns[0], stream));
    assert_false(lending_may_send(&worker, &conns[1], stream));
    assert_int_equal(worker.lending_count, 1);
    assert_int_equal(stream->references, 2);
}

static void nothing_is_lent_to_a_peer_here_who_cannot_be_seen(void **state)
{
    (void)state;
    worker.peer_queues = -1;
    peers[0].is_here = true;
    assert_false(lending_may_send(&worker, &conns[0], stream));
    assert_true(lending_may_send(&worker, &conns[1], stream));
    peers[2].is_here = true;
    conns[2].peer.is_unix = 1; /* of its socket the sender knows all */
    assert_true(lending_may_send(&worker, &conns[2], stream));
}

static void so_many_borrow_at_a_time_and_no_more(void **state)
{
    (void)state;
    options.borrowers_max = 2;
    assert_true(lending_may_send(&worker, &conns[0], stream));
    assert_true(lending_may_send(&worker, &conns[1], other));
    assert_false(lending_may_send(&worker, &conns[2], stream));
    assert_true(lending_may_send(&worker, &conns[0], stream)); /* who has goes on */
    lending_end(&worker, &conns[1]);
    lending_end(&worker, &conns[1]);
    assert_true(lending_may_send(&worker, &conns[2], stream));
    options.borrowers_max = 0; /* any */
    assert_true(lending_may_send(&worker, &conns[3], stream));
}

static void a_peer_has_all_when_no_more_is_owed_than_was_sent_since(void **state)
{
    (void)state;
    static const struct {
        struct peer peer;
        bool is_unix;
        uint64_t sent_since;
        bool goes_on;
    } rows[] = {
        { { .unsent = 0 }, false, 0, false },
        { { .unsent = 1 }, false, 0, true },
        { { .unread = 1 }, false, 0, true },
        { { .unsent = 5 }, false, 5, false },
        { { .unsent = 5 }, false, 4, true },
        { { .unsent = 2, .unread = 3 }, false, 5, false },
        { { .unsent = 2, .unread = 3 }, false, 4, true },
        /* who cannot be seen has nothing, if he is here; what was acknowledged from afar was copied there */
        { { .is_unseen = true, .is_here = true }, false, 1000000, true },
        { { .is_unseen = true }, false, 0, false },
        { { .is_unseen = true, .unsent = 1 }, false, 0, true },
        /* a Unix socket's peer may have any of it until its queue is empty */
        { { .unsent = 0 }, true, 0, false },
        { { .unsent = 1 }, true, 1000000, true },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct conn *conn = &conns[0];
        conn->peer.is_unix = rows[i].is_unix;
        peers[0] = (struct peer){ .unsent = 0 };
        assert_false(lending_goes_on(&worker, conn));
        assert_true(lending_may_send(&worker, conn, stream));
        peers[0] = rows[i].peer;
        lending_note_sent(conn, 77);
        lending_note_lent(conn); /* what was sent before the last of it does not count */
        lending_note_sent(conn, rows[i].sent_since / 2);
        lending_note_sent(conn, rows[i].sent_since - rows[i].sent_since / 2);
        if (lending_goes_on(&worker, conn) != rows[i].goes_on) fail_msg("row %zu", i);
        if ((conn->lending.lent != NULL) != rows[i].goes_on) fail_msg("row %zu", i);
        lending_end(&worker, conn);
    }
}

/* Only its empty queue tells that it has all: it must come to be empty. */
static void a_unix_socket_is_held_back_while_a_writer_waits(void **state)
{
    (void)state;
    conns[0].peer.is_unix = 1;
    assert_false(lending_holds_back(&conns[0]));
    assert_true(lending_may_send(&worker, &conns[0], stream));
    assert_true(lending_may_send(&worker, &conns[1], stream));
    assert_false(lending_holds_back(&conns[0]));
    recall(stream);
    assert_true(lending_holds_back(&conns[0]));
    assert_false(lending_holds_back(&conns[1]));
}

static void a_peer_is_waited_for_as_long_as_it_takes_some_of_it_in_time(void **state)
{
    (void)state;
    static const struct {
        int64_t after_ms;
        uint64_t unsent;
        bool waits;
    } rows[] = {
        { 0, 100, true }, { 9, 100, true }, { 9, 90, true },   { 18, 90, true },
        { 18, 89, true }, { 27, 89, true }, { 28, 89, false }, { 40, 80, true }, /* it may have had its reasons */
    };
    struct conn *conn = &conns[0];
    options.send_min_bytes_s = 1;
    options.send_min_window_ms = 10;
    peers[0].unsent = 100;
    assert_true(lending_may_send(&worker, conn, stream));
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        worker.now_ms = NOW_MS + rows[i].after_ms;
        peers[0].unsent = rows[i].unsent;
        assert_true(lending_goes_on(&worker, conn));
        if (lending_waits(&worker, conn) != rows[i].waits) fail_msg("row %zu", i);
    }
    options.send_min_bytes_s = 0; /* for ever */
    worker.now_ms += 1000000;
    assert_true(lending_waits(&worker, conn));
}

static void what_a_peer_has_is_given_back_at_the_next_look(void **state)
{
    (void)state;
    for (int i = 0; i < CONNS; i++) assert_true(lending_may_send(&worker, &conns[i], stream));
    peers[0].unread = 1;         /* it has not */
    conns[1].pending = &pending; /* more of it is to be sent */
    conns[2].phase = CONN_LINGERING;
    conns[2].has_ended = true; /* was kept for that only */
    conns[3].has_ended = true; /* is answered yet */
    worker.now_ms += LOOK_MS;
    lending_look(&worker);
    assert_ptr_equal(conns[0].lending.lent, stream);
    assert_ptr_equal(conns[1].lending.lent, stream);
    assert_null(conns[2].lending.lent);
    assert_true(peers[2].is_ended);
    assert_false(peers[2].is_reset);
    assert_null(conns[3].lending.lent);
    assert_false(peers[3].is_ended);
    assert_int_equal(worker.look_at_ms, worker.now_ms + LOOK_MS);
    /* What a Throttle makes wait borrows anew when it goes on. */
    conns[1].pace.is_paused = true;
    peers[0].unread = 0;
    lending_look(&worker);
    assert_null(conns[1].lending.lent);
    assert_int_equal(worker.look_at_ms, INT64_MAX);
    assert_int_equal(worker.lending_count, 0);
}

static void when_a_writer_waits_all_who_have_all_give_back_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < CONNS; i++) assert_true(lending_may_send(&worker, &conns[i], i < 3 ? stream : other));
    conns[0].pending = &pending; /* what is left of it is copied */
    conns[0].has_ended = true;
    conns[1].peer.is_unix = 1; /* was held back */
    conns[2].phase = CONN_LINGERING;
    conns[2].has_ended = true;
    peers[3].unread = 1;
    recall(stream);
    worker.borrower.was_asked = 1;
    lending_look(&worker);
    assert_int_equal(worker.borrower.was_asked, 0);
    for (int i = 0; i < 3; i++) {
        assert_null(conns[i].lending.lent);
        assert_false(peers[i].is_reset);
        assert_int_equal(peers[i].runs, i == 1);
        assert_int_equal(peers[i].is_ended, i == 2);
    }
    assert_ptr_equal(conns[3].lending.lent, other);
    assert_int_equal(worker.look_at_ms, worker.now_ms + LOOK_MS);
}

static void a_writer_waits_for_who_has_not_and_looks_often(void **state)
{
    (void)state;
    assert_true(lending_may_send(&worker, &conns[0], stream));
    assert_true(lending_may_send(&worker, &conns[1], other));
    peers[0].unsent = peers[1].unsent = 1;
    peers[0].is_corked = pending.is_corked = true;
    conns[0].pending = &pending;
    recall(stream);
    worker.now_ms += PATIENCE_MS - 1;
    lending_look(&worker);
    assert_ptr_equal(conns[0].lending.lent, stream);
    assert_false(peers[0].is_ended);
    assert_int_equal(worker.look_at_ms, worker.now_ms + SOON_MS);
    /* Half a segment would lie there until there is more. */
    assert_false(peers[0].is_corked);
    assert_false(pending.is_corked);
    peers[0].unsent = 0;
    lending_look(&worker);
    assert_null(conns[0].lending.lent);
    assert_int_equal(worker.look_at_ms, worker.now_ms + LOOK_MS);
}

/* Only an answer that is not whole yet is broken off so that its client can tell. */
static void a_writer_waits_so_long_and_then_who_can_be_broken_off_is(void **state)
{
    (void)state;
    static const struct {
        bool is_unix, is_half_sent;
        uint64_t unsent, unread, sent_since;
        bool is_broken_off;
    } rows[] = {
        { false, true, 1, 0, 0, true },
        { false, true, 0, 1, 0, true },
        { true, true, 1, 0, 0, true },
        { false, false, 1, 0, 0, true },
        { false, false, 5, 0, 4, true },
        { false, false, 0, 1, 0, false }, /* its system has all: the answer is whole, and only not read */
        { false, false, 4, 2, 4, false },
        { true, false, 1, 0, 0, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct conn *conn = &conns[0];
        without_it(NULL);
        with_a_worker(NULL);
        assert_true(lending_may_send(&worker, conn, stream));
        lending_note_lent(conn);
        lending_note_sent(conn, rows[i].sent_since);
        conn->peer.is_unix = rows[i].is_unix;
        conn->pending = rows[i].is_half_sent ? &pending : NULL;
        peers[0] = (struct peer){ .unsent = rows[i].unsent, .unread = rows[i].unread };
        recall(stream);
        worker.now_ms += PATIENCE_MS;
        lending_look(&worker);
        bool is_whole = rows[i].is_broken_off && !rows[i].is_half_sent;
        if (peers[0].is_reset != rows[i].is_broken_off || peers[0].is_ended != rows[i].is_broken_off)
            fail_msg("row %zu", i);
        assert_int_equal(worker.look_at_ms, rows[i].is_broken_off ? INT64_MAX : worker.now_ms + LATER_MS);
        /* Of what is pending the connection itself counts and logs that it was broken off. */
        assert_int_equal(worker.counts.aborted, is_whole);
    }
}

static void who_goes_on_may_borrow_again(void **state)
{
    (void)state;
    conns[0].peer.is_unix = 1;
    assert_true(lending_may_send(&worker, &conns[0], stream));
    recall(stream);
    borrows_anew = other;
    worker.now_ms += 3;
    lending_look(&worker);
    assert_ptr_equal(conns[0].lending.lent, other);
    assert_int_equal(peers[0].runs, 1);
    assert_int_equal(worker.look_at_ms, worker.now_ms + LOOK_MS);
}

static void each_is_looked_at_once_a_round_and_the_soonest_counts(void **state)
{
    (void)state;
    for (int i = 0; i < CONNS; i++) assert_true(lending_may_send(&worker, &conns[i], i == 1 ? stream : other));
    for (int i = 0; i < CONNS; i++) peers[i].unsent = 1;
    recall(stream);
    lending_look(&worker);
    assert_int_equal(worker.look_at_ms, worker.now_ms + SOON_MS);
    assert_int_equal(worker.lending_count, CONNS);
    int next = 0;
    for (struct list *at = worker.lending.next; at != &worker.lending; at = at->next, next++)
        assert_ptr_equal(CONTAINER_OF(at, struct conn, lending_link), &conns[next]);
    assert_int_equal(next, CONNS);
}

#define WITH_A_WORKER(test) cmocka_unit_test_setup_teardown(test, with_a_worker, without_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_WORKER(a_connection_borrows_from_one_stream_at_a_time),
        WITH_A_WORKER(of_a_recalled_stream_nothing_more_is_lent),
        WITH_A_WORKER(nothing_is_lent_to_a_peer_here_who_cannot_be_seen),
        WITH_A_WORKER(so_many_borrow_at_a_time_and_no_more),
        WITH_A_WORKER(a_peer_has_all_when_no_more_is_owed_than_was_sent_since),
        WITH_A_WORKER(a_unix_socket_is_held_back_while_a_writer_waits),
        WITH_A_WORKER(a_peer_is_waited_for_as_long_as_it_takes_some_of_it_in_time),
        WITH_A_WORKER(what_a_peer_has_is_given_back_at_the_next_look),
        WITH_A_WORKER(when_a_writer_waits_all_who_have_all_give_back_at_once),
        WITH_A_WORKER(a_writer_waits_for_who_has_not_and_looks_often),
        WITH_A_WORKER(a_writer_waits_so_long_and_then_who_can_be_broken_off_is),
        WITH_A_WORKER(who_goes_on_may_borrow_again),
        WITH_A_WORKER(each_is_looked_at_once_a_round_and_the_soonest_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
