/* trouble.h - what is told of requests in the error log, and how much it matters.
 *
 * Role:   a line with client, URL and reason for what whoever looks after the server may want to mend, or to know of.
 * Owns:   nothing. Thread: workers; none ever waits (error_log.h).
 */
#ifndef FOLIO_SERVER_TROUBLE_H
#define FOLIO_SERVER_TROUBLE_H

#include <stdint.h>

#include "platform/socket.h"
#include "server/error_logs.h"

enum trouble {
    TROUBLE_NONE,
    TROUBLE_FILE_SYSTEM,
    TROUBLE_POLICY,
    TROUBLE_MAKESHIFT,
    TROUBLE_USER_FILE,
    TROUBLE_STARVED,
    TROUBLE_OVERWHELMED,
    TROUBLE_CROWDED,
    TROUBLE_DEVICE,
    TROUBLE_LINK_LEAVES,
    TROUBLE_LINK_OWNER,
    TROUBLE_UNREADABLE,
    TROUBLE_NO_FILE,
    TROUBLE_NO_INDEX,
    TROUBLE_DENIED,
    TROUBLE_WRONG_PASSWORD,
    TROUBLE_MISDIRECTED,
    TROUBLE_ABSENT,
    TROUBLE_LATE,
    TROUBLE_BAD_REQUEST,
    TROUBLE_COUNT
};

/* Tell of it, if the site's LogLevel goes so far. site: its name; data NULL: it goes without saying. path: as it was asked for. now_us:
 * monotonic. `errors` may be NULL: nothing is told. */
void trouble_tell(const struct site_errors *errors, enum trouble trouble, const struct peer_address *client,
                  struct span site, struct span path, int64_t now_us);

/* All kinds, for error_log_open(). */
const struct error_kind *troubles_all(unsigned *ret_count);

#endif
