/* gdsf.c - Greedy-Dual-Size-Frequency (Cherkasova 1998), exact: a heap has the least of all priorities on top. */
#include <stdlib.h>

#include "policy.h"

struct item {
    double priority; /* the clock when it was last asked for, and its frequency for each byte */
    uint32_t bytes;
    uint32_t frequency; /* requests since it was let in; 0: it is not there */
    uint32_t at;        /* its place in the heap */
};

struct gdsf {
    struct item *items;
    uint32_t *heap; /* objects; none has a lower priority than the one at (its place - 1) / 2 */
    uint32_t count;
    uint64_t bytes, bytes_max;
    double clock; /* the highest priority that was evicted */
};

static void *begin(uint64_t bytes_max, uint32_t objects_max)
{
    struct gdsf *gdsf = policy_memory(1, sizeof *gdsf);
    gdsf->items = policy_memory(objects_max, sizeof *gdsf->items);
    gdsf->heap = policy_memory(objects_max, sizeof *gdsf->heap);
    gdsf->bytes_max = bytes_max;
    return gdsf;
}

static void end(void *cache)
{
    struct gdsf *gdsf = cache;
    free(gdsf->items);
    free(gdsf->heap);
    free(gdsf);
}

static double priority_at(const struct gdsf *gdsf, uint32_t at)
{
    return gdsf->items[gdsf->heap[at]].priority;
}

static void put(struct gdsf *gdsf, uint32_t at, uint32_t object)
{
    gdsf->heap[at] = object;
    gdsf->items[object].at = at;
}

static void rise(struct gdsf *gdsf, uint32_t at)
{
    uint32_t object = gdsf->heap[at];
    while (at > 0 && gdsf->items[object].priority < priority_at(gdsf, (at - 1) / 2)) {
        put(gdsf, at, gdsf->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(gdsf, at, object);
}

static void sink(struct gdsf *gdsf, uint32_t at)
{
    uint32_t object = gdsf->heap[at];
    for (uint32_t child = 2 * at + 1; child < gdsf->count; child = 2 * at + 1) {
        if (child + 1 < gdsf->count && priority_at(gdsf, child + 1) < priority_at(gdsf, child)) child++;
        if (gdsf->items[object].priority <= priority_at(gdsf, child)) break;
        put(gdsf, at, gdsf->heap[child]);
        at = child;
    }
    put(gdsf, at, object);
}

static void evict(struct gdsf *gdsf)
{
    struct item *item = &gdsf->items[gdsf->heap[0]];
    gdsf->clock = item->priority;
    gdsf->bytes -= item->bytes;
    item->frequency = 0;
    gdsf->heap[0] = gdsf->heap[--gdsf->count];
    if (gdsf->count > 0) sink(gdsf, 0);
}

static bool ask(void *cache, uint32_t object, uint32_t bytes)
{
    struct gdsf *gdsf = cache;
    struct item *item = &gdsf->items[object];
    bool was_there = item->frequency > 0;
    if (!was_there) {
        if (bytes > gdsf->bytes_max) return false;
        while (gdsf->bytes + bytes > gdsf->bytes_max) evict(gdsf);
        gdsf->bytes += bytes;
        item->bytes = bytes;
        item->at = gdsf->count++;
        gdsf->heap[item->at] = object;
    }
    item->frequency++;
    item->priority = gdsf->clock + (double)item->frequency / (item->bytes > 0 ? item->bytes : 1);
    if (was_there)
        sink(gdsf, item->at);
    else
        rise(gdsf, item->at);
    return was_there;
}

const struct policy policy_gdsf = { "GDSF, exact", begin, ask, end };
