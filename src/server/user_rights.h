/* user_rights.h - what a user may read, by the mode bits.
 *
 * Role:   tells before anybody becomes that user whether he could open a file; lists of access and security modules may
 *         still refuse.
 * Owns:   nothing. Thread: the first.
 */
#ifndef FOLIO_SERVER_USER_RIGHTS_H
#define FOLIO_SERVER_USER_RIGHTS_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/span.h"

enum { USER_GROUPS_MAX = 64, USER_PATH_BYTES = 4096 };

struct user_rights {
    uid_t user;
    gid_t groups[USER_GROUPS_MAX];
    int group_count;
};

/* Those of `user` and `group`, each a name, or # and a number; data NULL: of the process. False: there is none of that
 * name; *ret_is_group says which. */
NODISCARD bool user_rights_find(struct span user, struct span group, struct user_rights *ret_rights,
                                bool *ret_is_group);

/* Whether he may do all of `wanted`, of R_OK and X_OK (for folders: enter). */
bool user_rights_allow(const struct user_rights *rights, const struct stat *st, int wanted);

/* Whether he may enter every folder on the way to `path` (absolute), and may do `wanted` with what is there. 0; or an
 * errno, and ret_where is the part of the path that it is about. */
NODISCARD int user_rights_walk(const struct user_rights *rights, const char *path, int wanted,
                               char ret_where[USER_PATH_BYTES]);

#endif
