#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "../support/table_rig.h"

enum { FILES = 40, STREAMS = 5, WITHOUT_BODY = 7, BYTES = 1 << 20 };

static struct table *table;

static int with_a_table(void **state)
{
    (void)state;
    rcu_reader_begin();
    table = table_new(&(struct table_limits){ BYTES, FILES, STREAMS, WITHOUT_BODY });
    return table ? 0 : 1;
}

static int without_a_table(void **state)
{
    (void)state;
    uint64_t held = rig_free(table);
    rcu_reader_end();
    return held == 0 ? 0 : 1;
}

static const char *key_of(unsigned number)
{
    static char key[24];
    snprintf(key, sizeof key, "/%u", number);
    return key;
}

static void what_was_published_is_found(void **state)
{
    (void)state;
    assert_null(rig_find(table, "/a"));
    assert_true(rig_publish(table, ENTRY_SNAPSHOT, "/a", 3, 'a', 1));
    assert_true(rig_publish(table, ENTRY_ABSENT, "/a/", 0, 0, 1));
    struct entry *entry = rig_find(table, "/a");
    assert_non_null(entry);
    assert_memory_equal(entry_body(entry), "aaa", 3);
    assert_int_equal(rig_find(table, "/a/")->kind, ENTRY_ABSENT);
    assert_null(rig_find(table, "/"));
    assert_null(rig_find(table, "/A"));
    struct table_counts counts = table_counts(table);
    assert_int_equal(counts.files, 2);
    assert_int_equal(counts.without_body, 1);
    assert_int_equal(counts.published, 2);
    assert_int_equal(counts.bytes, entry_cost(2, 0, 3) + entry_cost(3, 0, 0));
}

/* Who knows no secret cannot choose keys of one hash; if it happens all the same, they are told apart. */
static void keys_of_one_hash_are_told_apart(void **state)
{
    (void)state;
    const struct span one = SPAN("/one"), other = SPAN("/other"), third = SPAN("/third");
    struct entry *entries[] = { entry_new(ENTRY_FOLDER, one, 77, 0, 0), entry_new(ENTRY_FOLDER, other, 77, 0, 0) };
    assert_ptr_equal(table_publish(table, entries[0]), entries[0]);
    entry_stamp(entries[1], 1);
    assert_ptr_equal(table_publish(table, entries[1]), entries[1]);
    assert_ptr_equal(table_look_up(table, one, 77), entries[0]);
    assert_ptr_equal(table_look_up(table, other, 77), entries[1]);
    assert_null(table_look_up(table, third, 77));
    assert_null(table_look_up(table, one, 78));
    table_remove(table, entries[0]);
    assert_null(table_look_up(table, one, 77));
    assert_ptr_equal(table_look_up(table, other, 77), entries[1]);
    entry_unref(entries[0]);
    entry_unref(entries[1]);
}

static void hashes_have_a_secret(void **state)
{
    (void)state;
    struct table *other = table_new(&(struct table_limits){ BYTES, FILES, STREAMS, WITHOUT_BODY });
    assert_int_equal(table_hash(table, SPAN("/a")), table_hash(table, SPAN("/a")));
    assert_int_not_equal(table_hash(table, SPAN("/a")), table_hash(table, SPAN("/b")));
    assert_int_not_equal(table_hash(table, SPAN("/a")), table_hash(other, SPAN("/a")));
    assert_int_equal(rig_free(other), 0);
}

static void the_later_look_at_a_file_wins(void **state)
{
    (void)state;
    assert_true(rig_publish(table, ENTRY_SNAPSHOT, "/a", 3, '2', 200));
    assert_false(rig_publish(table, ENTRY_SNAPSHOT, "/a", 3, '1', 100));
    assert_false(rig_publish(table, ENTRY_SNAPSHOT, "/a", 3, '3', 200));
    assert_memory_equal(entry_body(rig_find(table, "/a")), "222", 3);
    assert_true(rig_publish(table, ENTRY_STREAM, "/a", 3, 0, 201));
    assert_int_equal(rig_find(table, "/a")->kind, ENTRY_STREAM);
    assert_true(rig_publish(table, ENTRY_ABSENT, "/a", 0, 0, 300));
    struct table_counts counts = table_counts(table);
    assert_int_equal(counts.files, 1);
    assert_int_equal(counts.streams, 0);
    assert_int_equal(counts.without_body, 1);
}

static void whoever_was_too_late_gets_the_one_that_is_there(void **state)
{
    (void)state;
    assert_true(rig_publish(table, ENTRY_SNAPSHOT, "/a", 3, '2', 200));
    struct entry *late = rig_entry(table, ENTRY_SNAPSHOT, "/a", 3, '1', 100);
    assert_ptr_equal(table_publish(table, late), rig_find(table, "/a"));
    assert_int_equal(late->references, 1);
    entry_unref(late);
}

static void what_was_taken_out_stays_until_the_readers_are_through(void **state)
{
    (void)state;
    assert_false(table_needs_care(table));
    assert_true(rig_publish(table, ENTRY_SNAPSHOT, "/a", 1000, 'x', 1));
    assert_false(rig_reclaim(table));
    struct entry *old = rig_find(table, "/a");
    uint64_t before = table_counts(table).bytes;
    assert_true(rig_publish(table, ENTRY_SNAPSHOT, "/a", 1000, 'y', 2));
    assert_memory_equal(entry_body(old), "xxxx", 4);
    assert_int_equal(table_counts(table).bytes, 2 * before);
    assert_true(table_needs_care(table));
    assert_true(rig_reclaim(table));
    assert_int_equal(table_counts(table).bytes, before);
    assert_false(table_needs_care(table));
}

static void a_reference_outlives_removal_and_reclaiming(void **state)
{
    (void)state;
    assert_true(rig_publish(table, ENTRY_SNAPSHOT, "/a", 1000, 'x', 1));
    struct entry *held = rig_find(table, "/a");
    entry_ref(held);
    table_remove(table, held);
    table_remove(table, held); /* harmless */
    assert_null(rig_find(table, "/a"));
    assert_int_equal(table_counts(table).removed, 1);
    assert_int_equal(table_counts(table).files, 0);
    assert_true(rig_reclaim(table));
    assert_memory_equal(entry_body(held), "xxxx", 4);
    assert_int_equal(table_counts(table).bytes, entry_cost(2, 0, 1000));
    entry_unref(held);
    assert_int_equal(table_counts(table).bytes, 0);
}

static void the_bytes_are_a_hard_limit(void **state)
{
    (void)state;
    assert_false(table_reserve(table, ENTRY_SNAPSHOT, false, BYTES + 1, 1000));
    assert_true(table_reserve(table, ENTRY_SNAPSHOT, false, BYTES, 1000));
    assert_false(table_reserve(table, ENTRY_SNAPSHOT, false, 1, 1000));
    assert_int_equal(table_counts(table).bytes, BYTES);
    table_unreserve(table, BYTES - 1);
    assert_true(table_reserve(table, ENTRY_SNAPSHOT, false, BYTES - 1, 1000));
    table_unreserve(table, BYTES);
    assert_int_equal(table_counts(table).bytes, 0);
    assert_int_equal(table_counts(table).refused, 2);
}

static void what_was_evicted_makes_room_once_the_readers_are_through(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) assert_true(rig_publish(table, ENTRY_SNAPSHOT, key_of(i), 100000, 'x', 1));
    assert_null(rig_entry(table, ENTRY_SNAPSHOT, "/new", 100000, 'y', 1));
    assert_true(table_counts(table).evicted > 0);
    assert_true(table_counts(table).bytes <= BYTES);
    assert_true(rig_reclaim(table));
    assert_true(rig_publish(table, ENTRY_SNAPSHOT, "/new", 100000, 'y', 1));
    assert_true(table_counts(table).bytes <= BYTES);
}

static void what_is_larger_than_the_whole_budget_costs_nobody_his_place(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) assert_true(rig_publish(table, ENTRY_SNAPSHOT, key_of(i), 1000, 'x', 1));
    assert_false(table_reserve(table, ENTRY_SNAPSHOT, false, BYTES + 1, 1000));
    assert_false(table_reserve(table, ENTRY_SNAPSHOT, false, SIZE_MAX, 1000));
    assert_int_equal(table_counts(table).evicted, 0);
    assert_int_equal(table_counts(table).files, 10);
}

static void no_more_are_evicted_than_was_allowed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) assert_true(rig_publish(table, ENTRY_SNAPSHOT, key_of(i), 100000, 'x', 1));
    assert_false(table_reserve(table, ENTRY_SNAPSHOT, false, BYTES, 3));
    assert_int_equal(table_counts(table).evicted, 3);
    assert_int_equal(table_counts(table).files, 7);
    assert_false(table_reserve(table, ENTRY_SNAPSHOT, false, BYTES, 0));
    assert_int_equal(table_counts(table).files, 7);
    for (unsigned i = 10; i < 10 + STREAMS; i++) assert_true(rig_publish(table, ENTRY_STREAM, key_of(i), 10, 'x', 1));
    assert_false(table_reserve(table, ENTRY_STREAM, false, 1, 0));
    assert_int_equal(table_counts(table).streams, STREAMS);
}

static const struct {
    enum entry_kind kind;
    unsigned limit;
} classes[] = { { ENTRY_SNAPSHOT, FILES },      { ENTRY_STREAM, STREAMS },       { ENTRY_FOLDER, WITHOUT_BODY },
                { ENTRY_ABSENT, WITHOUT_BODY }, { ENTRY_REFUSED, WITHOUT_BODY }, { ENTRY_BARE_FOLDER, WITHOUT_BODY } };

static uint64_t in_class(enum entry_kind kind)
{
    struct table_counts counts = table_counts(table);
    return kind == ENTRY_SNAPSHOT ? counts.files : kind == ENTRY_STREAM ? counts.streams : counts.without_body;
}

static void every_class_has_its_limit_and_makes_room_for_the_next(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_COUNT(classes); c++) {
        for (unsigned i = 0; i < 3 * FILES; i++) {
            assert_true(rig_publish(table, classes[c].kind, key_of(i), 10, 'x', (int64_t)(c + 1) * 1000 + i));
            assert_true(in_class(classes[c].kind) <= classes[c].limit);
            assert_non_null(rig_find(table, key_of(i)));
        }
        assert_int_equal(in_class(classes[c].kind), classes[c].limit);
        assert_true(table_counts(table).files <= FILES);
        rig_reclaim(table);
    }
}

static void nothing_that_is_held_is_evicted(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_COUNT(classes); c++) {
        struct entry *held[FILES];
        enum entry_kind kind = classes[c].kind;
        uint64_t evicted = table_counts(table).evicted;
        for (unsigned i = 0; i < classes[c].limit; i++) {
            assert_true(rig_publish(table, kind, key_of(i), 10, 'x', 1));
            held[i] = rig_find(table, key_of(i));
            entry_ref(held[i]);
        }
        assert_false(table_reserve(table, kind, false, 1, 1000));
        assert_false(rig_publish(table, kind, "/new", 10, 'x', 1));
        assert_int_equal(table_counts(table).evicted, evicted);
        for (unsigned i = 0; i < classes[c].limit; i++) assert_ptr_equal(rig_find(table, key_of(i)), held[i]);
        entry_unref(held[2]);
        bool has_found_it = false; /* a large class is sampled */
        for (int tries = 0; tries < 1000 && !has_found_it; tries++)
            has_found_it = rig_publish(table, kind, "/new", 10, 'x', 1);
        assert_true(has_found_it);
        assert_null(rig_find(table, key_of(2)));
        for (unsigned i = 0; i < classes[c].limit; i++) {
            if (i != 2) entry_unref(held[i]);
        }
        table_expire(table, 1000, UINT32_MAX);
        rig_reclaim(table);
        assert_int_equal(table_counts(table).files, 0);
    }
}

static void files_of_all_classes_are_bounded_together(void **state)
{
    (void)state;
    struct entry *held[FILES];
    for (unsigned i = 0; i < FILES; i++) {
        assert_true(rig_publish(table, i < WITHOUT_BODY ? ENTRY_ABSENT : ENTRY_SNAPSHOT, key_of(i), 10, 'x', 1));
        held[i] = rig_find(table, key_of(i));
        entry_ref(held[i]);
    }
    assert_false(table_reserve(table, ENTRY_SNAPSHOT, false, 1, 1000));
    assert_false(table_reserve(table, ENTRY_STREAM, false, 1, 1000));
    assert_int_equal(table_counts(table).files, FILES);
    for (unsigned i = 0; i < FILES; i++) entry_unref(held[i]);
    assert_true(table_reserve(table, ENTRY_STREAM, false, 1, 1000));
    assert_int_equal(table_counts(table).files, FILES - 1);
    table_unreserve(table, 1);
}

/* Whoever waited for the disk since it reserved may find its place taken. */
static void publishing_never_exceeds_a_limit(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_COUNT(classes); c++) {
        enum entry_kind kind = classes[c].kind;
        struct entry *late = rig_entry(table, kind, "/late", 10, 'x', 1),
                     *again = rig_entry(table, kind, "/0", 10, 'x', 9);
        for (unsigned i = 0; i < classes[c].limit; i++) assert_true(rig_publish(table, kind, key_of(i), 10, 'x', 1));
        assert_ptr_equal(table_publish(table, late), late);
        assert_false(late->is_published);
        assert_null(rig_find(table, "/late"));
        entry_unref(late);
        assert_ptr_equal(table_publish(table, again), again); /* it takes the place of another of its key */
        assert_ptr_equal(rig_find(table, "/0"), again);
        entry_unref(again);
        assert_int_equal(in_class(kind), classes[c].limit);
        table_expire(table, 1000, UINT32_MAX);
        rig_reclaim(table);
    }
}

static unsigned count_found(unsigned numbers)
{
    unsigned found = 0;
    for (unsigned i = 0; i < numbers; i++) found += rig_find(table, key_of(i)) != NULL;
    return found;
}

static void what_was_not_used_expires(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++)
        assert_true(rig_publish(table, i % 5 ? ENTRY_SNAPSHOT : ENTRY_ABSENT, key_of(i), 10, 'x', 1000000));
    for (unsigned i = 0; i < 20; i += 2) table_note_hit(table, rig_find(table, key_of(i)), 50);
    assert_int_equal(table_expire(table, 1, 1000), 20);
    assert_int_equal(count_found(20), 20);
    assert_int_equal(table_expire(table, 50, 1000), 20);
    assert_int_equal(count_found(20), 10);
    assert_int_equal(table_counts(table).expired, 10);
    for (unsigned i = 0; i < 20; i += 2) assert_non_null(rig_find(table, key_of(i)));
    assert_int_equal(table_expire(table, 51, 1000), 10);
    assert_int_equal(table_counts(table).files, 0);
    assert_int_equal(table_expire(table, 51, 1000), 0);
}

/* Time is counted in 32 bits of seconds, and goes round. */
static void times_before_the_start_of_the_clock_are_no_reason_to_expire(void **state)
{
    (void)state;
    assert_true(rig_publish(table, ENTRY_SNAPSHOT, "/a", 10, 'x', 5000000));
    assert_int_equal(table_expire(table, (uint32_t)(5 - 3600), 1000), 1);
    assert_non_null(rig_find(table, "/a"));
}

static void expiring_goes_on_where_it_stopped(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 30; i++) assert_true(rig_publish(table, ENTRY_SNAPSHOT, key_of(i), 10, 'x', 1));
    for (unsigned i = 0; i < 29; i++) table_note_hit(table, rig_find(table, key_of(i)), 99);
    unsigned calls = 0;
    for (; rig_find(table, key_of(29)) && calls < 100; calls++) assert_int_equal(table_expire(table, 10, 4), 4);
    assert_in_range(calls, 7, 8);
    assert_int_equal(count_found(30), 29);
}

static void no_more_of_a_class_is_looked_at_than_was_allowed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) assert_true(rig_publish(table, ENTRY_SNAPSHOT, key_of(i), 10, 'x', 1));
    for (unsigned i = 20; i < 25; i++) assert_true(rig_publish(table, ENTRY_STREAM, key_of(i), 10, 'x', 1));
    for (unsigned i = 25; i < 30; i++) assert_true(rig_publish(table, ENTRY_ABSENT, key_of(i), 10, 'x', 1));
    assert_int_equal(table_expire(table, 10, 4), 12);
    struct table_counts counts = table_counts(table);
    assert_int_equal(counts.files, 18);
    assert_int_equal(counts.streams, 1);
    assert_int_equal(counts.without_body, 1);
    assert_int_equal(table_expire(table, 10, 4), 6);
    assert_int_equal(table_expire(table, 10, 100), 12);
    assert_int_equal(count_found(30), 0);
}

static void trimming_keeps_a_reserve_free(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 32; i++) assert_true(rig_publish(table, ENTRY_SNAPSHOT, key_of(i), 32400, 'x', 1));
    assert_true(table_needs_care(table));
    table_trim(table);
    rig_reclaim(table);
    assert_false(table_needs_care(table));
    struct table_counts counts = table_counts(table);
    assert_in_range(counts.evicted, 1, 4);
    assert_true(counts.bytes + BYTES / 64 <= BYTES);
    table_trim(table);
    assert_int_equal(table_counts(table).evicted, counts.evicted);
    uint32_t free_bytes = (uint32_t)(BYTES - counts.bytes);
    assert_true(rig_publish(table, ENTRY_SNAPSHOT, "/little", free_bytes - BYTES / 64 + 2000, 'y', 1));
    assert_true(table_needs_care(table));
    assert_false(table_needs_care_now(table)); /* nobody is woken for so little */
    assert_true(rig_publish(table, ENTRY_SNAPSHOT, "/now", BYTES / 128, 'y', 1));
    assert_true(table_needs_care_now(table));
}

static void streams_that_were_taken_out_are_not_left_open_for_long(void **state)
{
    (void)state;
    enum { MANY = 16 };
    for (unsigned i = 0; i < MANY; i++) {
        assert_false(table_needs_care_now(table));
        assert_true(rig_publish(table, ENTRY_STREAM, "/stream", 10, 'x', 1));
        table_remove(table, rig_find(table, "/stream"));
    }
    assert_true(table_needs_care_now(table));
    assert_true(rig_reclaim(table));
    assert_false(table_needs_care_now(table));
}

static void who_is_left_with_references_is_counted(void **state)
{
    (void)state;
    struct table *other = table_new(&(struct table_limits){ BYTES, FILES, STREAMS, WITHOUT_BODY });
    assert_true(rig_publish(other, ENTRY_SNAPSHOT, "/a", 10, 'x', 1));
    assert_true(rig_publish(other, ENTRY_SNAPSHOT, "/b", 10, 'x', 1));
    struct entry *a = rig_find(other, "/a");
    entry_ref(a);
    entry_ref(a);
    a->charged_to = NULL; /* so that it can be given back after its table */
    assert_int_equal(rig_free(other), 2);
    entry_unref(a);
    entry_unref(a);
    table_free(NULL, NULL);
}

static void an_index_can_be_as_large_as_a_limit_may_be(void **state)
{
    (void)state;
    struct table *other = table_new(&(struct table_limits){ UINT64_MAX, 1 << 30, 1 << 20, 8192 });
    assert_non_null(other);
    assert_true(rig_publish(other, ENTRY_SNAPSHOT, "/a", 10, 'x', 1));
    assert_int_equal(rig_free(other), 0);
}

#define WITH_A_TABLE(test) cmocka_unit_test_setup_teardown(test, with_a_table, without_a_table)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_TABLE(what_was_published_is_found),
        WITH_A_TABLE(keys_of_one_hash_are_told_apart),
        WITH_A_TABLE(hashes_have_a_secret),
        WITH_A_TABLE(the_later_look_at_a_file_wins),
        WITH_A_TABLE(whoever_was_too_late_gets_the_one_that_is_there),
        WITH_A_TABLE(what_was_taken_out_stays_until_the_readers_are_through),
        WITH_A_TABLE(a_reference_outlives_removal_and_reclaiming),
        WITH_A_TABLE(the_bytes_are_a_hard_limit),
        WITH_A_TABLE(what_was_evicted_makes_room_once_the_readers_are_through),
        WITH_A_TABLE(what_is_larger_than_the_whole_budget_costs_nobody_his_place),
        WITH_A_TABLE(no_more_are_evicted_than_was_allowed),
        WITH_A_TABLE(every_class_has_its_limit_and_makes_room_for_the_next),
        WITH_A_TABLE(nothing_that_is_held_is_evicted),
        WITH_A_TABLE(files_of_all_classes_are_bounded_together),
        WITH_A_TABLE(publishing_never_exceeds_a_limit),
        WITH_A_TABLE(what_was_not_used_expires),
        WITH_A_TABLE(times_before_the_start_of_the_clock_are_no_reason_to_expire),
        WITH_A_TABLE(expiring_goes_on_where_it_stopped),
        WITH_A_TABLE(no_more_of_a_class_is_looked_at_than_was_allowed),
        WITH_A_TABLE(trimming_keeps_a_reserve_free),
        WITH_A_TABLE(streams_that_were_taken_out_are_not_left_open_for_long),
        WITH_A_TABLE(who_is_left_with_references_is_counted),
        WITH_A_TABLE(an_index_can_be_as_large_as_a_limit_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
