/* upgrade.h - the binary that was put in this one's place takes over in the same process.
 *
 * Role:   asks it first whether it would (it checks the configuration, and signs the draft of an inheritance); then executes it,
 *         with the sockets and the server processes as its inheritance.
 * Owns:   the path of the binary, as it was when this process was started.
 * Thread: the supervisor's only one.
 */
#ifndef FOLIO_SERVER_UPGRADE_H
#define FOLIO_SERVER_UPGRADE_H

#include "server/inheritance.h"

struct upgrade {
    char *path;  /* NULL: it is not known, and nothing can be executed */
    char **argv; /* borrowed; as this process was started */
    int draft;   /* while somebody is asked; else -1 */
};

void upgrade_init(struct upgrade *upgrade, char **argv);
void upgrade_done(struct upgrade *upgrade); /* zeroed memory with draft -1 is fine */

/* Ask the binary; it tells on standard error what it does not like. Returns the process that is asked; -1: it was told. */
NODISCARD pid_t upgrade_ask(struct upgrade *upgrade);

/* It has ended, with this status of wait(2). False: it does not take over; told. */
NODISCARD bool upgrade_is_agreed(struct upgrade *upgrade, int status);

/* Execute it. Returns only if that failed; told. */
void upgrade_execute(const struct upgrade *upgrade, const struct inheritance *inheritance,
                     const struct listeners *listeners);

#endif
