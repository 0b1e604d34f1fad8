#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/timer_wheel.h"

enum { TICK = TIMER_WHEEL_TICK_MS, HORIZON_MS = (TIMER_WHEEL_SLOTS - 1) * TIMER_WHEEL_TICK_MS, TIMERS = 64 };

struct timer {
    struct list link;
    int64_t deadline_ms;
    bool is_set;
};

static struct timer_wheel wheel;
static struct timer timers[TIMERS];

static void begin(int64_t now_ms)
{
    timer_wheel_init(&wheel, now_ms);
    for (int i = 0; i < TIMERS; i++) {
        list_init(&timers[i].link);
        timers[i].is_set = false;
    }
}

static void set(struct timer *timer, int64_t deadline_ms)
{
    timer->deadline_ms = deadline_ms;
    timer->is_set = true;
    timer_wheel_add(&wheel, &timer->link, deadline_ms);
}

/* How many timers come up when it is now_ms. */
static unsigned advance(int64_t now_ms)
{
    struct list due;
    unsigned count = 0;
    list_init(&due);
    timer_wheel_advance(&wheel, now_ms, &due);
    for (; !list_is_empty(&due); count++) {
        struct timer *timer = CONTAINER_OF(due.next, struct timer, link);
        list_remove(&timer->link);
        timer->is_set = false;
    }
    return count;
}

/* The first millisecond at which it comes up, when the wheel is asked every millisecond. */
static int64_t comes_up_at(int64_t from_ms, int64_t deadline_ms)
{
    begin(from_ms);
    set(&timers[0], deadline_ms);
    int64_t now_ms = from_ms;
    while (advance(now_ms) == 0) now_ms++;
    return now_ms;
}

static void a_deadline_is_met_and_at_most_a_tick_late(void **state)
{
    (void)state;
    static const int64_t begins[] = { 0, 1, TICK - 1, TICK, 5 * TICK + 17, (int64_t)1 << 40 };
    static const int64_t delays[] = { 1, 2, TICK - 1, TICK, TICK + 1, 3 * TICK - 1, 20000, HORIZON_MS - TICK };
    for (size_t i = 0; i < ARRAY_COUNT(begins); i++) {
        for (size_t j = 0; j < ARRAY_COUNT(delays); j++) {
            int64_t deadline_ms = begins[i] + delays[j], came_ms = comes_up_at(begins[i], deadline_ms);
            if (came_ms < deadline_ms) fail_msg("%ld ms early", (long)(deadline_ms - came_ms));
            if (came_ms >= deadline_ms + TICK) fail_msg("%ld ms late", (long)(came_ms - deadline_ms));
        }
    }
}

static void what_is_due_already_comes_up_within_a_tick(void **state)
{
    (void)state;
    for (int64_t late_ms = 0; late_ms < 3 * TICK; late_ms++) {
        int64_t came_ms = comes_up_at(10 * TICK + 5, 10 * TICK + 5 - late_ms);
        assert_in_range(came_ms, 10 * TICK + 6, 11 * TICK + 5);
    }
}

static void beyond_the_horizon_it_comes_up_early_to_be_added_again(void **state)
{
    (void)state;
    begin(1000);
    int64_t deadline_ms = 1000 + 3 * HORIZON_MS, now_ms = 1000;
    set(&timers[0], deadline_ms);
    for (unsigned rounds = 0; now_ms < deadline_ms; rounds++) {
        assert_in_range(rounds, 0, 5);
        int wait_ms = timer_wheel_wait_ms(&wheel, now_ms);
        assert_in_range(wait_ms, 1, HORIZON_MS + TICK);
        now_ms += wait_ms;
        if (advance(now_ms) == 1 && now_ms < deadline_ms) set(&timers[0], deadline_ms);
    }
    assert_in_range(now_ms, deadline_ms, deadline_ms + TICK);
    assert_int_equal(wheel.count, 0);
}

static void a_long_sleep_brings_everything_up_once(void **state)
{
    (void)state;
    static const int64_t sleeps[] = { HORIZON_MS, HORIZON_MS + TICK, HORIZON_MS + 2 * TICK, 2 * HORIZON_MS + 7,
                                      (int64_t)1 << 45 };
    for (size_t i = 0; i < ARRAY_COUNT(sleeps); i++) {
        begin(300);
        for (int t = 0; t < TIMERS; t++) set(&timers[t], 300 + t * (HORIZON_MS / TIMERS));
        assert_int_equal(wheel.count, TIMERS);
        assert_int_equal(advance(300 + sleeps[i]), TIMERS);
        assert_int_equal(wheel.count, 0);
        set(&timers[0], 300 + sleeps[i] + 1);
        assert_int_equal(advance(300 + sleeps[i] + 1 + TICK), 1);
    }
}

static void a_timer_that_was_removed_does_not_come_up(void **state)
{
    (void)state;
    begin(0);
    set(&timers[0], 1000);
    set(&timers[1], 1000);
    set(&timers[2], 1000);
    timer_wheel_remove(&wheel, &timers[1].link);
    assert_int_equal(wheel.count, 2);
    assert_int_equal(advance(1000 + TICK), 2);
    assert_int_equal(timer_wheel_wait_ms(&wheel, 1000 + TICK), -1);
}

static void the_time_does_not_go_backward(void **state)
{
    (void)state;
    begin(5000);
    set(&timers[0], 6000);
    assert_int_equal(advance(100), 0);
    assert_int_equal(advance(5000), 0);
    assert_int_equal(advance(6000 + TICK), 1);
}

static void an_empty_wheel_need_not_be_waited_for(void **state)
{
    (void)state;
    begin(77);
    assert_int_equal(timer_wheel_wait_ms(&wheel, 77), -1);
    set(&timers[0], 77 + 1000);
    int wait_ms = timer_wheel_wait_ms(&wheel, 77);
    assert_in_range(wait_ms, 1000, 1000 + TICK);
    assert_int_equal(timer_wheel_wait_ms(&wheel, 77 + 5000), 0);
    assert_int_equal(advance(77 + wait_ms - 1), 0);
    assert_int_equal(advance(77 + wait_ms), 1);
}

static struct timer *due_first(void)
{
    struct timer *first = NULL;
    for (int i = 0; i < TIMERS; i++) {
        if (timers[i].is_set && (!first || timers[i].deadline_ms < first->deadline_ms)) first = &timers[i];
    }
    return first;
}

static uint64_t count_set(void)
{
    uint64_t count = 0;
    for (int i = 0; i < TIMERS; i++) count += timers[i].is_set;
    return count;
}

/* Sleep for as long as the wheel says, or a part of it, or too long; look whether what came up was due. */
static void sleep_and_check(int64_t *now_ms, long sleep_ms, bool overslept)
{
    int64_t deadlines[TIMERS];
    bool was_set[TIMERS];
    int64_t before_ms = *now_ms;
    for (int i = 0; i < TIMERS; i++) {
        deadlines[i] = timers[i].deadline_ms;
        was_set[i] = timers[i].is_set;
    }
    *now_ms += sleep_ms;
    advance(*now_ms);
    for (int i = 0; i < TIMERS; i++) {
        bool came_up = was_set[i] && !timers[i].is_set;
        bool is_beyond = deadlines[i] > before_ms + HORIZON_MS - TICK;
        if (came_up && !is_beyond) assert_true(deadlines[i] <= *now_ms);
        if (timers[i].is_set) assert_true(deadlines[i] + TICK > *now_ms);
    }
    struct timer *first = due_first();
    if (!overslept && first) assert_true(first->deadline_ms + TICK > *now_ms);
    assert_int_equal(wheel.count, count_set());
}

/* The model: the timers' own deadlines, looked through one by one. */
static void whatever_is_done_nothing_is_early_and_nothing_is_forgotten(void **state)
{
    (void)state;
    int64_t now_ms = 123456789;
    srandom(4711);
    begin(now_ms);
    for (int step = 0; step < 200000; step++) {
        struct timer *timer = &timers[random() % TIMERS];
        long chance = random() % 10;
        if (timer->is_set && chance < 3) {
            timer_wheel_remove(&wheel, &timer->link);
            timer->is_set = false;
        } else if (!timer->is_set) {
            set(timer, now_ms + random() % (chance < 5 ? 3000 : HORIZON_MS / 2));
        } else if (chance == 9) {
            int wait_ms = timer_wheel_wait_ms(&wheel, now_ms);
            bool oversleeps = random() % 1000 == 0;
            long sleep_ms = random() % 3 == 0 ? wait_ms : random() % (wait_ms + 1);
            sleep_and_check(&now_ms, oversleeps ? random() % (3L * HORIZON_MS) : sleep_ms, oversleeps);
        }
        assert_int_equal(wheel.count, count_set());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_is_met_and_at_most_a_tick_late),
        cmocka_unit_test(what_is_due_already_comes_up_within_a_tick),
        cmocka_unit_test(beyond_the_horizon_it_comes_up_early_to_be_added_again),
        cmocka_unit_test(a_long_sleep_brings_everything_up_once),
        cmocka_unit_test(a_timer_that_was_removed_does_not_come_up),
        cmocka_unit_test(the_time_does_not_go_backward),
        cmocka_unit_test(an_empty_wheel_need_not_be_waited_for),
        cmocka_unit_test(whatever_is_done_nothing_is_early_and_nothing_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
