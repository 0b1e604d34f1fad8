/* h1_parse.h - the head of an HTTP/1 request (RFC 9112), from bytes.
 *
 * Role:   incremental, strict, sans-I/O: bytes in, a request or a status out. Reads nothing beyond the bytes it is given.
 * Owns:   nothing; never allocates.
 * Thread: any; all state is in `struct h1_parser`.
 * Limits: `struct h1_limits`; the state is small, so that a connection that waits for the rest of a head keeps only
 *         its bytes and this.
 * Errors: 400 malformed, 414 request line too long, 417 an expectation other than 100-continue, 431 too many or too long
 *         fields, 501 an unknown transfer coding, 505 another major version. Methods are not judged here.
 *         Which status it is depends on the bytes only, never on how they were cut into pieces.
 */
#ifndef FOLIO_HTTP_H1_PARSE_H
#define FOLIO_HTTP_H1_PARSE_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/span.h"
#include "http/request.h"
#include "http/status.h"

struct h1_limits {
    uint32_t line_bytes;  /* the request line, without CRLF; LimitRequestLine */
    uint32_t field_bytes; /* one field line, without CRLF; LimitRequestFieldSize */
    uint32_t fields;      /* at most REQUEST_FIELDS_MAX; LimitRequestFields */
    uint32_t head_bytes;  /* all of the head; what a receive buffer holds */
};

/* Zeroed memory is a parser at the start of a request. */
struct h1_parser {
    uint32_t line_at;     /* where the first line begins that was not seen whole yet */
    uint32_t scanned;     /* bytes that need not be looked at again: line_at <= scanned */
    uint16_t field_count; /* field lines before line_at */
    uint8_t has_line;     /* the request line is complete and valid */
    uint8_t part;         /* private: which part of its line `scanned` is in */
};

enum h1_result {
    H1_DONE, /* a whole head: ret_request is filled in, and the parser is back at the start */
    H1_MORE, /* a valid beginning: call again with the same bytes and more */
    H1_BAD,  /* ret_status says what to answer; the connection must then be closed */
};

/* Parse the request that begins at bytes[0].
 *
 * bytes, size  everything received of this request so far; it may have moved since the last call, its content not
 * ret_request  on H1_DONE, filled in; spans point into `bytes`. On H1_BAD, `line`, `method`, `method_text`, `target` and
 *              `minor_version` are what could be told of them (for the log). Everything else, and all of it on H1_MORE, is undefined
 * ret_status   on H1_BAD
 */
NODISCARD enum h1_result h1_parse(struct h1_parser *parser, const struct h1_limits *limits, const char *bytes,
                                  size_t size, struct request *ret_request, enum http_status *ret_status);

/* A chunked body (RFC 9112, section 7.1) that is read to be thrown away. Zeroed memory is the start of one. */
struct h1_chunks {
    uint64_t left;       /* bytes of the present chunk's data still to come */
    uint32_t phase;      /* private */
    uint32_t line_bytes; /* of the present chunk-size or trailer line */
    uint32_t trailers;   /* trailer lines so far */
};

/* Go through `bytes`. ret_used is how many belong to the body (on H1_DONE: up to its end); ret_data how many of those
 * were data. Extensions and trailers are bounded by limits->field_bytes and limits->fields, and thrown away. On H1_BAD nothing is
 * written. */
NODISCARD enum h1_result h1_chunks_skip(struct h1_chunks *chunks, const struct h1_limits *limits, struct span bytes,
                                        size_t *ret_used, uint64_t *ret_data);

#endif
