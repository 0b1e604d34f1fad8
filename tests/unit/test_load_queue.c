#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "cache/load_queue.h"

enum { TASKS = 64 };

static struct load_queue queue;
static struct load_task tasks[TASKS];
static unsigned task_count;

static int with_a_queue(void **state)
{
    (void)state;
    load_queue_init(&queue);
    task_count = 0;
    return 0;
}

/* Whatever a test left is finished: then no lane is left either. */
static int without_lanes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < task_count; i++) {
        if (tasks[i].lane) load_queue_finish(&queue, &tasks[i]);
    }
    for (unsigned i = 0; i < LOAD_LANE_BUCKETS; i++) {
        if (queue.buckets[i]) return 1;
    }
    return queue.waiting == 0 && queue.hints == 0 ? 0 : 1;
}

static struct load_task *add(uint64_t device, uint64_t branch, enum load_class kind)
{
    struct load_task *task = &tasks[task_count++];
    assert_in_range(task_count, 1, TASKS);
    assert_int_equal(load_queue_add(&queue, task, (struct load_origin){ device, branch }, kind, 0), STATUS_OK);
    return task;
}

static void add_many(unsigned count, uint64_t device, uint64_t branch, enum load_class kind)
{
    for (unsigned i = 0; i < count; i++) (void)add(device, branch, kind);
}

/* How many are given until there are no more; they go on running. */
static unsigned take_all(void)
{
    unsigned count = 0;
    while (load_queue_take(&queue)) count++;
    assert_false(load_queue_has_work(&queue));
    return count;
}

static void who_asked_first_comes_first(void **state)
{
    (void)state;
    assert_null(load_queue_take(&queue));
    for (int i = 0; i < 5; i++) (void)add(1, 0, LOAD_ASKED);
    for (int i = 0; i < 5; i++) assert_ptr_equal(load_queue_take(&queue), &tasks[i]);
    assert_null(load_queue_take(&queue));
}

/* Each kind of origin, and what may run at a time. */
static void what_runs_at_a_time_is_limited(void **state)
{
    (void)state;
    static const struct {
        uint64_t branch;
        enum load_class kind;
        unsigned running;
    } rows[] = {
        { 0, LOAD_ASKED, LOAD_DEVICE_MAX },          { 0, LOAD_WINDOW, LOAD_WINDOWS_MAX },
        { 0, LOAD_HINT, LOAD_HINTS_RUNNING },        { 9, LOAD_ASKED, LOAD_BRANCH_MAX },
        { UINT64_MAX, LOAD_ASKED, LOAD_BRANCH_MAX },
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        with_a_queue(NULL);
        add_many(LOAD_DEVICE_MAX + 1, 1, rows[i].branch, rows[i].kind);
        assert_int_equal(take_all(), rows[i].running);
        load_queue_finish(&queue, &tasks[0]); /* one is over: there is room for one */
        assert_true(load_queue_has_work(&queue));
        assert_int_equal(take_all(), 1);
        assert_int_equal(without_lanes(NULL), 0);
    }
}

static void a_device_that_hangs_holds_up_no_other(void **state)
{
    (void)state;
    add_many(20, 1, 0, LOAD_ASKED);
    assert_int_equal(take_all(), LOAD_DEVICE_MAX);
    struct load_task *other = add(2, 0, LOAD_ASKED);
    assert_ptr_equal(load_queue_take(&queue), other);
}

static void a_folder_of_which_nothing_is_known_holds_up_no_other(void **state)
{
    (void)state;
    add_many(10, 1, 7, LOAD_ASKED);
    assert_int_equal(take_all(), LOAD_BRANCH_MAX);
    struct load_task *beside = add(1, 8, LOAD_ASKED);
    assert_ptr_equal(load_queue_take(&queue), beside);
    struct load_task *known = add(1, 0, LOAD_ASKED);
    assert_ptr_equal(load_queue_take(&queue), known);
}

/* As many unknown folders as anybody cares to name, on a device that hangs. */
static void all_unknown_folders_of_a_device_have_one_limit(void **state)
{
    (void)state;
    for (uint64_t branch = 1; branch <= 20; branch++) (void)add(1, branch, LOAD_ASKED);
    assert_int_equal(take_all(), LOAD_DEVICE_MAX);
    add_many(2, 1, 0, LOAD_ASKED);
    (void)add(2, 5, LOAD_ASKED);
    assert_int_equal(take_all(), 3);
}

static void lanes_take_turns(void **state)
{
    (void)state;
    add_many(4, 1, 0, LOAD_ASKED);
    struct load_task *second = add(2, 0, LOAD_ASKED);
    assert_ptr_equal(load_queue_take(&queue), &tasks[0]);
    assert_ptr_equal(load_queue_take(&queue), second);
    assert_ptr_equal(load_queue_take(&queue), &tasks[1]);
}

/* A small file does not wait until the windows of all who asked before are read. */
static void files_and_windows_take_turns(void **state)
{
    (void)state;
    add_many(20, 1, 0, LOAD_WINDOW);
    assert_int_equal(take_all(), LOAD_WINDOWS_MAX);
    struct load_task *file = add(1, 0, LOAD_ASKED), *next = add(1, 0, LOAD_ASKED), *third = add(1, 0, LOAD_ASKED);
    assert_ptr_equal(load_queue_take(&queue), file);
    assert_ptr_equal(load_queue_take(&queue), next);
    assert_null(load_queue_take(&queue));
    load_queue_finish(&queue, &tasks[0]);
    assert_ptr_equal(load_queue_take(&queue), &tasks[LOAD_WINDOWS_MAX]);
    load_queue_finish(&queue, file);
    assert_ptr_equal(load_queue_take(&queue), third);
}

static void hints_beyond_their_bound_are_refused_and_nothing_else_is(void **state)
{
    (void)state;
    static struct load_task hints[LOAD_HINTS_MAX];
    const struct load_origin origin = { .device = 1 };
    struct load_task one_more;
    for (int i = 0; i < LOAD_HINTS_MAX; i++)
        assert_int_equal(load_queue_add(&queue, &hints[i], origin, LOAD_HINT, 0), STATUS_OK);
    assert_int_equal(load_queue_add(&queue, &one_more, origin, LOAD_HINT, 0), STATUS_EXHAUSTED);
    struct load_task *asked = add(1, 0, LOAD_ASKED);
    assert_ptr_equal(load_queue_take(&queue), asked);
    struct list out;
    list_init(&out);
    load_queue_clear(&queue, &out);
    unsigned count = 0;
    for (struct list *at = out.next; at != &out; at = at->next) count++;
    assert_int_equal(count, LOAD_HINTS_MAX);
}

static void a_hint_that_somebody_waits_for_is_one_no_more(void **state)
{
    (void)state;
    add_many(LOAD_HINTS_RUNNING + 2, 1, 0, LOAD_HINT);
    assert_int_equal(take_all(), LOAD_HINTS_RUNNING);
    load_queue_ask(&queue, &tasks[LOAD_HINTS_RUNNING], 5);
    assert_ptr_equal(load_queue_take(&queue), &tasks[LOAD_HINTS_RUNNING]);
    assert_int_equal(queue.hints, 1);
    load_queue_ask(&queue, &tasks[0], 5); /* it runs: then there is room for a hint */
    assert_ptr_equal(load_queue_take(&queue), &tasks[LOAD_HINTS_RUNNING + 1]);
}

static void what_is_paused_neither_runs_nor_waits(void **state)
{
    (void)state;
    add_many(LOAD_BRANCH_MAX + 1, 1, 7, LOAD_ASKED);
    assert_int_equal(take_all(), LOAD_BRANCH_MAX);
    load_queue_pause(&queue, &tasks[0]);
    assert_int_equal(take_all(), 1);
    load_queue_resume(&queue, &tasks[0]);
    assert_null(load_queue_take(&queue));
    load_queue_finish(&queue, &tasks[1]);
    assert_ptr_equal(load_queue_take(&queue), &tasks[0]);
}

static void what_nobody_waits_for_any_more_is_taken_out(void **state)
{
    (void)state;
    add_many(LOAD_DEVICE_MAX, 1, 0, LOAD_ASKED);
    assert_int_equal(take_all(), LOAD_DEVICE_MAX);
    struct load_task *late = add(1, 0, LOAD_ASKED), *again = add(1, 0, LOAD_ASKED), *hint = add(1, 0, LOAD_HINT);
    struct load_task *window = add(1, 0, LOAD_WINDOW), *elsewhere = add(2, 0, LOAD_ASKED);
    load_queue_ask(&queue, again, 100);
    struct list out;
    list_init(&out);
    load_queue_expire(&queue, &tasks[0], 50, &out);
    assert_ptr_equal(out.next, &late->link);
    assert_ptr_equal(out.next->next, &window->link);
    assert_ptr_equal(out.next->next->next, &out);
    assert_null(late->lane);
    assert_non_null(hint->lane);
    assert_ptr_equal(load_queue_take(&queue), elsewhere);
    load_queue_finish(&queue, &tasks[0]);
    load_queue_finish(&queue, &tasks[1]);
    assert_int_equal(take_all(), 2);
}

#define WITH_A_QUEUE(test) cmocka_unit_test_setup_teardown(test, with_a_queue, without_lanes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_QUEUE(who_asked_first_comes_first),
        WITH_A_QUEUE(what_runs_at_a_time_is_limited),
        WITH_A_QUEUE(a_device_that_hangs_holds_up_no_other),
        WITH_A_QUEUE(a_folder_of_which_nothing_is_known_holds_up_no_other),
        WITH_A_QUEUE(all_unknown_folders_of_a_device_have_one_limit),
        WITH_A_QUEUE(lanes_take_turns),
        WITH_A_QUEUE(files_and_windows_take_turns),
        WITH_A_QUEUE(hints_beyond_their_bound_are_refused_and_nothing_else_is),
        WITH_A_QUEUE(a_hint_that_somebody_waits_for_is_one_no_more),
        WITH_A_QUEUE(what_is_paused_neither_runs_nor_waits),
        WITH_A_QUEUE(what_nobody_waits_for_any_more_is_taken_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
