/* ip_address.h - an address of either family in 16 bytes.
 *
 * Role:   IPv4 stands as IPv6 does for it, ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so that the same client is the same bytes on every
 *         listener; the form of `struct peer_address`.
 * Thread: any; values and pure functions.
 */
#ifndef FOLIO_BASE_IP_ADDRESS_H
#define FOLIO_BASE_IP_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/span.h"

struct ip_address {
    uint8_t bytes[16];
};

enum { IP_V4_PREFIX_BITS = 96 }; /* of ::ffff:0:0/96 */

struct ip_address ip_address_of_v4(const uint8_t bytes[4]);

bool ip_address_is_v4(const struct ip_address *address);

static inline bool ip_address_equal(const struct ip_address *a, const struct ip_address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Four decimal numbers without leading zeros, or IPv6 as RFC 4291, 2.2 writes it; no brackets, port or zone. */
NODISCARD bool ip_address_parse(struct span text, struct ip_address *ret_address);

/* The same for one family only. */
NODISCARD bool ip_address_parse_v4(struct span text, struct ip_address *ret_address);
NODISCARD bool ip_address_parse_v6(struct span text, struct ip_address *ret_address);

/* An address with or without a port, as fields write it: "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]",
 * "[2001:db8::1]:4711" (RFC 7239, section 6). The port, one to five digits, is read over. */
NODISCARD bool ip_address_parse_node(struct span text, struct ip_address *ret_address);

#endif
