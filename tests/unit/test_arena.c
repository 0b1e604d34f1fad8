#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct arena arena = { 0 };
    static const size_t sizes[] = { 1, 0, 16, 17, 4096, 5000, 3, 16384, 100000, 2, 12000 };
    char *pieces[2000];
    for (size_t i = 0; i < 2000; i++) {
        size_t size = sizes[i % 11];
        pieces[i] = arena_take(&arena, size);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t j = 0; j < size; j++) assert_int_equal(pieces[i][j], 0);
        if (size > 0) memset(pieces[i], (int)(1 + i % 100), size);
    }
    for (size_t i = 0; i < 2000; i++) {
        for (size_t j = 0; j < sizes[i % 11]; j++) assert_int_equal(pieces[i][j], 1 + i % 100);
    }
    arena_done(&arena);
    assert_null(arena.blocks);
}

static void texts_are_copied_with_a_nul_behind(void **state)
{
    (void)state;
    struct arena arena = { 0 };
    char text[] = "abc";
    struct span copy = arena_text(&arena, span_of(text, 2)), empty = arena_text(&arena, SPAN_NONE);
    text[0] = 'x';
    assert_int_equal(copy.size, 2);
    assert_string_equal(copy.data, "ab");
    assert_int_equal(empty.size, 0);
    assert_string_equal(empty.data, "");
    arena_done(&arena);
}

static void what_cannot_be_had_is_refused(void **state)
{
    (void)state;
    struct arena arena = { 0 };
    assert_null(arena_take(&arena, SIZE_MAX));
    assert_null(arena_take(&arena, SIZE_MAX - 64));
    assert_non_null(arena_take(&arena, 1));
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(texts_are_copied_with_a_nul_behind),
        cmocka_unit_test(what_cannot_be_had_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
