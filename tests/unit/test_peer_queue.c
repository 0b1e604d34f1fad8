#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compiler.h"
#include "platform/peer_queue.h"

static int queues;

static int with_queues(void **state)
{
    (void)state;
    queues = peer_queue_open();
    return 0;
}

static int without_them(void **state)
{
    (void)state;
    return queues < 0 ? 0 : close(queues);
}

struct pair {
    int ours, theirs;
    struct peer_address peer; /* of ours */
};

static struct pair connect_at(const char *text)
{
    struct pair pair;
    struct socket_address address;
    assert_true(socket_address_parse(text, 0, &address));
    int listener = socket_listen(&address, false);
    if (listener < 0) skip(); /* there is no IPv6 */
    socket_address_learn(listener, &address);
    pair.theirs = socket(address.at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(pair.theirs >= 0);
    assert_int_equal(connect(pair.theirs, &address.at.any, address.size), 0);
    pair.ours = socket_accept(listener, &pair.peer);
    assert_true(pair.ours >= 0);
    close(listener);
    return pair;
}

/* What arrives over loopback is there when send() has returned, or soon. */
static void check_bytes(const struct pair *pair, uint64_t wanted)
{
    enum { TRIES_MAX = 5000 };
    uint64_t bytes = UINT64_MAX;
    for (int tries = 0; tries < TRIES_MAX && bytes != wanted; tries++) {
        assert_true(peer_queue_ask(queues, pair->ours, &pair->peer, &bytes));
        if (bytes != wanted) usleep(1000);
    }
    assert_int_equal(bytes, wanted);
}

static const char *const addresses[] = { "127.0.0.1", "[::1]" };

static void the_queue_of_a_peer_is_what_it_has_not_read(void **state)
{
    (void)state;
    if (queues < 0) skip();
    for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
        struct pair pair = connect_at(addresses[i]);
        char room[300] = { 0 };
        check_bytes(&pair, 0);
        assert_int_equal(send(pair.ours, room, 300, 0), 300);
        check_bytes(&pair, 300);
        /* What it sends is in our queue, not in its own. */
        assert_int_equal(send(pair.theirs, room, 50, 0), 50);
        check_bytes(&pair, 300);
        assert_int_equal(recv(pair.theirs, room, 100, MSG_WAITALL), 100);
        check_bytes(&pair, 200);
        assert_int_equal(recv(pair.theirs, room, 200, MSG_WAITALL), 200);
        check_bytes(&pair, 0);
        close(pair.ours);
        close(pair.theirs);
    }
}

/* When somebody listens where it was, his queue, which is of connections, is not taken for its own. */
static void a_peer_that_is_gone_has_nothing(void **state)
{
    (void)state;
    if (queues < 0) skip();
    struct pair pair = connect_at("127.0.0.1");
    struct socket_address there;
    socket_address_learn(pair.theirs, &there);
    assert_int_equal(send(pair.ours, "bytes", 5, 0), 5);
    check_bytes(&pair, 5);
    struct linger reset = { .l_onoff = 1 };
    assert_int_equal(setsockopt(pair.theirs, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(pair.theirs);
    check_bytes(&pair, 0);
    int listener = socket_listen(&there, false);
    if (listener < 0) skip(); /* somebody else, or the system itself, was given the port meanwhile */
    int waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(waiting, &there.at.any, there.size), 0);
    check_bytes(&pair, 0);
    close(waiting);
    close(listener);
    close(pair.ours);
}

static void what_is_no_tcp_cannot_be_told(void **state)
{
    (void)state;
    if (queues < 0) skip();
    struct pair pair = connect_at("127.0.0.1");
    uint64_t bytes = 4711;
    struct peer_address by_path = { .is_unix = 1 };
    assert_false(peer_queue_ask(queues, pair.ours, &by_path, &bytes));
    assert_false(peer_queue_ask(-1, pair.ours, &pair.peer, &bytes));
    assert_false(peer_queue_ask(queues, -1, &pair.peer, &bytes));
    assert_int_equal(bytes, 4711);
    close(pair.ours);
    close(pair.theirs);
}

static void a_peer_is_here_if_its_address_is_of_this_machine(void **state)
{
    (void)state;
    struct pair pair = connect_at("127.0.0.1");
    static const struct {
        struct peer_address peer;
        bool is_here;
    } rows[] = {
        { { .is_unix = 1 }, true },
        { { .bytes = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } }, true },
        { { .bytes = { [10] = 0xff, [11] = 0xff, [12] = 127, [13] = 9, [15] = 7 } }, true },
        { { .bytes = { [15] = 1 } }, true },
        { { .bytes = { [10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1 } }, false },
        { { .bytes = { [0] = 0x20, [1] = 0x01, [2] = 0x0d, [3] = 0xb8, [15] = 1 } }, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        assert_int_equal(peer_is_here(pair.ours, &rows[i].peer), rows[i].is_here);
    assert_true(peer_is_here(pair.ours, &pair.peer));
    close(pair.ours);
    close(pair.theirs);
}

#define WITH_QUEUES(test) cmocka_unit_test_setup_teardown(test, with_queues, without_them)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_QUEUES(the_queue_of_a_peer_is_what_it_has_not_read),
        WITH_QUEUES(a_peer_that_is_gone_has_nothing),
        WITH_QUEUES(what_is_no_tcp_cannot_be_told),
        WITH_QUEUES(a_peer_is_here_if_its_address_is_of_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
