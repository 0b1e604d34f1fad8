/* response_head.h - the part of a response's head that is the same for every answer of a second.
 *
 * Role:   status line, Server and Date; and how the connection goes on (RFC 9112, section 9).
 * Owns:   nothing. Thread: one `struct response_clock` a thread.
 */
#ifndef FOLIO_HTTP_RESPONSE_HEAD_H
#define FOLIO_HTTP_RESPONSE_HEAD_H

#include <stdint.h>

#include "base/span.h"
#include "http/status.h"

enum { RESPONSE_HEAD_BYTES_MAX = 256 };

/* Zeroed memory is a clock that shows nothing yet. */
struct response_clock {
    int64_t second;   /* that the lines stand for */
    size_t ok_size;   /* of the whole of `ok` */
    size_t line_size; /* of its status line */
    char ok[128];     /* "HTTP/1.1 200 OK", Server, Date: each with CRLF */
};

void response_clock_set(struct response_clock *clock, int64_t now_s);

enum response_connection {
    CONNECTION_AS_IS, /* HTTP/1.1, stays open: nothing to say */
    CONNECTION_CLOSE,
    CONNECTION_KEEP_ALIVE, /* HTTP/1.0, stays open */
};

/* Write the status line, Server, Date and, if there is something to say, Connection. At most RESPONSE_HEAD_BYTES_MAX. */
size_t response_head_write(const struct response_clock *clock, enum http_status status,
                           enum response_connection connection, char *out);

#endif
