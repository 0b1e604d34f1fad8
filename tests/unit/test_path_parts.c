#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "base/compiler.h"
#include "base/path_parts.h"

static const struct {
    const char *path, *folder, *name, *bare, *rooted;
} rows[] = {
    { "", "", "", "", "" },
    { "/", "/", "", "", "/" },
    { "//", "//", "", "", "/" },
    { "a", "", "a", "a", "a" },
    { "/a", "/", "a", "/a", "/a" },
    { "a/", "a/", "", "a", "a" },
    { "/a/b", "/a/", "b", "/a/b", "/a/b" },
    { "/a/b/", "/a/b/", "", "/a/b", "/a/b" },
    { "/a//b//", "/a//b//", "", "/a//b", "/a//b" },
    { "a/b.c", "a/", "b.c", "a/b.c", "a/b.c" },
};

static void a_path_is_taken_apart_at_its_last_slash(void **state)
{
    (void)state;
    struct guarded guarded = guarded_open(4096);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        size_t size = strlen(rows[i].path);
        struct span path = span_of(guarded_copy(&guarded, rows[i].path, size), size);
        bool is_right = span_equal(path_folder(path), span_of_string(rows[i].folder)) &&
                        span_equal(path_name(path), span_of_string(rows[i].name)) &&
                        span_equal(path_without_slashes(path, 0), span_of_string(rows[i].bare)) &&
                        span_equal(path_without_slashes(path, 1), span_of_string(rows[i].rooted));
        if (!is_right) fail_msg("\"%s\"", rows[i].path);
    }
    guarded_close(&guarded);
}

static void the_parent_of_a_folder_ends_before_its_name(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *parent;
    } folders[] = { { "", "" },         { "/", "" },      { "a/", "" }, { "/a/", "/" },
                    { "/a/b/", "/a/" }, { "a/b/", "a/" }, { "//", "/" } };
    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        struct span parent = path_parent(span_of_string(folders[i].folder));
        if (!span_equal(parent, span_of_string(folders[i].parent))) fail_msg("\"%s\"", folders[i].folder);
    }
}

static void nothing_has_no_parts(void **state)
{
    (void)state;
    assert_int_equal(path_folder(SPAN_NONE).size, 0);
    assert_int_equal(path_name(SPAN_NONE).size, 0);
    assert_int_equal(path_parent(SPAN_NONE).size, 0);
    assert_int_equal(path_without_slashes(SPAN_NONE, 1).size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_taken_apart_at_its_last_slash),
        cmocka_unit_test(the_parent_of_a_folder_ends_before_its_name),
        cmocka_unit_test(nothing_has_no_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
