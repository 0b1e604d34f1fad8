/* handler.h - what a connection asks of the floor above it.
 *
 * Role:   the one way from moving bytes to deciding what they say; the server injects it.
 * Thread: every worker calls, each with its own turn; `self` is shared, and not changed.
 */
#ifndef FOLIO_NET_HANDLER_H
#define FOLIO_NET_HANDLER_H

#include "net/turn.h"
#include "platform/socket.h"

enum handler_verdict {
    HANDLER_ANSWERED, /* an answer is in the turn */
    HANDLER_WAITS,    /* a loader was asked; the request will be asked again, with what it found */
    HANDLER_STARVES,  /* no descriptor or no memory just now: to be asked again in a moment */
};

/* How a request is asked. */
struct asking {
    struct mailbox *mailbox;
    uint64_t cookie;
    bool closes;       /* the connection ends after this answer: it must say so */
    int64_t waited_ms; /* since it was asked first, when it starved */
    const struct peer_address *peer;
    uint16_t group;           /* of the connection, as `group_of` told */
    const struct mail *mails; /* what loaders found for the request so far; NULL: it is asked for the first time */
};

struct handler {
    void *self;
    bool wants_log; /* `finished` is to be called */

    /* What a connection that was accepted as `fd` is of; kept for its requests. NULL: all are of group 0. */
    uint16_t (*group_of)(void *self, int fd);

    enum handler_verdict (*answer)(void *self, const struct request *request, struct asking *asking, struct turn *turn);

    /* Answer `status` to what was no request, and came from `peer`; the connection is then closed. `request`: what could be told of it, or
     * NULL. */
    void (*refuse)(void *self, enum http_status status, const struct request *request, const struct peer_address *peer,
                   struct turn *turn);

    /* Answer `request`, which was asked before, without what it waits for: the disk did not bring it within LoadTimeout. Of `asking`: closes,
     * peer and group. */
    void (*give_up)(void *self, const struct request *request, struct asking *asking, struct turn *turn);

    /* An answer is over: all of it was taken by the socket, or the connection ended after it took the first
     * `sent` bytes of those that the turn gathered. */
    void (*finished)(void *self, unsigned worker, const struct exchange *exchange, const struct peer_address *peer,
                     uint64_t sent);
};

#endif
