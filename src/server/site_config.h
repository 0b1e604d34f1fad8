/* site_config.h - one site: the main server, or a <VirtualHost>, with its rules and sections.
 *
 * Role:   plain values. What a site does not say it has from the main server, as Apache merges them; that was worked out
 *         when the configuration was complete (config_reader_finish).
 * Owns:   nothing; texts and lists are the configuration's arena's, each text with a NUL behind it.
 * Thread: made by one, then constant.
 */
#ifndef FOLIO_SERVER_SITE_CONFIG_H
#define FOLIO_SERVER_SITE_CONFIG_H

#include "base/pattern.h"
#include "server/log_level.h"
#include "server/log_line.h"
#include "server/rules.h"

/* An argument of <VirtualHost>. */
struct site_address {
    struct span text;          /* as it was written */
    bool is_any;               /* "*" or "_default_" */
    struct ip_address address; /* if not is_any */
    uint16_t port;             /* 0: any */
};

enum url_map_kind { URL_REDIRECT, URL_REDIRECT_MATCH, URL_ALIAS, URL_ALIAS_MATCH };

struct url_map {
    struct config_place place;
    enum url_map_kind kind;
    unsigned status;               /* of a redirect: 3xx with a target, or 4xx and 5xx without */
    struct span prefix;            /* of URL_REDIRECT and URL_ALIAS: begins with '/' */
    const struct pattern *pattern; /* of the ..._MATCH kinds */
    struct span pattern_text;
    struct span target; /* a URL, or an absolute path; in ..._MATCH, $0 to $9 stand for groups */
};

enum section_kind { SECTION_DIRECTORY, SECTION_FILES, SECTION_LOCATION };

struct section {
    struct config_place place;
    enum section_kind kind;
    bool has_wildcards;           /* its pattern is one for base/glob.h; else it is compared as it is */
    struct span pattern;          /* a path without a slash at its end (but "/"), a glob of names, or a path of URLs */
    const struct section *parent; /* of <Files>: the <Directory> or <Location> that it stands in; NULL: the site */
    struct rules rules;           /* only what was said in it */
};

struct log_config {
    struct config_place place;
    struct span target;      /* as server/log_target.h takes it; a path is absolute */
    struct span format;      /* what stands in the configuration: a name of one, or the text itself; NULL: the site's */
    enum log_format known;   /* if format_text.data is NULL */
    struct span format_text; /* with Apache's % directives */
};

/* One of the formats that are built in. */
NODISCARD bool log_format_named(struct span name, enum log_format *ret_format);

/* LogFormat FORMAT NAME */
struct log_name {
    struct config_place place;
    struct span name, text;
};

struct throttle_rule {
    struct config_place place;
    bool is_per_client;  /* each client's own; no pattern */
    struct span pattern; /* a glob of the URL's path */
    uint64_t bytes_s, min_bytes_s;
};

/* What a site says once. */
enum site_setting {
    SITE_DOCUMENT_ROOT,
    SITE_ERROR_LOG,
    SITE_LOG_FORMAT,
    SITE_LOG_LEVEL,
    SITE_SERVER_NAME,
    SITE_STRICT_HOST,
    SITE_SETTING_COUNT
};

/* What was written in the site itself; the effective values beside it include the main server's. */
struct site_config {
    struct config_place place; /* of <VirtualHost>; the main server has none */
    uint32_t set;              /* 1 << enum site_setting */
    struct config_place places[SITE_SETTING_COUNT];
    struct config_list addresses;      /* of struct site_address; the main server has none */
    struct span server_name;           /* in lower case, without port; NULL: none */
    uint16_t server_port;              /* of ServerName; 0: none */
    struct config_list server_aliases; /* of struct text_rule: names in lower case, * and ? in them match anything */
    struct span document_root;         /* absolute; NULL: none */
    unsigned strict_host;              /* 0 or 1 */
    struct span error_log;             /* as log_config.target; NULL: standard error, in plain form */
    unsigned log_level;                /* enum log_level */
    enum log_format log_format;        /* of logs that name none */
    struct config_list log_names;      /* of struct log_name */
    struct config_list own_logs;       /* of struct log_config */
    struct config_list own_url_maps;   /* of struct url_map, as written */
    struct config_list own_throttles;  /* of struct throttle_rule */
    struct config_list own_sections;   /* of struct section, as written */
    struct rules own_rules;            /* outside of sections */

    /* Worked out at the end. */
    struct config_list logs; /* its own, with their formats (by the reader); if it has none, the main server's */
    struct config_list
        url_maps; /* in the order in which they are tried, and the first that matches holds: redirects, then
                                   * aliases; within each the site's own first */
    struct config_list throttles; /* its own first */
    struct config_list sections;  /* in the order in which they are applied, each over those before: directories, the
                                   * shorter path first; files, those of the site, then those within directories; locations,
                                   * each followed by its files. Within each the main server's first, then as written. */
    struct rules rules;           /* the defaults, the main server's, its own */
};

static inline bool site_says(const struct site_config *site, enum site_setting setting)
{
    return (site->set >> setting & 1) != 0;
}

/* Work out what `site` has from `main_site`, which is complete already or is the same; the logs that are its own are in
 * `site->logs` already. False: no memory. */
NODISCARD bool site_config_complete(struct arena *arena, const struct rules *defaults,
                                    const struct site_config *main_site, struct site_config *site);

#endif
