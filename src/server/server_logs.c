#include "server/server_logs.h"

#include <stdlib.h>

#include "server/error_logs.h"
#include "server/message.h"

struct server_logs {
    const struct config *config;
    unsigned log_count;
    struct log_wishes wishes;
    struct access_log **logs;  /* log_count of them */
    const void **of;           /* for each: the struct log_config that it is */
    struct access_log ***at;   /* for each site: its logs, and NULL behind */
    struct access_log **lists; /* what `at` points into */
};

/* NULL: told. */
static struct access_log *open_log(struct server_logs *logs, const struct log_config *config, unsigned workers,
                                   bool may_be_absent)
{
    for (unsigned i = 0; i < logs->log_count; i++) {
        if (logs->of[i] == config) return logs->logs[i];
    }
    struct log_program program;
    struct access_log_options options = {
        .name = config->target.data,
        .system_socket = logs->config->syslog_socket.data,
        .may_be_absent = may_be_absent,
        .format = config->known,
        .workers = workers,
    };
    char error[LOG_ERROR_BYTES];
    const char *wanted;
    size_t at, size;
    if (config->format_text.data) {
        options.program = &program;
        /* A mistake in a format was told when it was read; but perhaps all together want too much. */
        if (!log_program_compile(config->format_text, &logs->wishes, &program, error, &at, &size)) {
            message_tell(LOG_LEVEL_CRIT, "%s:%u: CustomLog: %s", config->place.file ? config->place.file : "",
                         config->place.line, error);
            return NULL;
        }
    }
    struct access_log *log =
        log_target_parse(config->target, &options.target, &wanted, &at) ? access_log_open(&options) : NULL;
    int why = log ? access_log_absence(log) : errno;
    if (why != 0) error_logs_complain(config->place, "CustomLog", config->target, why, log != NULL);
    if (!log) return NULL;
    logs->of[logs->log_count] = config;
    logs->logs[logs->log_count++] = log;
    return log;
}

static bool make_room(struct server_logs *logs)
{
    size_t most = 0;
    for (size_t i = 0; i < logs->config->site_count; i++) most += logs->config->sites[i]->logs.count;
    logs->logs = calloc(most + 1, sizeof(struct access_log *));
    logs->of = calloc(most + 1, sizeof(void *));
    logs->at = calloc(logs->config->site_count, sizeof(struct access_log **));
    logs->lists = calloc(most + logs->config->site_count, sizeof(struct access_log *));
    return logs->logs && logs->of && logs->at && logs->lists;
}

/* NULL: told. */
static struct server_logs *logs_new(const struct config *config)
{
    struct server_logs *logs = calloc(1, sizeof *logs);
    if (logs) logs->config = config;
    if (logs && make_room(logs)) return logs;
    message_tell(LOG_LEVEL_CRIT, "no memory for the access logs");
    (void)server_logs_close(logs);
    return NULL;
}

struct server_logs *server_logs_open_none(const struct config *config)
{
    struct server_logs *logs = logs_new(config);
    for (size_t i = 0; logs && i < config->site_count; i++) logs->at[i] = logs->lists;
    return logs;
}

struct server_logs *server_logs_open(const struct config *config, unsigned workers, bool may_be_absent)
{
    struct server_logs *logs = logs_new(config);
    if (!logs) return NULL;
    struct access_log **next = logs->lists;
    for (size_t i = 0; i < config->site_count; i++) {
        logs->at[i] = next;
        for (size_t j = 0; j < config->sites[i]->logs.count; j++) {
            *next = open_log(logs, config->sites[i]->logs.items[j], workers, may_be_absent);
            if (!*next++) {
                server_logs_close(logs);
                return NULL;
            }
        }
        next++;
    }
    return logs;
}

bool server_logs_are_wanted(const struct server_logs *logs)
{
    return logs->log_count > 0;
}

const struct log_wishes *server_logs_wishes(const struct server_logs *logs)
{
    return &logs->wishes;
}

void server_logs_add(struct server_logs *logs, unsigned site, unsigned worker, struct log_record *record)
{
    const struct site_config *config = logs->config->sites[site];
    record->site = config->server_name;
    record->site_port = config->server_port;
    for (struct access_log **log = logs->at[site]; *log; log++) access_log_add(*log, worker, record);
}

uint64_t server_logs_close(struct server_logs *logs)
{
    if (!logs) return 0;
    uint64_t lost = 0;
    for (unsigned i = 0; i < logs->log_count; i++) lost += access_log_close(logs->logs[i]);
    free(logs->logs);
    free(logs->of);
    free(logs->at);
    free(logs->lists);
    free(logs);
    return lost;
}
