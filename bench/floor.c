/* floor.c - the least work that can answer a request on one thread.
 *
 * Not a web server: it looks for the blank line that ends a request head and answers a constant. What it costs is what
 * the kernel's sockets cost; a server's own cost is what it adds to this.
 *
 *   floor PORT copy BYTES          receive, then one send of a ready head and a body of BYTES from memory
 *   floor PORT copy BYTES close    the same, and close the connection behind each answer
 *   floor PORT sendfile PATH       receive, send the head, then sendfile the body from PATH, corked
 *
 * Listens on 127.0.0.1 only, with edge-triggered epoll. The copy floor sets TCP_NODELAY and answers what one receive
 * brought in one send, as a server that gathers pipelined answers would. The sendfile floor holds back what does not
 * fill a segment until an answer ends (two calls more, and a MiB costs a seventh less), and gives each connection one
 * slice in turn (a fifth less for big files). A head must arrive in one piece, as bench/load sends it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FDS_MAX = 20000, EVENTS_MAX = 256, BACKLOG = 4096, BATCH_MAX = 64, SLICE_BYTES = 512 << 10 };

/* What a connection is owed; all zero: nothing. */
struct owed {
    bool has_turns;    /* it is in the.turns */
    size_t bytes;      /* of ready answers (copy) or of the body (sendfile) */
    size_t head_bytes; /* sendfile only: of the head, sent before the body */
    off_t offset;      /* sendfile only: how far the body is */
};

static struct floor {
    char head[512];
    size_t head_len;
    size_t body_len;
    size_t answer_len; /* head and body */
    char *answers;     /* BATCH_MAX ready answers in a row; NULL: sendfile */
    int file;          /* the sendfile floor's body */
    bool closes;       /* a connection ends with its first answer */
    struct owed owed[FDS_MAX];
    int turns[FDS_MAX]; /* connections that would take another slice now */
    int turn_count;
} the;

static char input[65536 + 1]; /* one more, to look one further */

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void prepare(const char *kind, const char *argument, bool closes)
{
    struct stat st;

    the.closes = closes;
    if (!strcmp(kind, "sendfile")) {
        the.file = open(argument, O_RDONLY);
        if (the.file < 0 || fstat(the.file, &st)) die(argument);
        the.body_len = (size_t)st.st_size;
    } else {
        the.body_len = strtoul(argument, NULL, 10);
    }
    the.head_len = (size_t)snprintf(the.head, sizeof the.head,
                                    "HTTP/1.1 200 OK\r\nServer: floor\r\nDate: Sat, 21 Nov 2026 19:30:00 GMT\r\n"
                                    "Content-Type: text/html\r\nContent-Length: %zu\r\n"
                                    "Last-Modified: Sat, 21 Nov 2026 19:30:00 GMT\r\nETag: \"6920bcd8-400\"\r\n"
                                    "Accept-Ranges: bytes\r\n%s\r\n",
                                    the.body_len, closes ? "Connection: close\r\n" : "");
    the.answer_len = the.head_len + the.body_len;
    if (strcmp(kind, "sendfile") != 0) {
        the.answers = malloc(BATCH_MAX * the.answer_len);
        if (!the.answers) die("malloc");
        for (size_t i = 0; i < BATCH_MAX; i++) {
            memcpy(the.answers + i * the.answer_len, the.head, the.head_len);
            memset(the.answers + i * the.answer_len + the.head_len, 'x', the.body_len);
        }
    }
}

static int listen_on(const char *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((unsigned short)strtoul(port, NULL, 10)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int one = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, BACKLOG))
        die("listen");
    return listener;
}

static void accept_all(int poller, int listener)
{
    int one = 1;
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd };

        if (fd >= FDS_MAX || setsockopt(fd, IPPROTO_TCP, the.answers ? TCP_NODELAY : TCP_CORK, &one, sizeof one) ||
            epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) {
            close(fd);
            continue;
        }
        the.owed[fd] = (struct owed){ 0 };
    }
}

/* Receive once and note what is now owed. False: the peer is gone. */
static bool receive(int fd, struct owed *owed)
{
    ssize_t got = recv(fd, input, sizeof input - 1, 0);
    size_t requests = 0;

    if (got <= 0) return got < 0 && errno == EAGAIN;
    for (char *at = input, *end = input + got; (at = memchr(at, '\n', (size_t)(end - at))); at++) {
        requests += at[1] == '\r';
    }
    if (the.answers) {
        owed->bytes += requests * the.answer_len;
    } else if (requests && !owed->bytes && !owed->head_bytes) {
        *owed = (struct owed){ .bytes = the.body_len, .head_bytes = the.head_len };
    }
    return true;
}

/* Send what the cork holds back, and cork again. */
static void flush(int fd)
{
    int one = 1, zero = 0;

    if (setsockopt(fd, IPPROTO_TCP, TCP_CORK, &zero, sizeof zero)) return;
    if (setsockopt(fd, IPPROTO_TCP, TCP_CORK, &one, sizeof one)) perror("cork");
}

enum outcome { WAITING, GOING_ON, OVER };

/* Send what is owed: all that the socket takes of ready answers, one slice of a file. */
static enum outcome deliver(int fd, struct owed *owed)
{
    if (!owed->bytes) return WAITING;
    while (owed->head_bytes) {
        ssize_t sent = send(fd, the.head + the.head_len - owed->head_bytes, owed->head_bytes, MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN ? WAITING : OVER;
        owed->head_bytes -= (size_t)sent;
    }
    while (owed->bytes) {
        ssize_t sent;
        if (the.answers) {
            size_t at = (the.answer_len - owed->bytes % the.answer_len) % the.answer_len;
            size_t room = BATCH_MAX * the.answer_len - at;
            sent = send(fd, the.answers + at, owed->bytes < room ? owed->bytes : room, MSG_NOSIGNAL);
        } else {
            sent = sendfile(fd, the.file, &owed->offset, owed->bytes < SLICE_BYTES ? owed->bytes : SLICE_BYTES);
        }
        if (sent <= 0) return sent < 0 && errno == EAGAIN ? WAITING : OVER;
        owed->bytes -= (size_t)sent;
        if (!the.answers && owed->bytes) return GOING_ON;
    }
    if (!the.answers) flush(fd);
    return the.closes ? OVER : WAITING;
}

/* One event, or one turn, of a connection. */
static void serve(int fd, bool is_readable)
{
    struct owed *owed = &the.owed[fd];
    enum outcome outcome = is_readable && !receive(fd, owed) ? OVER : deliver(fd, owed);

    if (outcome == GOING_ON && !owed->has_turns) the.turns[the.turn_count++] = fd;
    owed->has_turns = outcome == GOING_ON;
    if (outcome == OVER) close(fd);
}

/* A slice for each connection that would take one, so that the receiver empties one socket while another is filled. */
static void serve_turns(void)
{
    int count = the.turn_count;

    the.turn_count = 0;
    for (int i = 0; i < count; i++) {
        struct owed *owed = &the.owed[the.turns[i]];
        if (!owed->has_turns) continue; /* an event came before its turn */
        owed->has_turns = false;
        serve(the.turns[i], false);
    }
}

int main(int argc, char **argv)
{
    bool closes = argc == 5 && !strcmp(argv[4], "close");

    if ((argc != 4 && !closes) || (strcmp(argv[2], "copy") != 0 && (strcmp(argv[2], "sendfile") != 0 || closes))) {
        fprintf(stderr, "usage: floor PORT copy BYTES [close] | floor PORT sendfile PATH\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); /* sendfile has no MSG_NOSIGNAL */
    prepare(argv[2], argv[3], closes);
    int listener = listen_on(argv[1]);
    int poller = epoll_create1(0);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = listener }, events[EVENTS_MAX];
    if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event)) die("epoll");
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS_MAX, the.turn_count ? 0 : -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_all(poller, listener);
            else
                serve(events[i].data.fd, events[i].events & EPOLLIN);
        }
        serve_turns();
    }
}
