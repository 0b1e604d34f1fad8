/* access_log.h - one line for each answer, without ever waiting for a disk.
 *
 * Role:   a worker formats into a ring of its own; the log's writer (log_writer.h) does the rest.
 * Owns:   the writer.
 * Thread: access_log_add() by worker `worker` for its own ring; the rest at start and stop.
 */
#ifndef FOLIO_SERVER_ACCESS_LOG_H
#define FOLIO_SERVER_ACCESS_LOG_H

#include "base/status.h"
#include "server/log_format.h"
#include "server/log_target.h"

struct access_log;

/* Where a log goes, and how its lines are written. */
struct access_log_options {
    const char *name; /* borrowed, for messages */
    struct log_target target;
    const char *system_socket;
    bool may_be_absent; /* it need not be there yet */
    enum log_format format;
    const struct log_program *program; /* the form of its lines, copied; NULL: as `format` says */
    unsigned workers;
};

/* NULL: errno says why. */
NODISCARD struct access_log *access_log_open(const struct access_log_options *options);

/* Why it was not there when it was opened, as an errno: lines wait until it is. 0: it was. */
int access_log_absence(const struct access_log *log);

void access_log_add(struct access_log *log, unsigned worker, const struct log_record *record);

/* Write what is left, and close. Returns how many lines were lost. Takes NULL. */
uint64_t access_log_close(struct access_log *log);

#endif
