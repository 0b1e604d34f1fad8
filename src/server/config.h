/* config.h - everything that can be configured, after all directives were applied.
 *
 * Role:   plain values with their units; made by directives only (server/directive.h), read by everybody.
 * Owns:   its arena, the list of pins and the patterns. Thread: made at the start, then constant.
 */
#ifndef FOLIO_SERVER_CONFIG_H
#define FOLIO_SERVER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "cache/preload.h"
#include "server/site_config.h"

enum {
    CONFIG_PATH_BYTES = 4096,
    CONFIG_LISTENS_MAX = 16,
    LIMIT_LINE_BYTES_MAX = 16384, /* of LimitRequestLine and LimitRequestFieldSize */
    THREADS_MAX = 64,
};

struct config_listen {
    char address[128]; /* "": every address, of both families; else an IP address or unix:PATH */
    uint16_t port;
};

/* RemoteIPTrustedProxy */
struct proxy_rule {
    struct config_place place;
    struct span text; /* as it was written */
    struct cidr network;
};

/* One of the patterns, for its end. */
struct owned_pattern {
    struct owned_pattern *next;
    struct pattern *pattern;
};

struct config {
    char types_path[CONFIG_PATH_BYTES];
    uint32_t listen_count;
    struct config_listen listens[CONFIG_LISTENS_MAX];
    uint64_t threads;         /* 0: one for each CPU */
    uint64_t connections_max; /* 0: what the descriptors allow */
    uint64_t cache_bytes;     /* 0: a quarter of the memory */
    uint64_t cache_files;
    uint64_t snapshot_bytes; /* bigger files are streams */
    uint64_t expire_ms;      /* 0: never */
    uint64_t revalidate_ms;
    uint64_t settle_ms;
    uint64_t request_timeout_ms;
    uint64_t keepalive_timeout_ms;
    uint64_t load_timeout_ms;
    uint64_t send_min_bytes_s; /* 0: no lowest rate */
    uint64_t send_min_window_ms;
    unsigned pins_are_strict;   /* 1: what cannot be pinned is an error */
    unsigned pins_are_locked;   /* 1: big pinned files are locked in memory */
    uint64_t stats_interval_ms; /* 0: no status lines */
    char server_root[CONFIG_PATH_BYTES];
    struct pin_wish *pins; /* pin_count of them, in the order in which they were asked for */
    size_t pin_count, pin_room;
    uint64_t limit_line_bytes, limit_field_bytes, limit_fields;
    struct span user, group;           /* names, or # and a number; NULL: those of who starts it */
    struct span pid_file;              /* NULL: none */
    struct span syslog_socket;         /* an absolute path */
    struct span remote_ip_header;      /* NULL: none */
    struct config_list remote_proxies; /* of struct proxy_rule */
    unsigned proxy_protocol;           /* 0 or 1 */

    struct rules default_rules; /* what holds where nothing was said */
    struct site_config **sites; /* the first is the main server: what stands outside of any <VirtualHost> */
    size_t site_count, site_room;
    struct arena arena; /* of texts, lists, sites and sections */
    struct owned_pattern *patterns;
};

/* An empty configuration, with its main server. False: no memory. */
NODISCARD bool config_init(struct config *config);

/* Another site, written at `place`. NULL: no memory. */
NODISCARD struct site_config *config_add_site(struct config *config, struct config_place place);

/* Compile an expression that lives as long as the configuration. NULL: `error` says why not, from ret_at on. */
NODISCARD const struct pattern *config_pattern(struct config *config, struct span text, char error[PATTERN_ERROR_BYTES],
                                               size_t *ret_at);

/* Ask for `path` to be pinned: absolute, and the arena's. False: no memory. */
NODISCARD bool config_pin(struct config *config, enum pin_kind kind, struct span path, struct config_place place);

/* `path` made absolute, under `folder`. data is NULL: no memory, or it is longer than CONFIG_PATH_BYTES. */
NODISCARD struct span config_path(struct config *config, const char *folder, struct span path);

/* Free what it owns; zeroed memory is fine. */
void config_done(struct config *config);

#endif
