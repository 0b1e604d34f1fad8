/* access.h - who may have what: Require, by address or by name and password.
 *
 * Role:   decides for a policy that does not grant access to all. One `Require` that is met suffices; nobody is asked for a name whom his
 *         address lets in.
 * Owns:   nothing. Thread: a worker's.
 */
#ifndef FOLIO_SERVER_ACCESS_H
#define FOLIO_SERVER_ACCESS_H

#include "server/question.h"

enum access {
    ACCESS_GRANTED,
    ACCESS_DENIED,      /* 403: also to somebody with a right password who is not meant */
    ACCESS_ASKS,        /* 401: a name and a password are wanted, or others than those */
    ACCESS_WAITS,       /* they are being checked: return HANDLER_WAITS */
    ACCESS_OVERWHELMED, /* 503: too many are being checked */
    ACCESS_BROKEN,      /* 500: AuthUserFile cannot be read */
};

/* Whether the question's client may have what has `policy`. Who he turned out to be is noted in the question. */
NODISCARD enum access access_decide(struct question *question, const struct policy *policy);

#endif
