/* cidr.h - networks, as `Require ip` and `RemoteIPTrustedProxy` name them (RFC 4632, RFC 4291).
 *
 * Role:   reads a network and tells whether an address is in it, or in one of a list.
 * Owns:   nothing. Thread: any; values and pure functions.
 */
#ifndef FOLIO_BASE_CIDR_H
#define FOLIO_BASE_CIDR_H

#include "base/ip_address.h"

struct cidr {
    struct ip_address network; /* the bits behind the prefix are 0 */
    uint8_t prefix_bits;       /* 0 to 128; of IPv4: 96 more than is written */
    bool has_host_bits; /* it was written with bits set behind the prefix: "10.1.2.3/8", which means 10.0.0.0/8 */
};

/* "10.0.0.0/8", "2001:db8::/32", an address alone, and what Apache takes besides: "10.1" (10.1.0.0/16) and a mask ("10.1.0.0/255.255.0.0").
 * "::ffff:10.0.0.0/104" is 10.0.0.0/8. False: none of these. */
NODISCARD bool cidr_parse(struct span text, struct cidr *ret_cidr);

/* A network of IPv6 that is wider than ::ffff:0:0/96 holds no address of IPv4: "::/0" is all of IPv6, "0.0.0.0/0" all of IPv4. */
bool cidr_has(const struct cidr *cidr, const struct ip_address *address);

bool cidr_list_has(const struct cidr *list, size_t count, const struct ip_address *address);

#endif
