/* load.c - asks a server on this machine for files as fast as one thread can, and checks and counts the answers.
 *
 *   load [OPTIONS] PORT | ADDRESS:PORT
 *
 * Talks to 127.0.0.0/8 only and refuses any other address. Always stops: after --seconds at the latest, after
 * --requests answers, or after ERRORS_MAX errors. Each active connection sends a batch of --pipeline requests, waits
 * for all of its answers, and sends the next. An answer counts if it has the expected status, a Content-Length (the
 * expected one, if --size names it) and a whole body. Bodies of big answers are dropped inside the kernel (MSG_TRUNC),
 * so that the client does not hold the server up, and it never sleeps: waking it would be the server's work, and on a
 * virtual machine costs more than the answer. Prints one line of JSON; see bench/README.md.
 */
#include "load_options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    ERRORS_MAX = 1000,
    SOURCES_MAX = 16, /* 127.0.0.1 and its neighbours: each has its own range of ports */
    HEAD_MAX = 4096,
    INPUT_BYTES = 256 << 10,
    DROP_BYTES = 64 << 10, /* from here on the rest of a body is dropped unseen */
    PATIENCE_S = 5,        /* for connecting, and for an idle connection's one answer */
    HOLD_S = 60,           /* for opening all idle connections */
    EVENTS_MAX = 256,
};

struct connection {
    int fd;
    uint32_t owed;      /* answers of the present batch still to come */
    uint64_t body_left; /* of the present answer */
    uint64_t sent_ns;   /* when the present batch went out */
    uint32_t carried;   /* bytes of an unfinished head, kept in `carry` */
    bool in_body;       /* a head was read, its answer is not over */
    bool awaits_close;  /* --close: the answer is here, the server's end of the connection is not */
    bool is_wrong;      /* the present answer will not count */
    char *carry;        /* HEAD_MAX bytes, made when first needed */
};

/* Latencies, to 1.6 %: 64 steps to each power of two. */
enum { STEP_BITS = 6, STEPS = 1 << STEP_BITS, OCTAVES = 48 };

static struct {
    struct options options;
    struct connection *active, *idle;
    unsigned busy; /* active connections that have something to wait for */
    int poller;
    uint64_t started_ns, now_ns;
    uint64_t asked, answered, body_bytes, errors, opened, idle_lost;
    const char *first_error;
    uint64_t latencies[STEPS * OCTAVES];
    uint64_t latency_max_ns;
    unsigned source;
} run;

static char input[INPUT_BYTES];

static void die(const char *what, const char *why)
{
    fprintf(stderr, "load: %s: %s\n", what, why);
    exit(1);
}

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void note_error(const char *what)
{
    run.errors++;
    if (!run.first_error) run.first_error = what;
}

/* ---- what to ask for ---- */

static uint64_t next_random(void)
{
    uint64_t x = run.options.seed; /* xorshift64: never 0 once it is not 0 */

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    run.options.seed = x;
    return x;
}

static uint64_t choose_file(void)
{
    const struct options *o = &run.options;

    switch (o->choice) {
    case CHOOSE_IN_TURN: return run.asked % o->files;
    case CHOOSE_UNIFORM: return next_random() % o->files;
    case CHOOSE_HOT:
        return o->hot >= o->files ? next_random() % o->files : next_random() % o->hot * (o->files / o->hot);
    }
    abort();
}

static char *put_number(char *at, uint64_t value)
{
    char digits[24];
    int count = 0;

    for (; value || count < 3; value /= 10) digits[count++] = (char)('0' + value % 10);
    while (count) *at++ = digits[--count];
    return at;
}

/* Writes file number `file`'s path; it fits, since options_read() limits the pattern and the paths. */
static char *put_path(char *at, uint64_t file)
{
    if (!run.options.pattern) return stpcpy(at, run.options.paths[file]);
    for (const char *p = run.options.pattern; *p;) {
        if (!strncmp(p, "{folder}", 8)) {
            at = put_number(at, file / 1000);
            p += 8;
        } else if (!strncmp(p, "{file}", 6)) {
            at = put_number(at, file % 1000);
            p += 6;
        } else {
            *at++ = *p++;
        }
    }
    return at;
}

static char *put_request(char *at)
{
    at = stpcpy(at, "GET ");
    at = put_path(at, choose_file());
    at = stpcpy(at, " HTTP/1.1\r\nHost: ");
    at = stpcpy(at, run.options.host);
    at = stpcpy(at, "\r\n");
    at = stpcpy(at, run.options.headers);
    run.asked++;
    return stpcpy(at, "\r\n");
}

/* ---- connections ---- */

/* Connects, from the next loopback address when the ports of the present one are spent. False: it cannot be done. */
static bool open_connection(struct connection *c)
{
    struct timeval patience = { .tv_sec = PATIENCE_S };
    int one = 1;
    char *carry = c->carry;

    *c = (struct connection){ .fd = -1, .carry = carry };
    for (;;) {
        struct sockaddr_in source = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + run.source) };
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (c->fd < 0) return false;
        if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ||
            setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) ||
            setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience))
            break;
        if (run.source && (setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) ||
                           bind(c->fd, (struct sockaddr *)&source, sizeof source)))
            break;
        if (!connect(c->fd, (struct sockaddr *)&run.options.server, sizeof run.options.server)) {
            run.opened++;
            return true;
        }
        if (errno != EADDRNOTAVAIL || ++run.source >= SOURCES_MAX) break;
        close(c->fd);
    }
    close(c->fd);
    c->fd = -1;
    return false;
}

/* Sends the next batch, as far as requests are left. False: nothing left to ask, or the connection is broken. */
static bool ask(struct connection *c)
{
    static char batch[PIPELINE_MAX * REQUEST_MAX];
    char *end = batch;
    uint64_t left = run.options.requests ? run.options.requests - run.asked : UINT64_MAX;

    for (; c->owed < run.options.pipeline && c->owed < left; c->owed++) end = put_request(end);
    if (!c->owed) return false;
    c->sent_ns = run.now_ns;
    if (send(c->fd, batch, (size_t)(end - batch), MSG_NOSIGNAL) == end - batch) return true;
    note_error("a request could not be sent");
    return false;
}

/* Ends an active connection. */
static void retire(struct connection *c)
{
    if (c->fd < 0) return;
    close(c->fd);
    c->fd = -1;
    run.busy--;
}

/* Connects anew and asks; a connection that has nothing left to ask stays closed. */
static void restart(struct connection *c)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

    retire(c);
    if (run.options.requests && run.asked >= run.options.requests) return;
    if (!open_connection(c)) die("cannot connect", strerror(errno));
    run.busy++;
    if (epoll_ctl(run.poller, EPOLL_CTL_ADD, c->fd, &event) || !ask(c)) retire(c);
}

/* ---- answers ---- */

static void count_latency(uint64_t ns)
{
    unsigned shift = ns < STEPS ? 0 : (unsigned)(63 - __builtin_clzll(ns)) - STEP_BITS;
    uint64_t slot = ns < STEPS ? ns : ((uint64_t)(shift + 1) << STEP_BITS) + ((ns >> shift) & (STEPS - 1));

    if (slot < STEPS * OCTAVES) run.latencies[slot]++;
    if (ns > run.latency_max_ns) run.latency_max_ns = ns;
}

/* The latency in microseconds that the share `part` of all answers did not exceed. */
static double latency_us(double part)
{
    uint64_t all = 0, seen = 0;

    for (unsigned i = 0; i < STEPS * OCTAVES; i++) all += run.latencies[i];
    for (unsigned i = 0; i < STEPS * OCTAVES; i++) {
        seen += run.latencies[i];
        if (all && (double)seen >= part * (double)all) {
            unsigned shift = i < STEPS ? 0 : (i >> STEP_BITS) - 1;
            uint64_t value = i < STEPS ? i : (uint64_t)(STEPS + (i & (STEPS - 1))) << shift;
            return (double)value / 1000;
        }
    }
    return 0;
}

/* Reads the head in [at, end), which ends with its blank line. False: it is no head of ours, the connection is lost. */
static bool read_head(struct connection *c, const char *at, const char *end)
{
    const struct options *o = &run.options;
    bool has_length = false;

    if (end - at < 16 || memcmp(at, "HTTP/1.", 7) != 0 || at[8] != ' ') return false;
    unsigned status = (unsigned)((at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0'));
    c->is_wrong = status != o->status;
    if (c->is_wrong) note_error("an answer has another status");
    while ((at = memchr(at, '\n', (size_t)(end - at))) && ++at < end) {
        if ((*at | 0x20) == 'c' && end - at > 15 && !strncasecmp(at, "content-length:", 15)) {
            c->body_left = strtoull(at + 15, NULL, 10);
            has_length = true;
        }
    }
    if (!has_length) return false;
    if (!c->is_wrong && o->size >= 0 && c->body_left != (uint64_t)o->size) {
        c->is_wrong = true;
        note_error("an answer has another Content-Length");
    }
    c->in_body = true;
    return true;
}

static void finish_answer(struct connection *c)
{
    c->in_body = false;
    c->owed--;
    c->awaits_close = run.options.closes;
    if (c->is_wrong || c->awaits_close) return;
    run.answered++;
    count_latency(run.now_ns - c->sent_ns);
}

/* Takes what is in [at, end); keeps an unfinished head. False: the connection is lost, and the error noted. */
static bool take(struct connection *c, const char *at, const char *end)
{
    while (at < end || (c->in_body && !c->body_left)) {
        if (c->in_body) {
            uint64_t part = (uint64_t)(end - at) < c->body_left ? (uint64_t)(end - at) : c->body_left;
            at += part;
            c->body_left -= part;
            run.body_bytes += part;
            if (!c->body_left) finish_answer(c);
            continue;
        }
        if (!c->owed) {
            note_error("more was sent than asked for");
            return false;
        }
        const char *blank = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
        if (!blank) {
            c->carried = (uint32_t)(end - at);
            if (c->carried < HEAD_MAX && (c->carry || (c->carry = malloc(HEAD_MAX)))) {
                memcpy(c->carry, at, c->carried);
                return true;
            }
        }
        if (!blank || !read_head(c, at, blank + 4)) {
            note_error("an answer is not HTTP with a Content-Length");
            return false;
        }
        at = blank + 4;
    }
    return true;
}

/* Receives once from a socket that has something. False: the connection is over; what was wrong about it is noted. */
static bool receive(struct connection *c, int flags)
{
    bool drops = c->in_body && c->body_left >= DROP_BYTES;
    ssize_t got;

    if (drops) {
        size_t most = c->body_left < INT32_MAX ? (size_t)c->body_left : INT32_MAX;
        got = recv(c->fd, NULL, most, flags | MSG_TRUNC);
    } else {
        if (c->carried) memcpy(input, c->carry, c->carried);
        got = recv(c->fd, input + c->carried, sizeof input - c->carried, flags);
    }
    if (got < 0 && errno == EAGAIN && flags) return true;
    if (got <= 0) {
        if (!c->awaits_close || got < 0) {
            note_error("a connection ended before its answer");
        } else if (!c->is_wrong) {
            run.answered++;
            count_latency(run.now_ns - c->sent_ns);
        }
        return false;
    }
    if (drops) {
        c->body_left -= (uint64_t)got;
        run.body_bytes += (uint64_t)got;
        if (!c->body_left) finish_answer(c);
        return true;
    }
    const char *end = input + c->carried + got;
    c->carried = 0;
    return take(c, input, end);
}

/* ---- the run ---- */

static void serve_event(struct connection *c)
{
    if (!receive(c, MSG_DONTWAIT)) {
        restart(c);
    } else if (!c->owed && !c->awaits_close && !ask(c)) {
        retire(c);
    }
}

/* Opens one idle connection and has it answered. False: that failed, and the error is noted. */
static bool hold_one(struct connection *c)
{
    char request[REQUEST_MAX];
    size_t length = (size_t)(put_request(request) - request);

    if (!open_connection(c) || send(c->fd, request, length, MSG_NOSIGNAL) != (ssize_t)length) {
        note_error("an idle connection was refused");
        return false;
    }
    for (c->owed = 1; c->owed;) {
        if (!receive(c, 0)) return false;
    }
    return true;
}

/* Opens the idle connections one after the other, until one is refused, and then waits to be told to go on. */
static void hold_idle(void)
{
    const struct options *o = &run.options;
    uint64_t until_ns = clock_ns() + HOLD_S * 1000000000u;
    unsigned held = 0;

    while (held < o->idle && clock_ns() < until_ns && hold_one(&run.idle[held])) held++;
    run.options.idle = held;
    if (o->holds) {
        printf("{\"held\": %u, \"errors\": %llu}\n", held, (unsigned long long)run.errors);
        fflush(stdout);
        while (getchar() != '\n' && !feof(stdin)) continue;
    }
    run.asked = run.answered = run.body_bytes = run.latency_max_ns = 0;
    memset(run.latencies, 0, sizeof run.latencies);
}

static void count_idle_lost(void)
{
    for (unsigned i = 0; i < run.options.idle; i++) {
        struct connection *c = &run.idle[i];
        if (c->fd < 0 || recv(c->fd, input, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN) run.idle_lost++;
    }
}

static void work(void)
{
    const struct options *o = &run.options;
    struct epoll_event events[EVENTS_MAX];

    run.started_ns = run.now_ns = clock_ns();
    uint64_t until_ns = run.started_ns + (uint64_t)(o->seconds * 1e9);
    for (unsigned i = 0; i < o->connections; i++) {
        run.active[i].fd = -1;
        run.now_ns = clock_ns();
        restart(&run.active[i]);
    }
    while (run.busy && run.now_ns < until_ns && run.errors < ERRORS_MAX) {
        int count = epoll_wait(run.poller, events, EVENTS_MAX, 0);
        for (int i = 0; i < count; i++) {
            run.now_ns = clock_ns();
            serve_event(events[i].data.ptr);
        }
        run.now_ns = clock_ns();
    }
}

static void report(void)
{
    double seconds = (double)(run.now_ns - run.started_ns) / 1e9;
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    printf("{\"requests\": %llu, \"seconds\": %.6f, \"body_bytes\": %llu, \"mb\": %.3f, \"errors\": %llu, ",
           (unsigned long long)run.answered, seconds, (unsigned long long)run.body_bytes, (double)run.body_bytes / 1e6,
           (unsigned long long)run.errors);
    printf("\"first_error\": \"%s\", \"opened\": %llu, \"idle\": %u, \"idle_lost\": %llu, ",
           run.first_error ? run.first_error : "", (unsigned long long)run.opened, run.options.idle,
           (unsigned long long)run.idle_lost);
    printf("\"cpu_seconds\": %.3f, \"latency_us\": {\"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f}}\n",
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
           latency_us(0.5), latency_us(0.99), (double)run.latency_max_ns / 1000);
}

int main(int argc, char **argv)
{
    struct rlimit files;

    options_read(&run.options, argc, argv);
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    run.active = calloc(run.options.connections, sizeof *run.active);
    run.idle = calloc((size_t)run.options.idle + 1, sizeof *run.idle);
    run.poller = epoll_create1(EPOLL_CLOEXEC);
    if (!run.active || !run.idle || run.poller < 0) die("cannot start", strerror(errno));
    for (unsigned i = 0; i < run.options.idle; i++) run.idle[i].fd = -1;
    if (run.options.idle) hold_idle();
    work();
    count_idle_lost();
    report();
    return run.errors || run.idle_lost ? 1 : 0;
}
