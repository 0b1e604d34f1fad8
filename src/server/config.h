/* config.h - everything that can be configured, after all directives were applied.
 *
 * Role:   plain values with their units; made by directives only (server/directive.h), read by everybody.
 * Owns:   its texts, and the list of pins. Thread: made at the start, then constant.
 */
#ifndef FOLIO_SERVER_CONFIG_H
#define FOLIO_SERVER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "cache/preload.h"
#include "server/log_line.h"

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

struct config_source {
    struct config_source *next;
    char name[];
};

struct config {
    char document_root[CONFIG_PATH_BYTES];
    char access_log[CONFIG_PATH_BYTES]; /* "": none; "-": standard output */
    char types_path[CONFIG_PATH_BYTES];
    enum log_format log_format;
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
    const char *reading_file; /* while it is being made: where, for pins and mistakes; NULL: on the command line */
    uint32_t reading_line;
    unsigned reading_depth;
    unsigned mistakes;             /* told so far */
    struct config_source *sources; /* the names of the files that were read */
    uint64_t limit_line_bytes, limit_field_bytes, limit_fields;
};

/* Ask for `path` (relative to server_root, if it is not absolute) to be pinned. False: no memory. */
NODISCARD bool config_pin(struct config *config, enum pin_kind kind, const char *path, const char *file, uint32_t line);

/* A copy of `name` that lives as long as the configuration; NULL: no memory. */
const char *config_source(struct config *config, const char *name);

/* Free what it owns; zeroed memory is fine. */
void config_done(struct config *config);

#endif
