/* log_target.h - where a log goes, as CustomLog and ErrorLog name it.
 *
 * Role:   a file, a standard stream, or the system's log with facility and tag: syslog[:[FACILITY][:TAG]], in Apache's words.
 * Owns:   nothing: a target refers to the text that it was made of. Thread: any; pure functions.
 */
#ifndef FOLIO_SERVER_LOG_TARGET_H
#define FOLIO_SERVER_LOG_TARGET_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/span.h"

enum { LOG_TAG_BYTES_MAX = 32 /* RFC 3164, 4.1.3 */ };

enum log_target_kind {
    LOG_TO_FILE,
    LOG_TO_STANDARD_OUTPUT, /* "-" */
    LOG_TO_STANDARD_ERROR,  /* "stderr" */
    LOG_TO_SYSTEM,
};

struct log_target {
    enum log_target_kind kind;
    struct span path;  /* of a file */
    unsigned facility; /* of the system's log: its number (RFC 3164, 4.1.1) */
    struct span tag;   /* of the same */
};

/* False: it begins as the system's log does, and *ret_wanted says what is wrong, which bytes ret_at.. of the text are. */
NODISCARD bool log_target_parse(struct span text, struct log_target *ret_target, const char **ret_wanted,
                                size_t *ret_at);

#endif
