#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "platform/rcu.h"

enum { READERS = 3, ROUNDS = 300 };

/* What is published: a block whose words are all alike, until it is freed. */
struct block {
    unsigned words[16];
};

static _Atomic(struct block *) published;
static _Atomic int is_over;
static _Atomic unsigned long looks, mistakes;

static void *read_all_the_time(void *argument)
{
    rcu_reader_begin();
    while (!atomic_load(&is_over)) {
        for (int turn = 0; turn < 20; turn++) {
            const struct block *block = atomic_load_explicit(&published, memory_order_acquire);
            for (size_t i = 1; i < 16; i++) mistakes += block->words[i] != block->words[0];
            looks++;
        }
        rcu_offline();
        rcu_online();
    }
    rcu_reader_end();
    return argument;
}

/* Freed memory is written over first: a reader that still is there would see it, and so would the sanitizers. */
static void what_readers_may_see_is_not_freed_before_they_are_through(void **state)
{
    (void)state;
    pthread_t readers[READERS];
    struct block *block = calloc(1, sizeof *block);
    atomic_store(&published, block);
    for (int i = 0; i < READERS; i++) assert_int_equal(pthread_create(&readers[i], NULL, read_all_the_time, NULL), 0);
    while (atomic_load(&looks) == 0) sched_yield();
    for (unsigned round = 1; round <= ROUNDS; round++) {
        struct block *next = malloc(sizeof *next);
        for (size_t i = 0; i < 16; i++) next->words[i] = round;
        struct block *old = atomic_exchange_explicit(&published, next, memory_order_acq_rel);
        rcu_wait_for_readers();
        for (unsigned i = 0; i < 16; i++) old->words[i] = 1000000 + i;
        free(old);
    }
    atomic_store(&is_over, 1);
    for (int i = 0; i < READERS; i++) pthread_join(readers[i], NULL);
    free(atomic_load(&published));
    assert_int_equal(mistakes, 0);
}

static void *wait_for_readers(void *argument)
{
    rcu_wait_for_readers();
    atomic_store((_Atomic int *)argument, 1);
    return NULL;
}

static void a_reader_that_is_online_is_waited_for_and_one_offline_is_not(void **state)
{
    (void)state;
    _Atomic int has_waited = 0;
    pthread_t thread;
    rcu_reader_begin();
    assert_int_equal(pthread_create(&thread, NULL, wait_for_readers, &has_waited), 0);
    for (int i = 0; i < 1000; i++) {
        sched_yield();
        assert_int_equal(atomic_load(&has_waited), 0);
    }
    rcu_offline();
    pthread_join(thread, NULL); /* would not end otherwise */
    assert_int_equal(atomic_load(&has_waited), 1);
    rcu_online();
    rcu_reader_end();
    rcu_wait_for_readers();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_that_is_online_is_waited_for_and_one_offline_is_not),
        cmocka_unit_test(what_readers_may_see_is_not_freed_before_they_are_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
