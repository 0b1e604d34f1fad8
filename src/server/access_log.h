/* access_log.h - one line for each answer, without ever waiting for a disk.
 *
 * Role:   a worker formats into a ring of its own; one thread writes the rings to the file.
 * Owns:   the rings, the file, the thread.
 * Thread: access_log_add() by worker `worker` for its own ring; the rest at start and stop.
 * Order:  a ring's `written` is stored with release by its worker and loaded with acquire by the writer; `taken` the
 *         other way round.
 * Limits: a ring that is full loses the line, and counts it; the count is told on standard error and at the stop.
 */
#ifndef FOLIO_SERVER_ACCESS_LOG_H
#define FOLIO_SERVER_ACCESS_LOG_H

#include "base/status.h"
#include "server/log_format.h"

struct access_log;

/* `path` "-" is standard output. Lines are in the form of `program`, which is copied; NULL: as `format` says. NULL: errno says why. */
NODISCARD struct access_log *access_log_open(const char *path, enum log_format format,
                                             const struct log_program *program, unsigned workers);

void access_log_add(struct access_log *log, unsigned worker, const struct log_record *record);

/* Write what is left, and close. Returns how many lines were lost. Takes NULL. */
uint64_t access_log_close(struct access_log *log);

#endif
