#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "../support/table_rig.h"

/* Readers look entries up and read all of them, while others publish, remove, evict, expire and reclaim. What the sanitizers
 * and the content of the entries cannot tell is counted in `mistakes`: cmocka's assertions are for the first thread only. */
enum {
    KEYS = 64,
    WORDS_MAX = 400,
    BYTES = 100000,
    FILES = 50,
    READERS = 2,
    WRITERS = 2,
    WRITES_MIN = 3000,
    WRITES_MAX = 3000000,
    HITS_MIN = 20000,
    HELD_MAX = 8
};

static struct table *table;
static _Atomic int writers_left;
static _Atomic unsigned long mistakes, hits;
static _Atomic int64_t clock_us;

struct rng {
    uint64_t state;
};

static unsigned below(struct rng *rng, unsigned bound)
{
    rng->state = rng->state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((rng->state >> 33) % bound);
}

static struct span key_of(unsigned number, char room[16])
{
    return span_of(room, (size_t)snprintf(room, 16, "/%u", number));
}

/* Every word of a body says which key it is of. */
static void check(struct entry *entry, unsigned number)
{
    char room[16];
    if (!span_equal(entry_key(entry), key_of(number, room))) mistakes++;
    if (entry->kind != ENTRY_SNAPSHOT) return;
    uint32_t word, first = 0;
    for (uint64_t at = 0; at < entry->body_size; at += sizeof word) {
        memcpy(&word, entry_body(entry) + at, sizeof word);
        if (at == 0) first = word;
        if (word % KEYS != number || word != first) mistakes++;
    }
}

static void *read_all_the_time(void *argument)
{
    struct rng rng = { (uintptr_t)argument };
    struct {
        struct entry *entry;
        unsigned number;
    } held[HELD_MAX] = { 0 };
    char room[16];
    rcu_reader_begin();
    while (atomic_load(&writers_left) > 0) {
        for (int look = 0; look < 200; look++) {
            unsigned number = below(&rng, KEYS), place = below(&rng, HELD_MAX);
            struct span key = key_of(number, room);
            struct entry *entry = table_look_up(table, key, table_hash(table, key));
            if (!entry) continue;
            hits++;
            table_note_hit(table, entry, (uint32_t)(clock_us / 1000));
            check(entry, number);
            if (below(&rng, 16) > 0) continue;
            if (held[place].entry) check(held[place].entry, held[place].number);
            entry_unref(held[place].entry);
            entry_ref(entry);
            held[place].entry = entry;
            held[place].number = number;
        }
        rcu_offline();
        sched_yield();
        rcu_online();
    }
    for (int i = 0; i < HELD_MAX; i++) entry_unref(held[i].entry);
    rcu_reader_end();
    return NULL;
}

/* As a loader does: reserve, fill, charge, publish. */
static void write_one(struct rng *rng, unsigned number)
{
    static const enum entry_kind kinds[] = { ENTRY_SNAPSHOT, ENTRY_SNAPSHOT, ENTRY_SNAPSHOT, ENTRY_ABSENT,
                                             ENTRY_STREAM };
    enum entry_kind kind = kinds[below(rng, ARRAY_COUNT(kinds))];
    char room[16];
    struct span key = key_of(number, room);
    size_t size = kind == ENTRY_SNAPSHOT ? 4 * below(rng, WORDS_MAX) : 0, cost = entry_cost(key.size, 0, size);
    rcu_online();
    bool has_room = table_reserve(table, kind, false, cost, 8);
    rcu_offline();
    if (!has_room) {
        table_reclaim(table);
        return;
    }
    struct entry *entry = entry_new(kind, key, table_hash(table, key), 0, size);
    table_charge(table, entry, cost);
    uint32_t word = below(rng, 1000000) * KEYS + number;
    for (size_t at = 0; at < size; at += sizeof word) memcpy(entry_body(entry) + at, &word, sizeof word);
    entry_stamp(entry, ++clock_us);
    rcu_online();
    struct entry *result = table_publish(table, entry);
    check(result, number);
    if (below(rng, 8) == 0) table_remove(table, result);
    rcu_offline();
    entry_unref(entry);
}

static void *write_for_a_while(void *argument)
{
    struct rng rng = { (uintptr_t)argument };
    rcu_reader_begin();
    rcu_offline();
    for (int i = 0; i < WRITES_MIN || (hits < HITS_MIN && i < WRITES_MAX); i++) {
        write_one(&rng, below(&rng, KEYS));
        struct table_counts counts = table_counts(table);
        if (counts.bytes > BYTES || counts.files > FILES) mistakes++;
        if (!table_needs_care(table) || below(&rng, 4) > 0) continue;
        rcu_online();
        table_trim(table);
        if (below(&rng, 32) == 0) table_expire(table, (uint32_t)(clock_us / 1000 - 1), 100);
        rcu_offline();
        table_reclaim(table);
    }
    atomic_fetch_sub(&writers_left, 1);
    rcu_reader_end();
    return NULL;
}

static void readers_see_whole_entries_whatever_writers_do(void **state)
{
    (void)state;
    pthread_t threads[READERS + WRITERS];
    table = table_new(&(struct table_limits){ BYTES, FILES, 20, 20 });
    writers_left = WRITERS;
    clock_us = 1000000;
    for (uintptr_t i = 0; i < READERS + WRITERS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, i < READERS ? read_all_the_time : write_for_a_while, (void *)(i + 1)), 0);
    for (size_t i = 0; i < READERS + WRITERS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(mistakes, 0);
    struct table_counts counts = table_counts(table);
    assert_true(hits >= HITS_MIN);
    assert_true(counts.published > 1000 && counts.evicted > 100 && counts.removed > 100);
    rcu_reader_begin();
    while (table_counts(table).files > 0) table_expire(table, (uint32_t)clock_us, 100);
    rcu_reader_end();
    table_reclaim(table);
    assert_int_equal(table_counts(table).bytes, 0);
    uint64_t held;
    table_free(table, &held);
    assert_int_equal(held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(readers_see_whole_entries_whatever_writers_do) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
