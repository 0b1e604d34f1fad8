#include "cache/keeper.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "cache/table.h"
#include "platform/clock.h"
#include "platform/thread.h"

enum { TICK_MS_MIN = 20, TICK_MS_MAX = 1000, EXPIRE_LOOKS_A_TICK = 4096 };

struct keeper {
    const struct load_rules *rules;
    struct table *table;
    int64_t revalidate_ms, expire_ms;
    _Atomic(struct entry *) queue; /* a stack; workers push, the keeper takes all of it */
    _Atomic uint64_t checks;
    _Atomic uint32_t is_called; /* so that many calls ring once */
    pthread_mutex_t lock;       /* guards is_stopping, and the condition */
    pthread_cond_t rung;
    bool is_stopping;
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
    pthread_mutex_lock(&keeper->lock);
    pthread_cond_signal(&keeper->rung);
    pthread_mutex_unlock(&keeper->lock);
}

/* Look at everything that was queued; returns whether there was anything. */
static bool check_queued(struct keeper *keeper)
{
    struct entry *entry = atomic_exchange_explicit(&keeper->queue, NULL, memory_order_acquire);
    if (!entry) return false;
    while (entry) {
        struct entry *next = entry->check_next;
        uint32_t now_ms = (uint32_t)(clock_monotonic_us() / 1000);
        enum status status = load_check(keeper->rules, entry, FILE_WAIT);
        if (status == STATUS_OK) {
            atomic_store_explicit(&entry->checked_ms, now_ms, memory_order_relaxed);
            atomic_fetch_add_explicit(&keeper->checks, 1, memory_order_relaxed);
        } else if (status == STATUS_CHANGED) {
            rcu_online();
            table_remove(keeper->table, entry);
            rcu_offline();
        }
        /* Anything else could not be told: a worker will look, once the entry is due. */
        atomic_store_explicit(&entry->is_queued, 0, memory_order_relaxed);
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

static void wait_for_call(struct keeper *keeper, int64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + wait_ms * 1000000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&keeper->lock);
    while (!keeper->is_stopping && !atomic_load_explicit(&keeper->is_called, memory_order_relaxed)) {
        if (pthread_cond_timedwait(&keeper->rung, &keeper->lock, &until) != 0) break;
    }
    pthread_mutex_unlock(&keeper->lock);
}

static bool is_stopping(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    bool stopping = keeper->is_stopping;
    pthread_mutex_unlock(&keeper->lock);
    return stopping;
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
    int64_t wait_ms = TICK_MS_MAX, expire_at_us = 0, busy_until_us = 0;
    rcu_reader_begin();
    rcu_offline();
    while (!is_stopping(keeper)) {
        wait_for_call(keeper, wait_ms);
        atomic_store_explicit(&keeper->is_called, 0, memory_order_relaxed);
        bool has_work = check_queued(keeper);
        if (clock_monotonic_us() >= expire_at_us) {
            expire(keeper);
            expire_at_us = clock_monotonic_us() + TICK_MS_MAX * 1000;
        }
        if (table_needs_care(keeper->table)) {
            rcu_online();
            table_trim(keeper->table);
            rcu_offline();
            has_work |= table_reclaim(keeper->table);
        }
        if (has_work) busy_until_us = clock_monotonic_us() + 4 * keeper->revalidate_ms * 1000;
        wait_ms = tick_ms(keeper, clock_monotonic_us() < busy_until_us);
    }
    rcu_reader_end();
    return NULL;
}

struct keeper *keeper_new(const struct load_rules *rules, struct table *table, int64_t revalidate_ms, int64_t expire_ms)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (!keeper) return NULL;
    keeper->rules = rules;
    keeper->table = table;
    keeper->revalidate_ms = revalidate_ms;
    keeper->expire_ms = expire_ms;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&keeper->rung, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&keeper->lock, NULL);
    if (thread_start(&keeper->thread, "keeper", keeper_thread, keeper) == STATUS_OK) return keeper;
    pthread_cond_destroy(&keeper->rung);
    pthread_mutex_destroy(&keeper->lock);
    free(keeper);
    return NULL;
}

void keeper_free(struct keeper *keeper)
{
    if (!keeper) return;
    pthread_mutex_lock(&keeper->lock);
    keeper->is_stopping = true;
    pthread_cond_signal(&keeper->rung);
    pthread_mutex_unlock(&keeper->lock);
    pthread_join(keeper->thread, NULL);
    for (struct entry *entry = keeper->queue, *next; entry; entry = next) {
        next = entry->check_next;
        entry_unref(entry);
    }
    pthread_cond_destroy(&keeper->rung);
    pthread_mutex_destroy(&keeper->lock);
    free(keeper);
}

uint64_t keeper_checks(const struct keeper *keeper)
{
    return atomic_load_explicit(&keeper->checks, memory_order_relaxed);
}
