/* privileges.h - giving up what a process may do.
 *
 * Role:   the raw calls by which a process becomes another user for good.
 * Owns:   nothing.
 * Thread: the first, before it starts others that are to have the same rights: those that run already change their user with it, but keep
 *         no capability.
 */
#ifndef FOLIO_PLATFORM_PRIVILEGES_H
#define FOLIO_PLATFORM_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"

/* Nothing that is executed from here on has more rights than the process. 0, or an errno. */
NODISCARD int privileges_freeze(void);

/* Become `user`, with `group` and exactly these other groups; of the capabilities only CAP_LEASE is left, where the process has it and
 * the user is not root. The signal at the parent's end, which the system forgets then, is asked for again. 0, or an errno; the
 * process may then have changed in part, and must end. */
NODISCARD int privileges_become(uid_t user, gid_t group, const gid_t *groups, size_t group_count);

#endif
