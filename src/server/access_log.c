#include "server/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/ring_memory.h"
#include "platform/thread.h"

enum {
    RING_BYTES = 1 << 20,
    FLUSH_MS = 250, /* a line is in the file at most so long after */
    TELL_LOST_MS = 10000,
};

struct ring {
    char *memory;                                      /* RING_BYTES, twice */
    struct log_clock clock;                            /* the worker's */
    struct log_times times;                            /* the worker's */
    _Atomic uint64_t written;                          /* bytes since the start; the worker's */
    _Atomic uint64_t lost;                             /* lines; the worker's; relaxed: a count */
    _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t taken; /* bytes since the start; the writer's */
};

struct access_log {
    int fd;
    int wakeup;             /* rung when a ring is half full, and to stop */
    enum log_format format; /* without a program */
    bool has_program;
    struct log_program program;
    unsigned ring_count;
    struct ring *rings;
    _Atomic int is_stopping;
    pthread_t thread;
    bool is_running;
};

void access_log_add(struct access_log *log, unsigned worker, const struct log_record *record)
{
    struct ring *ring = &log->rings[worker];
    uint64_t written = atomic_load_explicit(&ring->written, memory_order_relaxed); /* its own */
    uint64_t used = written - atomic_load_explicit(&ring->taken, memory_order_acquire);
    if (used + LOG_LINE_BYTES_MAX > RING_BYTES) {
        atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
        return;
    }
    char *to = ring->memory + written % RING_BYTES;
    size_t size = log->has_program ? log_program_write(&log->program, &ring->clock, &ring->times, record, to)
                                   : log_line_format(log->format, &ring->clock, record, to);
    atomic_store_explicit(&ring->written, written + size, memory_order_release);
    if (used < RING_BYTES / 2 && used + size >= RING_BYTES / 2) wakeup_ring(log->wakeup);
}

static uint64_t lost_lines(const struct access_log *log)
{
    uint64_t lost = 0;
    for (unsigned i = 0; i < log->ring_count; i++)
        lost += atomic_load_explicit(&log->rings[i].lost, memory_order_relaxed);
    return lost;
}

/* Write what the ring holds; what the file will not take (a full disk) is given up. */
static bool flush_ring(const struct access_log *log, struct ring *ring)
{
    uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed); /* the writer's own */
    uint64_t until = atomic_load_explicit(&ring->written, memory_order_acquire);
    bool is_well = true;
    while (taken < until) {
        ssize_t n = write(log->fd, ring->memory + taken % RING_BYTES, until - taken);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) { /* somebody's non-blocking standard output; nobody reads it for good */
            bool takes = poll(&(struct pollfd){ .fd = log->fd, .events = POLLOUT }, 1, FLUSH_MS) > 0;
            if (takes || !atomic_load_explicit(&log->is_stopping, memory_order_acquire)) continue;
        }
        is_well = n >= 0;
        taken = is_well ? taken + (uint64_t)n : until;
        atomic_store_explicit(&ring->taken, taken, memory_order_release);
    }
    return is_well;
}

static void *writer_thread(void *argument)
{
    struct access_log *log = argument;
    uint64_t told = 0;
    int since_told_ms = TELL_LOST_MS;
    bool was_well = true, stops;
    do {
        stops = atomic_load_explicit(&log->is_stopping, memory_order_acquire) != 0;
        bool is_well = true;
        for (unsigned i = 0; i < log->ring_count; i++) is_well &= flush_ring(log, &log->rings[i]);
        if (!is_well && was_well) fprintf(stderr, "folio: access log: %s; lines are lost\n", strerror(errno));
        was_well = is_well;
        uint64_t lost = lost_lines(log);
        if (lost > told && since_told_ms >= TELL_LOST_MS) {
            fprintf(stderr, "folio: access log: %" PRIu64 " lines lost, the file is slower than the requests\n", lost);
            told = lost;
            since_told_ms = 0;
        }
        if (stops) break;
        since_told_ms += FLUSH_MS;
        if (poll(&(struct pollfd){ .fd = log->wakeup, .events = POLLIN }, 1, FLUSH_MS) > 0) wakeup_clear(log->wakeup);
    } while (!stops);
    return NULL;
}

struct access_log *access_log_open(const char *path, enum log_format format, const struct log_program *program,
                                   unsigned workers)
{
    struct access_log *log = calloc(1, sizeof *log);
    if (!log) return NULL;
    log->format = format;
    log->has_program = program != NULL;
    if (program) log->program = *program;
    log->program.process = (uint64_t)getpid();
    log->wakeup = wakeup_open();
    log->fd = strcmp(path, "-") == 0 ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (log->fd < 0 || log->wakeup < 0) goto fail;
    size_t bytes = workers * sizeof *log->rings;
    log->rings = aligned_alloc(CACHE_LINE_BYTES, (bytes + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES);
    if (!log->rings) goto fail;
    memset(log->rings, 0, bytes);
    for (; log->ring_count < workers; log->ring_count++) {
        log->rings[log->ring_count].memory = ring_memory_new(RING_BYTES);
        if (!log->rings[log->ring_count].memory) goto fail;
    }
    if (thread_start(&log->thread, "log", writer_thread, log) != STATUS_OK) {
        errno = EAGAIN;
        goto fail;
    }
    log->is_running = true;
    return log;
fail:;
    int error = errno;
    access_log_close(log);
    errno = error;
    return NULL;
}

uint64_t access_log_close(struct access_log *log)
{
    if (!log) return 0;
    if (log->is_running) {
        atomic_store_explicit(&log->is_stopping, 1, memory_order_release);
        wakeup_ring(log->wakeup);
        pthread_join(log->thread, NULL);
    }
    uint64_t lost = lost_lines(log);
    for (unsigned i = 0; i < log->ring_count; i++) ring_memory_free(log->rings[i].memory, RING_BYTES);
    free(log->rings);
    if (log->fd >= 0) close(log->fd);
    if (log->wakeup >= 0) close(log->wakeup);
    free(log);
    return lost;
}
