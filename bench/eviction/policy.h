/* policy.h - what leaves a full cache, decided in different ways over the same requests.
 *
 * Role:   a policy is asked for one object after the other, and says whether it has it; what it has not, it lets in.
 *         Objects are numbers below objects_max, each with a size that stays. What is larger than the cache never
 *         gets in.
 * Owns:   its own books. Thread: one.
 */
#ifndef BENCH_EVICTION_POLICY_H
#define BENCH_EVICTION_POLICY_H

#include <stdbool.h>
#include <stdint.h>

struct policy {
    const char *name;
    void *(*begin)(uint64_t bytes_max, uint32_t objects_max);
    bool (*ask)(void *cache, uint32_t object, uint32_t bytes); /* true: it was there */
    void (*end)(void *cache);
};

extern const struct policy policy_fifo, policy_lru, policy_sieve, policy_s3_fifo; /* queues.c */
extern const struct policy policy_gdsf;                                           /* gdsf.c: exact, with a heap */
extern const struct policy policy_folio;                                          /* folio.c: src/cache/table_evict.c */
extern const struct policy policy_folio_whole; /* the same, with each entry's own bytes and its head charged as well */

/* Zeroed memory for `count` things; the process ends if there is none. */
void *policy_memory(uint64_t count, uint64_t size);

#endif
