/* accept_encoding.h - which content coding a client is sent (RFC 9110, sections 8.4.1 and 12.5.3).
 *
 * Role:   brings Accept-Encoding, in whatever words, to a normal form of two bytes, and chooses with it among the codings that
 *         there are of a representation.
 * Owns:   nothing. Thread: any; pure functions.
 */
#ifndef FOLIO_HTTP_ACCEPT_ENCODING_H
#define FOLIO_HTTP_ACCEPT_ENCODING_H

#include <stdint.h>

#include "base/span.h"
#include "http/request.h"

/* In the order in which the server prefers them, where the client and the sizes leave it the choice. */
enum coding {
    CODING_BR,
    CODING_ZSTD,
    CODING_GZIP, /* and its old name x-gzip (8.4.1.3) */
    CODING_IDENTITY,
    CODING_COUNT,
};

/* What a client accepts, and what it likes better: for each coding a rank, 0 (refused) to CODING_COUNT; codings of equal weight
 * have equal ranks. Equal preferences have equal normal forms, however they were written. */
struct accepted {
    uint16_t ranks; /* four bits each */
};

static inline unsigned accepted_rank(struct accepted accepted, enum coding coding)
{
    return accepted.ranks >> (4 * coding) & 15u;
}

/* CODING_IDENTITY is accepted unless it was refused by name, or by `*;q=0`. */
static inline bool accepted_has(struct accepted accepted, enum coding coding)
{
    return accepted_rank(accepted, coding) > 0;
}

/* What the value of a single field line says. data NULL, as for a field that is absent: the identity and nothing else, since who says
 * nothing can often read nothing; an empty value says the same (12.5.3).
 *
 * `*` stands for the codings that are not named. The identity, when neither named nor meant by `*`, is liked least. Of a coding
 * that is named twice the higher weight counts. Elements that are malformed, and codings that are unknown, are overlooked. */
struct accepted accept_encoding_parse(struct span value);

/* The same for a request, whose field lines are one list (5.3). */
struct accepted accept_encoding_of(const struct request *request);

/* The forms that there are of one representation: bit i of `mask` for coding i, and then its size in bytes. CODING_IDENTITY is one of them. */
struct codings {
    unsigned mask;
    uint64_t sizes[CODING_COUNT];
};

/* The coding to send: of the highest rank; if there are several, the smallest; if there still are, the first in `enum coding`.
 * CODING_IDENTITY if none is accepted: it is better than nothing, also when accepted_has() says that it was refused (12.5.3 lets
 * the server send it, and a 406 helps nobody). */
enum coding accept_encoding_choose(struct accepted accepted, const struct codings *codings);

/* "br", "zstd", "gzip" as in Content-Encoding; "" for the identity, which is not written there (8.4). */
struct span coding_name(enum coding coding);

#endif
