/* trouble.h - what is told of requests in the error log, and how much it matters.
 *
 * Role:   a line with client, URL and reason for what whoever looks after the server may want to mend, or to know of.
 * Owns:   nothing. Thread: workers; none ever waits (error_log.h).
 */
#ifndef FOLIO_SERVER_TROUBLE_H
#define FOLIO_SERVER_TROUBLE_H

#include <stdint.h>

#include "server/error_log.h"

enum trouble {
    TROUBLE_NONE,
    TROUBLE_FILE_SYSTEM,
    TROUBLE_POLICY,
    TROUBLE_USER_FILE,
    TROUBLE_STARVED,
    TROUBLE_OVERWHELMED,
    TROUBLE_CROWDED,
    TROUBLE_LINK_LEAVES,
    TROUBLE_LINK_OWNER,
    TROUBLE_UNREADABLE,
    TROUBLE_NO_FILE,
    TROUBLE_NO_INDEX,
    TROUBLE_DENIED,
    TROUBLE_WRONG_PASSWORD,
    TROUBLE_MISDIRECTED,
    TROUBLE_ABSENT,
    TROUBLE_COUNT
};

struct question;

/* Tell of the trouble that was noted in `question`, if its site's LogLevel goes so far. */
void trouble_tell(const struct question *question);

/* All kinds, for error_log_open(). */
const struct error_kind *troubles_all(unsigned *ret_count);

#endif
