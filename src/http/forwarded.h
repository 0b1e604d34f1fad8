/* forwarded.h - the client's own address, behind proxies that are trusted to tell it (X-Forwarded-For; Forwarded, RFC 7239).
 *
 * Role:   walks the list that proxies made, from the nearest one outward, as far as they are trusted. Whoever is not trusted is the
 *         client, and whatever stands before it in the list is only what the client says.
 * Owns:   nothing. Thread: any; pure functions.
 * Limits: FORWARDED_HOPS_MAX proxies one behind the other; the one beyond them is taken for the client.
 */
#ifndef FOLIO_HTTP_FORWARDED_H
#define FOLIO_HTTP_FORWARDED_H

#include "base/cidr.h"
#include "http/request.h"

enum { FORWARDED_HOPS_MAX = 32 };

struct trusted_proxies {
    const struct cidr *list;
    size_t count;
};

/* The address of the client of `request`, which came over a connection from `peer`.
 *
 * field    the name of the field that tells it (RemoteIPHeader): with "Forwarded" the syntax of RFC 7239, with any other a list of addresses
 *          with or without port, the nearest last. Several lines are one list (RFC 9110, 5.3).
 *
 * The walk ends at the first address that is not trusted; before an element that is no address ("unknown", "_hidden", rubbish); and
 * where the list ends. A Forwarded that is malformed anywhere tells nothing. */
struct ip_address forwarded_client(const struct request *request, struct span field, const struct ip_address *peer,
                                   const struct trusted_proxies *trusted);

#endif
