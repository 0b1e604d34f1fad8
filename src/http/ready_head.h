/* ready_head.h - the part of a response's head that belongs to a representation, made once per entry.
 *
 * Role:   what the cache keeps as an opaque span: validators, then Content-Type and Content-Encoding, then Content-Length, in the
 *         order in which answers need prefixes of it (304: validators; 206: the first two; 200: all).
 *         What is the same for all of them is not in it: there may be a million.
 * Owns:   nothing. Thread: any; pure functions.
 */
#ifndef FOLIO_HTTP_READY_HEAD_H
#define FOLIO_HTTP_READY_HEAD_H

#include <stdint.h>

#include "base/span.h"
#include "http/conditions.h"

enum { READY_HEAD_BYTES_MAX = 512 };

struct ready_head_facts {
    struct span content_type;     /* at most 200 bytes */
    struct span content_encoding; /* at most 32 bytes; data NULL: none */
    uint64_t length;              /* of the content */
    int64_t modified_s;           /* seconds since 1970 */
    int64_t now_s;                /* a date in the future is no Last-Modified (RFC 9110, 8.8.2.1) */
    bool omits_etag, omits_modified;
};

/* At most READY_HEAD_BYTES_MAX bytes. It is not whole before it is sealed: the content may have to be read for its digest first. */
size_t ready_head_write(const struct ready_head_facts *facts, char *out);

/* Write the digest into a head, as its strong ETag (RFC 9110, 8.8.3), unless that is left out. */
void ready_head_seal(char *head, const uint64_t digest[2]);

/* The value of an ETag for content of that digest, with its quotes, to `out`; at most READY_HEAD_TAG_BYTES. Returns its size. */
enum { READY_HEAD_TAG_BYTES = 24 };
size_t ready_head_tag_write(const uint64_t digest[2], char *out);

/* A ready head, taken apart; spans point into it. */
struct ready_head {
    struct span validators; /* field lines ETag and, if any, Last-Modified */
    struct span content;    /* field lines Content-Type and, if any, Content-Encoding */
    struct span all;        /* every field line, Content-Length too */
    struct validators values;
};

void ready_head_read(struct span head, struct ready_head *ret_head);

#endif
