#include "cache/leases.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "cache/entry.h"
#include "cache/table.h"
#include "platform/clock.h"
#include "platform/lease_break.h"
#include "platform/rcu.h"
#include "platform/thread.h"

enum { BUCKETS = 1024 };

struct leases {
    struct table *table; /* constant */
    int breaks, wakeup;  /* constant */
    _Atomic uint32_t is_stopping;
    bool is_running;      /* whoever starts and stops it */
    struct list recalled; /* the thread's alone, with a reference to the stream of each */
    pthread_mutex_t lock; /* guards everything below; never held across a call that waits */
    struct list by_fd[BUCKETS];
    struct list borrowers;
    struct lease_counts counts;
    pthread_t thread;
};

void lease_init(struct lease *lease)
{
    *lease = (struct lease){ .fd = -1 };
    list_init(&lease->link);
}

/* Under the lock. */
static void forget(struct leases *leases, struct lease *lease)
{
    list_remove(&lease->link);
    leases->counts.held -= lease->stream != NULL;
}

enum file_lease lease_take(struct leases *leases, struct lease *lease, int fd, struct entry *stream)
{
    lease_init(lease);
    if (!leases) {
        enum file_lease unheard = file_lease_take(fd);
        if (unheard == FILE_LEASE_TAKEN) lease->fd = fd;
        return unheard;
    }
    /* All this before it is taken: it may be broken at once. */
    lease->stream = stream;
    lease->holder = leases;
    lease->fd = fd;
    lease_break_announce(fd);
    pthread_mutex_lock(&leases->lock);
    list_append(&leases->by_fd[(unsigned)fd % BUCKETS], &lease->link);
    leases->counts.held += stream != NULL;
    pthread_mutex_unlock(&leases->lock);
    enum file_lease taken = file_lease_take(fd);
    /* A break that was meant for whoever had the descriptor's number before may have been heard before there was a lease to be
     * given up: nobody would give it up any more. */
    if (taken == FILE_LEASE_TAKEN && lease_is_recalled(lease)) file_lease_return(fd);
    if (taken != FILE_LEASE_TAKEN) (void)lease_return(lease);
    return taken;
}

bool lease_return(struct lease *lease)
{
    struct leases *leases = lease->holder;
    if (lease->fd < 0) return true;
    if (leases) pthread_mutex_lock(&leases->lock);
    bool was_held = !lease_is_recalled(lease);
    if (leases && was_held) forget(leases, lease);
    if (leases) pthread_mutex_unlock(&leases->lock);
    if (!was_held && lease->stream) return false; /* it is the thread's, which has returned it, or will */
    if (was_held) file_lease_return(lease->fd);
    lease->holder = NULL;
    lease->fd = -1;
    return was_held;
}

bool lease_borrow(struct lease *lease)
{
    if (!lease->holder) return false;
    atomic_fetch_add_explicit(&lease->borrowers, 1, memory_order_seq_cst);
    if (!lease_is_recalled(lease)) return true;
    lease_give_back(lease);
    return false;
}

void lease_give_back(struct lease *lease)
{
    uint32_t before = atomic_fetch_sub_explicit(&lease->borrowers, 1, memory_order_seq_cst);
    ASSERT(before > 0);
    if (before == 1 && lease_is_recalled(lease)) wakeup_ring(lease->holder->wakeup);
}

/* Under the lock: somebody wants to write to the file of `lease`. */
static void recall(struct leases *leases, struct lease *lease)
{
    if (lease->stream && !entry_ref_unless_free(lease->stream)) return; /* it is about to be closed anyway */
    forget(leases, lease);
    lease->recalled_ms = clock_monotonic_us() / 1000;
    atomic_store_explicit(&lease->is_recalled, 1, memory_order_seq_cst);
    leases->counts.recalled++;
    if (lease->stream)
        list_append(&leases->recalled, &lease->link);
    else
        file_lease_return(lease->fd); /* who reads under it will see that, and reads again */
}

/* Under the lock. `fd`: of that one only; -1: of all that somebody waits for. */
static void recall_those_of(struct leases *leases, struct list *bucket, int fd)
{
    for (struct list *at = bucket->next, *next; at != bucket; at = next) {
        struct lease *lease = CONTAINER_OF(at, struct lease, link);
        next = at->next;
        if (fd >= 0 ? lease->fd == fd : lease_is_wanted(lease->fd)) recall(leases, lease);
    }
}

static void hear(struct leases *leases)
{
    int fd = -1;
    for (enum lease_break what; (what = lease_breaks_next(leases->breaks, &fd)) != LEASE_BREAK_NONE;) {
        pthread_mutex_lock(&leases->lock);
        if (what == LEASE_BREAK_FILE) recall_those_of(leases, &leases->by_fd[(unsigned)fd % BUCKETS], fd);
        for (unsigned i = 0; what == LEASE_BREAK_ANY && i < BUCKETS; i++)
            recall_those_of(leases, &leases->by_fd[i], -1);
        pthread_mutex_unlock(&leases->lock);
    }
}

static void ask_borrowers(struct leases *leases)
{
    pthread_mutex_lock(&leases->lock);
    for (struct list *at = leases->borrowers.next; at != &leases->borrowers; at = at->next) {
        struct lease_borrower *borrower = CONTAINER_OF(at, struct lease_borrower, link);
        if (!atomic_exchange_explicit(&borrower->was_asked, 1, memory_order_seq_cst)) wakeup_ring(borrower->wakeup);
    }
    pthread_mutex_unlock(&leases->lock);
}

/* What is recalled is offered to nobody any more, and is the writer's once nobody has pages of it. */
static void let_go(struct leases *leases)
{
    bool has_new = false;
    for (struct list *at = leases->recalled.next, *next; at != &leases->recalled; at = next) {
        struct lease *lease = CONTAINER_OF(at, struct lease, link);
        next = at->next;
        if (!lease->was_told) {
            rcu_online();
            table_remove(leases->table, lease->stream);
            rcu_offline();
            lease->was_told = has_new = true;
        }
        if (atomic_load_explicit(&lease->borrowers, memory_order_seq_cst) > 0) continue;
        list_remove(&lease->link);
        file_lease_return(lease->fd);
        entry_unref(lease->stream);
    }
    if (has_new) ask_borrowers(leases);
}

static void *leases_thread(void *argument)
{
    struct leases *leases = argument;
    struct pollfd wait[] = {
        { .fd = leases->breaks, .events = POLLIN },
        { .fd = leases->wakeup, .events = POLLIN },
    };
    rcu_reader_begin();
    rcu_offline();
    while (!atomic_load_explicit(&leases->is_stopping, memory_order_acquire)) {
        if (poll(wait, ARRAY_COUNT(wait), -1) <= 0) continue;
        wakeup_clear(leases->wakeup);
        hear(leases);
        let_go(leases);
    }
    rcu_reader_end();
    return NULL;
}

struct leases *leases_new(struct table *table)
{
    struct leases *leases = calloc(1, sizeof *leases);
    if (!leases) return NULL;
    leases->table = table;
    list_init(&leases->recalled);
    list_init(&leases->borrowers);
    for (unsigned i = 0; i < BUCKETS; i++) list_init(&leases->by_fd[i]);
    pthread_mutex_init(&leases->lock, NULL);
    leases->breaks = lease_breaks_open();
    leases->wakeup = wakeup_open();
    bool has_both = leases->breaks >= 0 && leases->wakeup >= 0;
    leases->is_running = has_both && thread_start(&leases->thread, "leases", leases_thread, leases) == STATUS_OK;
    if (leases->is_running) return leases;
    leases_free(leases);
    return NULL;
}

void leases_stop(struct leases *leases)
{
    if (!leases || !leases->is_running) return;
    atomic_store_explicit(&leases->is_stopping, 1, memory_order_release);
    wakeup_ring(leases->wakeup);
    pthread_join(leases->thread, NULL);
    leases->is_running = false;
    while (!list_is_empty(&leases->recalled)) {
        struct lease *lease = CONTAINER_OF(leases->recalled.next, struct lease, link);
        list_remove(&lease->link);
        file_lease_return(lease->fd);
        entry_unref(lease->stream);
    }
}

void leases_free(struct leases *leases)
{
    if (!leases) return;
    leases_stop(leases);
    ASSERT(leases->counts.held == 0);
    if (leases->breaks >= 0) close(leases->breaks);
    if (leases->wakeup >= 0) close(leases->wakeup);
    pthread_mutex_destroy(&leases->lock);
    free(leases);
}

void leases_enlist(struct leases *leases, struct lease_borrower *borrower)
{
    pthread_mutex_lock(&leases->lock);
    list_append(&leases->borrowers, &borrower->link);
    pthread_mutex_unlock(&leases->lock);
}

void leases_dismiss(struct leases *leases, struct lease_borrower *borrower)
{
    pthread_mutex_lock(&leases->lock);
    list_remove(&borrower->link);
    pthread_mutex_unlock(&leases->lock);
}

struct lease_counts leases_counts(struct leases *leases)
{
    pthread_mutex_lock(&leases->lock);
    struct lease_counts counts = leases->counts;
    pthread_mutex_unlock(&leases->lock);
    return counts;
}
