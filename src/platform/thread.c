#include "platform/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum status thread_start(pthread_t *ret_thread, const char *name, void *(*body)(void *), void *argument)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return STATUS_EXHAUSTED;
    (void)pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(ret_thread, &attributes, body, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    errno = failed;
    if (failed) return STATUS_EXHAUSTED;
    (void)pthread_setname_np(*ret_thread, name);
    return STATUS_OK;
}

bool thread_join_within(pthread_t thread, int64_t patience_ms)
{
    if (patience_ms < 0) return pthread_join(thread, NULL) == 0;
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until); /* the one clock that pthread_timedjoin_np() takes */
    int64_t ns = until.tv_nsec + patience_ms % 1000 * 1000000;
    until.tv_sec += patience_ms / 1000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

void thread_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

bool thread_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us)
{
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
    return pthread_cond_timedwait(condition, lock, &until) == 0;
}

/* What sched_setattr(2) takes; glibc 2.36 has no declaration of it. */
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

/* EEVDF: whoever asks for less at a time has an earlier deadline, and runs sooner. */
static bool ask_for_short_slice(int nice)
{
    enum { SLICE_NS = 100000 };
    struct scheduling wanted = { .size = sizeof wanted, .policy = SCHED_OTHER, .nice = nice, .runtime_ns = SLICE_NS };
    return syscall(SYS_sched_setattr, 0, &wanted, 0) == 0;
}

void thread_run_soon(void)
{
    (void)ask_for_short_slice(getpriority(PRIO_PROCESS, (id_t)gettid()));
}

void thread_let_others_run(void)
{
    (void)sched_yield();
}

void thread_hurry(void)
{
    enum { HURRY_NICE = -10 };
    if (!ask_for_short_slice(HURRY_NICE)) thread_run_soon();
}

void thread_run_in_turn(void)
{
    struct sched_param none = { 0 };
    (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
}

void thread_yield_to_others(void)
{
    struct sched_param none = { 0 };
    (void)pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
}

void thread_yield_no_more(pthread_t thread)
{
    struct sched_param none = { 0 };
    (void)pthread_setschedparam(thread, SCHED_OTHER, &none);
}

unsigned thread_cpus(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
    int count = CPU_COUNT(&allowed);
    return count > 0 ? (unsigned)count : 1;
}

int wakeup_open(void)
{
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

void wakeup_ring(int fd)
{
    uint64_t one = 1;
    /* EAGAIN: it is full, and readable already. */
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {}
}

void wakeup_clear(int fd)
{
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof count);
    (void)got; /* empty: somebody else cleared it */
}
