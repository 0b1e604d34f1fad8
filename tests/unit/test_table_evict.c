#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "../support/table_rig.h"

enum { BYTES = 1 << 20, KEYS = 5000 };

static struct table *table;

static int with_a_table(void **state)
{
    (void)state;
    rcu_reader_begin();
    table = table_new(&(struct table_limits){ BYTES, 1 << 20, 100, 100 });
    return table ? 0 : 1;
}

static int without_a_table(void **state)
{
    (void)state;
    uint64_t held = rig_free(table);
    rcu_reader_end();
    return held == 0 ? 0 : 1;
}

static const char *key_of(const char *what, unsigned number)
{
    static char key[40];
    snprintf(key, sizeof key, "/%s/%u", what, number);
    return key;
}

static void publish(const char *key, size_t size)
{
    for (int tries = 0; !rig_publish(table, ENTRY_SNAPSHOT, key, size, 'x', 1); tries++) {
        assert_in_range(tries, 0, 100);
        rig_reclaim(table);
    }
}

static void hit(const char *key, int times)
{
    struct entry *entry = rig_find(table, key);
    for (; entry && times > 0; times--) table_note_hit(table, entry, 1);
}

static unsigned count_found(const char *what, unsigned numbers)
{
    unsigned found = 0;
    for (unsigned i = 0; i < numbers; i++) found += rig_find(table, key_of(what, i)) != NULL;
    return found;
}

/* So few that all are looked at: the very least goes. */
static void of_a_few_the_least_worth_its_bytes_goes(void **state)
{
    (void)state;
    publish("/big-cold", 200000);
    publish("/big-hot", 200000);
    publish("/small-cold", 1000);
    publish("/small-hot", 1000);
    hit("/big-hot", 15);
    hit("/small-hot", 15);
    static const char *const order[] = { "/big-cold", "/big-hot", "/small-cold", "/small-hot" };
    for (size_t i = 0; i < ARRAY_COUNT(order); i++) {
        assert_false(table_reserve(table, ENTRY_SNAPSHOT, false, BYTES, 1));
        for (size_t j = 0; j < ARRAY_COUNT(order); j++) assert_int_equal(rig_find(table, order[j]) != NULL, j > i);
    }
}

static void what_is_hot_stays_while_much_passes_by(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) publish(key_of("hot", i), 1000);
    for (unsigned pass = 0; pass < KEYS; pass++) {
        hit(key_of("hot", pass % 20), 2);
        publish(key_of("passing", pass), 2000);
    }
    assert_true(table_counts(table).evicted > KEYS / 2);
    assert_int_equal(count_found("hot", 20), 20);
}

static void what_was_hot_goes_in_the_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) publish(key_of("once-hot", i), 1000);
    for (unsigned i = 0; i < 20; i++) hit(key_of("once-hot", i), 15);
    for (unsigned pass = 0; pass < 8 * KEYS && count_found("once-hot", 20) > 0; pass++)
        publish(key_of("passing", pass), 1000);
    assert_int_equal(count_found("once-hot", 20), 0);
}

static void large_files_go_before_small_ones(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        publish(key_of("large", i), 20000);
        publish(key_of("small", i), 400);
    }
    for (unsigned i = 0; i < 60; i++) publish(key_of("medium", i), 8000);
    assert_true(count_found("large", 40) <= 30);
    assert_true(count_found("medium", 60) >= 55); /* samples may miss the largest now and then */
    assert_true(count_found("small", 40) >= 38);
}

/* The clock is seen in what was hit last. */
static uint64_t clock_now(void)
{
    if (!rig_find(table, "/clock")) publish("/clock", 10);
    struct entry *entry = rig_find(table, "/clock");
    table_note_hit(table, entry, 1);
    return entry->clock;
}

static void the_clock_rises_with_what_is_evicted_and_never_falls(void **state)
{
    (void)state;
    uint64_t began = clock_now(), last = began;
    assert_int_equal(began, 0);
    for (unsigned i = 0; i < KEYS; i++) {
        publish(key_of("passing", i), 100 + i * 7919 % 5000);
        uint64_t now = clock_now();
        assert_true(now >= last);
        last = now;
    }
    assert_true(last > began);
    assert_true(last < (uint64_t)1 << 50); /* it lasts for good */
}

static void a_hit_counts_up_to_a_bound_and_notes_the_time(void **state)
{
    (void)state;
    publish("/a", 10);
    struct entry *entry = rig_find(table, "/a");
    assert_int_equal(entry->frequency, 0);
    for (int i = 1; i < 300; i++) {
        table_note_hit(table, entry, (uint32_t)i);
        assert_int_equal(entry->frequency, i < ENTRY_FREQUENCY_MAX ? i : ENTRY_FREQUENCY_MAX);
        assert_int_equal(entry->used_s, i);
    }
}

static void what_has_no_content_makes_room_for_what_has(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) assert_true(rig_publish(table, ENTRY_ABSENT, key_of("absent", i), 0, 0, 1));
    for (unsigned i = 0; i < 100; i++) assert_true(rig_publish(table, ENTRY_STREAM, key_of("stream", i), 0, 0, 1));
    for (unsigned i = 0; i < 30; i++) publish(key_of("small", i), 30000);
    assert_int_equal(table_counts(table).evicted, 0);
    publish("/another", 100000);
    assert_in_range(count_found("absent", 100), 50, 99);
    assert_int_equal(count_found("small", 30), 30);
    publish("/one-more", 60000);
    assert_int_equal(count_found("absent", 100), 0);
    assert_in_range(count_found("small", 30), 25, 29);
    assert_int_equal(count_found("stream", 100), 100); /* they would give back next to nothing */
}

static void a_table_full_of_files_lets_the_larger_class_go(void **state)
{
    (void)state;
    struct table *small = table_new(&(struct table_limits){ BYTES, 30, 30, 30 });
    for (unsigned i = 0; i < 20; i++) assert_true(rig_publish(small, ENTRY_SNAPSHOT, key_of("a", i), 10, 'x', 1));
    for (unsigned i = 0; i < 10; i++) assert_true(rig_publish(small, ENTRY_STREAM, key_of("b", i), 10, 'x', 1));
    assert_true(rig_publish(small, ENTRY_STREAM, "/new", 10, 'x', 1));
    assert_int_equal(table_counts(small).streams, 11);
    assert_true(rig_publish(small, ENTRY_ABSENT, "/gone", 0, 0, 1));
    assert_true(rig_publish(small, ENTRY_SNAPSHOT, "/another", 10, 'x', 1));
    assert_int_equal(table_counts(small).without_body, 0);
    assert_int_equal(table_counts(small).files, 30);
    for (unsigned i = 0; i < 25; i++) assert_true(rig_publish(small, ENTRY_STREAM, key_of("c", i), 10, 'x', 1));
    assert_in_range(table_counts(small).streams, 14, 16);
    assert_int_equal(rig_free(small), 0);
}

/* And what is pinned is never evicted, nor expired. */
static void everything_goes_when_a_table_is_cleared(void **state)
{
    (void)state;
    struct table *small = table_new(&(struct table_limits){ BYTES, 5000, 100, 100 });
    for (unsigned i = 0; i < 3000; i++) {
        struct entry *entry = rig_entry(small, ENTRY_SNAPSHOT, key_of("a", i), 10, 'x', 1);
        entry->is_pinned = i % 2 == 0;
        assert_ptr_equal(table_publish(small, entry), entry);
        entry_unref(entry);
    }
    assert_true(rig_publish(small, ENTRY_STREAM, "/stream", 10, 'x', 1));
    assert_true(rig_publish(small, ENTRY_ABSENT, "/gone", 0, 0, 1));
    assert_int_equal(table_counts(small).pinned, 1500);
    table_expire(small, UINT32_MAX / 2, UINT32_MAX);
    assert_int_equal(table_counts(small).files, 1500);
    table_clear(small);
    assert_int_equal(table_counts(small).files, 0);
    assert_true(rig_reclaim(small));
    assert_int_equal(table_counts(small).bytes, 0);
    assert_int_equal(rig_free(small), 0);
}

#define WITH_A_TABLE(test) cmocka_unit_test_setup_teardown(test, with_a_table, without_a_table)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_TABLE(of_a_few_the_least_worth_its_bytes_goes),
        WITH_A_TABLE(what_is_hot_stays_while_much_passes_by),
        WITH_A_TABLE(what_was_hot_goes_in_the_end),
        WITH_A_TABLE(large_files_go_before_small_ones),
        WITH_A_TABLE(the_clock_rises_with_what_is_evicted_and_never_falls),
        WITH_A_TABLE(a_hit_counts_up_to_a_bound_and_notes_the_time),
        WITH_A_TABLE(what_has_no_content_makes_room_for_what_has),
        WITH_A_TABLE(a_table_full_of_files_lets_the_larger_class_go),
        WITH_A_TABLE(everything_goes_when_a_table_is_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
