/* server_logs.h - the access logs of all sites.
 *
 * Role:   opens each CustomLog once, however many sites write to it, and gives a line to every log of a site.
 * Owns:   the logs. Thread: server_logs_add() by worker `worker`; the rest at start and stop.
 */
#ifndef FOLIO_SERVER_SERVER_LOGS_H
#define FOLIO_SERVER_SERVER_LOGS_H

#include "server/access_log.h"
#include "server/config.h"

struct server_logs;

/* may_be_absent: each of them may, which is told. NULL: told. */
NODISCARD struct server_logs *server_logs_open(const struct config *config, unsigned workers, bool may_be_absent);

/* The same without opening any: what is added goes nowhere. */
NODISCARD struct server_logs *server_logs_open_none(const struct config *config);

/* Whether any site has a log. */
bool server_logs_are_wanted(const struct server_logs *logs);

/* The fields that their formats want of exchanges. */
const struct log_wishes *server_logs_wishes(const struct server_logs *logs);

/* Give a line about `record`, which needs no site's name, to every log of the site. */
void server_logs_add(struct server_logs *logs, unsigned site, unsigned worker, struct log_record *record);

/* Write what is left, and close. Returns how many lines were lost. Takes NULL. */
uint64_t server_logs_close(struct server_logs *logs);

#endif
