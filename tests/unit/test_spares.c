#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/compiler.h"
#include "cache/spares.h"

enum { LIMIT = 200 };

static struct spares *spares;
static int opened[LIMIT], opened_count;
static const char lanes[SPARES_LOADS_MAX + 1];

static int with_spares(void **state)
{
    (void)state;
    opened_count = 0;
    spares = spares_new();
    struct rlimit limit;
    if (!spares || getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
    limit.rlim_cur = LIMIT;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

static int without_spares(void **state)
{
    (void)state;
    spares_free(spares);
    while (opened_count > 0) close(opened[--opened_count]);
    return 0;
}

/* As many as can be had, at most `most`. Returns how many. */
static int open_some(int most)
{
    int before = opened_count;
    while (opened_count - before < most) {
        int fd = open("/", O_PATH | O_CLOEXEC);
        if (fd < 0) {
            assert_int_equal(errno, EMFILE);
            break;
        }
        opened[opened_count++] = fd;
    }
    return opened_count - before;
}

static int open_all(void)
{
    return open_some(LIMIT);
}

static void close_some(int count)
{
    while (count-- > 0) close(opened[--opened_count]);
}

static void where_nothing_can_be_opened_a_load_can_once_more_are_given_up(void **state)
{
    (void)state;
    assert_true(open_all() > 0);
    for (int round = 0; round < 5; round++) {
        assert_int_equal(open_all(), 0);
        assert_true(spares_give_up(spares, &lanes[0]));
        assert_int_equal(open_all(), SPARES_A_LOAD);
        close_some(SPARES_A_LOAD);
        spares_take_back(spares, &lanes[0]);
    }
}

static void of_one_lane_one_has_some_and_of_several_several(void **state)
{
    (void)state;
    for (int i = 0; i < SPARES_LOADS_MAX; i++) {
        assert_true(spares_give_up(spares, &lanes[i]));
        assert_false(spares_give_up(spares, &lanes[i]));
    }
    assert_false(spares_give_up(spares, &lanes[SPARES_LOADS_MAX]));
    spares_take_back(spares, &lanes[1]);
    assert_true(spares_give_up(spares, &lanes[SPARES_LOADS_MAX]));
    spares_take_back(spares, &lanes[0]);
    for (int i = 2; i <= SPARES_LOADS_MAX; i++) spares_take_back(spares, &lanes[i]);
}

static void what_others_took_meanwhile_is_held_again_when_they_leave_it(void **state)
{
    (void)state;
    open_all();
    assert_true(spares_give_up(spares, &lanes[0]));
    assert_int_equal(open_all(), SPARES_A_LOAD);
    spares_take_back(spares, &lanes[0]);
    close_some(SPARES_A_LOAD);
    for (int i = 0; i < SPARES_LOADS_MAX; i++) {
        assert_true(spares_give_up(spares, &lanes[i]));
        assert_int_equal(open_all(), SPARES_A_LOAD);
    }
    close_some(SPARES_MAX);
    for (int i = 0; i < SPARES_LOADS_MAX; i++) spares_take_back(spares, &lanes[i]);
    assert_int_equal(open_all(), 0);
}

static void they_have_low_numbers_and_what_stays_open_is_moved_off_these(void **state)
{
    (void)state;
    assert_true(spares_end(spares) < LIMIT / 2);
    assert_true(spares_give_up(spares, &lanes[0]));
    assert_int_equal(open_some(1), 1);
    int fd = opened[0];
    assert_true(fd < spares_end(spares));
    opened[0] = spares_keep_off(spares, fd);
    assert_true(opened[0] >= spares_end(spares));
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(spares_keep_off(spares, opened[0]), opened[0]);
    spares_take_back(spares, &lanes[0]);
}

static void where_no_other_number_is_left_it_stays_as_long_as_a_load_can_do_without(void **state)
{
    (void)state;
    open_all();
    for (int i = 0; i < SPARES_MAX - SPARES_A_LOAD; i++) {
        assert_true(spares_give_up(spares, &lanes[0]));
        assert_int_equal(open_some(1), 1);
        int fd = opened[opened_count - 1];
        assert_int_equal(spares_keep_off(spares, fd), fd);
        assert_true(spares_can_miss(spares, fd));
        spares_take_back(spares, &lanes[0]);
    }
    assert_true(spares_give_up(spares, &lanes[0]));
    assert_int_equal(open_all(), SPARES_A_LOAD);
    assert_false(spares_can_miss(spares, opened[opened_count - 1]));
    close_some(SPARES_A_LOAD);
    spares_take_back(spares, &lanes[0]);
}

static void *load_often(void *lane)
{
    for (int i = 0; i < 300; i++) {
        if (!spares_give_up(spares, lane)) continue;
        int fd = open("/", O_PATH | O_CLOEXEC);
        if (fd >= 0) close(fd);
        spares_take_back(spares, lane);
    }
    return NULL;
}

static void many_threads_leave_as_many_as_there_were(void **state)
{
    (void)state;
    pthread_t threads[6];
    open_all();
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, load_often, (void *)(uintptr_t)&lanes[i % ARRAY_COUNT(lanes)]), 0);
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++) pthread_join(threads[i], NULL);
    assert_int_equal(open_all(), 0);
    assert_true(spares_give_up(spares, &lanes[0]));
    assert_int_equal(open_all(), SPARES_A_LOAD);
    close_some(SPARES_A_LOAD);
    spares_take_back(spares, &lanes[0]);
}

static void those_that_could_not_be_had_at_the_start_are_had_later(void **state)
{
    (void)state;
    open_all();
    struct spares *late = spares_new();
    assert_non_null(late);
    assert_false(spares_give_up(late, &lanes[0]));
    close_some(SPARES_MAX);
    assert_true(spares_give_up(late, &lanes[0]));
    assert_int_equal(open_all(), SPARES_A_LOAD);
    spares_free(late);
}

static void where_there_are_none_nothing_is_given_up_or_moved(void **state)
{
    (void)state;
    assert_false(spares_give_up(NULL, &lanes[0]));
    assert_int_equal(spares_keep_off(NULL, 7), 7);
    assert_true(spares_can_miss(NULL, 7));
    assert_int_equal(spares_end(NULL), 0);
}

int main(void)
{
#define WITH_SPARES(test) cmocka_unit_test_setup_teardown(test, with_spares, without_spares)
    const struct CMUnitTest tests[] = {
        WITH_SPARES(where_nothing_can_be_opened_a_load_can_once_more_are_given_up),
        WITH_SPARES(of_one_lane_one_has_some_and_of_several_several),
        WITH_SPARES(what_others_took_meanwhile_is_held_again_when_they_leave_it),
        WITH_SPARES(they_have_low_numbers_and_what_stays_open_is_moved_off_these),
        WITH_SPARES(where_no_other_number_is_left_it_stays_as_long_as_a_load_can_do_without),
        WITH_SPARES(those_that_could_not_be_had_at_the_start_are_had_later),
        WITH_SPARES(many_threads_leave_as_many_as_there_were),
        cmocka_unit_test(where_there_are_none_nothing_is_given_up_or_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
