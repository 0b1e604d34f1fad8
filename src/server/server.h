/* server.h - a whole server, from a configuration to its end.
 *
 * Role:   opens the listeners, makes cache, workers and log, says on standard output that it is ready, obeys signals, and
 *         takes everything down again.
 * Owns:   all of it, for as long as server_run() runs.
 * Thread: the process's first, with no other running. Signals: TERM and INT stop (a second one at once), QUIT finishes.
 */
#ifndef FOLIO_SERVER_SERVER_H
#define FOLIO_SERVER_SERVER_H

#include "server/config.h"

/* Returns the exit status: 0 after an orderly stop; 1 when it could not start, which was said on standard error. */
int server_run(const struct config *config);

#endif
