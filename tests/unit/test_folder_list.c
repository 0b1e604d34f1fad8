#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "../support/scratch.h"
#include "cache/folder_list.h"

static struct scratch scratch;
static struct tree tree;

static int with_a_folder(void **state)
{
    (void)state;
    scratch_open(&scratch, "/tmp");
    tree = (struct tree){ .root = scratch.fd, .path = scratch.path };
    scratch_folder(&scratch, "a");
    scratch_text(&scratch, "a/file", "content");
    scratch_folder(&scratch, "b");
    scratch_text(&scratch, "b/other", "x");
    return 0;
}

static int without_it(void **state)
{
    (void)state;
    scratch_close(&scratch);
    return 0;
}

static struct folder_list read_well(const char *path)
{
    struct folder_list list;
    assert_int_equal(folder_list_read(&tree, span_of_string(path), &list), STATUS_OK);
    return list;
}

static struct file_identity identity_of(const char *path)
{
    struct file_identity identity;
    struct folder_list list = read_well(path);
    folder_list_identify(&list, &identity);
    folder_list_done(&list);
    return identity;
}

static void files_and_folders_are_listed_and_nothing_else(void **state)
{
    (void)state;
    scratch_folder(&scratch, "a/sub");
    scratch_text(&scratch, "a/.hidden", "");
    scratch_link(&scratch, "../b/other", "a/link");
    scratch_link(&scratch, "../b", "a/folder-link");
    scratch_link(&scratch, "/etc/passwd", "a/out");
    scratch_link(&scratch, "nowhere", "a/dangling");
    SCRATCH_MUST(mkfifoat(scratch.fd, "a/pipe", 0644) == 0);
    static const struct {
        const char *name;
        uint64_t size;
        bool is_folder;
    } wanted[] = { { "file", 7, false }, { "folder-link", 0, true }, { "link", 1, false }, { "sub", 0, true } };
    struct file_identity identity;
    struct folder_list list = read_well("/a/");
    folder_list_identify(&list, &identity); /* puts them in order */
    assert_int_equal(list.count, ARRAY_COUNT(wanted));
    for (size_t i = 0; i < list.count; i++) {
        assert_true(span_equal(list.items[i].name, span_of_string(wanted[i].name)));
        assert_int_equal(list.items[i].size, wanted[i].size);
        assert_int_equal(list.items[i].is_folder, wanted[i].is_folder);
        assert_true(list.items[i].modified_s > 0);
    }
    assert_true(list.needs_checks);
    folder_list_done(&list);
}

static void only_what_events_do_not_tell_needs_checks(void **state)
{
    (void)state;
    struct folder_list list = read_well("/b/");
    assert_false(list.needs_checks);
    folder_list_done(&list);
    list = read_well("/");
    assert_true(list.needs_checks); /* the times of folders */
    folder_list_done(&list);
    scratch_link(&scratch, "other", "b/link");
    list = read_well("/b/");
    assert_true(list.needs_checks);
    folder_list_done(&list);
    SCRATCH_MUST(unlinkat(scratch.fd, "b/link", 0) == 0);
    SCRATCH_MUST(linkat(scratch.fd, "a/file", scratch.fd, "b/again", 0) == 0);
    list = read_well("/b/");
    assert_true(list.needs_checks); /* it can be written by way of its other name */
    folder_list_done(&list);
}

static void whatever_is_shown_changes_the_identity(void **state)
{
    (void)state;
    struct file_identity first = identity_of("/b/"), again = identity_of("/b/");
    assert_true(file_identity_equal(&first, &again));
    scratch_text(&scratch, "b/other", "longer");
    struct file_identity longer = identity_of("/b/");
    assert_false(file_identity_equal(&first, &longer));
    SCRATCH_MUST(utimensat(scratch.fd, "b/other", (struct timespec[2]){ { 1, 0 }, { 1, 0 } }, 0) == 0);
    struct file_identity older = identity_of("/b/");
    assert_false(file_identity_equal(&longer, &older));
    SCRATCH_MUST(renameat(scratch.fd, "b/other", scratch.fd, "b/rehto") == 0);
    struct file_identity renamed = identity_of("/b/");
    assert_false(file_identity_equal(&older, &renamed));
}

static void an_empty_folder_is_an_empty_list(void **state)
{
    (void)state;
    scratch_folder(&scratch, "empty");
    struct folder_list list = read_well("/empty/");
    assert_int_equal(list.count, 0);
    folder_list_done(&list);
}

static void what_is_no_folder_has_no_list(void **state)
{
    (void)state;
    struct folder_list list;
    assert_int_equal(folder_list_read(&tree, SPAN("/none/"), &list), STATUS_NOT_FOUND);
    assert_int_equal(folder_list_read(&tree, SPAN("/a/file/"), &list), STATUS_NOT_FOUND);
    scratch_link(&scratch, "/etc", "out");
    assert_int_equal(folder_list_read(&tree, SPAN("/out/"), &list), STATUS_REFUSED);
}

static void more_items_than_the_first_room_are_all_there(void **state)
{
    (void)state;
    char name[16];
    scratch_folder(&scratch, "many");
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "many/%03d", i);
        scratch_text(&scratch, name, "");
    }
    struct file_identity identity;
    struct folder_list list = read_well("/many/");
    folder_list_identify(&list, &identity);
    assert_int_equal(list.count, 1000);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%03d", i);
        assert_true(span_equal(list.items[i].name, span_of_string(name)));
    }
    folder_list_done(&list);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, with_a_folder, without_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_and_folders_are_listed_and_nothing_else),
        TEST(only_what_events_do_not_tell_needs_checks),
        TEST(whatever_is_shown_changes_the_identity),
        TEST(an_empty_folder_is_an_empty_list),
        TEST(what_is_no_folder_has_no_list),
        TEST(more_items_than_the_first_room_are_all_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
