/* rcu.h - read-copy-update, quiescent-state flavour (liburcu), and what the thread sanitizer must be told of it.
 *
 * Role:   readers of the shared table need no lock: what they found stays until every reader has passed a quiescent
 *         state. A worker is a reader, and quiescent once per turn of its loop, by being offline while it waits.
 * Thread: each reader registers itself; nobody synchronizes while he reads.
 * Order:  rcu_wait_for_readers() returns after every reader's accesses before its last rcu_offline() or rcu_quiescent().
 */
#ifndef FOLIO_PLATFORM_RCU_H
#define FOLIO_PLATFORM_RCU_H

/* Known to gcc by macro, to clang by feature test. */
#if defined(__SANITIZE_THREAD__)
#define WITH_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_THREAD_SANITIZER 1
#endif
#endif

/* The read side inline; but not where the sanitizer would see its volatile accesses, which mean what atomics mean. */
#ifndef WITH_THREAD_SANITIZER
#define _LGPL_SOURCE
#endif
#include <urcu/urcu-qsbr.h>

#include "base/compiler.h"

void rcu_reader_begin(void); /* register this thread; it is online */
void rcu_reader_end(void);

/* liburcu is not instrumented: the sanitizer does not see the order that it makes, and is told by these two. */
void rcu_order_reader_done(void);
void rcu_order_readers_waited(void);

static inline void rcu_offline(void)
{
    rcu_order_reader_done();
    urcu_qsbr_thread_offline();
}

static inline void rcu_online(void)
{
    urcu_qsbr_thread_online();
}

/* Wait until every reader that is online now was quiescent once. The caller is no reader, or offline. */
void rcu_wait_for_readers(void);

#endif
