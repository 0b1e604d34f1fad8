/* queues.c - policies that keep objects in queues: FIFO, LRU, SIEVE (NSDI '24) and S3-FIFO (SOSP '23). */
#include <stdlib.h>

#include "base/list.h"
#include "policy.h"

enum place { NOWHERE, QUEUE, SMALL, MAIN, GHOST, PLACES };
enum { FREQUENCY_MAX = 3 };

struct item {
    struct list link;
    uint32_t bytes;
    uint8_t place;     /* enum place */
    uint8_t frequency; /* hits since it was let in or spared; SIEVE: whether there was one */
};

struct queues {
    struct item *items;
    struct list heads[PLACES]; /* the oldest first */
    uint64_t bytes[PLACES], bytes_max;
    struct list *hand; /* SIEVE's: the item that it looks at next, or the head */
};

void *policy_memory(uint64_t count, uint64_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);
    if (!memory) abort();
    return memory;
}

static void *begin(uint64_t bytes_max, uint32_t objects_max)
{
    struct queues *queues = policy_memory(1, sizeof *queues);
    queues->items = policy_memory(objects_max, sizeof *queues->items);
    queues->bytes_max = bytes_max;
    for (int i = 0; i < PLACES; i++) list_init(&queues->heads[i]);
    for (uint32_t i = 0; i < objects_max; i++) list_init(&queues->items[i].link);
    queues->hand = &queues->heads[QUEUE];
    return queues;
}

static void end(void *cache)
{
    struct queues *queues = cache;
    free(queues->items);
    free(queues);
}

static void move(struct queues *queues, struct item *item, enum place place)
{
    queues->bytes[item->place] -= item->bytes;
    queues->bytes[place] += item->bytes;
    list_remove(&item->link);
    if (place != NOWHERE) list_append(&queues->heads[place], &item->link);
    item->place = (uint8_t)place;
}

static struct item *item_at(struct list *link)
{
    return CONTAINER_OF(link, struct item, link);
}

static struct item *oldest(struct queues *queues, enum place place)
{
    return item_at(queues->heads[place].next);
}

static bool let_in(struct queues *queues, struct item *item, uint32_t bytes, enum place place)
{
    item->frequency = 0;
    item->bytes = bytes;
    move(queues, item, place);
    return false;
}

static bool ask_fifo(void *cache, uint32_t object, uint32_t bytes)
{
    struct queues *queues = cache;
    struct item *item = &queues->items[object];
    if (item->place == QUEUE) return true;
    if (bytes > queues->bytes_max) return false;
    while (queues->bytes[QUEUE] + bytes > queues->bytes_max) move(queues, oldest(queues, QUEUE), NOWHERE);
    return let_in(queues, item, bytes, QUEUE);
}

static bool ask_lru(void *cache, uint32_t object, uint32_t bytes)
{
    if (!ask_fifo(cache, object, bytes)) return false;
    struct queues *queues = cache;
    move(queues, &queues->items[object], QUEUE);
    return true;
}

/* The hand goes from the oldest to the newest, and stays where it took one out. */
static void evict_sieve(struct queues *queues)
{
    for (;;) {
        if (queues->hand == &queues->heads[QUEUE]) queues->hand = queues->hand->next;
        struct item *item = item_at(queues->hand);
        queues->hand = queues->hand->next;
        if (item->frequency == 0) {
            move(queues, item, NOWHERE);
            return;
        }
        item->frequency = 0;
    }
}

static bool ask_sieve(void *cache, uint32_t object, uint32_t bytes)
{
    struct queues *queues = cache;
    struct item *item = &queues->items[object];
    if (item->place == QUEUE) {
        item->frequency = 1;
        return true;
    }
    if (bytes > queues->bytes_max) return false;
    while (queues->bytes[QUEUE] + bytes > queues->bytes_max) evict_sieve(queues);
    return let_in(queues, item, bytes, QUEUE);
}

/* The small queue has a tenth of the bytes; what was hit twice in it goes on to the main one, the rest is remembered,
 * for as many bytes as the main one has. */
static void evict_s3_fifo(struct queues *queues)
{
    uint64_t small_max = queues->bytes_max / 10;
    bool is_small = queues->bytes[SMALL] > small_max || queues->bytes[MAIN] == 0;
    struct item *item = oldest(queues, is_small ? SMALL : MAIN);
    if (is_small && item->frequency > 1) {
        item->frequency = 0;
        move(queues, item, MAIN);
    } else if (is_small) {
        move(queues, item, GHOST);
        while (queues->bytes[GHOST] > queues->bytes_max - small_max) move(queues, oldest(queues, GHOST), NOWHERE);
    } else if (item->frequency > 0) {
        item->frequency--;
        move(queues, item, MAIN);
    } else {
        move(queues, item, NOWHERE);
    }
}

static bool ask_s3_fifo(void *cache, uint32_t object, uint32_t bytes)
{
    struct queues *queues = cache;
    struct item *item = &queues->items[object];
    if (item->place == SMALL || item->place == MAIN) {
        if (item->frequency < FREQUENCY_MAX) item->frequency++;
        return true;
    }
    if (bytes > queues->bytes_max) return false;
    enum place place = item->place == GHOST ? MAIN : SMALL;
    move(queues, item, NOWHERE);
    while (queues->bytes[SMALL] + queues->bytes[MAIN] + bytes > queues->bytes_max) evict_s3_fifo(queues);
    return let_in(queues, item, bytes, place);
}

const struct policy policy_fifo = { "FIFO", begin, ask_fifo, end };
const struct policy policy_lru = { "LRU", begin, ask_lru, end };
const struct policy policy_sieve = { "SIEVE", begin, ask_sieve, end };
const struct policy policy_s3_fifo = { "S3-FIFO", begin, ask_s3_fifo, end };
