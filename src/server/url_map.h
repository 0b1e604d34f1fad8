/* url_map.h - Redirect and Alias at work: from the path of a URL to another URL, or to a path of the file system.
 *
 * Role:   finds the first directive that is for a path, and writes what it makes of it.
 * Owns:   nothing. Thread: any; pure functions.
 */
#ifndef FOLIO_SERVER_URL_MAP_H
#define FOLIO_SERVER_URL_MAP_H

#include "server/site_config.h"

struct url_match {
    const struct url_map *map;
    unsigned index;   /* of it, in the site's list */
    struct span rest; /* of the path, behind the prefix; of URL_REDIRECT and URL_ALIAS: empty, or starts with '/' */
    struct span groups[PATTERN_GROUPS_MAX]; /* of the ..._MATCH kinds */
};

/* The first of `maps` (of struct url_map) that is for `path`, which is normalised. */
NODISCARD bool url_map_find(const struct config_list *maps, struct span path, struct url_match *ret_match);

/* Where a redirect leads, to `out`; what comes from the path is percent-encoded. 0: longer than `room`. The redirect has a target. */
NODISCARD size_t url_map_location(const struct url_match *match, char *out, size_t room);

/* The path that an AliasMatch leads to, to `out`. 0: longer than `room`, or no absolute path. */
NODISCARD size_t url_map_path(const struct url_match *match, char *out, size_t room);

/* The part of an AliasMatch's target that is the same for all: a folder, without '/' at its end but for "/". */
struct span url_map_fixed_folder(const struct url_map *map);

/* The prefix of an Alias or Redirect without '/' at its end: "" for "/". */
struct span url_map_prefix(const struct url_map *map);

#endif
