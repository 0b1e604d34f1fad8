#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "platform/ring_memory.h"

static void what_is_written_past_the_end_is_at_the_beginning(void **state)
{
    (void)state;
    size_t size = 4 * (size_t)sysconf(_SC_PAGESIZE);
    char *ring = ring_memory_new(size);
    assert_non_null(ring);
    for (size_t i = 0; i < size; i++) assert_int_equal(ring[i], 0);
    memcpy(ring + size - 3, "wrapped", 7);
    assert_memory_equal(ring, "pped", 4);
    assert_memory_equal(ring + size, "pped", 4);
    ring[5] = 'x';
    assert_int_equal(ring[size + 5], 'x');
    memset(ring + size, 'y', size);
    for (size_t i = 0; i < 2 * size; i++) assert_int_equal(ring[i], 'y');
    ring_memory_free(ring, size);
    ring_memory_free(NULL, size);
}

static void rings_are_apart(void **state)
{
    (void)state;
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    char *one = ring_memory_new(size), *other = ring_memory_new(size);
    memset(one, '1', 2 * size);
    memset(other, '2', 2 * size);
    assert_int_equal(one[0], '1');
    assert_int_equal(one[2 * size - 1], '1');
    ring_memory_free(one, size);
    assert_int_equal(other[size], '2');
    ring_memory_free(other, size);
}

static void a_ring_keeps_no_descriptor(void **state)
{
    (void)state;
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    int before = dup(STDIN_FILENO);
    char *ring = ring_memory_new(size);
    int after = dup(STDIN_FILENO);
    assert_int_equal(after, before + 1);
    close(before);
    close(after);
    ring_memory_free(ring, size);
}

static void what_cannot_be_mapped_is_refused(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert_null(ring_memory_new(page + 1));
    assert_null(ring_memory_new((size_t)1 << 62));
    assert_null(ring_memory_new(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_past_the_end_is_at_the_beginning),
        cmocka_unit_test(rings_are_apart),
        cmocka_unit_test(a_ring_keeps_no_descriptor),
        cmocka_unit_test(what_cannot_be_mapped_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
