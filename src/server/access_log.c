#include "server/access_log.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/log_writer.h"
#include "server/message.h"

enum { RING_BYTES = 1 << 20, SEVERITY = '6' /* information */ };

/* What a worker keeps from one line to the next. */
struct scribe {
    _Alignas(CACHE_LINE_BYTES) struct log_clock clock;
    struct log_times times;
};

struct access_log {
    const char *name;
    enum log_format format; /* without a program */
    bool has_program;
    struct log_program program;
    struct scribe *scribes; /* one for each worker */
    struct log_writer *writer;
    int absence;
};

void access_log_add(struct access_log *log, unsigned worker, const struct log_record *record)
{
    struct scribe *scribe = &log->scribes[worker];
    char *to = log_writer_room(log->writer, worker, SEVERITY);
    if (!to) return;
    log_writer_add(log->writer, worker,
                   log->has_program ? log_program_write(&log->program, &scribe->clock, &scribe->times, record, to)
                                    : log_line_format(log->format, &scribe->clock, record, to));
}

int access_log_absence(const struct access_log *log)
{
    return log->absence;
}

static void complain(void *context, const char *what)
{
    const struct access_log *log = context;
    message_tell(LOG_LEVEL_WARN, "access log %s: %s", log->name, what);
}

struct access_log *access_log_open(const struct access_log_options *options)
{
    struct access_log *log = calloc(1, sizeof *log);
    struct log_writer_options writing = {
        .rings = options->workers,
        .ring_bytes = RING_BYTES,
        .line_bytes = LOG_LINE_BYTES_MAX,
        .complain = complain,
        .context = log,
    };
    if (!log) return NULL;
    log->name = options->name;
    log->format = options->format;
    log->has_program = options->program != NULL;
    if (options->program) log->program = *options->program;
    log->program.process = (uint64_t)getpid();
    log->scribes = aligned_alloc(CACHE_LINE_BYTES, options->workers * sizeof *log->scribes);
    if (!log->scribes) goto fail;
    memset(log->scribes, 0, options->workers * sizeof *log->scribes);
    if (!log_sink_open(&writing.sink, &options->target, options->system_socket, options->may_be_absent)) goto fail;
    log->absence = writing.sink.fd < 0 ? writing.sink.error : 0;
    log->writer = log_writer_new(&writing);
    if (log->writer) return log;
fail:;
    int error = errno;
    access_log_close(log);
    errno = error;
    return NULL;
}

uint64_t access_log_close(struct access_log *log)
{
    if (!log) return 0;
    uint64_t lost = log->writer ? log_writer_stop(log->writer) : 0;
    log_writer_free(log->writer);
    free(log->scribes);
    free(log);
    return lost;
}
