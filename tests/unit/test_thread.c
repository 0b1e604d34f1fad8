#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "platform/thread.h"

struct seen {
    char name[16];
    size_t stack_bytes;
    sigset_t blocked;
    int argument;
};

static void *look_around(void *argument)
{
    struct seen *seen = argument;
    pthread_attr_t attributes;
    pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstacksize(&attributes, &seen->stack_bytes);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
    return argument;
}

static void *hurry(void *argument)
{
    int *nice = argument;
    thread_hurry();
    *nice = getpriority(PRIO_PROCESS, (id_t)gettid());
    return sched_getscheduler(0) == SCHED_OTHER ? argument : NULL;
}

/* It stays an ordinary thread, that alone is better off, and only where it may be. */
static void a_thread_in_a_hurry_goes_before_others(void **state)
{
    (void)state;
    int before = getpriority(PRIO_PROCESS, 0), nice = 99;
    pthread_t thread;
    void *result;
    assert_int_equal(thread_start(&thread, "a-thread", hurry, &nice), STATUS_OK);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &nice);
    assert_true(nice == (geteuid() == 0 ? -10 : before) || nice == before);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), before);
}

static void a_thread_has_a_name_a_stack_and_no_signals(void **state)
{
    (void)state;
    struct seen seen = { 0 };
    sigset_t before, after;
    pthread_t thread;
    void *result;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(thread_start(&thread, "a-thread", look_around, &seen), STATUS_OK);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &seen);
    assert_in_range(seen.stack_bytes, THREAD_STACK_BYTES, 2 * THREAD_STACK_BYTES);
    static const int signals[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE };
    for (size_t i = 0; i < ARRAY_COUNT(signals); i++) {
        assert_int_equal(sigismember(&seen.blocked, signals[i]), 1);
        assert_int_equal(sigismember(&after, signals[i]), sigismember(&before, signals[i]));
    }
}

static void *wait_to_be_named(void *argument)
{
    pthread_barrier_t *barrier = argument;
    pthread_barrier_wait(barrier);
    return NULL;
}

static void a_thread_is_called_by_its_name(void **state)
{
    (void)state;
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t thread;
    char name[16];
    assert_int_equal(thread_start(&thread, "loader", wait_to_be_named, &barrier), STATUS_OK);
    assert_int_equal(pthread_getname_np(thread, name, sizeof name), 0);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&barrier);
    assert_string_equal(name, "loader");
}

static void cpus_are_those_that_the_process_may_use(void **state)
{
    (void)state;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_int_equal(thread_cpus(), CPU_COUNT(&before));
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
        if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(thread_cpus(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static bool is_rung(int fd)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    return poll(&wait, 1, 0) == 1;
}

static void a_wakeup_stays_rung_until_it_is_cleared(void **state)
{
    (void)state;
    int fd = wakeup_open();
    assert_true(fd >= 0);
    assert_false(is_rung(fd));
    wakeup_clear(fd); /* does not wait */
    wakeup_ring(fd);
    wakeup_ring(fd);
    assert_true(is_rung(fd));
    assert_true(is_rung(fd));
    wakeup_clear(fd);
    assert_false(is_rung(fd));
    wakeup_ring(fd);
    assert_true(is_rung(fd));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_in_a_hurry_goes_before_others),
        cmocka_unit_test(a_thread_has_a_name_a_stack_and_no_signals),
        cmocka_unit_test(a_thread_is_called_by_its_name),
        cmocka_unit_test(cpus_are_those_that_the_process_may_use),
        cmocka_unit_test(a_wakeup_stays_rung_until_it_is_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
