/* steady.c - clients that ask without a pause, and forgive nothing, while something happens to the server.
 *
 *   steady --make DIR --files N                     makes the files, and ends
 *   steady --address 127.0.0.1:PORT --files N [--connections N]
 *
 * File i is known by its number alone: its path, its size, and that its content is its path and a newline over and over; so each
 * byte of each answer is checked. Every other connection is kept for as long as the server keeps it (an answer may say that it is
 * the last, RFC 9112, 9.6), the rest ask once. A request has failed when its connection is refused or ends before the whole answer
 * was there, or when the answer is another than it must be. It prints "asking", asks until its standard input ends, waits for
 * what was begun, and prints one line of JSON. On SIGUSR1 it prints one, too: what there was since the last.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    FOLDER_FILES = 1000,
    PATH_BYTES = 64,
    SIZE_LEAST = 200,
    SIZE_RANGE = 1800,
    ANSWER_BYTES = 8192,
    CONNECTIONS_MAX = 1024,
    EVENTS_MAX = 256,
    LAST_WAIT_MS = 20000, /* for what was begun */
};

struct connection {
    int fd; /* -1: none */
    bool is_kept, was_answered;
    bool is_asking; /* a request is under way */
    uint32_t file;
    uint32_t got;
    int64_t asked_us;
    char answer[ANSWER_BYTES];
};

static struct sockaddr_in server = { .sin_family = AF_INET };
static struct connection *connections;
static unsigned connection_count = 32;
static uint32_t file_count;
static int epoll;
static uint64_t seed = 88172645463325252u;
static bool ends;
static struct {
    uint64_t answered, failed, last_answers;
    int64_t longest_us;
    char first_failure[200];
} counts;

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void die(const char *what)
{
    fprintf(stderr, "steady: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* Every tenth name has spaces. `space` is how one is written. */
static size_t path_of(uint32_t file, const char *space, char out[PATH_BYTES])
{
    unsigned folder = file / FOLDER_FILES;
    int size = file % 10 ? snprintf(out, PATH_BYTES, "/d%04u/file%u.txt", folder, file)
                         : snprintf(out, PATH_BYTES, "/d%04u/a%sfile%s%u.txt", folder, space, space, file);
    return (size_t)size;
}

static size_t size_of(uint32_t file)
{
    return SIZE_LEAST + (size_t)file * 7919 % SIZE_RANGE;
}

static size_t content_of(uint32_t file, char out[SIZE_LEAST + SIZE_RANGE])
{
    char path[PATH_BYTES];
    size_t period = path_of(file, " ", path), size = size_of(file);
    path[period++] = '\n';
    for (size_t i = 0; i < size; i++) out[i] = path[i % period];
    return size;
}

static void make_files(const char *root)
{
    static char content[SIZE_LEAST + SIZE_RANGE];
    char path[PATH_BYTES], whole[4096];
    for (uint32_t file = 0; file < file_count; file++) {
        path_of(file, " ", path);
        if (file % FOLDER_FILES == 0) {
            snprintf(whole, sizeof whole, "%s/d%04u", root, file / FOLDER_FILES);
            if (mkdir(whole, 0755) != 0 && errno != EEXIST) die(whole);
        }
        snprintf(whole, sizeof whole, "%s%s", root, path);
        int fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        size_t size = content_of(file, content);
        if (fd < 0 || write(fd, content, size) != (ssize_t)size || close(fd) != 0) die(whole);
    }
}

static uint32_t any_file(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed % file_count);
}

static void drop(struct connection *connection)
{
    if (connection->fd >= 0) close(connection->fd);
    connection->fd = -1;
}

static void fail(struct connection *connection, const char *what, int error)
{
    counts.failed++;
    connection->is_asking = false;
    if (!counts.first_failure[0])
        snprintf(counts.first_failure, sizeof counts.first_failure, "%s%s%s, after %u bytes, on a %s connection", what,
                 error ? ": " : "", error ? strerror(error) : "", connection->got,
                 !connection->is_kept       ? "new"
                 : connection->was_answered ? "kept"
                                            : "new one that was to be kept");
    drop(connection);
}

static bool connect_anew(struct connection *connection)
{
    int one = 1;
    connection->was_answered = false;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) die("socket");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(connection->fd, (const struct sockaddr *)&server, sizeof server) != 0) {
        fail(connection, "cannot connect", errno);
        return false;
    }
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0) die("epoll");
    return true;
}

static void ask(struct connection *connection)
{
    char path[PATH_BYTES], request[PATH_BYTES + 128];
    connection->file = any_file();
    connection->got = 0;
    connection->is_asking = true;
    connection->asked_us = now_us();
    if (connection->fd < 0 && !connect_anew(connection)) return;
    path_of(connection->file, "%20", path);
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: steady\r\n%s\r\n", path,
                        connection->is_kept ? "" : "Connection: close\r\n");
    if (send(connection->fd, request, (size_t)size, MSG_NOSIGNAL) != size) fail(connection, "cannot send", errno);
}

static bool has(const char *head, size_t size, const char *text)
{
    return memmem(head, size, text, strlen(text)) != NULL;
}

/* The whole answer, of which `head_size` bytes are its head. */
static void judge(struct connection *connection, size_t head_size)
{
    static char content[SIZE_LEAST + SIZE_RANGE];
    size_t size = content_of(connection->file, content);
    int64_t took_us = now_us() - connection->asked_us;
    bool is_last = has(connection->answer, head_size, "\r\nConnection: close\r\n");
    if (memcmp(connection->answer, "HTTP/1.1 200 ", 13) != 0) {
        fail(connection, "another status", 0);
    } else if (memcmp(connection->answer + head_size, content, size) != 0) {
        fail(connection, "another content", 0);
    } else {
        counts.answered++;
        connection->is_asking = false;
        connection->was_answered = true;
        if (took_us > counts.longest_us) counts.longest_us = took_us;
        if (is_last || !connection->is_kept) {
            counts.last_answers += connection->is_kept;
            drop(connection);
        }
    }
}

static void receive(struct connection *connection)
{
    ssize_t n =
        recv(connection->fd, connection->answer + connection->got, ANSWER_BYTES - connection->got, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (!connection->is_asking) { /* it was the last, and the server has ended the connection */
        drop(connection);
        return;
    }
    if (n <= 0) {
        fail(connection, "the connection ended", n < 0 ? errno : 0);
        return;
    }
    connection->got += (uint32_t)n;
    const char *blank = memmem(connection->answer, connection->got, "\r\n\r\n", 4);
    if (!blank) return;
    size_t head_size = (size_t)(blank - connection->answer) + 4;
    char length[48];
    snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", size_of(connection->file));
    bool is_other = memcmp(connection->answer, "HTTP/1.1 200 ", 13) != 0 || !has(connection->answer, head_size, length);
    if (is_other)
        fail(connection, "another status or length", 0);
    else if (connection->got >= head_size + size_of(connection->file))
        judge(connection, head_size);
    else
        return;
    if (!ends) ask(connection);
}

static void report(void)
{
    printf("{\"answered\": %llu, \"failed\": %llu, \"last_answers\": %llu, \"longest_ms\": %.1f, \"first_failure\": "
           "\"%s\"}\n",
           (unsigned long long)counts.answered, (unsigned long long)counts.failed,
           (unsigned long long)counts.last_answers, (double)counts.longest_us / 1000, counts.first_failure);
    fflush(stdout);
    memset(&counts, 0, sizeof counts);
}

/* One that could not connect tries again, but not at once. */
static void revive(void)
{
    for (unsigned i = 0; i < connection_count; i++) {
        if (connections[i].fd < 0) ask(&connections[i]);
    }
}

static bool has_ended(int fd)
{
    char byte;
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    return poll(&wait, 1, 0) > 0 && read(fd, &byte, 1) <= 0;
}

static unsigned under_way(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < connection_count; i++) count += connections[i].is_asking;
    return count;
}

static void run(int signals)
{
    struct epoll_event events[EVENTS_MAX];
    struct signalfd_siginfo info;
    int64_t last_us = 0, ended_us = 0;
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS_MAX, 5);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection->fd >= 0) receive(connection);
        }
        int64_t now = now_us();
        if (now - last_us < 5000) continue;
        last_us = now;
        if (read(signals, &info, sizeof info) == sizeof info) report();
        if (!ends) revive();
        if (!ends && has_ended(STDIN_FILENO)) {
            ends = true;
            ended_us = now;
        }
        if (ends && (under_way() == 0 || now - ended_us > LAST_WAIT_MS * 1000)) break;
    }
    for (unsigned i = 0; i < connection_count; i++) {
        if (connections[i].is_asking) fail(&connections[i], "no answer came", 0);
    }
}

static uint32_t number(const char *text, uint32_t most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end || value == 0 || value > most) {
        fprintf(stderr, "steady: a number from 1 to %u is wanted, not %s\n", most, text);
        exit(2);
    }
    return (uint32_t)value;
}

int main(int argc, char **argv)
{
    const char *root = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        char *colon = strrchr(argv[i + 1], ':');
        if (strcmp(argv[i], "--make") == 0) root = argv[i + 1];
        if (strcmp(argv[i], "--files") == 0) file_count = number(argv[i + 1], 10000000);
        if (strcmp(argv[i], "--connections") == 0) connection_count = number(argv[i + 1], CONNECTIONS_MAX);
        if (strcmp(argv[i], "--address") == 0 && colon) {
            *colon = '\0';
            server.sin_port = htons((uint16_t)number(colon + 1, 65535));
            if (inet_pton(AF_INET, argv[i + 1], &server.sin_addr) != 1) die(argv[i + 1]);
        }
    }
    if (file_count == 0 || (!root && ntohl(server.sin_addr.s_addr) >> 24 != 127)) {
        fputs("steady: --files N, and --make DIR or --address 127.x.x.x:PORT are wanted\n", stderr);
        return 2;
    }
    if (root) {
        make_files(root);
        return 0;
    }
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    int signals = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc(connection_count, sizeof *connections);
    if (signals < 0 || epoll < 0 || !connections) die("start");
    puts("asking"); /* from here on it hears SIGUSR1 */
    fflush(stdout);
    for (unsigned i = 0; i < connection_count; i++) {
        connections[i] = (struct connection){ .fd = -1, .is_kept = i % 2 == 0 };
        ask(&connections[i]);
    }
    run(signals);
    report();
    return 0;
}
