#include "server/error_logs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/text_write.h"
#include "server/message.h"
#include "server/trouble.h"

struct error_logs {
    const struct config *config;
    unsigned count;
    struct error_log **logs; /* count of them */
    struct span *targets;    /* of each, as configured */
    struct site_errors *at;  /* for each site */
};

static const char *remedy_of(int error, bool is_system)
{
    if (is_system && (error == ENOENT || error == ECONNREFUSED))
        return "\n  no system logger takes messages there; start one, or name its socket with SyslogSocket";
    switch (error) {
    case ENOENT:
    case ENOTDIR: return "\n  make its folder first";
    case EACCES:
    case EPERM:
    case EROFS: return "\n  whoever starts the server must be allowed to write there";
    case EISDIR: return "\n  name a file in that folder";
    case ENXIO: return "\n  nobody reads that pipe";
    default: return "";
    }
}

void error_logs_complain(struct config_place place, const char *directive, struct span target, int error,
                         bool is_tried_again)
{
    bool is_system = span_starts_with(target, SPAN("syslog"));
    char where[CONFIG_PATH_BYTES + 16] = "";
    if (place.file && place.line > 0)
        snprintf(where, sizeof where, "%s:%u: ", place.file, place.line);
    else if (place.file)
        snprintf(where, sizeof where, "%s: ", place.file);
    message_tell(is_tried_again ? LOG_LEVEL_ERROR : LOG_LEVEL_CRIT, "%s%s: cannot write to %.*s: %s%s%s", where,
                 directive, (int)target.size, target.data, strerror(error), is_tried_again ? "; it is tried again" : "",
                 remedy_of(error, is_system));
}

/* target: data NULL: standard error, in plain form */
static struct error_log_options options_for(struct span target, const char *system_socket)
{
    struct error_log_options options = { .name = "standard error",
                                         .target.kind = LOG_TO_STANDARD_ERROR,
                                         .system_socket = system_socket,
                                         .is_plain = !target.data };
    const char *wanted;
    size_t at;
    options.kinds = troubles_all(&options.kind_count);
    if (target.data && log_target_parse(target, &options.target, &wanted, &at)) options.name = target.data;
    return options;
}

static void complain(const struct config *config, const struct site_config *site, int error, bool is_tried_again)
{
    bool is_own = site_says(site, SITE_ERROR_LOG);
    error_logs_complain((is_own ? site : config->sites[0])->places[SITE_ERROR_LOG], "ErrorLog",
                        site->error_log.data ? site->error_log : SPAN("standard error"), error, is_tried_again);
}

static struct error_log *open_log(struct error_logs *logs, const struct site_config *site, bool may_be_absent)
{
    for (unsigned i = 0; i < logs->count; i++) {
        bool is_same = !logs->targets[i].data == !site->error_log.data && span_equal(logs->targets[i], site->error_log);
        if (is_same) return logs->logs[i];
    }
    struct error_log_options options = options_for(site->error_log, logs->config->syslog_socket.data);
    options.may_be_absent = may_be_absent;
    options.has_writer = true;
    struct error_log *log = error_log_open(&options);
    int error = log ? error_log_absence(log) : errno;
    bool is_main = logs->count == 0;
    if (log) {
        logs->targets[logs->count] = site->error_log;
        logs->logs[logs->count++] = log;
    }
    /* From here on, so that what is wrong with the others is told there. */
    if (log && is_main && site->error_log.data) message_go_to(log, (enum log_level)site->log_level);
    if (error != 0) complain(logs->config, site, error, log != NULL);
    return log;
}

struct error_logs *error_logs_open(const struct config *config, bool may_be_absent)
{
    struct error_logs *logs = calloc(1, sizeof *logs);
    const struct site_config *main_site = config->sites[0];
    if (!logs) goto no_memory;
    logs->config = config;
    logs->logs = calloc(config->site_count, sizeof *logs->logs);
    logs->targets = calloc(config->site_count, sizeof *logs->targets);
    logs->at = calloc(config->site_count, sizeof *logs->at);
    if (!logs->logs || !logs->targets || !logs->at) goto no_memory;
    for (size_t i = 0; i < config->site_count; i++) {
        logs->at[i].level = config->sites[i]->log_level;
        logs->at[i].log = open_log(logs, config->sites[i], may_be_absent);
        if (!logs->at[i].log) goto fail;
    }
    if (!main_site->error_log.data) message_go_to(NULL, logs->at[0].level);
    return logs;
no_memory:
    message_tell(LOG_LEVEL_CRIT, "no memory for the error logs");
fail:
    (void)error_logs_stop(logs);
    error_logs_free(logs);
    return NULL;
}

const struct site_errors *error_logs_of(const struct error_logs *logs, size_t site)
{
    return logs ? &logs->at[site] : NULL;
}

uint64_t error_logs_stop(struct error_logs *logs)
{
    uint64_t lost = 0;
    if (!logs) return 0;
    for (unsigned i = 0; i < logs->count; i++) lost += error_log_stop(logs->logs[i]);
    return lost;
}

void error_logs_free(struct error_logs *logs)
{
    if (!logs) return;
    message_go_to(NULL, logs->config->sites[0]->log_level);
    for (unsigned i = 0; i < logs->count; i++) error_log_free(logs->logs[i]);
    free(logs->logs);
    free(logs->targets);
    free(logs->at);
    free(logs);
}

void error_log_place_init(struct error_log_place *place, const struct config *config)
{
    const struct site_config *main_site = config->sites[0];
    *place = (struct error_log_place){ .level = (enum log_level)main_site->log_level };
    ASSERT(main_site->error_log.size < sizeof place->target);
    ASSERT(config->syslog_socket.size < sizeof place->system_socket);
    text_append(place->target, main_site->error_log);
    text_append(place->system_socket, config->syslog_socket);
}

struct error_log *error_logs_open_main(const struct error_log_place *place)
{
    if (!place->target[0]) return NULL;
    struct error_log_options options = options_for(span_of_string(place->target), place->system_socket);
    options.may_be_absent = true;
    struct error_log *log = error_log_open(&options);
    if (!log) message_tell(LOG_LEVEL_CRIT, "no memory for the error log");
    return log;
}
