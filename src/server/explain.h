/* explain.h - `folio explain`: how a URL would be answered, and why.
 *
 * Role:   has the request answered by the very code that serves, from a cache of its own, and tells what led to it: site, address
 *         rule, file, sections and rules with their places, form, age for caches, the head.
 * Owns:   nothing. Thread: the first; no server runs in this process.
 */
#ifndef FOLIO_SERVER_EXPLAIN_H
#define FOLIO_SERVER_EXPLAIN_H

#include "server/config.h"

enum { EXPLAIN_FIELDS_MAX = 32 };

struct explain_options {
    const char *url;                        /* http://host[:port]/path, or /path */
    const char *fields[EXPLAIN_FIELDS_MAX]; /* "Name: value" */
    unsigned field_count;
    bool is_json;
};

/* To standard output. Returns the exit status. */
int explain_run(const struct config *config, const struct explain_options *options);

#endif
