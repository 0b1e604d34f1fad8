#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "../support/table_rig.h"

/* A table beside a model of it: for each key the entry that must be found, and what may still be held. */
enum { KEYS = 60, HELD_MAX = 20, STEPS = 60000, BYTES = 300000 };

struct model {
    struct entry *there; /* a reference of the model's, so that it can be compared; NULL: nothing must be found */
    int64_t sampled_us;
};

static struct table *table;
static struct model model[KEYS];
static struct entry *held[HELD_MAX];
static int64_t now_us = 1000;

static const char *key_of(size_t number)
{
    static char key[24];
    snprintf(key, sizeof key, "/key/%zu", number);
    return key;
}

/* The model holds what it names, so nothing of it is ever evicted. */
static void model_set(size_t number, struct entry *entry)
{
    if (entry) entry_ref(entry);
    entry_unref(model[number].there);
    model[number].there = entry;
}

static void look_up(size_t number)
{
    struct entry *found = rig_find(table, key_of(number));
    assert_ptr_equal(found, model[number].there);
    if (!found) return;
    table_note_hit(table, found, (uint32_t)(now_us / 1000000));
    if (found->kind != ENTRY_SNAPSHOT) return;
    const char *body = entry_body(found);
    for (uint64_t i = 0; i < found->body_size; i++) assert_int_equal(body[i], 'a' + (char)(number % 26));
}

static void publish(size_t number)
{
    static const enum entry_kind kinds[] = { ENTRY_SNAPSHOT, ENTRY_SNAPSHOT, ENTRY_STREAM, ENTRY_ABSENT, ENTRY_FOLDER };
    enum entry_kind kind = kinds[(size_t)random() % ARRAY_COUNT(kinds)];
    int64_t sampled_us = now_us - random() % 3;
    struct entry *there = model[number].there;
    struct entry *entry =
        rig_entry(table, kind, key_of(number), (size_t)random() % 4000, 'a' + (char)(number % 26), sampled_us);
    if (!entry) return; /* held entries may fill the table */
    struct entry *result = table_publish(table, entry);
    if (there && there->sampled_us >= sampled_us) {
        assert_ptr_equal(result, there);
    } else {
        assert_ptr_equal(result, entry);
        if (entry->is_published) model_set(number, entry);
    }
    entry_unref(entry);
}

static void remove_one(size_t number)
{
    struct entry *there = model[number].there;
    if (!there) return;
    table_remove(table, there);
    model_set(number, NULL);
}

static void hold_or_give_back(size_t number)
{
    struct entry **slot = &held[(size_t)random() % HELD_MAX];
    entry_unref(*slot);
    *slot = model[number].there;
    if (*slot) entry_ref(*slot);
}

static void check_counts(void)
{
    struct table_counts counts = table_counts(table);
    uint64_t files = 0, streams = 0, without_body = 0;
    for (size_t i = 0; i < KEYS; i++) {
        const struct entry *there = model[i].there;
        files += there != NULL;
        streams += there && there->kind == ENTRY_STREAM;
        without_body += there && !entry_has_content(there);
    }
    assert_int_equal(counts.files, files);
    assert_int_equal(counts.streams, streams);
    assert_int_equal(counts.without_body, without_body);
    assert_true(counts.bytes <= BYTES);
}

/* After reclaiming, every byte that is charged belongs to an entry that somebody holds. */
static void check_bytes(void)
{
    uint64_t bytes = 0;
    rig_reclaim(table);
    for (size_t i = 0; i < KEYS; i++) bytes += model[i].there ? model[i].there->charged_bytes : 0;
    for (size_t i = 0; i < HELD_MAX; i++) {
        bool is_counted = !held[i] || held[i]->is_published;
        for (size_t j = 0; j < i; j++) is_counted |= held[j] == held[i];
        if (!is_counted) bytes += held[i]->charged_bytes;
    }
    assert_int_equal(table_counts(table).bytes, bytes);
}

static void step(void)
{
    size_t number = (size_t)random() % KEYS;
    now_us++;
    switch (random() % 8) {
    case 0: remove_one(number); break;
    case 1:
    case 2: publish(number); break;
    case 3: hold_or_give_back(number); break;
    case 4: table_trim(table); break;
    case 5:
        if (random() % 4 == 0) check_bytes();
        break;
    default: look_up(number);
    }
}

static void whatever_is_done_the_table_is_what_the_model_says(void **state)
{
    (void)state;
    rcu_reader_begin();
    srandom(4711);
    table = table_new(&(struct table_limits){ BYTES, KEYS, KEYS, KEYS });
    for (int i = 0; i < STEPS; i++) {
        step();
        if (i % 16 == 0) check_counts();
    }
    for (size_t i = 0; i < KEYS; i++) remove_one(i);
    for (size_t i = 0; i < HELD_MAX; i++) entry_unref(held[i]);
    rig_reclaim(table);
    struct table_counts counts = table_counts(table);
    assert_int_equal(counts.bytes, 0);
    assert_int_equal(counts.files, 0);
    assert_int_equal(counts.evicted, 0);
    assert_true(counts.published > STEPS / 10);
    assert_int_equal(rig_free(table), 0);
    rcu_reader_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(whatever_is_done_the_table_is_what_the_model_says) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
