/* log_writer.h - lines on their way into a log, without anybody waiting who has better things to do.
 *
 * Role:   whoever has a line writes it into a ring; one thread empties the rings into the sink.
 * Owns:   the rings, the sink, the thread.
 * Thread: log_writer_room() and log_writer_add() by one thread at a time for each ring; the rest at start and stop.
 * Order:  a ring's `written` is stored with release by who fills it and loaded with acquire by the writer; `taken` the
 *         other way round.
 * Limits: a ring that is full loses the line, and counts it; so are those counted that the sink will not take (a full disk). Both are
 *         told. What a sink does not take for the moment (a pipe whose reader is slow, a log of the system that is being
 *         started anew, a file whose folder is gone) waits in the ring; of a pipe whose reader is gone (EPIPE) the lines are lost. Rings take turns, and no ring's
 *         line stands within another's.
 */
#ifndef FOLIO_SERVER_LOG_WRITER_H
#define FOLIO_SERVER_LOG_WRITER_H

#include <stdint.h>

#include "server/log_sink.h"

enum { LOG_TELL_MS = 10000 /* between two remarks about the same */ };

struct log_writer;

struct log_writer_options {
    struct log_sink
        sink; /* open, or to be opened as soon as it can be; closed by the writer from here on, also if it cannot be made */
    unsigned rings;
    size_t ring_bytes; /* of each; a power of two, and a multiple of the page size */
    size_t line_bytes; /* the longest line */
    /* Something is wrong with the log itself. Called by the writer's thread; `what` is a phrase. */
    void (*complain)(void *context, const char *what);
    /* Called by the same before it looks at the rings: at least every 250 ms, and at the end. May be NULL. */
    void (*tick)(void *context);
    void *context;
};

/* NULL: errno says why. */
NODISCARD struct log_writer *log_writer_new(const struct log_writer_options *options);

/* Room for a line with its '\n' in ring `ring`; NULL: there is none, which is counted. severity: '0' to '7' (RFC 3164). */
NODISCARD char *log_writer_room(struct log_writer *writer, unsigned ring, char severity);

/* `size` bytes were written there. */
void log_writer_add(struct log_writer *writer, unsigned ring, size_t size);

/* What was added is to be in the log soon: it matters more than a call of the system. */
void log_writer_hurry(struct log_writer *writer);

/* Write what is left, and end the thread; what is added from then on stays in the rings. Returns how many lines were lost. */
uint64_t log_writer_stop(struct log_writer *writer);

/* Takes NULL; after log_writer_stop(). */
void log_writer_free(struct log_writer *writer);

#endif
