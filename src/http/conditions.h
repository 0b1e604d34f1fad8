/* conditions.h - conditional requests (RFC 9110, section 13).
 *
 * Role:   decides what of a representation is asked for, from the request and the representation's validators.
 * Owns:   nothing. Thread: any; pure functions.
 */
#ifndef FOLIO_HTTP_CONDITIONS_H
#define FOLIO_HTTP_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "http/ranges.h"
#include "http/request.h"

struct validators {
    struct span etag;   /* with its quotes; strong; empty: none is sent */
    int64_t modified_s; /* seconds since 1970; only if has_modified */
    bool has_modified;  /* a Last-Modified is sent */
};

enum condition {
    CONDITION_PASSED,       /* go on: answer 200, or look at Range */
    CONDITION_NOT_MODIFIED, /* 304 */
    CONDITION_FAILED,       /* 412 */
};

/* RFC 9110, 13.2.2, for GET and HEAD: If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since, in that order.
 * Lists, `*`, weak comparison where the RFC says so, repeated field lines. An invalid date is ignored. */
NODISCARD enum condition conditions_evaluate(const struct request *request, const struct validators *validators,
                                             int64_t now_s);

/* The byte ranges that a GET asks for, if its If-Range holds (strong comparison with the entity tag; a date never does, as it
 * cannot tell two versions of one second apart). A Range on several lines is none.
 * ranges_max, ret_ranges: as for ranges_parse(). */
NODISCARD enum range range_evaluate(const struct request *request, const struct validators *validators, uint64_t length,
                                    unsigned ranges_max, struct ranges *ret_ranges);

#endif
