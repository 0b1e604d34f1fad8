/* trouble.h - tells why a request was answered 500.
 *
 * Role:   a line on standard error with the path and the reason, for whoever looks after the server; at most one a second, with how
 *         many were left out.
 * Owns:   nothing. Thread: workers; none ever waits for who reads standard error: what it does not take at once is left out.
 */
#ifndef FOLIO_SERVER_TROUBLE_H
#define FOLIO_SERVER_TROUBLE_H

#include <stdint.h>

#include "base/span.h"

/* Zeroed memory is one that has told nothing yet. */
struct trouble {
    _Atomic int64_t told_s;  /* monotonic; relaxed: whoever changes it tells */
    _Atomic uint64_t untold; /* since; relaxed: a count */
};

/* path: of the URL; why: a phrase. now_s: monotonic. */
void trouble_tell(struct trouble *trouble, int64_t now_s, struct span path, const char *why);

#endif
