/* stats.h - what a server process did, in one line of names and numbers.
 *
 * Role:   gathers the counts of cache and workers, and has them told (message.h): every StatsInterval, and at SIGRTMIN.
 * Owns:   nothing. Thread: the first; the counts are read while others write them, each for itself.
 */
#ifndef FOLIO_SERVER_STATS_H
#define FOLIO_SERVER_STATS_H

#include "net/worker.h"

struct stats_source {
    struct cache *cache;
    struct worker *const *workers;
    unsigned worker_count;
    uint32_t connections; /* at present */
    uint64_t expire_ms;   /* 0: nothing expires */
};

void stats_tell(const struct stats_source *source);

#endif
