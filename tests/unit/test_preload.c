#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>

#include "../support/load_rig.h"
#include "cache/preload.h"

static struct load_rig rig;
static struct tree_list trees;
static struct preload *preload;
static char skipped_paths[4096]; /* each with a blank behind it */

static void note_skipped(void *context, const struct pin_wish *wish, const char *path, const char *reason)
{
    (void)context, (void)path;
    assert_true(reason[0] != '\0');
    size_t size = strlen(skipped_paths);
    snprintf(skipped_paths + size, sizeof skipped_paths - size, "%s ", wish->file);
}

static void show_nothing(void *context, uint64_t files, uint64_t files_all, uint64_t bytes, uint64_t bytes_all)
{
    (void)context, (void)files, (void)files_all, (void)bytes, (void)bytes_all;
}

static const struct preload_report report = { NULL, note_skipped, show_nothing };

static int with_a_plan(void **state)
{
    (void)state;
    rcu_reader_begin();
    load_rig_open(&rig);
    trees = rig_tree_list();
    scratch_folder(&rig.scratch, "a");
    scratch_folder(&rig.scratch, "a/inner");
    scratch_folder(&rig.scratch, "b");
    scratch_text(&rig.scratch, "b/one", "another one");
    scratch_text(&rig.scratch, "top", "top");
    scratch_text(&rig.scratch, "a/one", "one");
    scratch_text(&rig.scratch, "a/two", "two");
    scratch_text(&rig.scratch, "a/inner/three", "three");
    scratch_link(&rig.scratch, "a", "link");
    scratch_link(&rig.scratch, "../top", "a/up");
    skipped_paths[0] = '\0';
    preload = preload_new(&trees, RIG_SNAPSHOT_BYTES_MAX, false, &report);
    return preload ? 0 : 1;
}

static int without_it(void **state)
{
    (void)state;
    preload_free(preload);
    pins_free(rig_tree.pins);
    uint64_t held = load_rig_close(&rig);
    rcu_reader_end();
    return held == 0 ? 0 : 1;
}

/* `what` names it in the test; the path is beneath the scratch folder, unless it is absolute. Of the last few. */
static struct pin_wish wish_for(const char *what, enum pin_kind kind)
{
    static char paths[4][PATH_MAX];
    static unsigned count;
    char *path = paths[count++ % ARRAY_COUNT(paths)];
    bool is_absolute = what[0] == '/' && what[1] == '/';
    snprintf(path, PATH_MAX, "%s%s%s", is_absolute ? "" : rig.scratch.path, is_absolute ? "" : "/", what);
    return (struct pin_wish){ .path = path, .file = what, .kind = kind };
}

static enum pinned ask(const char *path)
{
    return pins_ask(tree_pins(&rig_tree), span_of_string(path));
}

static void a_wish_is_found_by_every_path_that_leads_there(void **state)
{
    (void)state;
    static const struct {
        const char *what, *path; /* NULL: it cannot be pinned */
    } rows[] = {
        { "a/one", "/a/one" },
        { "a/two", "/a/two" }, /* in the folder of the one before */
        { "b/one", "/b/one" }, /* in one whose path is as long */
        { "a/missing", NULL },
        { "a/up", "/top" },
        { "a/inner", NULL }, /* a folder */
        { "a/inner/three", "/a/inner/three" },
        { "link/one", "/a/one" },
        { "link/inner/three", "/a/inner/three" },
        { "a/inner/../two", "/a/two" },
        { "a//one", "/a/one" },
        { "./a/./one", "/a/one" },
        { "a/one/", NULL },
        { "a/one/.", NULL },
        { "a/one/..", NULL },
        { "a/", NULL },
        { "a/.", NULL },
        { "a/..", NULL },
        { "missing/one", NULL },
        { "a/two/one", NULL },
        { "top", "/top" },
        { "//dev/null", NULL }, /* no regular file */
        { "//etc/passwd", NULL },
        { "//missing", NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        /* After one in the same folder, and after one that is elsewhere: where the last one led is remembered. */
        struct pin_wish wishes[] = { wish_for("a/two", PIN_FILE), wish_for(rows[i].what, PIN_FILE),
                                     wish_for("a/inner/three", PIN_FILE), wish_for(rows[i].what, PIN_FILE) };
        struct preload_sums sums;
        struct preload *plan = preload_new(&trees, RIG_SNAPSHOT_BYTES_MAX, false, &report);
        skipped_paths[0] = '\0';
        assert_non_null(plan);
        assert_true(preload_plan(plan, wishes, ARRAY_COUNT(wishes), &sums));
        assert_int_equal(sums.files, rows[i].path ? 4 : 2);
        assert_int_equal(strstr(skipped_paths, rows[i].what) == NULL, rows[i].path != NULL);
        if (rows[i].path) assert_int_equal(ask(rows[i].path), PINNED_IN_MEMORY);
        bool wants_one = rows[i].path && strcmp(rows[i].path, "/a/one") == 0;
        assert_int_equal(ask("/a/one"), wants_one ? PINNED_IN_MEMORY : PINNED_NOT);
        assert_int_equal(ask("/a/two"), PINNED_IN_MEMORY);
        preload_free(plan);
        pins_free(rig_tree.pins);
        rig_tree.pins = NULL;
    }
}

static void pins_are_known_when_the_plan_is_whole_and_not_before(void **state)
{
    (void)state;
    struct pin_wish wishes[] = { wish_for("a", PIN_FOLDER), wish_for("top", PIN_DESCRIPTOR) };
    struct preload_sums sums;
    assert_null(tree_pins(&rig_tree));
    assert_true(preload_plan(preload, wishes, ARRAY_COUNT(wishes), &sums));
    assert_int_equal(sums.files, 4);
    assert_int_equal(sums.folders, 2);
    assert_int_equal(sums.streams, 1);
    assert_int_equal(sums.bytes, 3 + 3 + 5 + 3);
    assert_int_equal(ask("/a/inner/new"), PINNED_IN_MEMORY);
    assert_int_equal(ask("/top"), PINNED_BY_DESCRIPTOR);
    assert_int_equal(ask("/other"), PINNED_NOT);
}

static void one_that_is_cancelled_looks_at_no_other_wish(void **state)
{
    (void)state;
    struct pin_wish wishes[] = { wish_for("a", PIN_FOLDER), wish_for("top", PIN_FILE) };
    struct preload_sums sums;
    preload_cancel(preload);
    assert_true(preload_plan(preload, wishes, ARRAY_COUNT(wishes), &sums));
    assert_int_equal(sums.files, 0);
    rcu_offline();
    assert_int_equal(preload_run(preload, &rig.rules, rig.table), 0);
    rcu_online();
    assert_null(rig_find(rig.table, "/top"));
}

static unsigned interferences;

/* A worker that did not know of the pins yet is done only after the look that did. */
static size_t describe_beside_another(void *context, const struct load_facts *facts, char *out, uint16_t *ret_policy)
{
    struct entry *other;
    bool may_publish;
    if (interferences > 0) {
        interferences--;
        struct pins *pins = rig_tree.pins;
        rig.rules.describe = rig_describe;
        rig_tree.pins = NULL;
        rig_wait_for_another_tick();
        rcu_online();
        assert_int_equal(rig_load(&rig, "/top", FILE_NOWAIT, &other, &may_publish), STATUS_OK);
        assert_ptr_equal(load_publish(&rig.rules, rig.table, other), other);
        entry_unref(other);
        rcu_offline();
        rig_tree.pins = pins;
        rig.rules.describe = describe_beside_another;
    }
    return rig_describe(context, facts, out, ret_policy);
}

static void what_was_loaded_before_the_pins_were_known_gives_way(void **state)
{
    (void)state;
    struct pin_wish wish = wish_for("top", PIN_FILE);
    struct preload_sums sums;
    struct entry *early;
    bool may_publish;
    assert_int_equal(rig_load(&rig, "/top", FILE_WAIT, &early, &may_publish), STATUS_OK);
    assert_ptr_equal(load_publish(&rig.rules, rig.table, early), early);
    assert_false(early->is_pinned);
    entry_unref(early);
    assert_true(preload_plan(preload, &wish, 1, &sums));
    rig.rules.describe = describe_beside_another;
    interferences = 2;
    rcu_offline();
    assert_int_equal(preload_run(preload, &rig.rules, rig.table), 0);
    rcu_online();
    assert_int_equal(interferences, 0);
    assert_true(rig_find(rig.table, "/top")->is_pinned);
}

#define WITH_A_PLAN(test) cmocka_unit_test_setup_teardown(test, with_a_plan, without_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_PLAN(a_wish_is_found_by_every_path_that_leads_there),
        WITH_A_PLAN(pins_are_known_when_the_plan_is_whole_and_not_before),
        WITH_A_PLAN(one_that_is_cancelled_looks_at_no_other_wish),
        WITH_A_PLAN(what_was_loaded_before_the_pins_were_known_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
