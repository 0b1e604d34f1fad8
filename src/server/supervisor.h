/* supervisor.h - the process that keeps the listening sockets, and replaces the process that serves.
 *
 * Role:   reload and recovery from a crash are one mechanism: another server process is started on the same sockets; once
 *         it says that it is ready, the one before is told to hand over, finishes what it began, and leaves.
 * Owns:   the listening sockets, for as long as it lives; the server processes.
 * Thread: the process's only one. Signals: TERM and INT stop (a second one at once), QUIT finishes, HUP and USR1 reload.
 */
#ifndef FOLIO_SERVER_SUPERVISOR_H
#define FOLIO_SERVER_SUPERVISOR_H

#include "server/config.h"

/* Makes a configuration anew, from wherever it comes; false: what is wrong was told on standard error. */
typedef bool supervisor_configure(void *context, struct config *config);

/* Serve until told to stop. `first` was made by `configure` already. Returns the exit status. */
int supervisor_run(const struct config *first, supervisor_configure *configure, void *context);

#endif
