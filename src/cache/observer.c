#include "cache/observer.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/list.h"
#include "cache/forms.h"
#include "cache/keeper.h"
#include "cache/loader.h"
#include "cache/lookout.h"
#include "cache/table.h"
#include "platform/clock.h"
#include "platform/thread.h"

enum { SETTLING_MAX = 1024 };

/* A file that is being written: its entry stays as it is until the writer closes it, or until_us. */
struct settling {
    struct list link;
    int64_t until_us;
    uint64_t hash;
    size_t key_size;
    char key[];
};

struct observer {
    const struct load_rules *rules;
    const struct tree_list *trees;
    struct lookout *lookout;
    struct table *table;
    struct loader *loader;
    struct keeper *keeper;
    _Atomic uint64_t invalidations, settles; /* the observer writes; relaxed: counts */
    _Atomic uint32_t is_stopping;            /* release / acquire */
    _Atomic uint32_t is_obeying;             /* the observer writes; see observer_is_obeying() */
    _Atomic int64_t turn_us;                 /* the observer writes; relaxed: see observer_turn_us() */
    int wakeup;
    bool has_ended;          /* of observer_stop() alone */
    unsigned settling_count; /* the observer's alone, as is the list */
    struct list settling;    /* in the order of until_us */
    pthread_t thread;
};

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static struct settling *find_settling(struct observer *observer, struct span key, uint64_t hash)
{
    for (struct list *at = observer->settling.next; at != &observer->settling; at = at->next) {
        struct settling *settling = CONTAINER_OF(at, struct settling, link);
        if (settling->hash == hash && span_equal(span_of(settling->key, settling->key_size), key)) return settling;
    }
    return NULL;
}

static void forget_settling(struct observer *observer, struct settling *settling)
{
    if (!settling) return;
    observer->settling_count--;
    list_remove(&settling->link);
    free(settling);
}

/* Its old version is served until it is whole. False: no memory, or too many already (each event
 * looks through them); then it goes at once. */
static bool let_settle(struct observer *observer, struct span key, uint64_t hash)
{
    if (observer->settling_count == SETTLING_MAX) return false;
    struct settling *settling = malloc(sizeof *settling + key.size);
    if (!settling) return false;
    *settling = (struct settling){ .hash = hash, .key_size = key.size };
    settling->until_us = clock_monotonic_us() + observer->rules->settle_ms * 1000;
    memcpy(settling->key, key.data, key.size);
    list_append(&observer->settling, &settling->link);
    observer->settling_count++;
    count(&observer->settles);
    return true;
}

/* One event, on its way to the entries that it concerns. */
struct event {
    struct observer *observer;
    const struct tree *tree; /* that the path is in; NULL: of a key that is watched alone */
    struct span path;
    unsigned what;
    unsigned form; /* of a file that lies beside another */
};

/* What is pinned is loaded again at once, and what appears in a pinned folder, too. */
static void keep_pinned(const struct event *event, struct span key, uint64_t hash)
{
    char folder[PATH_MAX + 2];
    struct span path = event->path;
    struct loader *loader = event->observer->loader;
    if (!event->tree || pins_ask(tree_pins(event->tree), path) == PINNED_NOT) return;
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
    struct observer *observer = event->observer;
    unsigned what = event->what;
    uint64_t hash = table_hash(observer->table, key);
    struct settling *settling = find_settling(observer, key, hash);
    bool is_being_written =
        (what & (NOTIFY_MODIFIED | NOTIFY_ATTRIBUTES)) && !(what & ~(unsigned)(NOTIFY_MODIFIED | NOTIFY_ATTRIBUTES));
    rcu_online();
    struct entry *entry = table_look_up(observer->table, key, hash);
    bool is_kept = settling && is_being_written; /* more of the same */
    if (entry && !settling && (what & NOTIFY_MODIFIED) && is_being_written && entry->kind == ENTRY_SNAPSHOT)
        is_kept = let_settle(observer, key, hash);
    if (entry && !is_kept) {
        table_remove(observer->table, entry);
        count(&observer->invalidations);
    }
    rcu_offline();
    if (!is_kept) forget_settling(observer, settling);
    if (!is_kept && (what & (NOTIFY_APPEARED | NOTIFY_WRITTEN | NOTIFY_ATTRIBUTES))) keep_pinned(event, key, hash);
}

static void tell(struct event *event, struct span path, void (*each)(void *context, struct span key))
{
    struct span folder;
    event->path = path;
    tree_keys(event->tree, path, each, event);
    if (!tree_is_index(event->observer->trees, path, &folder)) return; /* it stands for its folder, too */
    event->path = folder;
    tree_keys(event->tree, folder, each, event);
}

/* What lies beside the file of `key`, in the event's form; and the file, whose forms are looked for anew with it. */
static void obey_beside(void *context, struct span key)
{
    char room[FORM_KEY_BYTES_MAX];
    const struct event *event = context;
    struct span beside = form_key_beside(key, event->form, room);
    if (beside.data) obey(context, beside);
    obey(context, key);
}

static void path_changed(void *context, const struct tree *tree, struct span path, unsigned what)
{
    struct observer *observer = context;
    const struct form_rules *forms = observer->rules->forms;
    struct event event = { .observer = observer, .tree = tree, .what = what };
    tell(&event, path, obey);
    for (unsigned form = 0; forms && form < forms->count; form++) {
        if (!span_ends_with(path, forms->suffixes[form])) continue;
        event.form = form;
        tell(&event, span_first(path, path.size - forms->suffixes[form].size), obey_beside);
    }
}

static void key_changed(void *context, struct span key, unsigned what)
{
    struct event event = { .observer = context, .what = what };
    obey(&event, key);
}

/* Whoever asks next has it loaded. */
static void drop(struct observer *observer, struct span key, uint64_t hash)
{
    rcu_online();
    struct entry *entry = table_look_up(observer->table, key, hash);
    if (entry) table_remove(observer->table, entry);
    rcu_offline();
}

/* Whoever writes had his time: what is there now is taken, without anybody having to wait for it. */
static void end_settling(struct observer *observer)
{
    int64_t now_us = clock_monotonic_us();
    while (!list_is_empty(&observer->settling)) {
        struct settling *settling = CONTAINER_OF(observer->settling.next, struct settling, link);
        if (settling->until_us > now_us) return;
        struct span key = span_of(settling->key, settling->key_size);
        if (loader_reload(observer->loader, key, settling->hash, true) != STATUS_OK)
            drop(observer, key, settling->hash);
        forget_settling(observer, settling);
    }
}

static void obey_events(struct observer *observer)
{
    struct lookout_listener listener = { observer, path_changed, key_changed };
    atomic_store_explicit(&observer->turn_us, clock_monotonic_us(), memory_order_relaxed);
    /* seq_cst, before anything is read: who finds nothing to be read any more, sees it */
    atomic_store_explicit(&observer->is_obeying, 1, memory_order_seq_cst);
    lookout_events(observer->lookout, &listener);
    /* release: who sees it, sees what was removed */
    atomic_store_explicit(&observer->is_obeying, 0, memory_order_release);
}

/* Until something is told, something has settled, or the end. */
static void wait_and_obey(struct observer *observer)
{
    int wait_ms = -1;
    if (!list_is_empty(&observer->settling)) {
        struct settling *first = CONTAINER_OF(observer->settling.next, struct settling, link);
        int64_t left_ms = (first->until_us - clock_monotonic_us()) / 1000 + 1;
        wait_ms = left_ms < 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
    }
    struct pollfd wait[] = {
        { .fd = observer->wakeup, .events = POLLIN },
        { .fd = lookout_descriptor(observer->lookout), .events = POLLIN },
        { .fd = lookout_steps_descriptor(observer->lookout), .events = POLLIN },
        { .fd = lookout_mounts_descriptor(observer->lookout), .events = POLLPRI },
    };
    if (poll(wait, ARRAY_COUNT(wait), wait_ms) <= 0) return;
    if (wait[1].revents) obey_events(observer);
    if (wait[2].revents) lookout_steps_events(observer->lookout);
    if (wait[3].revents) lookout_mounts_changed(observer->lookout);
}

static void *observer_thread(void *argument)
{
    struct observer *observer = argument;
    thread_hurry();
    rcu_reader_begin();
    rcu_offline();
    while (!atomic_load_explicit(&observer->is_stopping, memory_order_acquire)) {
        wait_and_obey(observer);
        end_settling(observer);
        if (table_needs_care(observer->table)) keeper_call(observer->keeper);
    }
    rcu_reader_end();
    return NULL;
}

struct observer *observer_new(const struct load_rules *rules, const struct tree_list *trees, struct lookout *lookout,
                              struct table *table, struct loader *loader, struct keeper *keeper)
{
    struct observer *observer = calloc(1, sizeof *observer);
    if (!observer) return NULL;
    observer->rules = rules;
    observer->trees = trees;
    observer->lookout = lookout;
    observer->table = table;
    observer->loader = loader;
    observer->keeper = keeper;
    list_init(&observer->settling);
    observer->wakeup = wakeup_open();
    if (observer->wakeup >= 0 && thread_start(&observer->thread, "observer", observer_thread, observer) == STATUS_OK)
        return observer;
    if (observer->wakeup >= 0) close(observer->wakeup);
    free(observer);
    return NULL;
}

bool observer_stop(struct observer *observer, int64_t patience_ms)
{
    if (observer->has_ended) return true;
    atomic_store_explicit(&observer->is_stopping, 1, memory_order_release);
    wakeup_ring(observer->wakeup);
    return observer->has_ended = thread_join_within(observer->thread, patience_ms);
}

void observer_free(struct observer *observer)
{
    if (!observer) return;
    bool has_ended = observer_stop(observer, -1);
    ASSERT(has_ended);
    while (!list_is_empty(&observer->settling))
        forget_settling(observer, CONTAINER_OF(observer->settling.next, struct settling, link));
    close(observer->wakeup);
    free(observer);
}

bool observer_is_obeying(const struct observer *observer)
{
    return atomic_load_explicit(&observer->is_obeying, memory_order_acquire) != 0;
}

int64_t observer_turn_us(const struct observer *observer)
{
    return atomic_load_explicit(&observer->turn_us, memory_order_relaxed);
}

struct observer_counts observer_counts(const struct observer *observer)
{
    if (!observer) return (struct observer_counts){ 0 };
    return (struct observer_counts){
        .invalidations = atomic_load_explicit(&observer->invalidations, memory_order_relaxed),
        .settles = atomic_load_explicit(&observer->settles, memory_order_relaxed),
    };
}
