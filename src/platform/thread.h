/* thread.h - starting threads of ours: named, with signals blocked, on a stack of a stated size.
 *
 * Thread: any.
 */
#ifndef FOLIO_PLATFORM_THREAD_H
#define FOLIO_PLATFORM_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { THREAD_STACK_BYTES = 256 * 1024 };

/* Start body(argument) in a thread called `name` (15 bytes at most). All signals are blocked in it.
 * STATUS_EXHAUSTED: the system has no thread to give. */
NODISCARD enum status thread_start(pthread_t *ret_thread, const char *name, void *(*body)(void *), void *argument);

/* Wait for the end of `thread`, and give it back to the system. patience_ms: for how long; negative: however long.
 * False: it still runs. */
NODISCARD bool thread_join_within(pthread_t thread, int64_t patience_ms);

/* A condition that is waited for by the clock that only goes forward. */
void thread_condition_init(pthread_cond_t *condition);

/* Wait for `condition` until clock_monotonic_us() is `until_us`, with `lock` as for pthread_cond_wait(). False: it was so late. */
bool thread_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us);

/* The calling thread answers those who wait, and gives way to nobody who takes longer: let it run soon when it wakes. A hint;
 * failure is ignored (a short slice: Linux 6.12). */
void thread_run_soon(void);

/* Whoever else waits for this CPU runs first. */
void thread_let_others_run(void);

/* The calling thread may be needed by many, but none of what it does is so urgent that another must stop for it. */
void thread_run_in_turn(void);

/* The calling thread does little at a time, and what it does is awaited: when it wakes among others that want to run, let it
 * run soon. A hint; failure is ignored (a better nice value takes CAP_SYS_NICE or RLIMIT_NICE; a short slice, Linux 6.12). */
void thread_hurry(void);

/* The calling thread runs when no other wants to, until another calls thread_yield_no_more() for it. Hints; failure is ignored. */
void thread_yield_to_others(void);
void thread_yield_no_more(pthread_t thread);

/* The CPUs that this process may use; at least 1. */
unsigned thread_cpus(void);

/* A descriptor to wake a sleeping loop by: readable after wakeup_ring(), until wakeup_clear(). -1 with errno. */
NODISCARD int wakeup_open(void);
void wakeup_ring(int fd);
void wakeup_clear(int fd);

#endif
