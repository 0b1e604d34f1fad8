/* byteranges.h - what stands around the bytes of a partial answer (RFC 9110, sections 14.4, 14.6 and 15.3.7).
 *
 * Role:   writes Content-Range, and the frame of a multipart/byteranges body: each part's head, the end, and the length of it all.
 *         The body is: for each range its head, then its bytes; then the end.
 * Owns:   nothing. Thread: any; pure functions. Each writes at `at` and returns where the next goes.
 */
#ifndef FOLIO_HTTP_BYTERANGES_H
#define FOLIO_HTTP_BYTERANGES_H

#include <stdint.h>

#include "base/span.h"
#include "http/ranges.h"

enum {
    BOUNDARY_BYTES = 22,
    CONTENT_RANGE_BYTES_MAX = 128,        /* of a Content-Range field line */
    BYTERANGES_TYPE_BYTES_MAX = 128,      /* of the answer's Content-Type field line */
    BYTERANGES_PART_HEAD_BYTES_MAX = 224, /* of a part's head, without the representation's own field lines */
    BYTERANGES_END_BYTES = BOUNDARY_BYTES + 8,
};

struct boundary {
    char text[BOUNDARY_BYTES];
};

/* The boundary that 128 random bits make. They are the caller's to get, anew for each answer: whoever could foretell a boundary
 * could place it in a file and so forge parts (RFC 2046, 5.1.1). */
struct boundary boundary_of(const uint64_t random[2]);

/* "Content-Range: bytes 0-9/100\r\n", in a 206 of one range. */
char *content_range_append(char *at, struct byte_range range, uint64_t length);

/* "Content-Range: bytes * /100\r\n" (without the space), in a 416. */
char *content_range_append_unsatisfied(char *at, uint64_t length);

/* "Content-Type: multipart/byteranges; boundary=...\r\n", in place of the representation's own. */
char *byteranges_append_type(char *at, const struct boundary *boundary);

/* The head of part `index`, up to and with its empty line. content_type: the representation's field lines Content-Type and
 * Content-Encoding, each with CRLF; may be empty. */
char *byteranges_append_part_head(char *at, const struct boundary *boundary, struct span content_type,
                                  const struct ranges *ranges, unsigned index, uint64_t length);

char *byteranges_append_end(char *at, const struct boundary *boundary);

/* Bytes of the whole body: the value of Content-Length. length: of the representation, at most INT64_MAX. */
uint64_t byteranges_size(struct span content_type, const struct ranges *ranges, uint64_t length);

#endif
