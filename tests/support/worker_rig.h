/* worker_rig.h - a worker that serves on loopback by a handler of the test's, and clients to talk to it.
 *
 * What the worker's thread finds wrong is counted in `mistakes`: cmocka's assertions are for the first thread only. What
 * clients wait for comes, or the test program ends after RIG_PATIENCE_MS.
 */
#ifndef FOLIO_TESTS_SUPPORT_WORKER_RIG_H
#define FOLIO_TESTS_SUPPORT_WORKER_RIG_H

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/worker.h"
#include "platform/thread.h"

enum { RIG_PATIENCE_MS = 20000 };

#define RIG_MUST(condition)                                                 \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(EXIT_FAILURE);                                             \
        }                                                                   \
    } while (0)

struct worker_rig {
    struct worker_options options; /* may be changed before it is started */
    int send_buffer_bytes;         /* of the worker's sockets; 0: as the system has it */
    struct worker *worker;
    struct socket_address address;
    _Atomic uint32_t connections;
    _Atomic unsigned long mistakes, finished, content_bytes;
};

/* With a handler's `answer`; it still is to be started. */
static inline void worker_rig_open(struct worker_rig *rig,
                                   enum handler_verdict (*answer)(void *, const struct request *, struct asking *,
                                                                  struct turn *))
{
    *rig = (struct worker_rig){ 0 };
    rig->options = (struct worker_options){
        .handler = { .self = rig, .answer = answer },
        .limits = { .line_bytes = 8190, .field_bytes = 8190, .fields = 100, .head_bytes = WORKER_INPUT_BYTES },
        .request_timeout_ms = 60000,
        .keepalive_timeout_ms = 60000,
        .load_timeout_ms = 60000,
        .send_min_window_ms = 60000,
        .quit_grace_ms = 100,
        .connections_max = 1000,
        .connections = &rig->connections,
    };
    rig->options.ended = wakeup_open();
}

static inline void worker_rig_start(struct worker_rig *rig)
{
    RIG_MUST(socket_address_parse("127.0.0.1", 0, &rig->address));
    struct worker_listener listener = { .fd = socket_listen(&rig->address, false) };
    RIG_MUST(listener.fd >= 0);
    socket_address_learn(listener.fd, &rig->address);
    /* Its connections inherit it: a turn that has more is not taken whole. */
    if (rig->send_buffer_bytes > 0)
        RIG_MUST(setsockopt(listener.fd, SOL_SOCKET, SO_SNDBUF, &rig->send_buffer_bytes, sizeof(int)) == 0);
    rig->worker = worker_new(0, &rig->options, &listener, 1);
    RIG_MUST(rig->worker && worker_start(rig->worker) == STATUS_OK);
}

/* Tell it to end, and wait until it has. */
static inline void worker_rig_end(struct worker_rig *rig, enum worker_command command)
{
    worker_command(rig->worker, command);
    pthread_join(rig->worker->thread, NULL);
    RIG_MUST(worker_has_ended(rig->worker));
    worker_free(rig->worker);
    close(rig->options.ended);
}

/* A blocking connection; receive_bytes > 0: with so small a buffer. */
static inline int rig_connect(const struct worker_rig *rig, int receive_bytes)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = { .tv_sec = RIG_PATIENCE_MS / 1000 };
    RIG_MUST(fd >= 0);
    if (receive_bytes > 0) RIG_MUST(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes) == 0);
    RIG_MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    RIG_MUST(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0);
    RIG_MUST(connect(fd, &rig->address.at.any, rig->address.size) == 0);
    return fd;
}

static inline void rig_send(int fd, struct span bytes)
{
    RIG_MUST(send(fd, bytes.data, bytes.size, MSG_NOSIGNAL) == (ssize_t)bytes.size);
}

/* Exactly `size` bytes, unless the connection ends before; returns how many. */
static inline size_t rig_receive(int fd, char *to, size_t size)
{
    size_t got = 0;
    while (got < size) {
        ssize_t n = recv(fd, to + got, size - got, 0);
        RIG_MUST(n >= 0 || errno == ECONNRESET);
        if (n <= 0) break;
        got += (size_t)n;
    }
    return got;
}

/* Whether the very bytes of `text` come next. */
static inline bool rig_receives(int fd, const char *text)
{
    char got[8192];
    size_t size = strlen(text);
    RIG_MUST(size <= sizeof got);
    return rig_receive(fd, got, size) == size && memcmp(got, text, size) == 0;
}

/* Whether the worker has closed it, and nothing more came before that. */
static inline bool rig_is_ended(int fd)
{
    char byte;
    return rig_receive(fd, &byte, 1) == 0;
}

/* The same, and it was said that nothing more comes: no reset, which might have destroyed what came before. */
static inline bool rig_is_shut(int fd)
{
    char byte;
    return recv(fd, &byte, 1, 0) == 0;
}

/* Wait until `number` is at least `least`. */
static inline void rig_await(const _Atomic unsigned long *number, unsigned long least)
{
    for (int tries = 0; atomic_load(number) < least; tries++) {
        RIG_MUST(tries < RIG_PATIENCE_MS);
        poll(NULL, 0, 1);
    }
}

#endif
