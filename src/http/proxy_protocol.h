/* proxy_protocol.h - who the client is, as a proxy before us tells at the start of a connection (PROXY protocol 1 and 2, as HAProxy's
 * proxy-protocol.txt defines it).
 *
 * Role:   reads the header that stands before anything else. Only where the configuration expects one, and then always: whether a
 *         connection has one must not be guessed, or anybody could claim to be anybody (section 2 of the text).
 * Owns:   nothing. Thread: any; a pure function. Nothing of what is behind the header is looked at.
 * Limits: version 1: 107 bytes; version 2: PROXY_HEADER_BYTES_MAX with all its extensions (TLVs), which are read over.
 */
#ifndef FOLIO_HTTP_PROXY_PROTOCOL_H
#define FOLIO_HTTP_PROXY_PROTOCOL_H

#include "base/ip_address.h"

enum { PROXY_HEADER_BYTES_MAX = 4096 };

enum proxy_result {
    PROXY_DONE,    /* the header is complete: the request starts behind it */
    PROXY_MORE,    /* so far it is one, and goes on */
    PROXY_REFUSED, /* it is none: close the connection */
};

struct proxy_header {
    size_t size; /* bytes of it */
    /* False: the addresses are the connection's own: LOCAL (the proxy's own check), UNKNOWN, or a family that has none (Unix sockets). */
    bool has_addresses;
    struct ip_address source, destination; /* the client, and where it connected to; if has_addresses */
    uint16_t source_port, destination_port;
};

/* Look at the first `size` bytes of a connection.
 *
 * ret_needed  on PROXY_MORE: at least so many bytes more belong to the header; 1 or more
 * ret_header  set on PROXY_DONE only
 */
NODISCARD enum proxy_result proxy_protocol_parse(const char *bytes, size_t size, size_t *ret_needed,
                                                 struct proxy_header *ret_header);

#endif
