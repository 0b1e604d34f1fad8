/* check.h - `folio check` and `folio -t`: what is wrong with a configuration.
 *
 * Role:   says it all at once, for people on standard error, as JSON on standard output.
 * Owns:   nothing. Thread: the first.
 */
#ifndef FOLIO_CLI_CHECK_H
#define FOLIO_CLI_CHECK_H

#include "server/config.h"
#include "server/config_report.h"

struct check_options {
    bool is_strict; /* warnings are mistakes */
    bool is_json;
};

/* `report` holds what reading found; what is only suspicious is added. Returns the exit status. */
int check_run(const struct config *config, struct config_report *report, const struct check_options *options);

#endif
