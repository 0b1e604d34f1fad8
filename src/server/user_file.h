/* user_file.h - the names and passwords of an AuthUserFile, read again when it has changed.
 *
 * Role:   lines of NAME:HASH, as htpasswd writes them; of several with one name the first holds. Comments and empty lines are overlooked.
 * Owns:   its text. Thread: one's at a time; reading waits.
 * Limits: USER_FILE_BYTES_MAX; a bigger file is not read.
 */
#ifndef FOLIO_SERVER_USER_FILE_H
#define FOLIO_SERVER_USER_FILE_H

#include "base/span.h"
#include "base/status.h"
#include "platform/file.h"

enum { USER_FILE_BYTES_MAX = 4 << 20 };

/* Zeroed memory is a file that was not read yet. */
struct user_file {
    struct file_identity identity; /* of what was read */
    bool is_read;
    char *text;
    size_t size;
};

/* Read `path` if it is another than what was read. ret_has_changed: it is, or cannot be read any more.
 * STATUS_FAILED: it cannot be read, and nobody is in it. */
NODISCARD enum status user_file_refresh(struct user_file *file, const char *path, bool *ret_has_changed);
void user_file_done(struct user_file *file);

/* The hash of `name`. data NULL: there is none. An empty name: of anybody. */
struct span user_file_find(const struct user_file *file, struct span name);

#endif
