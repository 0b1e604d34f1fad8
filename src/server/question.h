/* question.h - one request on its way to an answer, and the look-ups that it takes.
 *
 * Role:   an answer may take several look-ups (the file, then what stands in for it, then an error document). Each may have to wait for
 *         a loader; the request is then asked anew, and goes through them again. What a loader found for it holds to its end, so that it
 *         comes to one even if nothing of it can be kept.
 * Owns:   references to entries that the table does not hold, until question_end().
 * Thread: a worker's.
 */
#ifndef FOLIO_SERVER_QUESTION_H
#define FOLIO_SERVER_QUESTION_H

#include "cache/cache.h"
#include "net/handler.h"
#include "server/answer.h"
#include "server/authenticator.h"
#include "server/error_logs.h"
#include "server/sites.h"
#include "server/trouble.h"

enum {
    QUESTION_LOOK_UPS_MAX = 32,
    QUESTION_OWNED_MAX = QUESTION_LOOK_UPS_MAX + 8,
    QUESTION_PATH_BYTES_MAX = 8192, /* twice what the system can open */
    QUESTION_KEY_BYTES_MAX = SITE_KEY_BYTES + QUESTION_PATH_BYTES_MAX,
};

/* What a question comes to hold. Not set at its start, which each request pays for: what of it means something is told beside. */
struct question_room {
    struct peer_address client; /* question.peer leads to it, if it is not the connection's peer */
    char user[EXCHANGE_USER_BYTES];
    struct entry *owned[QUESTION_OWNED_MAX];
};

struct question {
    struct answer_to to;
    const struct sites *sites;
    const struct site *site;
    const struct site_errors *errors;     /* NULL: nothing is told */
    const struct throttle_set *throttles; /* of what was asked for, whatever stands in for it; NULL: none */
    struct asking *asking;
    struct authenticator *authenticator;
    const struct peer_address *peer; /* the client */
    struct question_room *room;
    uint8_t user_size;          /* 0: nobody is known by name */
    struct span key, url;       /* url is a part of key; data NULL: there is none */
    enum cache_outcome outcome; /* of the first look-up; a load, if the request had to wait for any */
    enum trouble trouble;       /* to be told once it is answered */
    uint8_t look_ups;           /* so far */
    uint8_t owned_count;
    const struct entry *content; /* what the answer refers to */
};

/* What `key` leads to. STATUS_WOULD_BLOCK: return HANDLER_WAITS. Anything else but STATUS_OK: it cannot be told just now. */
NODISCARD enum status question_look_up(struct question *question, struct span key, struct entry **ret_entry);

/* The same, if it takes no waiting and is no trouble. NULL: it does, or is. No look-up that is gone through again. */
struct entry *question_try(struct question *question, struct span key);

/* Give back what is not needed any more; with an answer, its content is held until the end of the turn. */
void question_end(struct question *question, bool is_answered);

#endif
