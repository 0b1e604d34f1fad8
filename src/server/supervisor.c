#include "server/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/machine.h"
#include "platform/thread.h"
#include "server/error_logs.h"
#include "server/listeners.h"
#include "server/message.h"
#include "server/pid_file.h"
#include "server/server.h"
#include "server/upgrade.h"

enum {
    CHILDREN_MAX = INHERITED_PROCESSES_MAX, /* one serves, perhaps one gets ready, the others finish */
    PAUSE_MS_MIN = 100, /* before a server that crashed soon after its start is started again; doubled each time */
    PAUSE_MS_MAX = 5000,
    LIVED_WELL_MS = 10000, /* after so long a crash is a new story */
    /* For a server to end after TERM; then it is killed. It takes two seconds at most, but for what the kernel makes it wait for:
     * closing an inotify descriptor is a worker's job there, and took ten seconds on a machine that had too much to do. */
    STOP_MS = 20000,
    GONE_MS = 3000, /* for one that was killed, or has exited but for threads that a device holds in the kernel */
    LOOK_MS = 100,  /* between two looks for such */
};

enum child_state { CHILD_NONE, CHILD_STARTING, CHILD_SERVING, CHILD_LEAVING, CHILD_ASKED /* whether it takes over */ };

struct child {
    enum child_state state;
    pid_t pid;
    int ready; /* readable when it is; -1 once it was */
    int64_t started_ms;
};

struct supervisor {
    struct config *config;      /* what the present server was started with; NULL: it was inherited */
    struct config *next_config; /* of one that is getting ready; NULL: none is */
    supervisor_configure *configure;
    void *context;
    struct upgrade upgrade;
    struct listeners listeners;
    struct pid_file pid_file;
    struct error_log_place error_place;
    struct error_log *errors; /* the main server's, which the server process has open, too; NULL: standard error */
    struct child children[CHILDREN_MAX];
    int signals;
    bool is_stopping;
    bool was_told_to_stop; /* by TERM or INT; before that perhaps only to finish */
    bool has_served;       /* a server was ready once: what goes wrong now is not a failure to start */
    int exit_status;
    int64_t restart_at_ms; /* 0: nothing to start again */
    int64_t pause_ms;
    int64_t kill_at_ms;  /* what has not ended by then; 0: it has all the time */
    int64_t leave_at_ms; /* whoever is still there by then; 0: not yet */
};

static int64_t now_ms(void)
{
    return clock_monotonic_us() / 1000;
}

static struct child *child_in(struct supervisor *supervisor, enum child_state state)
{
    for (unsigned i = 0; i < CHILDREN_MAX; i++) {
        if (supervisor->children[i].state == state) return &supervisor->children[i];
    }
    return NULL;
}

/* In the new process: serve, and end. */
static void serve(struct supervisor *supervisor, const struct config *config, pid_t parent, int ready)
{
    /* Nobody holds the sockets for us if the supervisor is killed: then finish what was begun. */
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (getppid() != parent) kill(getpid(), SIGQUIT); /* it was killed before it could be asked for */
    close(supervisor->signals);
    for (unsigned i = 0; i < CHILDREN_MAX; i++) {
        if (supervisor->children[i].state == CHILD_STARTING && supervisor->children[i].ready >= 0)
            close(supervisor->children[i].ready);
    }
    message_go_to(NULL, LOG_LEVEL_DEBUG); /* it opens logs of its own */
    message_set_serving(false);
    error_log_free(supervisor->errors);
    listeners_choose(&supervisor->listeners, config);
    enum server_start start = child_in(supervisor, CHILD_SERVING) ? SERVER_STARTS_BESIDE
                              : supervisor->has_served            ? SERVER_STARTS_IN_PLACE
                                                                  : SERVER_STARTS_FIRST;
    exit(server_run(config, &supervisor->listeners, ready, start));
}

/* Start a server process. False: the system has none to give; it was told. */
static bool spawn(struct supervisor *supervisor, const struct config *config)
{
    int ready[2];
    struct child *child = child_in(supervisor, CHILD_NONE);
    if (!child || pipe2(ready, O_CLOEXEC) != 0) {
        message_tell(LOG_LEVEL_CRIT, "cannot start a server process: %s",
                     child ? strerror(errno) : "too many are leaving");
        return false;
    }
    fflush(stdout);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        close(ready[0]);
        serve(supervisor, config, parent, ready[1]);
    }
    close(ready[1]);
    if (pid < 0) {
        message_tell(LOG_LEVEL_CRIT, "cannot start a server process: %s", strerror(errno));
        close(ready[0]);
        return false;
    }
    *child = (struct child){ .state = CHILD_STARTING, .pid = pid, .ready = ready[0], .started_ms = now_ms() };
    return true;
}

static void drop_config(struct config **config)
{
    if (!*config) return;
    config_done(*config);
    free(*config);
    *config = NULL;
}

/* What serves is the one before: what was opened for another is closed. */
static void keep_listeners(struct supervisor *supervisor)
{
    if (supervisor->config) listeners_keep(&supervisor->listeners, supervisor->config);
}

/* One that is getting ready has read a configuration that is not the newest any more. It serves nobody yet. Returns whether
 * there was one. */
static bool give_up_starting(struct supervisor *supervisor)
{
    struct child *child = child_in(supervisor, CHILD_STARTING);
    if (!child) return false;
    /* Gently: it may have begun to serve a moment ago, before we heard that it is ready. */
    kill(child->pid, SIGHUP);
    child->state = CHILD_LEAVING;
    close(child->ready);
    child->ready = -1;
    drop_config(&supervisor->next_config);
    printf("folio: server process %d, which was not ready yet, makes way for the newest configuration\n",
           (int)child->pid);
    return true;
}

/* HUP, USR1: a server with the configuration as it is now. A bad one changes nothing: what serves goes on, and so does what
 * gets ready by an earlier one. */
static void reload(struct supervisor *supervisor)
{
    struct config *config = calloc(1, sizeof *config);
    if (!config) {
        message_tell(LOG_LEVEL_CRIT, "no memory to read the configuration; serving goes on as before");
        return;
    }
    if (!supervisor->configure(supervisor->context, config)) {
        message_tell(LOG_LEVEL_ERROR, "the configuration was not taken over; serving goes on as before");
    } else if (listeners_extend(&supervisor->listeners, config)) {
        give_up_starting(supervisor);
        supervisor->next_config = config;
        if (spawn(supervisor, config)) return;
        supervisor->next_config = NULL;
        keep_listeners(supervisor);
    }
    drop_config(&config);
}

/* What is said from now on goes where the configuration that is served by says; as long as that cannot be opened, to standard error. What a
 * configuration is not read for (after an upgrade), goes where the one before said. */
static void change_error_log(struct supervisor *supervisor)
{
    struct error_log *errors = error_logs_open_main(&supervisor->error_place);
    if (!errors && supervisor->error_place.target[0]) return;
    message_go_to(errors, supervisor->error_place.level);
    error_log_free(supervisor->errors);
    supervisor->errors = errors;
}

/* A server is ready: the one before hands over. */
static void switch_to(struct supervisor *supervisor, struct child *child)
{
    struct child *before = child_in(supervisor, CHILD_SERVING);
    struct config *config_before = NULL;
    close(child->ready);
    child->ready = -1;
    child->state = CHILD_SERVING;
    supervisor->has_served = true;
    supervisor->restart_at_ms = 0;
    listeners_serve(&supervisor->listeners);
    if (supervisor->next_config) {
        config_before = supervisor->config;
        supervisor->config = supervisor->next_config;
        supervisor->next_config = NULL;
        keep_listeners(supervisor);
        if (!pid_file_write(&supervisor->pid_file, supervisor->config->pid_file))
            message_tell(LOG_LEVEL_WARN, "PidFile stays as it was");
    }
    message_set_serving(true);
    if (supervisor->config) error_log_place_init(&supervisor->error_place, supervisor->config);
    change_error_log(supervisor);
    drop_config(&config_before);
    if (!before) return;
    before->state = CHILD_LEAVING;
    kill(before->pid, SIGHUP);
}

/* It crashed, or was killed: another one, at once, or after a pause if that happens again and again. */
static void plan_restart(struct supervisor *supervisor, const struct child *child, int status)
{
    char how[64];
    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "was killed by signal %d", WTERMSIG(status));
    else
        snprintf(how, sizeof how, "ended with status %d", WEXITSTATUS(status));
    bool lived_well = now_ms() - child->started_ms >= LIVED_WELL_MS;
    int64_t pause_ms = lived_well ? 0 : supervisor->pause_ms;
    supervisor->pause_ms = lived_well || pause_ms == 0 ? PAUSE_MS_MIN : pause_ms * 2;
    if (supervisor->pause_ms > PAUSE_MS_MAX) supervisor->pause_ms = PAUSE_MS_MAX;
    supervisor->restart_at_ms = now_ms() + pause_ms;
    listeners_serve(&supervisor->listeners); /* if it was told to stop, and we were not, it refuses whoever comes */
    message_tell(LOG_LEVEL_ERROR, "server process %d %s; another one is started", (int)child->pid, how);
}

/* USR2: does the binary that lies where this one lay take over? */
static void ask_another_binary(struct supervisor *supervisor)
{
    struct child *before = child_in(supervisor, CHILD_ASKED), *child = child_in(supervisor, CHILD_NONE);
    if (before) { /* it may have been replaced since */
        kill(before->pid, SIGKILL);
        before->state = CHILD_LEAVING;
    }
    pid_t pid = child ? upgrade_ask(&supervisor->upgrade) : -1;
    if (pid > 0) *child = (struct child){ .state = CHILD_ASKED, .pid = pid, .ready = -1, .started_ms = now_ms() };
}

/* It does. This process goes on in it; or here, if it cannot be executed after all. */
static void leave_to_another_binary(struct supervisor *supervisor)
{
    struct inheritance inheritance = { .errors = supervisor->error_place };
    bool was_starting = give_up_starting(supervisor);
    for (unsigned i = 0; i < CHILDREN_MAX; i++) {
        const struct child *child = &supervisor->children[i];
        if (child->state == CHILD_NONE) continue;
        inheritance.processes[inheritance.process_count++] =
            (struct inherited_process){ .pid = child->pid, .serves = child->state == CHILD_SERVING };
    }
    upgrade_execute(&supervisor->upgrade, &inheritance, &supervisor->listeners);
    if (was_starting) reload(supervisor);
}

/* Take over what another binary left in this process, and have what serves replaced as by a reload. */
static bool inherit(struct supervisor *supervisor)
{
    struct inheritance inheritance;
    if (!inheritance_take(&inheritance, &supervisor->listeners)) {
        message_tell(LOG_LEVEL_CRIT, "what the binary before this one left is not understood");
        return false;
    }
    for (unsigned i = 0; i < inheritance.process_count; i++) {
        bool serves = inheritance.processes[i].serves;
        supervisor->children[i] = (struct child){ .state = serves ? CHILD_SERVING : CHILD_LEAVING,
                                                  .pid = inheritance.processes[i].pid,
                                                  .ready = -1,
                                                  .started_ms = now_ms() };
    }
    supervisor->has_served = true; /* by the binary before */
    message_set_serving(true);
    supervisor->error_place = inheritance.errors;
    change_error_log(supervisor);
    reload(supervisor);
    return true;
}

static void child_ended(struct supervisor *supervisor, struct child *child, int status)
{
    enum child_state state = child->state;
    child->state = CHILD_NONE;
    if (child->ready >= 0 && state == CHILD_STARTING) {
        char byte; /* it may have been ready, and crashed before we heard of it */
        supervisor->has_served |= read(child->ready, &byte, 1) == 1;
        close(child->ready);
        child->ready = -1;
    }
    if (supervisor->is_stopping || state == CHILD_LEAVING) return;
    if (state == CHILD_ASKED) {
        if (upgrade_is_agreed(&supervisor->upgrade, status)) leave_to_another_binary(supervisor);
    } else if (state == CHILD_SERVING) {
        plan_restart(supervisor, child, status);
    } else if (supervisor->next_config) {
        message_tell(LOG_LEVEL_ERROR, "the new server did not get ready; serving goes on as before");
        drop_config(&supervisor->next_config);
        keep_listeners(supervisor);
    } else if (supervisor->has_served) {
        plan_restart(supervisor, child, status);
    } else { /* it never served, and said why */
        supervisor->is_stopping = true;
        supervisor->exit_status = WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
    }
}

static void reap(struct supervisor *supervisor)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        for (unsigned i = 0; i < CHILDREN_MAX; i++) {
            struct child *child = &supervisor->children[i];
            if (child->state != CHILD_NONE && child->pid == pid) child_ended(supervisor, child, status);
        }
    }
}

static void tell_children(struct supervisor *supervisor, int signal_number)
{
    for (unsigned i = 0; i < CHILDREN_MAX; i++) {
        const struct child *child = &supervisor->children[i];
        /* One that only gets ready has nothing to finish. */
        int number = child->state == CHILD_STARTING && signal_number == SIGQUIT ? SIGTERM : signal_number;
        if (child->state != CHILD_NONE) kill(child->pid, number);
    }
}

static void stop(struct supervisor *supervisor, int signal_number)
{
    /* Ours must go first: a socket that a server gives up must not live on here, with nobody to serve it. */
    if (!supervisor->is_stopping) listeners_close(&supervisor->listeners);
    bool again = supervisor->was_told_to_stop && signal_number == SIGTERM;
    supervisor->is_stopping = true;
    supervisor->was_told_to_stop |= signal_number == SIGTERM;
    tell_children(supervisor, again ? SIGKILL : signal_number);
    if (signal_number == SIGTERM) supervisor->kill_at_ms = now_ms() + (again ? 0 : STOP_MS);
}

/* All have exited, and cannot be waited for. */
static bool all_linger(const struct supervisor *supervisor)
{
    for (unsigned i = 0; i < CHILDREN_MAX; i++) {
        const struct child *child = &supervisor->children[i];
        if (child->state != CHILD_NONE && !machine_process_lingers(child->pid)) return false;
    }
    return true;
}

/* Returns whether it is time to leave, whoever is still there. */
static bool hurry(struct supervisor *supervisor)
{
    if (!supervisor->was_told_to_stop) return false;
    bool is_late = supervisor->kill_at_ms && now_ms() >= supervisor->kill_at_ms;
    if (is_late) {
        tell_children(supervisor, SIGKILL);
        supervisor->kill_at_ms = 0;
    }
    if (!supervisor->leave_at_ms && (is_late || all_linger(supervisor))) supervisor->leave_at_ms = now_ms() + GONE_MS;
    if (!supervisor->leave_at_ms || now_ms() < supervisor->leave_at_ms) return false;
    for (unsigned i = 0; i < CHILDREN_MAX; i++) {
        if (supervisor->children[i].state != CHILD_NONE)
            message_tell(LOG_LEVEL_WARN,
                         "server process %d waits for a device that does not answer, and is left behind",
                         (int)supervisor->children[i].pid);
    }
    return true;
}

/* SIGRTMIN: whoever serves tells its counts. */
static void ask_for_stats(struct supervisor *supervisor)
{
    const struct child *serving = child_in(supervisor, CHILD_SERVING);
    if (serving)
        kill(serving->pid, SIGRTMIN);
    else
        message_answer("stats: no server process is ready");
}

static void obey(struct supervisor *supervisor, uint32_t signal_number)
{
    if (signal_number == (uint32_t)SIGRTMIN) ask_for_stats(supervisor); /* no constant, so no case of a switch */
    switch (signal_number) {
    case SIGTERM:
    case SIGINT: stop(supervisor, SIGTERM); break;
    case SIGQUIT: stop(supervisor, SIGQUIT); break;
    case SIGHUP:
    case SIGUSR1:
        if (!supervisor->is_stopping) reload(supervisor);
        break;
    case SIGUSR2:
        if (!supervisor->is_stopping) ask_another_binary(supervisor);
        break;
    default: break; /* SIGCHLD: looked at each time */
    }
}

static int wait_ms(struct supervisor *supervisor)
{
    if (supervisor->was_told_to_stop) return LOOK_MS;
    if (supervisor->restart_at_ms == 0 || supervisor->is_stopping || child_in(supervisor, CHILD_STARTING)) return -1;
    int64_t left = supervisor->restart_at_ms - now_ms();
    return left > 0 ? (int)left : 0;
}

static void start_again(struct supervisor *supervisor)
{
    supervisor->restart_at_ms = 0;
    bool began = supervisor->config && spawn(supervisor, supervisor->config);
    if (!supervisor->config) {
        reload(supervisor);
        began = child_in(supervisor, CHILD_STARTING) != NULL;
    }
    if (!began) supervisor->restart_at_ms = now_ms() + PAUSE_MS_MAX;
}

/* One that says that it is ready, is: also to a signal that came right after. */
static void heed_ready(struct supervisor *supervisor)
{
    struct child *starting = child_in(supervisor, CHILD_STARTING);
    struct pollfd wait = { .fd = starting ? starting->ready : -1, .events = POLLIN };
    char byte;
    if (poll(&wait, 1, 0) > 0 && (wait.revents & POLLIN) && read(wait.fd, &byte, 1) == 1)
        switch_to(supervisor, starting);
}

static void run(struct supervisor *supervisor)
{
    for (;;) {
        reap(supervisor);
        bool is_alone = !child_in(supervisor, CHILD_STARTING) && !child_in(supervisor, CHILD_SERVING) &&
                        !child_in(supervisor, CHILD_LEAVING);
        if (supervisor->is_stopping && (is_alone || hurry(supervisor))) return;
        struct child *starting = child_in(supervisor, CHILD_STARTING);
        /* One that was to take over was given up before there was any other: what was served last is started again. */
        if (!starting && !child_in(supervisor, CHILD_SERVING) && supervisor->restart_at_ms == 0)
            supervisor->restart_at_ms = now_ms();
        struct pollfd wait[] = { { .fd = supervisor->signals, .events = POLLIN },
                                 { .fd = starting ? starting->ready : -1, .events = POLLIN } };
        int polled = poll(wait, 2, wait_ms(supervisor));
        char byte;
        if (polled > 0 && wait[1].revents && read(starting->ready, &byte, 1) == 1) switch_to(supervisor, starting);
        if (polled > 0 && (wait[1].revents & POLLHUP) && !(wait[1].revents & POLLIN)) usleep(1000); /* it is ending */
        struct signalfd_siginfo info;
        while (read(supervisor->signals, &info, sizeof info) == sizeof info) {
            heed_ready(supervisor);
            obey(supervisor, info.ssi_signo);
        }
        if (supervisor->restart_at_ms && !supervisor->is_stopping && now_ms() >= supervisor->restart_at_ms &&
            !child_in(supervisor, CHILD_STARTING))
            start_again(supervisor);
    }
}

/* Block the signals, and take them from a descriptor. False: no descriptors. */
static bool open_signals(struct supervisor *supervisor)
{
    static const int wanted[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD };
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++) sigaddset(&set, wanted[i]);
    sigaddset(&set, SIGRTMIN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN); /* whoever reads what is printed may leave */
    supervisor->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (supervisor->signals < 0) message_tell(LOG_LEVEL_CRIT, "cannot receive signals: %s", strerror(errno));
    return supervisor->signals >= 0;
}

/* Open the first sockets, and start the first server. Nobody else serves: who comes early may wait, and the addresses are
 * ours. */
static bool begin(struct supervisor *supervisor, const struct config *first)
{
    supervisor->config = malloc(sizeof *first);
    if (!supervisor->config) {
        message_tell(LOG_LEVEL_CRIT, "no memory");
        return false;
    }
    *supervisor->config = *first;
    return pid_file_write(&supervisor->pid_file, first->pid_file) && listeners_extend(&supervisor->listeners, first) &&
           listeners_listen(&supervisor->listeners) && spawn(supervisor, supervisor->config);
}

/* What was given is ours to free, also if we did not get so far. */
static void free_given(const struct config *first)
{
    struct config given = *first;
    config_done(&given);
}

int supervisor_run(const struct config *first, supervisor_configure *configure, void *context, char **argv)
{
    struct supervisor *supervisor = calloc(1, sizeof *supervisor);
    if (!supervisor) {
        message_tell(LOG_LEVEL_CRIT, "no memory");
        if (first) free_given(first);
        return 1;
    }
    supervisor->configure = configure;
    supervisor->context = context;
    upgrade_init(&supervisor->upgrade, argv);
    bool began = open_signals(supervisor) && (first ? begin(supervisor, first) : inherit(supervisor));
    supervisor->exit_status = began ? 0 : 1;
    if (began) run(supervisor);
    if (began && !supervisor->has_served && supervisor->exit_status == 0) puts("folio: stopped before it was ready");
    int exit_status = supervisor->exit_status;
    listeners_close(&supervisor->listeners);
    pid_file_remove(&supervisor->pid_file);
    if (supervisor->signals >= 0) close(supervisor->signals);
    drop_config(&supervisor->next_config);
    if (first && !supervisor->config) free_given(first);
    drop_config(&supervisor->config);
    message_go_to(NULL, LOG_LEVEL_DEBUG);
    error_log_free(supervisor->errors);
    upgrade_done(&supervisor->upgrade);
    free(supervisor);
    return exit_status;
}
