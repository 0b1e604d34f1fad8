#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct thing {
    int number;
    struct list link;
};

static struct list list;
static struct thing things[4];

static int with_four_things(void **state)
{
    (void)state;
    list_init(&list);
    for (int i = 0; i < 4; i++) {
        things[i].number = i;
        list_init(&things[i].link);
    }
    return 0;
}

/* The numbers in `of`, in order, as decimal digits behind a 1; walked both ways. */
static int numbers(struct list *of)
{
    int forward = 1, backward = 0, weight = 1;
    for (struct list *at = of->next; at != of; at = at->next)
        forward = forward * 10 + CONTAINER_OF(at, struct thing, link)->number;
    for (struct list *at = of->previous; at != of; at = at->previous, weight *= 10)
        backward += CONTAINER_OF(at, struct thing, link)->number * weight;
    assert_int_equal(forward, backward + weight);
    return forward;
}

static void append_all(void)
{
    for (int i = 0; i < 4; i++) list_append(&list, &things[i].link);
}

static void a_new_list_is_empty(void **state)
{
    (void)state;
    assert_true(list_is_empty(&list));
    assert_int_equal(numbers(&list), 1);
}

static void what_is_appended_stands_at_the_end(void **state)
{
    (void)state;
    append_all();
    assert_false(list_is_empty(&list));
    assert_int_equal(numbers(&list), 10123);
}

static void anything_can_be_removed_from_anywhere(void **state)
{
    (void)state;
    append_all();
    list_remove(&things[1].link);
    assert_int_equal(numbers(&list), 1023);
    list_remove(&things[0].link);
    list_remove(&things[3].link);
    assert_int_equal(numbers(&list), 12);
    list_remove(&things[2].link);
    assert_true(list_is_empty(&list));
}

static void removing_what_is_in_no_list_is_harmless(void **state)
{
    (void)state;
    append_all();
    list_remove(&things[2].link);
    list_remove(&things[2].link);
    assert_int_equal(numbers(&list), 1013);
    list_append(&list, &things[2].link);
    assert_int_equal(numbers(&list), 10132);
}

static void splicing_moves_everything_to_the_end(void **state)
{
    (void)state;
    struct list other;
    list_init(&other);
    list_append(&list, &things[0].link);
    list_splice(&list, &other);
    assert_int_equal(numbers(&list), 10);
    list_append(&other, &things[1].link);
    list_append(&other, &things[2].link);
    list_splice(&list, &other);
    assert_int_equal(numbers(&list), 1012);
    assert_true(list_is_empty(&other));
    list_splice(&other, &list);
    assert_int_equal(numbers(&other), 1012);
    assert_true(list_is_empty(&list));
    list_append(&other, &things[3].link);
    assert_int_equal(numbers(&other), 10123);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_new_list_is_empty, with_four_things),
        cmocka_unit_test_setup(what_is_appended_stands_at_the_end, with_four_things),
        cmocka_unit_test_setup(anything_can_be_removed_from_anywhere, with_four_things),
        cmocka_unit_test_setup(removing_what_is_in_no_list_is_harmless, with_four_things),
        cmocka_unit_test_setup(splicing_moves_everything_to_the_end, with_four_things),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
