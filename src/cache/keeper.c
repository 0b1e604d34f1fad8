#include "cache/keeper.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/list.h"
#include "cache/loader.h"
#include "cache/table.h"
#include "platform/clock.h"
#include "platform/thread.h"

enum { TICK_MS_MIN = 20, TICK_MS_MAX = 1000, EXPIRE_LOOKS_A_TICK = 4096, SETTLING_MAX = 1024 };

/* A file that is being written: its entry stays as it is until the writer closes it, or until_us. */
struct settling {
    struct list link;
    int64_t until_us;
    uint64_t hash;
    size_t key_size;
    char key[];
};

struct keeper {
    const struct load_rules *rules;
    const struct tree_list *trees;
    struct table *table;
    struct loader *loader;
    struct pollfd *wait;     /* for the wakeup, then for each tree's watch */
    unsigned settling_count; /* the keeper's alone */
    int64_t revalidate_ms, expire_ms;
    _Atomic(struct entry *) queue;                   /* a stack; workers push, the keeper takes all of it */
    _Atomic uint64_t checks, invalidations, settles; /* the keeper writes; relaxed: counts */
    _Atomic uint32_t is_called;                      /* so that many calls ring once */
    _Atomic uint32_t is_stopping;                    /* release / acquire */
    int wakeup;
    struct list settling; /* the keeper's alone; in the order of until_us */
    pthread_t thread;
};

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

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

static struct settling *find_settling(struct keeper *keeper, struct span key)
{
    for (struct list *at = keeper->settling.next; at != &keeper->settling; at = at->next) {
        struct settling *settling = CONTAINER_OF(at, struct settling, link);
        if (span_equal(span_of(settling->key, settling->key_size), key)) return settling;
    }
    return NULL;
}

static void forget_settling(struct keeper *keeper, struct settling *settling)
{
    if (!settling) return;
    keeper->settling_count--;
    list_remove(&settling->link);
    free(settling);
}

/* Its old version is served until it is whole. False: no memory, or too many already (each event
 * looks through them); then it goes at once. */
static bool let_settle(struct keeper *keeper, struct span key, uint64_t hash)
{
    if (keeper->settling_count == SETTLING_MAX) return false;
    struct settling *settling = malloc(sizeof *settling + key.size);
    if (!settling) return false;
    *settling = (struct settling){ .hash = hash, .key_size = key.size };
    settling->until_us = clock_monotonic_us() + keeper->rules->settle_ms * 1000;
    memcpy(settling->key, key.data, key.size);
    list_append(&keeper->settling, &settling->link);
    keeper->settling_count++;
    count(&keeper->settles);
    return true;
}

/* One event, on its way to the entries that it concerns. */
struct event {
    struct keeper *keeper;
    const struct tree *tree; /* NULL: of a key that is watched alone */
    struct span path;
    unsigned what;
};

/* What is pinned is loaded again at once, and what appears in a pinned folder, too. */
static void keep_pinned(const struct event *event, struct span key, uint64_t hash)
{
    char folder[PATH_MAX + 2];
    struct span path = event->path;
    struct loader *loader = event->keeper->loader;
    if (!event->tree || pins_ask(event->tree->pins, path) == PINNED_NOT) return;
    if (!(event->what & NOTIFY_IS_FOLDER)) {
        loader_reload(loader, key, hash, false);
    } else if (path.size + 1 < sizeof folder) {
        memcpy(folder, path.data, path.size);
        folder[path.size] = '/';
        loader_scan(loader, event->tree, span_of(folder, path.size + 1));
    }
}

/* What the watch tells of one key. */
static void obey(void *context, struct span key)
{
    const struct event *event = context;
    struct keeper *keeper = event->keeper;
    unsigned what = event->what;
    uint64_t hash = table_hash(keeper->table, key);
    struct settling *settling = find_settling(keeper, key);
    bool is_being_written =
        (what & (NOTIFY_MODIFIED | NOTIFY_ATTRIBUTES)) && !(what & ~(unsigned)(NOTIFY_MODIFIED | NOTIFY_ATTRIBUTES));
    rcu_online();
    struct entry *entry = table_look_up(keeper->table, key, hash);
    bool is_kept = settling && is_being_written; /* more of the same */
    if (entry && !settling && (what & NOTIFY_MODIFIED) && is_being_written && entry->kind == ENTRY_SNAPSHOT)
        is_kept = let_settle(keeper, key, hash);
    if (entry && !is_kept) {
        table_remove(keeper->table, entry);
        count(&keeper->invalidations);
    }
    rcu_offline();
    if (!is_kept) forget_settling(keeper, settling);
    if (!is_kept && (what & (NOTIFY_APPEARED | NOTIFY_WRITTEN | NOTIFY_ATTRIBUTES))) keep_pinned(event, key, hash);
}

static void path_changed(void *context, struct span path, unsigned what)
{
    struct event *event = context;
    struct span folder;
    event->path = path;
    event->what = what;
    tree_keys(event->tree, path, obey, event);
    if (!tree_is_index(event->keeper->trees, path, &folder)) return; /* it stands for its folder, too */
    event->path = folder;
    tree_keys(event->tree, folder, obey, event);
}

static void key_changed(void *context, struct span key, unsigned what)
{
    const struct event *told = context;
    struct event event = { .keeper = told->keeper, .what = what };
    obey(&event, key);
}

/* Whoever writes had his time: what is there now is taken, without anybody having to wait for it. */
static void end_settling(struct keeper *keeper)
{
    int64_t now_us = clock_monotonic_us();
    while (!list_is_empty(&keeper->settling)) {
        struct settling *settling = CONTAINER_OF(keeper->settling.next, struct settling, link);
        if (settling->until_us > now_us) return;
        loader_reload(keeper->loader, span_of(settling->key, settling->key_size), settling->hash, true);
        forget_settling(keeper, settling);
    }
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
            count(&keeper->checks);
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

static void tidy(struct keeper *keeper)
{
    for (unsigned i = 0; i < keeper->trees->count; i++) {
        if (keeper->trees->at[i]->watch) watch_tidy(keeper->trees->at[i]->watch);
    }
}

/* Until something is told, somebody calls, something has settled, or the time is over. */
static void wait_for_work(struct keeper *keeper, int64_t wait_ms)
{
    if (!list_is_empty(&keeper->settling)) {
        struct settling *first = CONTAINER_OF(keeper->settling.next, struct settling, link);
        int64_t left_ms = (first->until_us - clock_monotonic_us()) / 1000 + 1;
        if (left_ms < wait_ms) wait_ms = left_ms > 0 ? left_ms : 0;
    }
    if (poll(keeper->wait, keeper->trees->count + 1, (int)wait_ms) <= 0) return;
    if (keeper->wait[0].revents) wakeup_clear(keeper->wakeup);
    for (unsigned i = 0; i < keeper->trees->count; i++) {
        struct event event = { .keeper = keeper, .tree = keeper->trees->at[i] };
        struct watch_listener listener = { &event, path_changed, key_changed };
        if (keeper->wait[i + 1].revents) watch_events(event.tree->watch, &listener);
    }
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
    while (!atomic_load_explicit(&keeper->is_stopping, memory_order_acquire)) {
        wait_for_work(keeper, wait_ms);
        end_settling(keeper);
        atomic_store_explicit(&keeper->is_called, 0, memory_order_relaxed);
        bool has_work = check_queued(keeper);
        if (clock_monotonic_us() >= expire_at_us) {
            expire(keeper);
            tidy(keeper);
            expire_at_us = clock_monotonic_us() + TICK_MS_MAX * 1000;
        }
        if (table_needs_care(keeper->table)) {
            table_widen(keeper->table);
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

/* What the thread waits for. */
static bool open_waiting(struct keeper *keeper)
{
    keeper->wakeup = wakeup_open();
    keeper->wait = calloc(keeper->trees->count + 1, sizeof *keeper->wait);
    if (!keeper->wait || keeper->wakeup < 0) return false;
    keeper->wait[0] = (struct pollfd){ .fd = keeper->wakeup, .events = POLLIN };
    for (unsigned i = 0; i < keeper->trees->count; i++) {
        const struct watch *watch = keeper->trees->at[i]->watch;
        keeper->wait[i + 1] = (struct pollfd){ .fd = watch ? watch_descriptor(watch) : -1, .events = POLLIN };
    }
    return true;
}

struct keeper *keeper_new(const struct load_rules *rules, const struct tree_list *trees, struct table *table,
                          struct loader *loader, int64_t revalidate_ms, int64_t expire_ms)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (!keeper) return NULL;
    keeper->rules = rules;
    keeper->trees = trees;
    keeper->table = table;
    keeper->loader = loader;
    keeper->revalidate_ms = revalidate_ms;
    keeper->expire_ms = expire_ms;
    list_init(&keeper->settling);
    if (open_waiting(keeper) && thread_start(&keeper->thread, "keeper", keeper_thread, keeper) == STATUS_OK)
        return keeper;
    if (keeper->wakeup >= 0) close(keeper->wakeup);
    free(keeper->wait);
    free(keeper);
    return NULL;
}

void keeper_free(struct keeper *keeper)
{
    if (!keeper) return;
    atomic_store_explicit(&keeper->is_stopping, 1, memory_order_release);
    wakeup_ring(keeper->wakeup);
    pthread_join(keeper->thread, NULL);
    for (struct entry *entry = keeper->queue, *next; entry; entry = next) {
        next = entry->check_next;
        entry_unref(entry);
    }
    while (!list_is_empty(&keeper->settling))
        forget_settling(keeper, CONTAINER_OF(keeper->settling.next, struct settling, link));
    close(keeper->wakeup);
    free(keeper->wait);
    free(keeper);
}

struct keeper_counts keeper_counts(const struct keeper *keeper)
{
    if (!keeper) return (struct keeper_counts){ 0 };
    return (struct keeper_counts){
        .checks = atomic_load_explicit(&keeper->checks, memory_order_relaxed),
        .invalidations = atomic_load_explicit(&keeper->invalidations, memory_order_relaxed),
        .settles = atomic_load_explicit(&keeper->settles, memory_order_relaxed),
    };
}
