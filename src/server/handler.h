/* handler.h - what a request is answered.
 *
 * Role:   from a request, by way of its site and the cache, to an answer in the turn. Rules of HTTP are asked of http/, those
 *         of the configuration of server/sites.h.
 * Owns:   nothing. Thread: every worker at once; the struct is constant while they run.
 */
#ifndef FOLIO_SERVER_HANDLER_H
#define FOLIO_SERVER_HANDLER_H

#include "cache/cache.h"
#include "net/handler.h"
#include "server/authenticator.h"
#include "server/client_address.h"
#include "server/error_logs.h"
#include "server/server_logs.h"
#include "server/sites.h"

struct serving {
    struct cache *cache;
    struct sites *sites;
    struct server_logs *logs;
    struct error_logs *errors; /* NULL: nothing is told of requests */
    struct authenticator *authenticator;
    struct client_rules clients;
};

/* The connections' handler for `serving`, which must outlive it. */
struct handler serving_handler(struct serving *serving);

#endif
