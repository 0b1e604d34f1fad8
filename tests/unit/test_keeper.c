#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>

#include "../support/load_rig.h"
#include "cache/keeper.h"
#include "cache/loader.h"
#include "platform/clock.h"

enum { PATIENCE_MS = 20000 };

static struct load_rig rig;
static struct loader *loader;
static struct keeper *keeper;
static _Atomic bool has_slow_device; /* nothing can be looked at without waiting */

enum status __real_file_find(int root, const char *path, enum file_patience patience, int *ret_place,
                             struct file_facts *ret_facts, struct file_identity *ret_identity);
enum status __wrap_file_find(int root, const char *path, enum file_patience patience, int *ret_place,
                             struct file_facts *ret_facts, struct file_identity *ret_identity);

enum status __wrap_file_find(int root, const char *path, enum file_patience patience, int *ret_place,
                             struct file_facts *ret_facts, struct file_identity *ret_identity)
{
    if (has_slow_device && patience == FILE_NOWAIT) return STATUS_WOULD_BLOCK;
    return __real_file_find(root, path, patience, ret_place, ret_facts, ret_identity);
}

static int with_a_folder(void **state)
{
    (void)state;
    rcu_reader_begin();
    load_rig_open(&rig);
    scratch_text(&rig.scratch, "file", "content");
    loader = loader_new(&rig.rules, rig.table, 2);
    keeper = NULL;
    has_slow_device = false;
    return loader ? 0 : 1;
}

static int without_a_folder(void **state)
{
    (void)state;
    rcu_offline();
    keeper_free(keeper);
    loader_free(loader);
    rcu_online();
    uint64_t held = load_rig_close(&rig);
    rcu_reader_end();
    return held == 0 ? 0 : 1;
}

static void start(int64_t revalidate_ms, int64_t expire_ms)
{
    keeper = keeper_new(&rig.rules, NULL, rig.table, loader, revalidate_ms, expire_ms);
    assert_non_null(keeper);
}

/* As a worker does between two turns. */
static void rest(void)
{
    rcu_offline();
    poll(NULL, 0, 1);
    rcu_online();
}

/* What leads to it was looked at age_ms ago. */
static struct entry *publish(const char *key, int64_t age_ms)
{
    struct entry *entry;
    bool may_publish;
    assert_int_equal(rig_load(&rig, key, FILE_WAIT, &entry, &may_publish), STATUS_OK);
    entry_stamp(entry, clock_monotonic_us() - age_ms * 1000);
    assert_ptr_equal(table_publish(rig.table, entry), entry);
    return entry; /* with a reference of the test's */
}

static void await_checks(uint64_t checks)
{
    for (int tries = 0; keeper_counts(keeper).checks < checks; tries++) {
        assert_in_range(tries, 0, PATIENCE_MS);
        rest();
    }
}

static void await_removal(const char *key)
{
    for (int tries = 0; rig_find(rig.table, key); tries++) {
        assert_in_range(tries, 0, PATIENCE_MS);
        rest();
    }
}

static void what_is_in_use_is_looked_at_again(void **state)
{
    (void)state;
    start(1000, 0);
    struct entry *entry = publish("/file", 700);
    uint32_t before_ms = entry->checked_ms;
    keeper_queue_check(keeper, entry);
    keeper_queue_check(keeper, entry); /* once is enough */
    assert_int_equal(entry->references, 3);
    keeper_call(keeper);
    await_checks(1);
    assert_in_range(entry->checked_ms - before_ms, 700, PATIENCE_MS);
    for (int tries = 0; entry->references > 2 && tries < PATIENCE_MS; tries++) rest();
    assert_int_equal(entry->references, 2);
    assert_int_equal(entry->is_queued, 0);
    keeper_queue_check(keeper, entry);
    keeper_call(keeper);
    await_checks(2);
    assert_ptr_equal(rig_find(rig.table, "/file"), entry);
    entry_unref(entry);
}

static void what_is_found_changed_is_removed(void **state)
{
    (void)state;
    start(1000, 0);
    struct entry *file = publish("/file", 0), *nothing = publish("/nothing", 0), *kept = publish("/", 0);
    scratch_replace(&rig.scratch, "file", "changed");
    scratch_text(&rig.scratch, "nothing", "something");
    keeper_queue_check(keeper, file);
    keeper_queue_check(keeper, nothing);
    keeper_queue_check(keeper, kept);
    keeper_call(keeper);
    await_removal("/file");
    await_removal("/nothing");
    await_checks(1);
    assert_ptr_equal(rig_find(rig.table, "/"), kept);
    entry_unref(file);
    entry_unref(nothing);
    entry_unref(kept);
}

/* The keeper waits for no device: another may do so for it. */
static void what_would_have_to_be_waited_for_is_looked_at_by_a_loader(void **state)
{
    (void)state;
    has_slow_device = true;
    start(1000, 0);
    struct entry *file = publish("/file", 700), *changed = publish("/nothing", 700);
    uint32_t before_ms = file->checked_ms;
    scratch_text(&rig.scratch, "nothing", "something");
    keeper_queue_check(keeper, file);
    keeper_queue_check(keeper, changed);
    keeper_call(keeper);
    await_removal("/nothing");
    for (int tries = 0; file->references > 2 && tries < PATIENCE_MS; tries++) rest();
    assert_int_equal(file->references, 2);
    assert_int_equal(file->is_queued, 0);
    assert_in_range(file->checked_ms - before_ms, 700, PATIENCE_MS);
    assert_ptr_equal(rig_find(rig.table, "/file"), file);
    assert_int_equal(keeper_counts(keeper).checks, 0);
    entry_unref(file);
    entry_unref(changed);
}

static void what_was_not_used_for_so_long_expires(void **state)
{
    (void)state;
    struct entry *old = publish("/file", 10000), *young = publish("/nothing", 1000);
    entry_unref(old);
    start(1000, 5000);
    keeper_call(keeper);
    await_removal("/file");
    assert_ptr_equal(rig_find(rig.table, "/nothing"), young);
    assert_int_equal(table_counts(rig.table).expired, 1);
    entry_unref(young);
}

static void nothing_expires_when_nothing_is_to(void **state)
{
    (void)state;
    struct entry *old = publish("/file", 100000000);
    start(1000, 0);
    keeper_queue_check(keeper, old);
    keeper_call(keeper);
    await_checks(1);
    assert_ptr_equal(rig_find(rig.table, "/file"), old);
    entry_unref(old);
}

static void what_was_removed_is_freed_when_the_readers_are_through(void **state)
{
    (void)state;
    struct entry *entry = publish("/file", 0);
    table_remove(rig.table, entry);
    entry_unref(entry);
    start(1000, 0);
    keeper_call(keeper);
    rcu_offline();
    poll(NULL, 0, 1);
    rcu_online();
    for (int tries = 0; table_counts(rig.table).bytes > 0; tries++) {
        assert_in_range(tries, 0, PATIENCE_MS);
        rest();
    }
}

static void a_reserve_is_kept_free(void **state)
{
    (void)state;
    struct table *roomy = rig.table;
    rig.table = table_new(&(struct table_limits){ 1 << 20, 1000, 100, 100 });
    for (int i = 0; i < 32; i++) {
        char key[16];
        snprintf(key, sizeof key, "/%d", i);
        assert_true(rig_publish(rig.table, ENTRY_SNAPSHOT, key, 32400, 'x', clock_monotonic_us()));
    }
    assert_true(table_needs_care(rig.table));
    start(1000, 0);
    keeper_call(keeper);
    for (int tries = 0; table_needs_care(rig.table); tries++) {
        assert_in_range(tries, 0, PATIENCE_MS);
        rest();
    }
    assert_in_range(table_counts(rig.table).files, 28, 31);
    rcu_offline();
    keeper_free(keeper);
    keeper = NULL;
    rcu_online();
    assert_int_equal(rig_free(rig.table), 0);
    rig.table = roomy;
}

static void what_is_queued_when_it_stops_is_given_back(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        start(1000, 0);
        struct entry *entry = publish("/file", 0);
        keeper_queue_check(keeper, entry);
        rcu_offline();
        keeper_free(keeper);
        rcu_online();
        keeper = NULL;
        assert_int_equal(entry->references, 2);
        table_remove(rig.table, entry);
        entry_unref(entry);
    }
    keeper_free(NULL);
}

#define WITH_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, with_a_folder, without_a_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_FOLDER(what_is_in_use_is_looked_at_again),
        WITH_A_FOLDER(what_is_found_changed_is_removed),
        WITH_A_FOLDER(what_would_have_to_be_waited_for_is_looked_at_by_a_loader),
        WITH_A_FOLDER(what_was_not_used_for_so_long_expires),
        WITH_A_FOLDER(nothing_expires_when_nothing_is_to),
        WITH_A_FOLDER(what_was_removed_is_freed_when_the_readers_are_through),
        WITH_A_FOLDER(a_reserve_is_kept_free),
        WITH_A_FOLDER(what_is_queued_when_it_stops_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
