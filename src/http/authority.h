/* authority.h - host and port, as they stand in Host and in targets (RFC 3986, section 3.2; RFC 9110, section 7.2).
 *
 * Role:   checks and splits `uri-host [":" port]`. No user information, no zone identifiers, no IPvFuture (there is none).
 * Owns:   nothing. Thread: any; a pure function.
 */
#ifndef FOLIO_HTTP_AUTHORITY_H
#define FOLIO_HTTP_AUTHORITY_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/span.h"

/* False: not a valid authority, or an empty host. ret_host is with the brackets of an IPv6 literal; ret_port is digits, at most
 * 65535, and may be empty, with data NULL when there is no ':'. */
NODISCARD bool authority_split(struct span authority, struct span *ret_host, struct span *ret_port);

#endif
