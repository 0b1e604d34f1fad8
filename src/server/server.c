#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/quantity.h"
#include "http/ready_head.h"
#include "platform/lease_break.h"
#include "platform/machine.h"
#include "platform/privileges.h"
#include "platform/thread.h"
#include "server/handler.h"
#include "server/identity.h"
#include "server/listeners.h"
#include "server/message.h"
#include "server/pinning.h"
#include "server/site_listing.h"
#include "server/stats.h"
#include "server/types_file.h"

enum {
    DESCRIPTORS_RESERVED =
        32, /* standard ones, logs, signals, the lookout, spares, and what each load opens for a moment */
    DESCRIPTORS_A_WORKER = 5, /* epoll, mailbox, what tells of peers' queues, what it opens in place */
    WITHOUT_BODY_MAX = 8192,
    QUIT_GRACE_MS = 1000,
    LOADS_GRACE_MS = 200, /* for reads that are under way, at the end */
    HAND_OVER_GRACE_MS = 10000,
};

struct server {
    const struct config *config;
    unsigned thread_count;
    unsigned descriptors_at_start;
    struct serving serving;
    struct media_types *types;
    struct cache_options cache_options;
    struct worker_options worker_options;
    _Atomic uint32_t connections;
    struct listeners *listeners; /* borrowed */
    struct worker_team team;
    struct worker *workers[THREADS_MAX];
    bool is_started[THREADS_MAX];
    int exit_status;
    enum server_start start;
    struct pinning_behind *behind; /* NULL: nothing is pinned while it serves */
};

static bool fail(const char *what, const char *name, const char *remedy)
{
    message_tell(LOG_LEVEL_CRIT, "%s%s%s: %s%s", what, name ? " " : "", name ? name : "", strerror(errno), remedy);
    return false;
}

/* Descriptors that streams and connections may have. */
static uint64_t descriptors_to_share(const struct server *server)
{
    const struct config *config = server->config;
    uint64_t descriptors = machine_descriptors_raise();
    uint64_t reserved = DESCRIPTORS_RESERVED + server->thread_count * DESCRIPTORS_A_WORKER;
    for (unsigned i = 0; i < server->listeners->address_count; i++)
        reserved += 2 * server->listeners->at[i].count + server->thread_count;
    reserved += sites_trees(server->serving.sites)->count; /* their roots */
    for (size_t i = 0; i < config->site_count; i++)
        reserved += 2 * (config->sites[i]->logs.count + site_says(config->sites[i], SITE_ERROR_LOG));
    uint64_t loads = descriptors / 16; /* when devices hang, more loads hold descriptors than usual */
    reserved += loads < 2 * LOADER_THREADS_MAX ? loads : 2 * LOADER_THREADS_MAX;
    return descriptors > reserved + 16 ? descriptors - reserved : 16;
}

static void plan_cache(struct server *server, uint64_t streams)
{
    const struct config *config = server->config;
    uint64_t files = config->cache_files;
    server->cache_options = (struct cache_options){
        .rules = sites_load_rules(server->serving.sites),
        .limits = {
            .bytes = config->cache_bytes ? config->cache_bytes : machine_memory_bytes() / 4,
            .files = (uint32_t)files,
            .streams = (uint32_t)(streams < files ? streams : files),
            .without_body = (uint32_t)(files < WITHOUT_BODY_MAX ? files : WITHOUT_BODY_MAX),
        },
        .trees = *sites_trees(server->serving.sites),
        .revalidate_ms = (int64_t)config->revalidate_ms,
        .expire_ms = (int64_t)config->expire_ms,
        .loaders_max = LOADER_THREADS_MAX,
    };
    server->cache_options.rules.snapshot_bytes_max = config->snapshot_bytes;
    server->cache_options.rules.settle_ms = (int64_t)config->settle_ms;
    server->cache_options.rules.asked_ms_max = (int64_t)config->load_timeout_ms;
}

static void plan_workers(struct server *server, uint64_t connections)
{
    const struct config *config = server->config;
    if (config->connections_max > 0 && config->connections_max < connections) connections = config->connections_max;
    server->worker_options = (struct worker_options){
        .limits = {
            .line_bytes = (uint32_t)config->limit_line_bytes,
            .field_bytes = (uint32_t)config->limit_field_bytes,
            .fields = (uint32_t)config->limit_fields,
            .head_bytes = WORKER_INPUT_BYTES,
        },
        .expects_proxy = config->proxy_protocol != 0,
        .request_timeout_ms = (int64_t)config->request_timeout_ms,
        .keepalive_timeout_ms = (int64_t)config->keepalive_timeout_ms,
        .load_timeout_ms = (int64_t)config->load_timeout_ms,
        .send_min_bytes_s = config->send_min_bytes_s,
        .send_min_window_ms = (int64_t)config->send_min_window_ms,
        .hand_over_grace_ms = HAND_OVER_GRACE_MS,
        .quit_grace_ms = QUIT_GRACE_MS,
        .connections_max = (uint32_t)connections,
        .borrowers_max = 1 + (uint32_t)connections / (4 * server->thread_count),
        .connections = &server->connections,
    };
}

/* Some of the descriptors are for streams, the rest for connections. */
static void plan(struct server *server)
{
    uint64_t to_share = descriptors_to_share(server), streams = to_share / 8;
    plan_cache(server, streams);
    plan_workers(server, to_share - streams);
}

/* What is named to be in memory is there before anybody is told that the server is ready; but in the place of one that served, it is
 * better to serve without them than not at all. */
static bool make_cache(struct server *server)
{
    const struct config *config = server->config;
    bool has_pins = config->pin_count > 0, is_behind = server->start == SERVER_STARTS_IN_PLACE;
    struct preload *preload = NULL;
    if (has_pins && !is_behind &&
        !pinning_plan(config, &server->cache_options, server->start == SERVER_STARTS_BESIDE, &preload)) {
        if (config->pins_are_strict) server->exit_status = EX_CONFIG;
        return false;
    }
    server->serving.cache = cache_new(&server->cache_options);
    bool is_made = server->serving.cache ? true : fail("cannot make the cache", NULL, "");
    if (is_made && has_pins && is_behind) {
        server->behind = pinning_begin_behind(config, &server->cache_options, server->serving.cache);
        if (!server->behind) is_made = fail("cannot load what is pinned", NULL, "");
    }
    if (is_made && preload && !pinning_load(config, preload, server->serving.cache)) {
        server->exit_status = EX_CONFIG;
        is_made = false;
    }
    preload_free(preload);
    return is_made;
}

/* Until it is ready a process has promised nothing to anybody, and loading may take long: it ends where it stands. */
static void leave_at_once(int signal_number)
{
    (void)signal_number;
    _exit(EXIT_SUCCESS);
}

/* Signals are blocked from the fork on. Those that end it are let in while it gets ready; no other thread takes them. */
static void let_signals_end_it(bool do_they)
{
    static const int ending[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP };
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_COUNT(ending); i++) {
        sigaddset(&set, ending[i]);
        if (do_they) signal(ending[i], leave_at_once);
    }
    pthread_sigmask(do_they ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

static bool make_workers(struct server *server)
{
    server->worker_options.cache = server->serving.cache;
    server->worker_options.handler = serving_handler(&server->serving);
    server->team = (struct worker_team){ .count = server->thread_count, .workers = server->workers };
    server->worker_options.team = &server->team;
    for (unsigned i = 0; i < server->thread_count; i++) {
        struct worker_listener listeners[LISTENERS_SOCKETS_MAX];
        unsigned count;
        if (listeners_share(server->listeners, i, server->thread_count, listeners, &count))
            server->workers[i] = worker_new(i, &server->worker_options, listeners, count);
        if (!server->workers[i]) return fail("cannot make a worker", NULL, "");
    }
    /* Not earlier: the kernel gives each socket that listens its share of the connections. */
    if (!listeners_listen(server->listeners)) return false;
    listeners_drop(server->listeners);
    let_signals_end_it(false); /* from here on somebody may be served */
    for (unsigned i = 0; i < server->thread_count; i++) {
        server->is_started[i] = worker_start(server->workers[i]) == STATUS_OK;
        if (!server->is_started[i]) return fail("cannot start a worker", NULL, "\n  ask for fewer with --threads");
    }
    return true;
}

static void say_ready(const struct server *server)
{
    char text[QUANTITY_TEXT_BYTES], url[256];
    unsigned sites = sites_count(server->serving.sites);
    const struct tree *root = sites_at(server->serving.sites, 0)->root;
    char *path = root ? realpath(root->path, NULL) : NULL;
    if (root)
        printf("folio %s serves %s\n", FOLIO_VERSION, path ? path : root->path);
    else
        printf("folio %s serves %u sites\n", FOLIO_VERSION, sites - 1);
    free(path);
    if (root && sites > 1) printf("  sites     %u more\n", sites - 1);
    for (unsigned i = 0; i < server->listeners->address_count; i++) {
        socket_address_url(&server->listeners->at[i].address, url, sizeof url);
        printf("  address   %s\n", url);
    }
    printf("  threads   %u\n", server->thread_count);
    printf("  memory    %s for files, at most %" PRIu32 " of them\n",
           quantity_format_bytes(server->cache_options.limits.bytes, text), server->cache_options.limits.files);
    printf("  limits    %" PRIu32 " connections, %" PRIu32 " big files open\n", server->worker_options.connections_max,
           server->cache_options.limits.streams);
    if (cache_signal(server->serving.cache) < 0)
        message_tell(LOG_LEVEL_WARN,
                     "no change is told of, as there is no inotify instance to be had: files are looked at every"
                     " %" PRIu64 " ms (MMapRevalidate)\n  raise fs.inotify.max_user_instances with sysctl, and reload",
                     server->config->revalidate_ms);
    if (!lease_is_for_all())
        printf("  copied    are big files of other users than %u when they are sent: with CAP_LEASE they need not be\n",
               (unsigned)geteuid());
    fflush(stdout);
}

static void command_all(struct server *server, enum worker_command command)
{
    for (unsigned i = 0; i < server->thread_count; i++) {
        if (server->is_started[i]) worker_command(server->workers[i], command);
    }
}

static void say_stats(const struct server *server)
{
    stats_tell(&(struct stats_source){
        .cache = server->serving.cache,
        .workers = server->workers,
        .worker_count = server->thread_count,
        .connections = atomic_load_explicit(&server->connections, memory_order_relaxed),
        .expire_ms = server->config->expire_ms,
    });
}

/* Obey signals until every worker has ended. */
static void obey_signals(struct server *server, int signals, int ended)
{
    unsigned running = server->thread_count;
    while (running > 0) {
        struct pollfd wait[] = { { .fd = signals, .events = POLLIN }, { .fd = ended, .events = POLLIN } };
        int interval_ms = server->config->stats_interval_ms ? (int)server->config->stats_interval_ms : -1;
        int polled = poll(wait, 2, interval_ms);
        if (polled == 0) say_stats(server);
        if (polled <= 0) continue;
        if (wait[1].revents) {
            wakeup_clear(ended);
            running = 0;
            for (unsigned i = 0; i < server->thread_count; i++) running += !worker_has_ended(server->workers[i]);
        }
        struct signalfd_siginfo info;
        if (!wait[0].revents || read(signals, &info, sizeof info) != sizeof info) continue;
        if (info.ssi_signo == (uint32_t)SIGRTMIN) say_stats(server); /* no constant, so no case of a switch */
        switch (info.ssi_signo) {
        case SIGQUIT: command_all(server, WORKER_FINISH); break;
        case SIGHUP:
            command_all(server, WORKER_HAND_OVER);
            pinning_cancel_behind(server->behind);
            cache_shrink(server->serving.cache);
            break;
        case SIGTERM:
        case SIGINT: command_all(server, WORKER_STOP); break;
        default: break;
        }
    }
}

static void end_workers(struct server *server)
{
    command_all(server, WORKER_STOP);
    for (unsigned i = 0; i < server->thread_count; i++) {
        if (server->is_started[i]) pthread_join(server->workers[i]->thread, NULL);
    }
}

/* Some thread waits for a device, perhaps for ever, and goes on using what it was given: all of it goes with the process. */
NORETURN static void abandon(struct server *server, uint64_t requests, uint32_t connections, bool was_ready)
{
    uint64_t lost = server_logs_close(server->serving.logs);
    lost += error_logs_stop(server->serving.errors);
    if (was_ready)
        printf("folio: stopped: requests=%" PRIu64 " connections=%" PRIu32 " lost-log-lines=%" PRIu64
               "; a device did not answer, and is not waited for\n",
               requests, connections, lost);
    fflush(stdout);
    _exit(was_ready ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Take everything down, and tell what was left over. */
static void take_down(struct server *server, bool was_ready)
{
    uint64_t requests = 0, held = 0;
    for (unsigned i = 0; i < server->thread_count; i++) {
        if (server->workers[i]) requests += atomic_load(&server->workers[i]->counts.requests);
    }
    uint32_t connections = atomic_load(&server->connections);
    bool has_ended = pinning_end_behind(server->behind, LOADS_GRACE_MS);
    if (server->serving.cache && !cache_stop(server->serving.cache, LOADS_GRACE_MS)) has_ended = false;
    /* It may still answer: the workers' mailboxes are there. */
    if (server->serving.authenticator && !authenticator_stop(server->serving.authenticator, LOADS_GRACE_MS))
        has_ended = false;
    if (!has_ended) abandon(server, requests, connections, was_ready);
    authenticator_free(server->serving.authenticator);
    client_rules_done(&server->serving.clients);
    for (unsigned i = 0; i < server->thread_count; i++) worker_free(server->workers[i]);
    cache_free(server->serving.cache, &held);
    uint64_t lost = server_logs_close(server->serving.logs);
    lost += error_logs_stop(server->serving.errors);
    error_logs_free(server->serving.errors);
    sites_free(server->serving.sites);
    media_types_free(server->types);
    if (!was_ready) return;
    printf("folio: stopped: requests=%" PRIu64 " connections=%" PRIu32 " references=%" PRIu64
           " descriptors=%u lost-log-lines=%" PRIu64 "\n",
           requests, connections, held, machine_descriptors_open() - server->descriptors_at_start, lost);
    fflush(stdout);
}

/* Signals come through a descriptor; every thread is started with them blocked. SIGPIPE: send() says EPIPE. */
static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    static const int wanted[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2 };
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++) sigaddset(&set, wanted[i]);
    sigaddset(&set, SIGRTMIN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* In this order: threads have the rights of who starts them, and the folders of logs need not be the user's. */
static bool open_logs_and_change_user(struct server *server)
{
    int error = privileges_freeze();
    if (error != 0) {
        errno = error;
        return fail("cannot give up rights", NULL, "");
    }
    /* In the place of one that served, it is better to serve while a log is not there than not at all. */
    bool may_be_absent = server->start == SERVER_STARTS_IN_PLACE;
    server->serving.errors = error_logs_open(server->config, may_be_absent);
    if (!server->serving.errors) return false;
    server->serving.logs = server_logs_open(server->config, server->thread_count, may_be_absent);
    if (!server->serving.logs) return false; /* what lacks may be there at another try */
    bool is_user = identity_assume(server->config);
    if (!is_user) server->exit_status = EX_CONFIG;
    return is_user;
}

int server_run(const struct config *config, struct listeners *listeners, int ready, enum server_start start)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server) return fail("no memory", NULL, ""), 1;
    server->exit_status = 1;
    server->start = start;
    server->config = config;
    server->listeners = listeners;
    server->thread_count = listeners_workers(config);
    /* Those of before, but for what is closed before the end: `ready`, and the listeners' copies. */
    server->descriptors_at_start = machine_descriptors_open() - 1;
    for (unsigned i = 0; i < listeners->address_count; i++) server->descriptors_at_start -= listeners->at[i].count;
    int signals = open_signals(), ended = wakeup_open();
    if (signals < 0 || ended < 0) {
        fail("no descriptors", NULL, "");
        goto out;
    }
    let_signals_end_it(true);
    machine_allocator_tune();
    machine_descriptors_widen(signals);
    if (!open_logs_and_change_user(server)) goto out;
    server->types = types_file_load(config->types_path);
    if (!server->types) goto out;
    server->serving.sites = sites_new(config, server->types);
    if (!server->serving.sites) goto out;
    server->serving.authenticator = authenticator_new(config);
    if (!server->serving.authenticator || !client_rules_init(&server->serving.clients, config)) {
        fail("no memory", NULL, "");
        goto out;
    }
    plan(server);
    server->worker_options.ended = ended;
    if (make_cache(server) && make_workers(server)) {
        /* If nobody listens there any more, it was given up meanwhile, and a signal says what is to become of it. */
        while (write(ready, "+", 1) < 0 && errno == EINTR) {}
        close(ready);
        ready = -1;
        say_ready(server); /* only now: whoever reads it may rely on another one if this one crashes */
        message_set_serving(true);
        message_tell(LOG_LEVEL_NOTICE, "folio %s is ready", FOLIO_VERSION);
        obey_signals(server, signals, ended);
        server->exit_status = 0;
    }
out:
    let_signals_end_it(false);
    end_workers(server);
    if (signals >= 0) close(signals);
    if (ended >= 0) close(ended);
    if (ready >= 0) close(ready);
    int exit_status = server->exit_status;
    take_down(server, exit_status == 0);
    free(server);
    return exit_status;
}
