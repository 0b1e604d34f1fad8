/* identity.h - who a server process is: User and Group.
 *
 * Role:   becomes him for good, once what only the one who started it may do is done: sockets are bound, logs are open.
 * Owns:   nothing. Thread: a server process's first.
 */
#ifndef FOLIO_SERVER_IDENTITY_H
#define FOLIO_SERVER_IDENTITY_H

#include "server/config.h"

/* Whether User and Group are there, and this process may become them; else it was told. Without both it changes nothing. */
NODISCARD bool identity_is_possible(const struct config *config);

/* Become them. False: it was told, and the process must end. */
NODISCARD bool identity_assume(const struct config *config);

#endif
