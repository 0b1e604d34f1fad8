/* log_sink.h - where the lines of a log end up: a file, a stream, or datagrams to the system's log.
 *
 * Role:   takes whole lines, as many as it can without waiting for a reader; says how far it came.
 * Owns:   a descriptor. Thread: one at a time.
 * Format: a line for the system's log begins with its severity, a digit (RFC 3164, 4.1.1: 0 to 7), which becomes part of its
 *         head, "<PRI>Mmm dd hh:mm:ss TAG[PROCESS]: ", in local time, as syslog(3) writes it. In files and streams there is no digit.
 * Limits: a disk may be waited for; a pipe, a terminal and the system's log are not.
 */
#ifndef FOLIO_SERVER_LOG_SINK_H
#define FOLIO_SERVER_LOG_SINK_H

#include <stdint.h>
#include <sys/types.h>

#include "platform/socket.h"
#include "server/log_target.h"

struct log_sink {
    int fd;                              /* -1: it is not there just now: */
    int error;                           /* why */
    bool is_system;                      /* each line is a datagram */
    bool has_readers;                    /* no regular file: somebody must read before more can be written */
    bool is_within_line;                 /* the last byte that was written ended no line */
    bool is_torn;                        /* and the rest of that line was given up */
    struct log_target target;            /* its text borrowed */
    struct socket_address system_socket; /* of the system's log */
    int64_t process;                     /* its id */
};

/* system_socket: the path of the system's log's socket. What `may_be_absent` is opened by log_sink_open_again(), or by writing to it, once it
 * can be. False: errno says why. */
NODISCARD bool log_sink_open(struct log_sink *sink, const struct log_target *target, const char *system_socket,
                             bool may_be_absent);

/* What is not there is tried again. Returns whether it is now. */
bool log_sink_open_again(struct log_sink *sink);

/* Write `size` bytes, or fewer, from the start of `lines`, which are whole lines but perhaps for what was written of the first one already.
 * Returns how many. -1: errno; EAGAIN: somebody must read first, or it is not there. Poll sink->fd for POLLOUT. */
NODISCARD ssize_t log_sink_write(struct log_sink *sink, const char *lines, size_t size);

/* What log_sink_write() would not take is not to be written. Returns how many bytes that are: of datagrams, one; adds to *lost how many lines. */
size_t log_sink_give_up(struct log_sink *sink, const char *lines, size_t size, uint64_t *lost);

void log_sink_close(struct log_sink *sink);

#endif
