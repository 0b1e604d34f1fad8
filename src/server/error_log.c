#include "server/error_log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/text_write.h"
#include "platform/clock.h"
#include "server/log_line.h"
#include "server/log_writer.h"

enum {
    RING_BYTES = 1 << 16,
    LINE_BYTES_MAX = 4096,
    TEXT_BYTES_MAX = 2048,
    URL_ROOM = 1024,
    NAME_ROOM = 256,
    BURST = 20,
    INTERVAL_US = 1000000, /* between lines of a kind in the long run */
};
_Static_assert(TEXT_BYTES_MAX + URL_ROOM + 2 * NAME_ROOM + 256 <= LINE_BYTES_MAX, "a line must hold its parts");

/* How much is told of a kind. */
struct quota {
    _Atomic int64_t
        spent_until_us;        /* monotonic; each line moves it on by INTERVAL_US; relaxed: whoever changes it tells */
    _Atomic uint64_t left_out; /* relaxed: a count */
    uint64_t told_left_out;    /* the writer's */
};

struct error_log {
    struct error_log_options options; /* whose text is this log's own: */
    char *name, *path;
    char tag[LOG_TAG_BYTES_MAX];
    struct log_writer *writer; /* NULL: whoever tells writes to */
    struct log_sink sink;
    int absence;
    pthread_mutex_t lock; /* of the ring, the clock, or the sink */
    int64_t clock_s;      /* what `clock` shows; under the lock */
    char clock[32];       /* "Sun Nov 22 03:06:24", local time; under the lock */
    int clock_year;
    struct quota quotas[ERROR_KINDS_MAX];
    int64_t told_left_out_us; /* when; the writer's */
    _Atomic bool is_ending;   /* relaxed: the stop of the writer orders it */
};

static struct span level_name(enum log_level level)
{
    static const char *const names[] = { "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug" };
    return span_of_string(names[level]);
}

/* Under the lock. */
static char *put_time(struct error_log *log, char *out)
{
    int64_t now_us = clock_calendar_exact_us();
    time_t second = (time_t)(now_us / 1000000);
    if (log->clock_s != (int64_t)second) {
        struct tm tm = { .tm_mday = 1, .tm_year = 70 };
        (void)localtime_r(&second, &tm); /* fails only for years beyond an int, and then leaves the first day */
        log->clock_s = (int64_t)second;
        log->clock_year = tm.tm_year + 1900;
        (void)strftime(log->clock, sizeof log->clock, "%a %b %d %H:%M:%S", &tm);
    }
    return out + sprintf(out, "[%s.%06d %d] ", log->clock, (int)(now_us % 1000000), log->clock_year);
}

/* What stands before a line's text, at most 128 bytes. Under the lock. */
static char *put_head(struct error_log *log, enum log_level level, char *out)
{
    bool is_system = log->options.target.kind == LOG_TO_SYSTEM;
    if (log->options.is_plain) return text_append(out, SPAN("folio: "));
    if (!is_system) out = put_time(log, out);
    out = text_append(out, SPAN("["));
    out = text_append(out, level_name(level));
    out = text_append(out, SPAN("] "));
    return is_system ? out : out + sprintf(out, "[pid %d] ", (int)getpid());
}

/* What we say ourselves, in which names of files may stand: on one line, without what a terminal would obey. */
static char *put_text(char *out, struct span text)
{
    char *room_end = out + TEXT_BYTES_MAX - 8;
    for (size_t i = 0; i < text.size && out < room_end; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '\n') {
            while (i + 1 < text.size && text.data[i + 1] == ' ') i++;
            if (i + 1 < text.size) out = text_append(out, SPAN("; "));
        } else if (c < ' ' || c == 0x7f) {
            out += sprintf(out, "\\x%02x", c);
        } else {
            *out++ = (char)c;
        }
    }
    return out;
}

static char *put_request(char *out, const struct error_request *request)
{
    out = text_append(out, SPAN("[client "));
    out = log_value_put(out, NAME_ROOM, request->client, false);
    if (request->site.data) {
        out = text_append(out, SPAN("] [site "));
        out = log_value_put(out, NAME_ROOM, request->site, false);
    }
    out = text_append(out, SPAN("] "));
    out = log_value_put(out, URL_ROOM, request->url, false);
    return text_append(out, SPAN(": "));
}

/* Under the lock. `request` may be NULL. */
static bool add_line(struct error_log *log, enum log_level level, const struct error_request *request, struct span text)
{
    char line[LINE_BYTES_MAX + 1], severity = (char)('0' + level);
    char *start = log->writer ? log_writer_room(log->writer, 0, severity) : line;
    if (!start) return true; /* counted */
    char *out = start;
    if (!log->writer && log->sink.is_system) *out++ = severity;
    out = put_head(log, level, out);
    if (request) out = put_request(out, request);
    out = put_text(out, text);
    *out++ = '\n';
    size_t size = (size_t)(out - start);
    if (!log->writer) return log_sink_write(&log->sink, line, size) == (ssize_t)size;
    log_writer_add(log->writer, 0, size);
    log_writer_hurry(log->writer);
    return true;
}

bool error_log_tell(struct error_log *log, enum log_level level, struct span text)
{
    pthread_mutex_lock(&log->lock);
    bool is_taken = add_line(log, level, NULL, text);
    pthread_mutex_unlock(&log->lock);
    return is_taken;
}

/* A bucket that holds BURST lines, and is filled by one each INTERVAL_US. */
static bool is_in_quota(struct quota *quota, int64_t now_us)
{
    int64_t until = atomic_load_explicit(&quota->spent_until_us, memory_order_relaxed), next;
    do {
        next = (until > now_us ? until : now_us) + INTERVAL_US;
        if (next - now_us > BURST * (int64_t)INTERVAL_US) return false;
    } while (!atomic_compare_exchange_weak_explicit(&quota->spent_until_us, &until, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

/* Whoever has the lock lets go of it soon, but for one that writes to a sink by itself, or lets all other threads run first: these are
 * not waited for. False: it is another's still. */
static bool lock_soon(struct error_log *log)
{
    enum { TRIES_MAX = 20, PAUSE_US = 50 };
    for (int tries = 1; pthread_mutex_trylock(&log->lock) != 0; tries++) {
        if (tries == TRIES_MAX) return false;
        usleep(PAUSE_US);
    }
    return true;
}

void error_log_tell_request(struct error_log *log, unsigned kind, const struct error_request *request, int64_t now_us)
{
    struct quota *quota = &log->quotas[kind];
    if (!is_in_quota(quota, now_us) || !lock_soon(log)) {
        atomic_fetch_add_explicit(&quota->left_out, 1, memory_order_relaxed);
        return;
    }
    const struct error_kind *known = &log->options.kinds[kind];
    (void)add_line(log, known->level, request, span_of_string(known->phrase));
    pthread_mutex_unlock(&log->lock);
}

static void tell_left_out(struct error_log *log)
{
    for (unsigned i = 0; i < log->options.kind_count; i++) {
        char text[256];
        const struct error_kind *kind = &log->options.kinds[i];
        uint64_t left_out = atomic_load_explicit(&log->quotas[i].left_out, memory_order_relaxed);
        uint64_t more = left_out - log->quotas[i].told_left_out;
        if (more == 0) continue;
        snprintf(text, sizeof text, "%" PRIu64 " more %s not told: %s", more, more == 1 ? "was" : "were", kind->phrase);
        log->quotas[i].told_left_out = left_out;
        (void)error_log_tell(log, kind->level, span_of_string(text));
    }
}

static void tick(void *context)
{
    struct error_log *log = context;
    int64_t now_us = clock_monotonic_us();
    bool is_ending = atomic_load_explicit(&log->is_ending, memory_order_relaxed);
    if (!is_ending && now_us - log->told_left_out_us < LOG_TELL_MS * (int64_t)1000) return;
    log->told_left_out_us = now_us;
    tell_left_out(log);
}

/* The log itself cannot say it. */
static void complain(void *context, const char *what)
{
    const struct error_log *log = context;
    if (!error_log_is_standard_error(log)) fprintf(stderr, "folio: error log %s: %s\n", log->options.name, what);
}

/* The configuration that the names stand in may go before the log does. */
static bool keep_text(struct error_log *log)
{
    struct span *tag = &log->options.target.tag;
    ASSERT(tag->size <= sizeof log->tag);
    if (tag->size > 0) memcpy(log->tag, tag->data, tag->size);
    *tag = span_of(log->tag, tag->size);
    log->options.name = log->name = strdup(log->options.name);
    struct span *path = &log->options.target.path;
    log->path = strndup(path->size > 0 ? path->data : "", path->size);
    if (log->path) *path = span_of(log->path, path->size);
    return log->name && log->path;
}

struct error_log *error_log_open(const struct error_log_options *options)
{
    struct error_log *log = calloc(1, sizeof *log);
    struct log_writer_options writing = { .rings = 1,
                                          .ring_bytes = RING_BYTES,
                                          .line_bytes = LINE_BYTES_MAX,
                                          .complain = complain,
                                          .tick = tick,
                                          .context = log };
    if (!log) return NULL;
    log->options = *options;
    log->sink.fd = -1;
    log->clock_s = INT64_MIN;
    log->told_left_out_us = clock_monotonic_us();
    pthread_mutex_init(&log->lock, NULL);
    bool is_open = keep_text(log) &&
                   log_sink_open(&log->sink, &log->options.target, options->system_socket, options->may_be_absent);
    log->options.system_socket = NULL; /* not ours */
    log->absence = is_open && log->sink.fd < 0 ? log->sink.error : 0;
    if (is_open && options->has_writer) {
        writing.sink = log->sink;
        log->sink.fd = -1; /* the writer's */
        log->writer = log_writer_new(&writing);
        is_open = log->writer != NULL;
    }
    if (is_open) return log;
    int error = errno;
    error_log_free(log);
    errno = error;
    return NULL;
}

int error_log_absence(const struct error_log *log)
{
    return log->absence;
}

bool error_log_is_standard_error(const struct error_log *log)
{
    return log->options.target.kind == LOG_TO_STANDARD_ERROR;
}

uint64_t error_log_stop(struct error_log *log)
{
    if (!log->writer) return 0;
    atomic_store_explicit(&log->is_ending, true, memory_order_relaxed);
    return log_writer_stop(log->writer);
}

void error_log_free(struct error_log *log)
{
    if (!log) return;
    log_writer_free(log->writer);
    log_sink_close(&log->sink);
    pthread_mutex_destroy(&log->lock);
    free(log->name);
    free(log->path);
    free(log);
}
