#include "cache/keeper.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "cache/loader.h"
#include "cache/lookout.h"
#include "cache/table.h"
#include "platform/clock.h"
#include "platform/thread.h"

enum { TICK_MS_MIN = 20, TICK_MS_MAX = 1000, EXPIRE_LOOKS_A_TICK = 4096 };

struct keeper {
    const struct load_rules *rules;
    struct lookout *lookout; /* NULL: nothing is watched */
    struct table *table;
    struct loader *loader;
    int64_t revalidate_ms, expire_ms;
    _Atomic(struct entry *) queue; /* a stack; workers push, the keeper takes all of it */
    _Atomic uint64_t checks;       /* the keeper writes; relaxed: a count */
    _Atomic uint32_t is_called;    /* so that many calls ring once */
    _Atomic uint32_t is_stopping;  /* release / acquire */
    int wakeup;
    bool has_ended; /* of keeper_stop() alone */
    pthread_t thread;
};

void keeper_queue_check(struct keeper *keeper, struct entry *entry)
{
    /* relaxed: a hint that keeps it from being queued twice; whoever sets it owns the push */
    if (atomic_load_explicit(&entry->is_queued, memory_order_relaxed) ||
        atomic_exchange_explicit(&entry->is_queued, 1, memory_order_relaxed))
        return;
    entry_ref(entry);
    struct entry *head = atomic_load_explicit(&keeper->queue, memory_order_relaxed);
    do {
        entry->check_next = head;
        /* release: the keeper sees check_next */
    } while (!atomic_compare_exchange_weak_explicit(&keeper->queue, &head, entry, memory_order_release,
                                                    memory_order_relaxed));
}

void keeper_call(struct keeper *keeper)
{
    if (atomic_exchange_explicit(&keeper->is_called, 1, memory_order_relaxed)) return;
    wakeup_ring(keeper->wakeup);
}

/* Look at everything that was queued; returns whether there was anything. What would have to be waited for is a loader's: a
 * device that hangs must not keep anything else from being done here. */
static bool check_queued(struct keeper *keeper)
{
    struct entry *entry = atomic_exchange_explicit(&keeper->queue, NULL, memory_order_acquire);
    if (!entry) return false;
    while (entry) {
        struct entry *next = entry->check_next;
        enum status status = load_check_queued(keeper->rules, keeper->table, entry, FILE_NOWAIT);
        if (status == STATUS_OK) atomic_fetch_add_explicit(&keeper->checks, 1, memory_order_relaxed);
        if (status == STATUS_WOULD_BLOCK) loader_check(keeper->loader, entry);
        entry_unref(entry);
        entry = next;
    }
    return true;
}

static void expire(struct keeper *keeper)
{
    if (keeper->expire_ms == 0) return;
    uint32_t used_before_s = (uint32_t)((clock_monotonic_us() / 1000 - keeper->expire_ms) / 1000);
    rcu_online();
    table_expire(keeper->table, used_before_s, EXPIRE_LOOKS_A_TICK);
    rcu_offline();
}

/* Entries are queued when half of revalidate_ms has gone by. When nobody asks, sleep longer: an idle server hardly wakes. */
static int64_t tick_ms(const struct keeper *keeper, bool is_busy)
{
    int64_t tick = keeper->revalidate_ms / 4;
    if (!is_busy || tick > TICK_MS_MAX) return TICK_MS_MAX;
    return tick < TICK_MS_MIN ? TICK_MS_MIN : tick;
}

static void *keeper_thread(void *argument)
{
    struct keeper *keeper = argument;
    int64_t wait_ms = TICK_MS_MAX, expire_at_us = 0, root_at_us = 0, busy_until_us = 0;
    bool root_is_looked_at = false;
    rcu_reader_begin();
    rcu_offline();
    while (!atomic_load_explicit(&keeper->is_stopping, memory_order_acquire)) {
        struct pollfd called = { .fd = keeper->wakeup, .events = POLLIN };
        if (poll(&called, 1, (int)wait_ms) > 0) wakeup_clear(keeper->wakeup);
        atomic_store_explicit(&keeper->is_called, 0, memory_order_relaxed);
        bool has_work = check_queued(keeper);
        if (clock_monotonic_us() >= expire_at_us) {
            expire(keeper);
            if (keeper->lookout) lookout_tidy(keeper->lookout);
            expire_at_us = clock_monotonic_us() + TICK_MS_MAX * 1000;
        }
        if (clock_monotonic_us() >= root_at_us) {
            root_is_looked_at = keeper->lookout && lookout_check_roots(keeper->lookout);
            root_at_us = clock_monotonic_us() + keeper->revalidate_ms * 750; /* and a tick */
        }
        if (table_needs_care(keeper->table)) {
            table_widen(keeper->table);
            rcu_online();
            table_trim(keeper->table);
            rcu_offline();
            has_work |= table_reclaim(keeper->table);
        }
        if (has_work) busy_until_us = clock_monotonic_us() + 4 * keeper->revalidate_ms * 1000;
        wait_ms = tick_ms(keeper, root_is_looked_at || clock_monotonic_us() < busy_until_us);
    }
    rcu_reader_end();
    return NULL;
}

struct keeper *keeper_new(const struct load_rules *rules, struct lookout *lookout, struct table *table,
                          struct loader *loader, int64_t revalidate_ms, int64_t expire_ms)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (!keeper) return NULL;
    keeper->rules = rules;
    keeper->lookout = lookout;
    keeper->table = table;
    keeper->loader = loader;
    keeper->revalidate_ms = revalidate_ms;
    keeper->expire_ms = expire_ms;
    keeper->wakeup = wakeup_open();
    if (keeper->wakeup >= 0 && thread_start(&keeper->thread, "keeper", keeper_thread, keeper) == STATUS_OK)
        return keeper;
    if (keeper->wakeup >= 0) close(keeper->wakeup);
    free(keeper);
    return NULL;
}

bool keeper_stop(struct keeper *keeper, int64_t patience_ms)
{
    if (keeper->has_ended) return true;
    atomic_store_explicit(&keeper->is_stopping, 1, memory_order_release);
    wakeup_ring(keeper->wakeup);
    return keeper->has_ended = thread_join_within(keeper->thread, patience_ms);
}

void keeper_free(struct keeper *keeper)
{
    if (!keeper) return;
    bool has_ended = keeper_stop(keeper, -1);
    ASSERT(has_ended);
    for (struct entry *entry = keeper->queue, *next; entry; entry = next) {
        next = entry->check_next;
        entry_unref(entry);
    }
    close(keeper->wakeup);
    free(keeper);
}

struct keeper_counts keeper_counts(const struct keeper *keeper)
{
    if (!keeper) return (struct keeper_counts){ 0 };
    return (struct keeper_counts){
        .checks = atomic_load_explicit(&keeper->checks, memory_order_relaxed),
    };
}
