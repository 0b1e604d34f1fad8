/* supervisor.h - the process that keeps the listening sockets, and replaces the process that serves.
 *
 * Role:   reload and recovery from a crash are one mechanism: another server process is started on the same sockets; once
 *         it says that it is ready, the one before is told to hand over, finishes what it began, and leaves. Another binary is
 *         executed in this same process, and begins by such a reload.
 * Owns:   the listening sockets, for as long as it lives; the server processes.
 * Thread: the process's only one. Signals: TERM and INT stop (a second one at once), QUIT finishes, HUP and USR1 reload, USR2
 *         upgrades, SIGRTMIN has the serving process tell its counts.
 */
#ifndef FOLIO_SERVER_SUPERVISOR_H
#define FOLIO_SERVER_SUPERVISOR_H

#include "server/config.h"

/* Makes a configuration anew, from wherever it comes; false: what is wrong was told. */
typedef bool supervisor_configure(void *context, struct config *config);

/* Serve until told to stop. Returns the exit status.
 *
 * first  made by `configure` already; NULL: another binary left the sockets and a server to this one (inheritance_is_ours()), and
 *        the configuration is read as for a reload
 * argv   main()'s, to execute another binary with */
int supervisor_run(const struct config *first, supervisor_configure *configure, void *context, char **argv);

#endif
