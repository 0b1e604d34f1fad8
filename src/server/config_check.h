/* config_check.h - what is legal in a configuration, but hardly meant.
 *
 * Role:   adds warnings to the report: folders that cannot be read by whoever serves, rules that nothing can match, names
 *         that two sites have, files that should not be there for all to see, compressed siblings that are stale.
 * Owns:   nothing. Thread: the first; looks at the file system, at most CHECK_ENTRIES_MAX names below each root.
 */
#ifndef FOLIO_SERVER_CONFIG_CHECK_H
#define FOLIO_SERVER_CONFIG_CHECK_H

#include "server/config.h"
#include "server/config_report.h"
#include "server/user_rights.h"

enum { CHECK_ENTRIES_MAX = 20000, CHECK_DEPTH_MAX = 32, CHECK_FILES_TOLD_MAX = 10 };

/* `config` is complete (config_reader_finish). */
void config_check(const struct config *config, struct config_report *report);

/* For the parts of the check. */
struct config_checking {
    const struct config *config;
    struct config_report *report;
    struct user_rights rights; /* of whoever serves */
    bool has_unreadable;       /* a root or an alias: it was warned of */
    const char *user_name;     /* "User www-data", or "this user" */
};

/* Warn of what was written at `place`; the line is looked up, and `word` in it is pointed at. */
PRINTF_LIKE(4, 5)
void config_check_warn(struct config_checking *checking, struct config_place place, struct span word,
                       const char *format, ...);

/* config_check_sites.c: names, addresses, redirects and sections. */
void config_check_sites(struct config_checking *checking);

/* What an Alias leads to: of an AliasMatch, what is written before the first group. */
struct span config_check_alias_root(const struct url_map *map);

/* config_check_pins.c: what cannot be pinned, and limits that are too low for what can. Every root can be opened. */
void config_check_pins(struct config_checking *checking);

/* config_check_throttles.c: those of a site that can never hold anything back. */
void config_check_throttles(struct config_checking *checking, const struct site_config *site);

/* config_check_files.c: what is below a root, which is there. */
void config_check_files(struct config_checking *checking, const struct site_config *site);

#endif
