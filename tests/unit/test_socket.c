#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../support/scratch.h"
#include "platform/socket.h"

static const struct {
    const char *text, *url;
} addresses[] = {
    { "127.0.0.1", "http://127.0.0.1:8080/" },
    { "0.0.0.0", "http://0.0.0.0:8080/" },
    { "255.255.255.255", "http://255.255.255.255:8080/" },
    { "::1", "http://[::1]:8080/" },
    { "[::1]", "http://[::1]:8080/" },
    { "::", "http://[::]:8080/" },
    { "2001:db8::a", "http://[2001:db8::a]:8080/" },
    { "[2001:DB8:0:0:0:0:0:A]", "http://[2001:db8::a]:8080/" },
    { "unix:/run/folio.sock", "unix:/run/folio.sock" },
    { "unix:s", "unix:s" },
};

static const char *const no_addresses[] = {
    "",
    "localhost",
    "127.0.0.1:80",
    "127.0.0",
    "127.0.0.256",
    " 127.0.0.1",
    "0x7f.1",
    "[127.0.0.1]",
    "[::1",
    "::1]",
    "[]",
    "[",
    "[[::1]]",
    "1:2:3:4:5:6:7:",
    "::1%lo",
    "::1::2",
    "::g",
    "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc",
    "unix:",
    "unix",
    "http://127.0.0.1/",
};

static void addresses_are_read_and_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
        struct socket_address address;
        char url[256];
        if (!socket_address_parse(addresses[i].text, 8080, &address)) fail_msg("%s is refused", addresses[i].text);
        socket_address_url(&address, url, sizeof url);
        assert_string_equal(url, addresses[i].url);
    }
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(no_addresses); i++) {
        struct socket_address address = { .size = 4711 };
        if (socket_address_parse(no_addresses[i], 8080, &address)) fail_msg("%s is taken", no_addresses[i]);
        assert_int_equal(address.size, 4711);
    }
}

static void the_path_of_a_unix_socket_has_its_room(void **state)
{
    (void)state;
    struct sockaddr_un un;
    struct socket_address address;
    char text[sizeof un.sun_path + 6] = "unix:", url[sizeof text];
    memset(text + 5, 'a', sizeof un.sun_path);
    assert_false(socket_address_parse(text, 0, &address));
    text[5 + sizeof un.sun_path - 1] = '\0';
    assert_true(socket_address_parse(text, 0, &address));
    socket_address_url(&address, url, sizeof url);
    assert_string_equal(url, text);
}

static void every_address_of_a_family_has_a_name(void **state)
{
    (void)state;
    struct socket_address address;
    char url[64];
    socket_address_any(AF_INET, 80, &address);
    socket_address_url(&address, url, sizeof url);
    assert_string_equal(url, "http://0.0.0.0:80/");
    socket_address_any(AF_INET6, 65535, &address);
    socket_address_url(&address, url, sizeof url);
    assert_string_equal(url, "http://[::]:65535/");
}

/* A listener on loopback, at a port that the kernel chose; `address` tells which. */
static int listen_at(const char *text, bool shares, struct socket_address *address)
{
    assert_true(socket_address_parse(text, 0, address));
    int listener = socket_listen(address, shares);
    if (listener >= 0) socket_address_learn(listener, address);
    return listener;
}

/* Never waits: on loopback the handshake is over when connect() returns. */
static int connect_to(const struct socket_address *address)
{
    int fd = socket(address->at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    int connected = connect(fd, &address->at.any, address->size);
    assert_true(connected == 0 || errno == EINPROGRESS);
    return fd;
}

static bool can_be_written(int fd, int patience_ms)
{
    struct pollfd wait = { .fd = fd, .events = POLLOUT };
    return poll(&wait, 1, patience_ms) == 1 && wait.revents == POLLOUT;
}

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

static void a_connection_is_accepted_ready_to_use(void **state)
{
    (void)state;
    struct socket_address address;
    struct peer_address peer;
    int listener = listen_at("127.0.0.1", false, &address);
    assert_true(listener >= 0);
    assert_int_not_equal(address.at.v4.sin_port, 0);
    assert_int_equal(socket_accept(listener, &peer), -1); /* does not wait */
    assert_int_equal(errno, EAGAIN);
    int client = connect_to(&address);
    assert_true(can_be_written(client, 5000));
    int fd = socket_accept(listener, &peer);
    assert_true(fd >= 0);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(listener, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(listener, F_GETFD) & FD_CLOEXEC);
    struct socket_address own = { 0 };
    socket_address_learn(client, &own);
    assert_int_equal(peer.port, ntohs(own.at.v4.sin_port));
    assert_int_equal(peer.is_unix, 0);
    char text[PEER_TEXT_BYTES];
    assert_int_equal(peer_address_text(&peer, text), 9);
    assert_memory_equal(text, "127.0.0.1", 9);
    close(fd);
    close(client);
    close(listener);
}

static void both_families_listen_at_one_port(void **state)
{
    (void)state;
    struct socket_address six, four;
    struct peer_address peer;
    int listener_six = listen_at("::", false, &six);
    if (listener_six < 0 && errno == EAFNOSUPPORT) skip();
    assert_true(socket_address_parse("127.0.0.1", ntohs(six.at.v6.sin6_port), &four));
    int listener_four = socket_listen(&four, false);
    assert_true(listener_four >= 0);
    assert_true(socket_address_parse("::1", ntohs(six.at.v6.sin6_port), &six));
    int client = connect_to(&six);
    assert_true(can_be_written(client, 5000));
    int fd = socket_accept(listener_six, &peer);
    assert_true(fd >= 0);
    char text[PEER_TEXT_BYTES];
    assert_int_equal(peer_address_text(&peer, text), 3);
    assert_memory_equal(text, "::1", 3);
    close(fd);
    close(client);
    close(listener_four);
    close(listener_six);
}

static void only_sharers_listen_at_the_same_port(void **state)
{
    (void)state;
    struct socket_address address;
    int one = listen_at("127.0.0.1", true, &address), other = socket_listen(&address, true);
    assert_true(one >= 0 && other >= 0);
    assert_int_equal(socket_listen(&address, false), -1);
    assert_int_equal(errno, EADDRINUSE);
    close(one);
    close(other);
    one = socket_listen(&address, false);
    assert_true(one >= 0);
    assert_int_equal(socket_listen(&address, true), -1);
    assert_int_equal(errno, EADDRINUSE);
    close(one);
}

static void a_port_can_be_listened_at_again_at_once(void **state)
{
    (void)state;
    struct socket_address address;
    struct peer_address peer;
    int listener = listen_at("127.0.0.1", false, &address), client = connect_to(&address);
    assert_true(can_be_written(client, 5000));
    int fd = socket_accept(listener, &peer);
    close(fd); /* first: this side keeps the port in TIME-WAIT */
    close(client);
    close(listener);
    listener = socket_listen(&address, false);
    assert_true(listener >= 0);
    close(listener);
}

static void a_unix_socket_is_replaced_only_when_nobody_listens(void **state)
{
    (void)state;
    struct scratch scratch;
    struct socket_address address;
    struct peer_address peer;
    char text[128], out[PEER_TEXT_BYTES];
    scratch_open(&scratch, NULL);
    snprintf(text, sizeof text, "unix:%s/socket", scratch.path);
    int listener = listen_at(text, true, &address);
    assert_true(listener >= 0);
    assert_int_equal(socket_listen(&address, true), -1);
    assert_int_equal(errno, EADDRINUSE);
    int client = connect_to(&address);
    int fd = socket_accept(listener, &peer);
    assert_true(fd >= 0);
    assert_int_equal(peer.is_unix, 1);
    assert_int_equal(peer.port, 0);
    assert_int_equal(peer_address_text(&peer, out), 5);
    assert_memory_equal(out, "unix:", 5);
    close(fd);
    close(client);
    close(listener);
    listener = socket_listen(&address, true);
    assert_true(listener >= 0);
    close(connect_to(&address));
    close(listener);
    scratch_close(&scratch);
}

static void what_is_no_socket_is_not_removed_for_one(void **state)
{
    (void)state;
    struct scratch scratch;
    struct socket_address address;
    struct stat st;
    char text[128];
    scratch_open(&scratch, NULL);
    scratch_text(&scratch, "file", "precious");
    snprintf(text, sizeof text, "unix:%s/file", scratch.path);
    assert_int_equal(listen_at(text, false, &address), -1);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(fstatat(scratch.fd, "file", &st, 0), 0);
    assert_int_equal(st.st_size, 8);
    snprintf(text, sizeof text, "unix:%s/no/such/folder", scratch.path);
    assert_int_equal(listen_at(text, false, &address), -1);
    assert_int_equal(errno, ENOENT);
    scratch_close(&scratch);
}

static void a_listener_that_refuses_new_ones_loses_nobody_who_was_let_in(void **state)
{
    (void)state;
    struct socket_address address;
    struct peer_address peer;
    int listener = listen_at("127.0.0.1", true, &address);
    int early = connect_to(&address);
    assert_true(can_be_written(early, 5000));
    assert_false(socket_refuses_new(listener));
    socket_refuse_new(listener);
    assert_true(socket_refuses_new(listener));
    int late = connect_to(&address);
    assert_false(can_be_written(late, 20));
    int fd = socket_accept(listener, &peer);
    assert_true(fd >= 0);
    assert_int_equal(socket_accept(listener, &peer), -1);
    close(listener);
    assert_int_equal(send(early, "x", 1, 0), 1);
    char byte;
    assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 5000), 1);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    close(fd);
    close(early);
    close(late);
}

static void a_listener_can_let_them_in_again(void **state)
{
    (void)state;
    struct socket_address address;
    int listener = listen_at("127.0.0.1", true, &address);
    socket_refuse_new(listener);
    socket_admit_new(listener);
    assert_false(socket_refuses_new(listener));
    int fd = connect_to(&address);
    assert_true(can_be_written(fd, 5000));
    close(fd);
    close(listener);
}

/* The kernel shares connections out to those that listen only. */
static void what_is_bound_takes_nobody_before_it_listens(void **state)
{
    (void)state;
    struct socket_address address;
    struct peer_address peer;
    int serving = listen_at("127.0.0.1", true, &address), bound = socket_bind(&address, true), clients[20];
    assert_true(bound >= 0);
    for (int i = 0; i < 20; i++) {
        clients[i] = connect_to(&address);
        assert_true(can_be_written(clients[i], 5000));
    }
    for (int i = 0; i < 20; i++) {
        int fd = socket_accept(serving, &peer);
        assert_true(fd >= 0);
        close(fd);
        close(clients[i]);
    }
    assert_true(socket_begin_listening(bound));
    close(serving);
    int last = connect_to(&address);
    assert_true(can_be_written(last, 5000));
    int fd = socket_accept(bound, &peer);
    assert_true(fd >= 0);
    close(fd);
    close(last);
    close(bound);
}

static void a_connection_can_be_reset(void **state)
{
    (void)state;
    struct socket_address address;
    struct peer_address peer;
    int listener = listen_at("127.0.0.1", false, &address), client = connect_to(&address);
    assert_true(can_be_written(client, 5000));
    int fd = socket_accept(listener, &peer);
    socket_reset_on_close(fd);
    close(fd);
    char byte;
    assert_int_equal(poll(&(struct pollfd){ .fd = client, .events = POLLIN }, 1, 5000), 1);
    assert_int_equal(recv(client, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(client);
    close(listener);
}

static void peers_are_named_by_their_address(void **state)
{
    (void)state;
    static const struct {
        struct peer_address peer;
        const char *text;
    } peers[] = {
        { { .bytes = { [10] = 0xff, 0xff, 0, 0, 0, 0 } }, "0.0.0.0" },
        { { .bytes = { [10] = 0xff, 0xff, 1, 20, 100, 255 } }, "1.20.100.255" },
        { { .bytes = { [10] = 0xff, 0xff, 9, 10, 99, 101 } }, "9.10.99.101" },
        { { .bytes = { [10] = 0xff, 0xff, 255, 255, 255, 255 } }, "255.255.255.255" },
        { { .bytes = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } }, "2001:db8::1" },
        { { .bytes = { 0 } }, "::" },
        { { .bytes = { 0xff, 0xfe, 0xff, 0xfe, 0xff, 0xfe, 0xff, 0xfe, 0xff, 0xfe, 0xff, 0xfe, 0xff, 0xfe, 0xff,
                       0xfe } },
          "fffe:fffe:fffe:fffe:fffe:fffe:fffe:fffe" },
        { { .is_unix = 1 }, "unix:" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(peers); i++) {
        char out[PEER_TEXT_BYTES];
        size_t size = peer_address_text(&peers[i].peer, out);
        assert_int_equal(size, strlen(peers[i].text));
        assert_memory_equal(out, peers[i].text, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(the_path_of_a_unix_socket_has_its_room),
        cmocka_unit_test(every_address_of_a_family_has_a_name),
        cmocka_unit_test(a_connection_is_accepted_ready_to_use),
        cmocka_unit_test(both_families_listen_at_one_port),
        cmocka_unit_test(only_sharers_listen_at_the_same_port),
        cmocka_unit_test(a_port_can_be_listened_at_again_at_once),
        cmocka_unit_test(a_unix_socket_is_replaced_only_when_nobody_listens),
        cmocka_unit_test(what_is_no_socket_is_not_removed_for_one),
        cmocka_unit_test(a_listener_that_refuses_new_ones_loses_nobody_who_was_let_in),
        cmocka_unit_test(a_listener_can_let_them_in_again),
        cmocka_unit_test(what_is_bound_takes_nobody_before_it_listens),
        cmocka_unit_test(a_connection_can_be_reset),
        cmocka_unit_test(peers_are_named_by_their_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
