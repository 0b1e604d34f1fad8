#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/block_pool.h"

static struct block_pool pool;
static bool has_memory = true;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return has_memory ? __real_malloc(size) : NULL;
}

static int done(void **state)
{
    (void)state;
    block_pool_done(&pool);
    has_memory = true;
    return 0;
}

static void a_block_has_at_least_what_was_asked_for(void **state)
{
    (void)state;
    static const struct {
        size_t size, capacity;
    } asked[] = {
        { 0, 1 << 10 },       { 1, 1 << 10 },           { 1 << 10, 1 << 10 },     { (1 << 10) + 1, 4 << 10 },
        { 4 << 10, 4 << 10 }, { (4 << 10) + 1, 16384 }, { 16384, 16384 },         { 16385, 65536 },
        { 65536, 65536 },     { 65537, 256 << 10 },     { 256 << 10, 256 << 10 }, { (256 << 10) + 1, (256 << 10) + 1 },
        { 5000000, 5000000 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(asked); i++) {
        size_t capacity = 0;
        char *block = block_take(&pool, asked[i].size, &capacity);
        assert_non_null(block);
        assert_int_equal(capacity, asked[i].capacity);
        memset(block, 0xa5, capacity);
        block_give(&pool, block, capacity);
    }
}

static void what_was_given_back_is_taken_again(void **state)
{
    (void)state;
    size_t capacity;
    void *one = block_take(&pool, 3000, &capacity), *other = block_take(&pool, 3000, &capacity);
    assert_ptr_not_equal(one, other);
    block_give(&pool, one, capacity);
    block_give(&pool, other, capacity);
    assert_ptr_equal(block_take(&pool, 4096, &capacity), other);
    assert_ptr_equal(block_take(&pool, 1025, &capacity), one);
    block_give(&pool, one, capacity);
    block_give(&pool, other, capacity);
    void *smaller = block_take(&pool, 1000, &capacity);
    assert_ptr_not_equal(smaller, one);
    assert_ptr_not_equal(smaller, other);
    block_give(&pool, smaller, capacity);
}

static void a_bounded_number_of_each_size_is_kept(void **state)
{
    (void)state;
    static void *blocks[1000];
    static const size_t sizes[BLOCK_POOL_CLASSES] = { 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10 };
    for (unsigned c = 0; c < BLOCK_POOL_CLASSES; c++) {
        size_t capacity;
        for (size_t i = 0; i < ARRAY_COUNT(blocks); i++)
            assert_non_null(blocks[i] = block_take(&pool, sizes[c], &capacity));
        for (size_t i = 0; i < ARRAY_COUNT(blocks); i++) block_give(&pool, blocks[i], capacity);
        assert_in_range(pool.kept_count[c], 1, 256);
        assert_true(pool.kept_count[c] * sizes[c] <= 1 << 20);
    }
}

static void what_was_put_aside_is_there_when_there_is_no_memory(void **state)
{
    (void)state;
    size_t capacity;
    void *big[BLOCK_POOL_ASIDE_MAX];
    has_memory = false;
    assert_false(block_pool_put_aside(&pool));
    has_memory = true;
    assert_true(block_pool_put_aside(&pool));
    has_memory = false;
    void *small = block_take(&pool, 1000, &capacity);
    assert_non_null(small);
    assert_int_equal(capacity, 1 << 10);
    assert_true(block_pool_put_aside(&pool));
    for (size_t i = 0; i < ARRAY_COUNT(big); i++) {
        big[i] = block_take(&pool, i == 0 ? 5000 : BLOCK_ASIDE_BYTES, &capacity);
        assert_non_null(big[i]);
        assert_int_equal(capacity, BLOCK_ASIDE_BYTES);
        memset(big[i], 0x5a, capacity);
        assert_false(block_pool_put_aside(&pool));
    }
    assert_null(block_take(&pool, 5000, &capacity));
    block_give(&pool, big[0], capacity);
    assert_false(block_pool_put_aside(&pool));
    block_give(&pool, big[1], capacity);
    assert_true(block_pool_put_aside(&pool));
    assert_null(block_take(&pool, BLOCK_ASIDE_BYTES + 1, &capacity));
    block_give(&pool, small, 1 << 10);
}

static void nothing_can_be_given_back(void **state)
{
    (void)state;
    block_give(&pool, NULL, 0);
    block_give(&pool, NULL, 1024);
    for (unsigned c = 0; c < BLOCK_POOL_CLASSES; c++) assert_int_equal(pool.kept_count[c], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_block_has_at_least_what_was_asked_for, done),
        cmocka_unit_test_teardown(what_was_given_back_is_taken_again, done),
        cmocka_unit_test_teardown(a_bounded_number_of_each_size_is_kept, done),
        cmocka_unit_test_teardown(what_was_put_aside_is_there_when_there_is_no_memory, done),
        cmocka_unit_test_teardown(nothing_can_be_given_back, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
