/* cache_policy.h - how long whoever caches may keep a file (RFC 9111).
 *
 * Role:   Folio's own defaults, and what CacheControl, CacheDefaultAge and Expires... say instead.
 * Owns:   nothing. Thread: any; a pure function.
 */
#ifndef FOLIO_SERVER_CACHE_POLICY_H
#define FOLIO_SERVER_CACHE_POLICY_H

#include "server/rules.h"

enum { CACHE_POLICY_BYTES = 64 };

struct cache_policy {
    struct span control;       /* the value of Cache-Control; data NULL: none, or of the answer's own making */
    bool expires;              /* there is an Expires, too: */
    bool is_from_modification; /* so long after the file's time, else after the answer's */
    int64_t seconds;
    const char *reason;        /* for people; and where it is written, if it is: */
    struct config_place place; /* neither makes a difference */
};

/* For the file at `path` (in its tree, with the '/' in front), of media type `type` (without parameters). `room` may come to hold the value. */
struct cache_policy cache_policy_of(const struct rules *rules, struct span type, struct span path,
                                    char room[CACHE_POLICY_BYTES]);

bool cache_policy_equal(const struct cache_policy *a, const struct cache_policy *b);

#endif
