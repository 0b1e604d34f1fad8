/* server.h - one server process, from a configuration to its end.
 *
 * Role:   makes cache, workers and log, says on standard output that it is ready, obeys signals, and
 *         takes everything down again.
 * Owns:   all of it, for as long as server_run() runs.
 * Thread: the process's first, with no other running. Signals: TERM and INT stop (a second one at once), QUIT finishes
 *         and lets nobody wait in vain, HUP hands over: another server process serves the same sockets already; SIGRTMIN tells
 *         the counts.
 */
#ifndef FOLIO_SERVER_SERVER_H
#define FOLIO_SERVER_SERVER_H

#include "server/listeners.h"

enum server_start {
    SERVER_STARTS_FIRST,    /* nobody yet */
    SERVER_STARTS_BESIDE,   /* another server process, which has a cache of its own */
    SERVER_STARTS_IN_PLACE, /* nobody any more: it answers at once, and what is pinned is loaded meanwhile */
};

/* listeners  borrowed; the workers have copies of their own
 * ready      a descriptor to write one byte to, and close, when it serves
 * start      who serves until then
 *
 * Returns the exit status: 0 after an orderly stop; 78 (EX_CONFIG) when what MMapStrict asks for cannot be had, or User not be become, 1 when it
 * could not start for other reasons; both were told (message.h). TERM, INT, QUIT and HUP end the process, with status 0 and
 * whatever it is doing, until it is ready. */
int server_run(const struct config *config, struct listeners *listeners, int ready, enum server_start start);

#endif
