/* client_address.h - whose request it is: the peer of the connection, or the one for whom a trusted proxy asks.
 *
 * Role:   RemoteIPHeader and RemoteIPTrustedProxy at work (http/forwarded.h). What comes over a Unix socket is from a proxy of this machine, which
 *         is trusted as its permissions let nobody else in.
 * Owns:   the list of networks. Thread: made at the start, then read by all.
 */
#ifndef FOLIO_SERVER_CLIENT_ADDRESS_H
#define FOLIO_SERVER_CLIENT_ADDRESS_H

#include "http/forwarded.h"
#include "platform/socket.h"
#include "server/config.h"

struct client_rules {
    struct span field; /* data NULL: the peer is the client */
    struct trusted_proxies trusted;
    struct cidr *networks;
};

/* False: no memory. */
NODISCARD bool client_rules_init(struct client_rules *rules, const struct config *config);
void client_rules_done(struct client_rules *rules); /* zeroed memory, too */

/* The client of `request`, which came from `peer`; false: it is the peer. */
NODISCARD bool client_address_of(const struct client_rules *rules, const struct request *request,
                                 const struct peer_address *peer, struct peer_address *ret_client);

#endif
