#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "policy.h"

/* A trace like the web's, always the same: which object is asked for follows Zipf's law, its size does not depend on
 * it and spreads over three powers of ten, and every third request is for an object that is never asked for again. */
enum { REQUESTS = 60000, POPULAR = 6000, OBJECTS = POPULAR + REQUESTS, SHORT_MAX = 20 };

static uint32_t trace[REQUESTS];
static uint32_t bytes_of[OBJECTS];
static uint64_t distinct_bytes;

static double random_share(uint64_t *state) /* 0 <= x < 1; splitmix64 */
{
    uint64_t x = *state += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return (double)((x ^ x >> 31) >> 11) * 0x1p-53;
}

static uint32_t zipf(const double below[POPULAR], double share)
{
    uint32_t first = 0, last = POPULAR - 1;
    while (first < last) {
        uint32_t middle = first + (last - first) / 2;
        if (share * below[POPULAR - 1] < below[middle])
            last = middle;
        else
            first = middle + 1;
    }
    return first;
}

static int make_the_trace(void **state)
{
    (void)state;
    static double below[POPULAR]; /* how much of the weight the objects up to this one have */
    static bool is_known[OBJECTS];
    double sum = 0;
    uint64_t seed = 1;
    for (uint32_t i = 0; i < POPULAR; i++) below[i] = sum += pow(i + 1, -0.9);
    for (uint32_t i = 0; i < OBJECTS; i++) bytes_of[i] = (uint32_t)(200 * pow(1000, random_share(&seed)));
    for (uint32_t i = 0; i < REQUESTS; i++) {
        uint32_t object = i % 3 == 2 ? POPULAR + i : zipf(below, random_share(&seed));
        trace[i] = object;
        if (!is_known[object]) distinct_bytes += bytes_of[object];
        is_known[object] = true;
    }
    return 0;
}

/* In tenths of a percent; so is SHORT_MAX. */
static int hit_ratio(const struct policy *policy, unsigned percent)
{
    void *cache = policy->begin(distinct_bytes * percent / 100, OBJECTS);
    int hits = 0;
    for (uint32_t i = 0; i < REQUESTS; i++) hits += policy->ask(cache, trace[i], bytes_of[trace[i]]);
    policy->end(cache);
    return hits * 1000 / REQUESTS;
}

static const unsigned percents[] = { 1, 5, 10, 25 };

static void more_objects_are_hit_than_with_queues(void **state)
{
    (void)state;
    static const struct policy *const queues[] = { &policy_fifo, &policy_lru, &policy_sieve, &policy_s3_fifo };
    for (size_t i = 0; i < ARRAY_COUNT(percents); i++) {
        int folio = hit_ratio(&policy_folio, percents[i]);
        for (size_t j = 0; j < ARRAY_COUNT(queues); j++)
            assert_in_range(folio, hit_ratio(queues[j], percents[i]) + 1, 1000);
    }
}

static void as_many_objects_are_hit_as_with_a_heap_but_for_two_points(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(percents); i++) {
        int exact = hit_ratio(&policy_gdsf, percents[i]);
        assert_in_range(hit_ratio(&policy_folio, percents[i]), exact - SHORT_MAX, 1000);
    }
}

/* Objects that all fit are each missed once; what is larger than everything is never let in. */
static void every_policy_keeps_what_fits_and_nothing_larger(void **state)
{
    (void)state;
    static const struct policy *const policies[] = { &policy_fifo,    &policy_lru,  &policy_sieve,
                                                     &policy_s3_fifo, &policy_gdsf, &policy_folio };
    for (size_t i = 0; i < ARRAY_COUNT(policies); i++) {
        const struct policy *policy = policies[i];
        void *cache = policy->begin(10000, 30);
        for (uint32_t pass = 0; pass < 3; pass++) {
            for (uint32_t object = 0; object < 9; object++)
                assert_int_equal(policy->ask(cache, object, 1000), pass > 0);
            assert_false(policy->ask(cache, 9, 10001));
        }
        policy->end(cache);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_objects_are_hit_than_with_queues),
        cmocka_unit_test(as_many_objects_are_hit_as_with_a_heap_but_for_two_points),
        cmocka_unit_test(every_policy_keeps_what_fits_and_nothing_larger),
    };
    return cmocka_run_group_tests(tests, make_the_trace, NULL);
}
