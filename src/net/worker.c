#include "net/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/check.h"
#include "platform/clock.h"
#include "platform/machine.h"
#include "platform/peer_queue.h"
#include "platform/thread.h"

enum {
    EVENTS_MAX = 256,
    ACCEPTS_MAX = 64,      /* in one go, from one listener */
    IDLE_CLOSED_MAX = 16,  /* at once, when descriptors are short */
    IDLE_MS_MIN = 100,     /* who asked so lately is not idle, but between two requests */
    ROUND_US = 50,         /* with what is known to be long; then whoever asked meanwhile comes first */
    STARVED_MS = 20,       /* between two tries to answer those for whom there was nothing */
    DESCRIPTORS_NEAR = 64, /* to the limit: looked at closely */
    DESCRIPTORS_FOR_LOADS = 3,
    PAUSE_MS = 100, /* without accepting, when there is nothing to close */
    SWEEP_MS = 50,  /* between two looks at all connections, when the server ends */
    STOP_MS = 2000, /* for what is ready to be sent, after STOP */
};

/* What an event is of: a connection is told by its generation and slot, the rest by these. */
static const uint64_t IS_MAILBOX = UINT64_MAX, IS_LISTENER = UINT64_MAX << 32, IS_SIGNAL = (UINT64_MAX << 32) - 1;

static struct conn *conn_at(struct worker *worker, uint32_t slot)
{
    return &worker->slabs[slot / WORKER_SLAB_CONNS][slot % WORKER_SLAB_CONNS];
}

static bool watch(struct worker *worker, int fd, uint32_t events, uint64_t what)
{
    struct epoll_event event = { .events = events, .data.u64 = what };
    return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void watch_listeners(struct worker *worker)
{
    worker->is_paused = false;
    for (unsigned i = 0; i < worker->listener_count; i++) {
        struct worker_listener *listener = &worker->listeners[i];
        bool watched =
            watch(worker, listener->fd, EPOLLIN | (listener->is_shared ? EPOLLEXCLUSIVE : 0u), IS_LISTENER | i);
        if (watched || errno == EEXIST) continue;
        ASSERT(errno == ENOMEM || errno == ENOSPC);
        worker->is_paused = true; /* it is tried again: nobody else accepts from this one */
        worker->resume_at_ms = worker->now_ms + PAUSE_MS;
    }
}

/* The limit is one for all: what is idle at another worker can make room for who waits at this one. */
static void ask_others_for_room(struct worker *worker)
{
    const struct worker_team *team = worker->options->team;
    for (unsigned i = 0; team && i < team->count; i++) {
        struct worker *other = team->workers[i];
        if (other == worker || atomic_exchange_explicit(&other->is_asked_for_room, 1, memory_order_relaxed)) continue;
        wakeup_ring(other->mailbox.wakeup);
    }
}

static void pause_accepting(struct worker *worker)
{
    ask_others_for_room(worker);
    worker->next_one_leaves = true; /* nobody here is idle either */
    for (unsigned i = 0; i < worker->listener_count; i++)
        epoll_ctl(worker->epoll, EPOLL_CTL_DEL, worker->listeners[i].fd, NULL);
    worker->is_paused = true;
    worker->resume_at_ms = worker->now_ms + PAUSE_MS;
}

/* One more slab of connections; false: no memory. */
static bool grow(struct worker *worker)
{
    struct conn **slabs = realloc(worker->slabs, (worker->slab_count + 1) * sizeof *slabs);
    if (!slabs) return false;
    worker->slabs = slabs;
    uint32_t slots = (worker->slab_count + 1) * WORKER_SLAB_CONNS;
    uint32_t *free_slots = realloc(worker->free_slots, slots * sizeof *free_slots);
    if (!free_slots) return false;
    worker->free_slots = free_slots;
    struct conn *slab = calloc(WORKER_SLAB_CONNS, sizeof *slab);
    if (!slab) return false;
    worker->slabs[worker->slab_count] = slab;
    for (uint32_t i = WORKER_SLAB_CONNS; i-- > 0;) {
        slab[i].slot = worker->slab_count * WORKER_SLAB_CONNS + i;
        worker->free_slots[worker->free_count++] = slab[i].slot;
    }
    worker->slab_count++;
    return true;
}

void worker_release(struct worker *worker, struct conn *conn)
{
    worker->free_slots[worker->free_count++] = conn->slot;
    worker->conn_count--;
    atomic_fetch_sub_explicit(worker->options->connections, 1, memory_order_relaxed);
    /* There is a descriptor again. */
    if (worker->is_paused && worker->obeyed == WORKER_SERVE) worker->resume_at_ms = worker->now_ms;
}

/* Close those that have been idle longest; returns how many. Rare, so it looks at all of them. */
static unsigned close_idlest(struct worker *worker)
{
    struct conn *oldest[IDLE_CLOSED_MAX];
    /* Of few the longest idle one only; of many some more, so that looking at all of them is worth it. */
    unsigned count = 0, most = 1 + worker->conn_count / 256;
    if (most > IDLE_CLOSED_MAX) most = IDLE_CLOSED_MAX;
    int64_t idle_until = worker->now_ms + worker->options->keepalive_timeout_ms - IDLE_MS_MIN;
    for (uint32_t slot = 0; slot < worker->slab_count * WORKER_SLAB_CONNS; slot++) {
        struct conn *conn = conn_at(worker, slot);
        if (!conn_is_idle(conn) || conn->deadline_ms > idle_until || lending_goes_on(worker, conn)) continue;
        unsigned at = count < most ? count++ : most;
        for (; at > 0 && oldest[at - 1]->deadline_ms > conn->deadline_ms; at--) {
            if (at < most) oldest[at] = oldest[at - 1];
        }
        if (at < most) oldest[at] = conn;
    }
    for (unsigned i = 0; i < count; i++) conn_end(worker, oldest[i]);
    return count;
}

static void make_room_if_asked(struct worker *worker)
{
    if (!atomic_load_explicit(&worker->is_asked_for_room, memory_order_relaxed)) return;
    atomic_store_explicit(&worker->is_asked_for_room, 0, memory_order_relaxed);
    /* Nobody is idle: then those who go on asking take turns with those who wait. */
    worker->next_one_leaves = close_idlest(worker) == 0;
}

static bool is_at_limit(const struct worker *worker)
{
    const struct worker_options *options = worker->options;
    return atomic_load_explicit(options->connections, memory_order_relaxed) >= options->connections_max;
}

/* Connections leave some descriptors to loads: who cannot be given what he was let in to ask for never leaves. The plan at the
 * start sees to that; this is for a limit that was lowered since. Numbers are given from the lowest, so that one far below the
 * limit tells enough; but for the spares', which are for loads. */
static bool is_out_of_descriptors(struct worker *worker, int listener)
{
    uint64_t limit = machine_descriptors_limit();
    if (worker->last_descriptor + DESCRIPTORS_NEAR < limit) return false;
    int lowest = machine_descriptor_lowest(listener, cache_spares_end(worker->options->cache));
    if (lowest < 0) return true;
    worker->last_descriptor = (uint64_t)lowest;
    return (uint64_t)lowest + DESCRIPTORS_FOR_LOADS >= limit;
}

/* Whoever is let in comes before streams that are only kept. Returns whether there may be a descriptor now: those of streams come later. */
static bool make_room_for_one(struct worker *worker)
{
    if (close_idlest(worker) > 0) return true;
    if (worker->options->cache) cache_relieve(worker->options->cache);
    return false;
}

static bool has_connection_to_spare(struct worker *worker, int listener)
{
    if (is_at_limit(worker)) return close_idlest(worker) > 0;
    while (is_out_of_descriptors(worker, listener)) {
        if (!make_room_for_one(worker)) return false;
    }
    return true;
}

static bool watch_conn(struct worker *worker, const struct conn *conn)
{
    uint64_t what = (uint64_t)conn->generation << 32 | conn->slot;
    return watch(worker, conn->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, what);
}

static void adopt(struct worker *worker, int fd, const struct peer_address *peer)
{
    struct conn *conn = conn_at(worker, worker->free_slots[--worker->free_count]);
    worker->conn_count++;
    atomic_fetch_add_explicit(worker->options->connections, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&worker->counts.accepted, 1, memory_order_relaxed);
    conn_begin(worker, conn, fd, peer);
    if (watch_conn(worker, conn)) return;
    conn->is_unwatched = true;
    conn_starve(worker, conn);
}

/* Accept up to `max`. False: nobody waits, or accepting had to be paused. */
static bool accept_some(struct worker *worker, int listener, unsigned max)
{
    for (unsigned i = 0; i < max; i++) {
        /* Whether anybody waits is known for the first only: nobody is closed for one who may not be there. */
        if (i > 0 && (is_at_limit(worker) || is_out_of_descriptors(worker, listener))) return true;
        if (!has_connection_to_spare(worker, listener) || (worker->free_count == 0 && !grow(worker))) {
            pause_accepting(worker);
            return false;
        }
        struct peer_address peer;
        int fd = socket_accept(listener, &peer);
        if (fd >= 0) {
            fd = cache_keep_off_spares(worker->options->cache, fd);
            worker->last_descriptor = (uint64_t)fd;
            adopt(worker, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (make_room_for_one(worker)) continue;
            pause_accepting(worker);
            return false;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return false;
        }
    }
    return true;
}

/* Accept no more. Whoever waits is accepted by the process that serves the same sockets (`others_accept`); where there is none,
 * which also the supervisor may have told of one, whoever was let in by the kernel already is taken. */
static void leave_listeners(struct worker *worker, bool others_accept)
{
    for (unsigned i = 0; i < worker->listener_count; i++) {
        int fd = worker->listeners[i].fd;
        epoll_ctl(worker->epoll, EPOLL_CTL_DEL, fd, NULL); /* closing is not enough: others have the same socket */
        if (!others_accept) socket_refuse_new(fd);
        while (socket_refuses_new(fd) && accept_some(worker, fd, ACCEPTS_MAX)) {}
        close(fd);
    }
    worker->listener_count = 0;
    worker->is_paused = false;
}

static int64_t grace_ms(const struct worker *worker, enum worker_command command)
{
    switch (command) {
    case WORKER_HAND_OVER: return worker->options->hand_over_grace_ms;
    case WORKER_FINISH: return worker->options->quit_grace_ms;
    case WORKER_SERVE:
    case WORKER_STOP: break;
    }
    return STOP_MS;
}

static void obey(struct worker *worker)
{
    enum worker_command command = (enum worker_command)atomic_load_explicit(&worker->command, memory_order_acquire);
    if (command == worker->obeyed) return;
    if (worker->obeyed == WORKER_SERVE) leave_listeners(worker, command == WORKER_HAND_OVER);
    worker->obeyed = command;
    worker->finish_at_ms = worker->now_ms + grace_ms(worker, command);
}

/* Told to end: close what need not be waited for. */
static void close_for_end(struct worker *worker)
{
    bool is_over = worker->now_ms >= worker->finish_at_ms;
    if (worker->now_ms < worker->sweep_at_ms) return;
    worker->sweep_at_ms = worker->now_ms + SWEEP_MS;
    for (uint32_t slot = 0; slot < worker->slab_count * WORKER_SLAB_CONNS; slot++) {
        struct conn *conn = conn_at(worker, slot);
        if (conn->phase == CONN_FREE) continue;
        bool is_silent = conn->phase == CONN_OPEN && !conn->stash && !conn->pending && !conn->is_waiting &&
                         conn->framing == CONTENT_NONE && !conn->closes;
        /* What waits for a device is not ready to be sent, and may never be. */
        bool is_pointless = is_silent || conn->is_waiting || conn->phase == CONN_LINGERING;
        bool must_go = worker->obeyed == WORKER_STOP ? is_over || is_pointless : is_over && is_silent;
        /* Another process serves: it does not matter when this one ends. */
        bool may_stay = worker->obeyed == WORKER_HAND_OVER && must_go && lending_goes_on(worker, conn);
        if (must_go && !may_stay) conn_end(worker, conn);
    }
}

static void take_mail(struct worker *worker)
{
    for (struct mail *mail = mailbox_take(&worker->mailbox), *next; mail; mail = next) {
        next = mail->next;
        uint32_t slot = (uint32_t)mail->cookie, generation = (uint32_t)(mail->cookie >> 32);
        struct conn *conn = conn_at(worker, slot);
        /* Its connection may have ended meanwhile, and the slot be another's. */
        if (conn->phase == CONN_OPEN && conn->generation == generation && conn->is_waiting)
            conn_mail(worker, conn, mail);
        else
            mail_free(mail);
    }
}

static void run_event(struct worker *worker, const struct epoll_event *event)
{
    uint64_t what = event->data.u64;
    if (what == IS_SIGNAL) return;
    if (what == IS_MAILBOX) {
        take_mail(worker);
    } else if ((what & IS_LISTENER) == IS_LISTENER) {
        if (!worker->is_paused && worker->listener_count > 0)
            accept_some(worker, worker->listeners[(uint32_t)what].fd, ACCEPTS_MAX);
    } else {
        struct conn *conn = conn_at(worker, (uint32_t)what);
        if (conn->phase != CONN_FREE && conn->generation == (uint32_t)(what >> 32))
            conn_event(worker, conn, event->events);
    }
}

/* Whoever could not go on for want of descriptors or memory tries again. */
static void run_starved(struct worker *worker)
{
    struct list round;
    if (list_is_empty(&worker->starved) || worker->now_ms < worker->feed_at_ms) return;
    list_init(&round);
    list_splice(&round, &worker->starved);
    worker->feed_at_ms = worker->now_ms + STARVED_MS;
    while (!list_is_empty(&round)) {
        struct conn *conn = CONTAINER_OF(round.next, struct conn, starved);
        list_remove(&conn->starved);
        conn->is_starved = conn->cannot_send = false;
        if (conn->is_unwatched && !watch_conn(worker, conn)) {
            conn_starve(worker, conn);
            continue;
        }
        conn->is_unwatched = false;
        conn->has_request |= conn->stash != NULL;
        conn_run(worker, conn);
    }
}

/* Those that can go on without an event, in turns (who goes on is the last again), for as long as whoever asks meanwhile may well wait. */
static void run_ready(struct worker *worker)
{
    if (list_is_empty(&worker->ready)) return;
    int64_t until_us = clock_monotonic_us() + ROUND_US;
    /* What is received from here on may have been sent after the wait that told of changes. */
    if (worker->options->cache && worker->turn.doubt_us == 0) worker->turn.doubt_us = worker->turn.now_us;
    do conn_run(worker, CONTAINER_OF(worker->ready.next, struct conn, ready));
    while (!list_is_empty(&worker->ready) && clock_monotonic_us() < until_us);
    /* Be it one long stream alone: whoever receives it, or asks for something else, may wait for this CPU. */
    if (!list_is_empty(&worker->ready)) thread_let_others_run();
}

static void run_timers(struct worker *worker)
{
    struct list due;
    list_init(&due);
    timer_wheel_advance(&worker->wheel, worker->now_ms, &due);
    while (!list_is_empty(&due)) {
        struct conn *conn = CONTAINER_OF(due.next, struct conn, timer);
        list_remove(&conn->timer);
        conn_timer(worker, conn);
    }
    bool was_asked = atomic_load_explicit(&worker->borrower.was_asked, memory_order_relaxed) != 0;
    if (was_asked || worker->now_ms >= worker->look_at_ms) lending_look(worker);
    if (worker->is_paused && worker->now_ms >= worker->resume_at_ms) watch_listeners(worker);
    if (worker->obeyed != WORKER_SERVE) close_for_end(worker);
}

static int wait_ms(const struct worker *worker)
{
    if (!list_is_empty(&worker->ready)) return 0;
    int wait = timer_wheel_wait_ms(&worker->wheel, worker->now_ms);
    int64_t also = worker->is_paused ? worker->resume_at_ms : worker->obeyed != WORKER_SERVE ? worker->sweep_at_ms : -1;
    if (!list_is_empty(&worker->starved) && (also < 0 || worker->feed_at_ms < also)) also = worker->feed_at_ms;
    if (worker->look_at_ms != INT64_MAX && (also < 0 || worker->look_at_ms < also)) also = worker->look_at_ms;
    if (also < 0) return wait;
    int64_t until = also > worker->now_ms ? also - worker->now_ms : 0;
    return wait < 0 || until < wait ? (int)until : wait;
}

static void set_clocks(struct worker *worker)
{
    worker->turn.now_us = clock_monotonic_us();
    worker->now_ms = worker->turn.now_us / 1000;
    worker->turn.now_s = clock_calendar_s();
    response_clock_set(&worker->turn.clock, worker->turn.now_s);
}

/* Once each: whoever has nothing else to do is not woken by every change. */
static void listen_to_cache(struct worker *worker, int operation)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.u64 = IS_SIGNAL };
    int signal = cache_signal(worker->options->cache);
    worker->was_told = false;
    if (signal >= 0) (void)epoll_ctl(worker->epoll, operation, signal, &event);
}

/* A change that ended before a request was sent is told by the same wait as the request, or before: the cache may not know of
 * it yet, but this turn does. */
static void hear_of_changes(struct worker *worker, const struct epoll_event *events, int count)
{
    bool is_told = false;
    if (!worker->options->cache) return;
    for (int i = 0; i < count; i++) is_told |= events[i].data.u64 == IS_SIGNAL;
    bool is_obeying = cache_is_obeying(worker->options->cache);
    bool is_doubtful = is_told || worker->was_told || is_obeying;
    if (!is_doubtful || worker->turn.doubt_us == 0) worker->turn.doubt_us = is_doubtful ? worker->turn.now_us : 0;
    if (is_told)
        worker->was_told = true;
    else if (worker->was_told && count > 0)
        listen_to_cache(worker, EPOLL_CTL_MOD); /* the next wait tells whether there is still more */
}

static void *worker_thread(void *argument)
{
    struct worker *worker = argument;
    struct epoll_event events[EVENTS_MAX];
    thread_run_soon();
    rcu_reader_begin();
    watch_listeners(worker);
    if (worker->options->cache) listen_to_cache(worker, EPOLL_CTL_ADD);
    while (worker->obeyed == WORKER_SERVE || worker->conn_count > 0) {
        rcu_offline();
        int count = epoll_wait(worker->epoll, events, EVENTS_MAX, wait_ms(worker));
        rcu_online();
        set_clocks(worker);
        hear_of_changes(worker, events, count);
        for (int i = 0; i < count; i++) run_event(worker, &events[i]);
        run_ready(worker);
        run_starved(worker);
        make_room_if_asked(worker);
        obey(worker);
        run_timers(worker);
    }
    rcu_reader_end();
    atomic_store_explicit(&worker->has_ended, 1, memory_order_release);
    wakeup_ring(worker->options->ended);
    return NULL;
}

struct worker *worker_new(unsigned index, const struct worker_options *options, const struct worker_listener *listeners,
                          unsigned listener_count)
{
    struct worker *worker = calloc(1, sizeof *worker);
    struct worker_listener *own = calloc(listener_count + 1, sizeof *own);
    if (!worker || !own) {
        for (unsigned i = 0; i < listener_count; i++) close(listeners[i].fd);
        free(worker);
        free(own);
        return NULL;
    }
    if (listener_count > 0) memcpy(own, listeners, listener_count * sizeof *own);
    worker->listeners = own;
    worker->listener_count = listener_count;
    worker->options = options;
    worker->index = index;
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    worker->mailbox.wakeup = -1;
    list_init(&worker->ready);
    list_init(&worker->starved);
    list_init(&worker->lending);
    list_init(&worker->borrower.link);
    worker->look_at_ms = INT64_MAX;
    worker->peer_queues = peer_queue_open();
    if (worker->epoll < 0 || mailbox_init(&worker->mailbox) != STATUS_OK) goto fail;
    if (!watch(worker, worker->mailbox.wakeup, EPOLLIN, IS_MAILBOX)) goto fail;
    worker->input = malloc(WORKER_INPUT_BYTES);
    if (!worker->input || !turn_init(&worker->turn, options->cache)) goto fail;
    if (!block_pool_put_aside(&worker->pool) || !grow(worker)) goto fail;
    set_clocks(worker);
    timer_wheel_init(&worker->wheel, worker->now_ms);
    worker->borrower.wakeup = worker->mailbox.wakeup;
    cache_enlist(options->cache, &worker->borrower);
    return worker;
fail:
    worker_free(worker);
    return NULL;
}

void worker_free(struct worker *worker)
{
    if (!worker) return;
    for (unsigned i = 0; i < worker->listener_count; i++) close(worker->listeners[i].fd);
    free(worker->listeners);
    cache_dismiss(worker->options->cache, &worker->borrower);
    if (worker->peer_queues >= 0) close(worker->peer_queues);
    mailbox_done(&worker->mailbox);
    if (worker->epoll >= 0) close(worker->epoll);
    for (uint32_t i = 0; i < worker->slab_count; i++) free(worker->slabs[i]);
    free(worker->slabs);
    free(worker->free_slots);
    block_pool_done(&worker->pool);
    turn_done(&worker->turn);
    free(worker->input);
    free(worker);
}

enum status worker_start(struct worker *worker)
{
    char name[16] = "worker-";
    size_t size = strlen(name);
    name[size] = (char)('0' + worker->index / 10 % 10);
    name[size + 1] = (char)('0' + worker->index % 10);
    return thread_start(&worker->thread, name, worker_thread, worker);
}

bool worker_has_ended(const struct worker *worker)
{
    return atomic_load_explicit(&worker->has_ended, memory_order_acquire) != 0;
}

void worker_command(struct worker *worker, enum worker_command command)
{
    /* relaxed: only one thread commands */
    if ((int)command <= atomic_load_explicit(&worker->command, memory_order_relaxed)) return;
    /* release: pairs with the acquire in obey() */
    atomic_store_explicit(&worker->command, (int)command, memory_order_release);
    wakeup_ring(worker->mailbox.wakeup);
}
