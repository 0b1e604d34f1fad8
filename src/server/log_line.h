/* log_line.h - one line of the access log.
 *
 * Role:   formats a finished exchange as `common`, `combined` or JSON; every byte that a client controls is escaped.
 * Owns:   nothing. Thread: any; the clock text is cached in `struct log_clock`, one per thread.
 */
#ifndef FOLIO_SERVER_LOG_LINE_H
#define FOLIO_SERVER_LOG_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/span.h"

enum log_format { LOG_FORMAT_COMBINED, LOG_FORMAT_COMMON, LOG_FORMAT_JSON };

enum { LOG_LINE_BYTES_MAX = 32 * 1024 }; /* longer values are cut, and end with "..." */

struct log_record {
    int64_t time_s;      /* when the request's head was complete, seconds since 1970 */
    int64_t duration_us; /* from the first byte of the request to the last byte of the answer */
    uint64_t bytes;      /* of content that the socket took */
    unsigned status;
    struct span client; /* address, without port */
    struct span user;   /* who said who he is, and rightly; data NULL: nobody */
    struct span line;   /* the request line as received; may be empty */
    struct span method;
    struct span target;
    struct span referer; /* data NULL: absent */
    struct span agent;   /* data NULL: absent */
    struct span outcome; /* of the cache: "hit", "miss", ... */

    /* For formats of one's own (log_format.h) only. */
    uint64_t received_bytes;   /* of the request: its head, and what it says is the length of its content */
    uint64_t sent_bytes;       /* of the answer, that the socket took: its head and content */
    bool is_aborted;           /* the connection ended before the answer was sent whole */
    bool closes;               /* and was to end with it */
    uint16_t site_port;        /* of ServerName; 0: none */
    struct span site;          /* ServerName; data NULL: none */
    const struct span *fields; /* field_count of them, in their slots */
    unsigned field_count;
};

/* Zeroed memory is a clock that shows nothing yet. */
struct log_clock {
    int64_t second;  /* what the texts stand for */
    char common[32]; /* [21/Nov/2026:20:30:41 +0000], local time */
    char iso[32];    /* 2026-11-21T20:30:41+00:00, local time */
    unsigned char common_size, iso_size;
};

/* [21/Nov/2026:20:30:41 +0000], local time; as long as `clock` is not asked for another second. */
struct span log_clock_text(struct log_clock *clock, int64_t second);

/* Write `value` escaped, in at most `room` bytes (3 at least); what does not fit is cut, and ends with "...". Returns the end. */
char *log_value_put(char *out, size_t room, struct span value, bool is_json);

/* Write the line of `record`, with its '\n', to out, which has LOG_LINE_BYTES_MAX bytes; returns how many. Common and combined as
 * Apache writes them: \" \\ \n \t and \xhh in quoted values, "-" for what is absent and for 0 bytes. JSON: one object, keys time, client, user (if there is one),
 * method, target, status, bytes, duration (seconds, microsecond digits), referer, agent, cache; null for what is absent; valid JSON whatever bytes came (bytes that
 * are not UTF-8 are written as \u00hh). */
size_t log_line_format(enum log_format format, struct log_clock *clock, const struct log_record *record, char *out);

#endif
