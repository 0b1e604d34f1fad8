#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "server/user_rights.h"

enum { USER = 4711, GROUP = 4712, OTHER = 4713 };

static const struct user_rights somebody = { .user = USER, .groups = { 4000, GROUP, 4001 }, .group_count = 3 };

/* The first class that he is of decides: an owner without a right is not helped by the others'. */
static void the_mode_bits_of_his_class_decide(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        uid_t user;
        gid_t group;
        int wanted;
        bool may;
    } rows[] = {
        { 0400, USER, OTHER, R_OK, true },         { 0044, USER, OTHER, R_OK, false },
        { 0044, USER, GROUP, R_OK, false },        { 0100, USER, OTHER, X_OK, true },
        { 0400, USER, OTHER, R_OK | X_OK, false }, { 0100, USER, OTHER, R_OK | X_OK, false },
        { 0500, USER, OTHER, R_OK | X_OK, true },  { 0040, OTHER, GROUP, R_OK, true },
        { 0404, OTHER, GROUP, R_OK, false },       { 0010, OTHER, GROUP, X_OK, true },
        { 0040, OTHER, 4000, R_OK, true },         { 0040, OTHER, 4001, R_OK, true },
        { 0004, OTHER, OTHER, R_OK, true },        { 0440, OTHER, OTHER, R_OK, false },
        { 0001, OTHER, OTHER, X_OK, true },        { 0001, OTHER, OTHER, R_OK | X_OK, false },
        { 0000, OTHER, OTHER, 0, true },           { 0700, USER, OTHER, R_OK | X_OK, true },
        { 0077, USER, OTHER, R_OK, false },        { 0400, USER, OTHER, X_OK, false },
        { 0750, OTHER, GROUP, R_OK | X_OK, true }, { 0707, OTHER, GROUP, R_OK, false },
        { 0705, OTHER, OTHER, R_OK | X_OK, true }, { 0704, OTHER, OTHER, R_OK | X_OK, false },
        { 0770, OTHER, OTHER, R_OK, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct stat st = { .st_mode = S_IFREG | rows[i].mode, .st_uid = rows[i].user, .st_gid = rows[i].group };
        if (user_rights_allow(&somebody, &st, rows[i].wanted) != rows[i].may) fail_msg("row %zu", i);
    }
    struct stat shut = { .st_mode = S_IFREG, .st_uid = USER };
    assert_true(user_rights_allow(&(struct user_rights){ .user = 0 }, &shut, R_OK | X_OK));
}

static void check_groups(const struct user_rights *rights, uid_t user, gid_t first)
{
    assert_int_equal(rights->user, user);
    assert_true(rights->group_count >= 1);
    assert_int_equal(rights->groups[0], first);
}

static void names_and_numbers_are_looked_up(void **state)
{
    (void)state;
    struct user_rights rights;
    bool is_group;
    assert_true(user_rights_find(SPAN("#4711"), SPAN("#4712"), &rights, &is_group));
    check_groups(&rights, USER, GROUP);
    assert_int_equal(rights.group_count, 1);
    assert_true(user_rights_find(SPAN("#4711"), SPAN_NONE, &rights, &is_group));
    assert_int_equal(rights.user, USER);
    assert_int_equal(rights.group_count, 0); /* nobody knows of any */
    assert_true(user_rights_find(SPAN("root"), SPAN_NONE, &rights, &is_group));
    check_groups(&rights, 0, 0);
    assert_true(user_rights_find(SPAN("#0"), SPAN("#4712"), &rights, &is_group));
    check_groups(&rights, 0, GROUP);
    assert_true(user_rights_find(SPAN_NONE, SPAN_NONE, &rights, &is_group));
    assert_int_equal(rights.user, geteuid());
    assert_int_equal(rights.groups[rights.group_count - 1], getegid());
}

static void who_is_not_there_is_not_found(void **state)
{
    (void)state;
    static const struct {
        struct span user, group;
        bool is_group;
    } rows[] = {
        { SPAN("no such user"), SPAN_NONE, false },
        { SPAN("no such user"), SPAN("no such group"), false },
        { SPAN("root"), SPAN("no such group"), true },
        { SPAN_NONE, SPAN("no such group"), true },
        /* Numbers that are none, and those that the system takes for another, or for "as it is". */
        { SPAN("#"), SPAN_NONE, false },
        { SPAN("#x"), SPAN_NONE, false },
        { SPAN("#4294967295"), SPAN_NONE, false },
        { SPAN("#4294967296"), SPAN_NONE, false },
        { SPAN("root"), SPAN("#"), true },
        { SPAN("root"), SPAN("#x"), true },
        { SPAN("root"), SPAN("#4294967295"), true },
        { SPAN("root"), SPAN("#4294967296"), true },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct user_rights rights = { .user = USER };
        bool is_group = !rows[i].is_group;
        if (user_rights_find(rows[i].user, rows[i].group, &rights, &is_group)) fail_msg("row %zu", i);
        assert_int_equal(is_group, rows[i].is_group);
        assert_int_equal(rights.user, USER);
    }
}

static void the_first_place_on_the_way_that_is_shut_is_told(void **state)
{
    (void)state;
    struct scratch scratch;
    char path[128], where[USER_PATH_BYTES], longest[USER_PATH_BYTES + 1];
    scratch_open(&scratch, NULL);
    scratch_folder(&scratch, "folder");
    scratch_text(&scratch, "folder/file", "");
    snprintf(path, sizeof path, "%s/folder/file", scratch.path);
    assert_int_equal(chmod(scratch.path, 0755), 0);
    int error = user_rights_walk(&somebody, scratch.path, R_OK, where);
    if (error != 0) { /* nobody may enter the folder of temporary files */
        scratch_close(&scratch);
        skip();
    }
    assert_int_equal(user_rights_walk(&somebody, path, R_OK, where), 0);
    assert_int_equal(user_rights_walk(&somebody, path, X_OK, where), EACCES);
    assert_string_equal(where, path);
    assert_int_equal(fchmodat(scratch.fd, "folder", 0711, 0), 0); /* to enter it suffices on the way */
    assert_int_equal(user_rights_walk(&somebody, path, R_OK, where), 0);
    assert_int_equal(fchmodat(scratch.fd, "folder", 0744, 0), 0);
    assert_int_equal(user_rights_walk(&somebody, path, R_OK, where), EACCES);
    assert_int_equal(strlen(where), strlen(scratch.path) + strlen("/folder"));
    assert_memory_equal(where, path, strlen(where));
    strcat(path, "/below");
    assert_int_equal(fchmodat(scratch.fd, "folder", 0755, 0), 0);
    assert_int_equal(user_rights_walk(&somebody, path, R_OK, where), ENOTDIR);
    memcpy(strrchr(path, '/') - 4, "none", 5);
    assert_int_equal(user_rights_walk(&somebody, path, R_OK, where), ENOENT);
    assert_string_equal(where, path);
    assert_int_equal(user_rights_walk(&somebody, "/", X_OK, where), 0);
    memset(longest, 'a', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(user_rights_walk(&somebody, longest, R_OK, where), ENAMETOOLONG);
    scratch_close(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mode_bits_of_his_class_decide),
        cmocka_unit_test(names_and_numbers_are_looked_up),
        cmocka_unit_test(who_is_not_there_is_not_found),
        cmocka_unit_test(the_first_place_on_the_way_that_is_shut_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
