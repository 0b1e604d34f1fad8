#include "server/log_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/ring_memory.h"
#include "platform/thread.h"

enum { FLUSH_MS = 250 /* a line is in the log at most so long after */ };

struct ring {
    char *memory;                                      /* ring_bytes, twice */
    _Atomic uint64_t written;                          /* bytes since the start; of who fills it */
    _Atomic uint64_t lost;                             /* lines; the same's; relaxed: a count */
    _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t taken; /* bytes since the start; the writer's */
};

struct log_writer {
    struct log_writer_options options;
    struct log_sink sink; /* the thread's */
    int wakeup;           /* rung when a ring is half full, and to stop */
    unsigned ring_count;
    struct ring *rings;
    unsigned next_ring;                    /* to be emptied; the thread's */
    uint64_t given_up, told;               /* lines; the thread's */
    int error;                             /* the thread's: why the sink did not take something, last */
    int64_t failure_told_us, lost_told_us; /* monotonic, when; 0: never; the thread's */
    bool was_well;                         /* the thread's: the sink took the last line, or let it wait */
    _Atomic int is_stopping;
    pthread_t thread;
    bool is_running;
};

char *log_writer_room(struct log_writer *writer, unsigned ring_index, char severity)
{
    struct ring *ring = &writer->rings[ring_index];
    uint64_t written = atomic_load_explicit(&ring->written, memory_order_relaxed); /* its own */
    uint64_t used = written - atomic_load_explicit(&ring->taken, memory_order_acquire);
    if (used + 1 + writer->options.line_bytes > writer->options.ring_bytes) {
        atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
        return NULL;
    }
    char *to = ring->memory + written % writer->options.ring_bytes;
    if (writer->sink.is_system) *to++ = severity;
    return to;
}

void log_writer_add(struct log_writer *writer, unsigned ring_index, size_t size)
{
    struct ring *ring = &writer->rings[ring_index];
    uint64_t before = atomic_load_explicit(&ring->written, memory_order_relaxed); /* its own */
    uint64_t after = before + size + (writer->sink.is_system ? 1 : 0);
    uint64_t half = atomic_load_explicit(&ring->taken, memory_order_relaxed) + writer->options.ring_bytes / 2;
    atomic_store_explicit(&ring->written, after, memory_order_release);
    if (before < half && after >= half) wakeup_ring(writer->wakeup);
}

static uint64_t lost_lines(const struct log_writer *writer)
{
    uint64_t lost = writer->given_up;
    for (unsigned i = 0; i < writer->ring_count; i++)
        lost += atomic_load_explicit(&writer->rings[i].lost, memory_order_relaxed);
    return lost;
}

enum flushed { FLUSHED_NOTHING, FLUSHED_ALL, FLUSHED_WAITS, FLUSHED_FAILED };

/* Write what the ring holds, as far as the sink takes it; what it will never take (a full disk) is given up, and so is what it does not
 * take now if nothing `may_wait`. */
static enum flushed flush_ring(struct log_writer *writer, struct ring *ring, bool may_wait)
{
    uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed); /* the writer's own */
    uint64_t until = atomic_load_explicit(&ring->written, memory_order_acquire);
    enum flushed flushed = FLUSHED_NOTHING;
    while (taken < until) {
        const char *lines = ring->memory + taken % writer->options.ring_bytes;
        ssize_t n = log_sink_write(&writer->sink, lines, until - taken);
        if (n < 0 && errno == EAGAIN && may_wait) return FLUSHED_WAITS;
        if (n < 0) writer->error = writer->sink.fd < 0 ? writer->sink.error : errno;
        if (n < 0 || flushed == FLUSHED_NOTHING) flushed = n < 0 ? FLUSHED_FAILED : FLUSHED_ALL;
        taken += n < 0 ? log_sink_give_up(&writer->sink, lines, until - taken, &writer->given_up) : (uint64_t)n;
        atomic_store_explicit(&ring->taken, taken, memory_order_release);
    }
    return flushed;
}

/* The rings take turns, also when each has more than the sink takes at once. But a line that was begun comes to its end before any other
 * ring's. */
static enum flushed flush(struct log_writer *writer, bool may_wait)
{
    enum flushed worst = FLUSHED_NOTHING, flushed = FLUSHED_NOTHING;
    for (unsigned i = 0; i < writer->ring_count && flushed != FLUSHED_WAITS; i++) {
        flushed = flush_ring(writer, &writer->rings[writer->next_ring], may_wait);
        if (flushed > worst || flushed == FLUSHED_WAITS) worst = flushed;
        if (flushed != FLUSHED_WAITS || !writer->sink.is_within_line)
            writer->next_ring = (writer->next_ring + 1) % writer->ring_count;
    }
    return worst;
}

/* No more often than each LOG_TELL_MS: whoever makes it write may make it complain. */
static bool is_due(int64_t *told_us)
{
    int64_t now_us = clock_monotonic_us();
    if (*told_us && now_us - *told_us < LOG_TELL_MS * (int64_t)1000) return false;
    *told_us = now_us;
    return true;
}

static void tell(struct log_writer *writer, enum flushed flushed)
{
    char what[160];
    const struct log_writer_options *options = &writer->options;
    bool is_gone = flushed == FLUSHED_WAITS && writer->sink.fd < 0, is_well = flushed != FLUSHED_FAILED && !is_gone;
    if (flushed == FLUSHED_NOTHING) is_well = writer->was_well; /* who knows? */
    if (!is_well && writer->was_well && is_due(&writer->failure_told_us)) {
        const char *why = strerror(is_gone ? writer->sink.error : writer->error);
        if (is_gone && writer->sink.is_system) why = "nobody takes it";
        snprintf(what, sizeof what, "%s; lines %s", why, is_gone ? "wait" : "are lost");
        options->complain(options->context, what);
    }
    writer->was_well = is_well;
    uint64_t lost = lost_lines(writer);
    if (lost == writer->told || !is_due(&writer->lost_told_us)) return;
    snprintf(what, sizeof what, "%" PRIu64 " line%s lost%s", lost, lost == 1 ? "" : "s",
             is_well ? ", it is slower than what is to be written there" : "");
    options->complain(options->context, what);
    writer->told = lost;
}

/* Until there is something to do, or for FLUSH_MS. Returns whether the sink takes something. */
static bool rest(struct log_writer *writer, bool is_for_sink, bool is_for_work)
{
    struct pollfd wait[] = {
        { .fd = is_for_sink ? writer->sink.fd : -1, .events = POLLOUT },
        { .fd = is_for_work ? writer->wakeup : -1, .events = POLLIN },
    };
    if (poll(wait, 2, FLUSH_MS) <= 0) return false;
    if (wait[1].revents) wakeup_clear(writer->wakeup);
    return wait[0].revents != 0;
}

static void *writer_thread(void *argument)
{
    struct log_writer *writer = argument;
    const struct log_writer_options *options = &writer->options;
    bool stops, takes = false;
    do {
        stops = atomic_load_explicit(&writer->is_stopping, memory_order_acquire) != 0;
        if (options->tick) options->tick(options->context);
        (void)log_sink_open_again(&writer->sink); /* also if there is nothing for it: who looks for it finds it */
        enum flushed flushed = flush(writer, true);
        tell(writer, flushed);
        if (flushed == FLUSHED_WAITS) {
            /* Nobody reads it for good, as it seems; who waits for the end waits no longer. */
            takes = rest(writer, true, !stops);
            if (stops && !takes) tell(writer, flush(writer, false));
            stops = stops && !takes;
        } else if (!stops) {
            (void)rest(writer, false, true);
        }
    } while (!stops);
    return NULL;
}

struct log_writer *log_writer_new(const struct log_writer_options *options)
{
    struct log_sink sink = options->sink;
    struct log_writer *writer = calloc(1, sizeof *writer);
    if (!writer) {
        log_sink_close(&sink);
        errno = ENOMEM;
        return NULL;
    }
    writer->options = *options;
    writer->sink = sink;
    writer->was_well = sink.fd >= 0; /* who opened it knows */
    writer->wakeup = wakeup_open();
    if (writer->wakeup < 0) goto fail;
    writer->rings = aligned_alloc(CACHE_LINE_BYTES, options->rings * sizeof *writer->rings);
    if (!writer->rings) goto fail;
    memset(writer->rings, 0, options->rings * sizeof *writer->rings);
    for (; writer->ring_count < options->rings; writer->ring_count++) {
        writer->rings[writer->ring_count].memory = ring_memory_new(options->ring_bytes);
        if (!writer->rings[writer->ring_count].memory) goto fail;
    }
    if (thread_start(&writer->thread, "log", writer_thread, writer) != STATUS_OK) {
        errno = EAGAIN;
        goto fail;
    }
    writer->is_running = true;
    return writer;
fail:;
    int error = errno;
    log_writer_free(writer);
    errno = error;
    return NULL;
}

void log_writer_hurry(struct log_writer *writer)
{
    wakeup_ring(writer->wakeup);
}

uint64_t log_writer_stop(struct log_writer *writer)
{
    if (writer->is_running) {
        atomic_store_explicit(&writer->is_stopping, 1, memory_order_release);
        wakeup_ring(writer->wakeup);
        pthread_join(writer->thread, NULL);
        writer->is_running = false;
    }
    return lost_lines(writer);
}

void log_writer_free(struct log_writer *writer)
{
    if (!writer) return;
    for (unsigned i = 0; i < writer->ring_count; i++)
        ring_memory_free(writer->rings[i].memory, writer->options.ring_bytes);
    free(writer->rings);
    log_sink_close(&writer->sink);
    if (writer->wakeup >= 0) close(writer->wakeup);
    free(writer);
}
