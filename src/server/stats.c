#include "server/stats.h"

#include <inttypes.h>
#include <stdio.h>

#include "platform/machine.h"
#include "server/message.h"

struct sums {
    uint64_t requests, hits, misses, aborted, copied, throttled, turned_away;
};

static uint64_t count(const _Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed); /* a count */
}

void stats_tell(const struct stats_source *source)
{
    struct cache_counts cache = cache_counts(source->cache);
    struct sums sums = { 0 };
    for (unsigned i = 0; i < source->worker_count; i++) {
        struct worker_counts *counts = &source->workers[i]->counts;
        sums.requests += count(&counts->requests);
        sums.hits += count(&counts->hits);
        sums.misses += count(&counts->misses);
        sums.aborted += count(&counts->aborted);
        sums.copied += count(&counts->copied);
        sums.throttled += count(&counts->throttled);
        sums.turned_away += count(&counts->turned_away);
    }
    const struct {
        const char *name;
        uint64_t value;
    } facts[] = {
        { "connections", source->connections },
        { "descriptors", machine_descriptors_open() },
        { "requests", sums.requests },
        { "hits", sums.hits },
        { "misses", sums.misses },
        { "aborts", sums.aborted },
        { "entries", cache.table.files },
        { "pinned", cache.table.pinned },
        { "bytes", cache.table.bytes },
        { "streams", cache.table.streams },
        { "published", cache.table.published },
        { "loads", cache.loads },
        { "evictions", cache.table.evicted },
        { "expired", cache.table.expired },
        { "expiry-age-s", source->expire_ms / 1000 },
        { "fallbacks", cache.table.refused },
        { "invalidations", cache.observer.invalidations },
        { "settles", cache.observer.settles },
        { "checks", cache.keeper.checks },
        { "folders", cache.lookout.folders },
        { "folders-by-age", cache.lookout.by_age },
        { "unwatched", cache.lookout.refused },
        { "events", cache.lookout.events },
        { "overflows", cache.lookout.overflows },
        { "leases", cache.leases.held },
        { "recalls", cache.leases.recalled },
        { "copied", sums.copied },
        { "throttled", sums.throttled },
        { "turned-away", sums.turned_away },
    };
    char line[1024] = "stats:";
    size_t size = strlen(line);
    for (size_t i = 0; i < ARRAY_COUNT(facts); i++)
        size += (size_t)snprintf(line + size, sizeof line - size, " %s=%" PRIu64, facts[i].name, facts[i].value);
    message_answer("%s", line);
}
