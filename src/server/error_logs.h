/* error_logs.h - the error logs of all sites.
 *
 * Role:   opens each ErrorLog once, however many sites write to it. Without one, a site's is standard error, in plain form.
 * Owns:   the logs. Thread: read by workers; the rest at start and stop.
 */
#ifndef FOLIO_SERVER_ERROR_LOGS_H
#define FOLIO_SERVER_ERROR_LOGS_H

#include "server/config.h"
#include "server/error_log.h"

struct error_logs;

/* What a site has to say goes there, as far as it matters. */
struct site_errors {
    struct error_log *log;
    enum log_level level;
};

/* may_be_absent: each of them may, which is told. NULL: told. Messages of the process go to the main server's from then on, until
 * error_logs_stop(). */
NODISCARD struct error_logs *error_logs_open(const struct config *config, bool may_be_absent);

const struct site_errors *error_logs_of(const struct error_logs *logs, size_t site);

/* Write what is left; what is told from then on is lost, but may be told. Returns how many lines were lost. Takes NULL. */
uint64_t error_logs_stop(struct error_logs *logs);

/* Takes NULL; after error_logs_stop(). */
void error_logs_free(struct error_logs *logs);

/* Where the main server's log is, apart from any configuration. */
struct error_log_place {
    enum log_level level;
    char target[CONFIG_PATH_BYTES]; /* as ErrorLog names it; "": standard error, in plain form */
    char system_socket[CONFIG_PATH_BYTES];
};

void error_log_place_init(struct error_log_place *place, const struct config *config);

/* That log for the supervisor, which writes itself; what it cannot open takes nothing until it can. NULL: there is none, or no memory for
 * it, which is told. */
NODISCARD struct error_log *error_logs_open_main(const struct error_log_place *place);

/* Tell that the log `target`, which `directive` at `place` names, cannot be opened, for `error`. */
void error_logs_complain(struct config_place place, const char *directive, struct span target, int error,
                         bool is_tried_again);

#endif
