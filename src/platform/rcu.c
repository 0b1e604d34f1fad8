#include "platform/rcu.h"

#ifdef WITH_THREAD_SANITIZER
void __tsan_acquire(void *address);
void __tsan_release(void *address);
static char grace; /* its address only */

void rcu_order_reader_done(void)
{
    __tsan_release(&grace);
}

void rcu_order_readers_waited(void)
{
    __tsan_acquire(&grace);
}
#else
void rcu_order_reader_done(void) {}

void rcu_order_readers_waited(void) {}
#endif

void rcu_reader_begin(void)
{
    urcu_qsbr_register_thread();
}

void rcu_reader_end(void)
{
    rcu_order_reader_done();
    urcu_qsbr_unregister_thread();
}

void rcu_wait_for_readers(void)
{
    urcu_qsbr_synchronize_rcu();
    rcu_order_readers_waited();
}
