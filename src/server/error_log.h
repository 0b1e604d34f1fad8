/* error_log.h - what goes wrong, a line each, with its time and how much it matters.
 *
 * Role:   writes what a process says of itself, and what it has to say of requests; the latter no faster than is good for the disk.
 * Owns:   its writer (log_writer.h), or without one its sink.
 * Thread: error_log_tell() any, which may wait for another that tells; error_log_tell_request() workers, which never wait; the rest at
 *         start and stop.
 * Limits: of each kind of trouble with requests BURST lines at once, and then one a second; how many more there were is told. What
 *         a client controls is escaped, and cut.
 * Form:   "[Sun Nov 22 03:06:24.123456 2026] [error] [pid 123] [client 127.0.0.1] /url: why", as Apache's; to the system's log without
 *         time and process, which it adds itself; plain: "folio: [client 127.0.0.1] /url: why".
 */
#ifndef FOLIO_SERVER_ERROR_LOG_H
#define FOLIO_SERVER_ERROR_LOG_H

#include <stdint.h>

#include "server/log_level.h"
#include "server/log_target.h"

enum { ERROR_KINDS_MAX = 24 };

/* A kind of trouble with requests. */
struct error_kind {
    enum log_level level;
    const char *phrase;
};

struct error_log;

struct error_log_options {
    const char *name; /* for messages */
    struct log_target target;
    const char *system_socket;
    bool may_be_absent; /* it need not be there yet */
    bool is_plain;
    bool has_writer;                /* a thread writes; else whoever tells does, and no requests are told of */
    const struct error_kind *kinds; /* kind_count of them, at most ERROR_KINDS_MAX */
    unsigned kind_count;
};

/* A request that something is to be told of. */
struct error_request {
    struct span client; /* its address */
    struct span site;   /* ServerName; data NULL: it goes without saying */
    struct span url;    /* its path, as it was asked for */
};

/* What the options refer to may go afterwards, but for the kinds. NULL: errno says why. */
NODISCARD struct error_log *error_log_open(const struct error_log_options *options);

/* Why it was not there when it was opened, as an errno: with a writer, lines wait until it is. 0: it was. */
int error_log_absence(const struct error_log *log);

/* A line; line feeds in `text`, with the blanks behind them, become "; ". False: without a writer, it was not taken. */
bool error_log_tell(struct error_log *log, enum log_level level, struct span text);

/* now_us: monotonic. */
void error_log_tell_request(struct error_log *log, unsigned kind, const struct error_request *request, int64_t now_us);

bool error_log_is_standard_error(const struct error_log *log);

/* Write what is left; what is told from then on is lost. Returns how many lines were. */
uint64_t error_log_stop(struct error_log *log);

/* Takes NULL; after error_log_stop(). */
void error_log_free(struct error_log *log);

#endif
