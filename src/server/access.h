/* access.h - who may have what: Require.
 *
 * Role:   decides for a policy that does not grant access to all, by the address of the client.
 * Owns:   nothing. Thread: any; a pure function.
 */
#ifndef FOLIO_SERVER_ACCESS_H
#define FOLIO_SERVER_ACCESS_H

#include "http/status.h"
#include "platform/socket.h"
#include "server/policy.h"

/* HTTP_NONE: granted; else what to answer. One `Require` that is met suffices. */
NODISCARD enum http_status access_refuses(const struct policy *policy, const struct peer_address *client);

#endif
