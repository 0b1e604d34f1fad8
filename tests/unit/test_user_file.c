#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "../support/scratch.h"
#include "server/user_file.h"

static struct scratch scratch;
static struct user_file file;
static char path[128];

static int with_a_folder(void **state)
{
    (void)state;
    scratch_open(&scratch, NULL);
    snprintf(path, sizeof path, "%s/users", scratch.path);
    file = (struct user_file){ .is_read = false };
    return 0;
}

static int without_it(void **state)
{
    (void)state;
    user_file_done(&file);
    scratch_close(&scratch);
    return 0;
}

/* Another inode each time, so that it is another file however little time has gone by. */
static void write_users(const char *text)
{
    scratch_replace(&scratch, "users", text);
}

static bool has_changed(enum status wanted)
{
    bool ret_has_changed;
    assert_int_equal(user_file_refresh(&file, path, &ret_has_changed), wanted);
    return ret_has_changed;
}

/* NULL: there is nobody of that name. */
static void check_hash(const char *name, const char *wanted)
{
    struct span hash = user_file_find(&file, span_of_string(name));
    if (!wanted) {
        assert_null(hash.data);
        return;
    }
    assert_non_null(hash.data);
    assert_int_equal(hash.size, strlen(wanted));
    assert_memory_equal(hash.data, wanted, hash.size);
}

static void lines_are_names_and_hashes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *hash;
    } rows[] = {
        { "anna:secret\n", "anna", "secret" },
        { "anna:secret", "anna", "secret" }, /* without an end */
        { "anna:secret\r\nbert:other\r\n", "anna", "secret" },
        { "anna:secret\r\nbert:other\r\n", "bert", "other" },
        { "anna:secret\n", "ann", NULL },
        { "anna:secret\n", "annabel", NULL },
        { "anna:secret\n", "Anna", NULL },
        { "anna:first\nanna:second\n", "anna", "first" },
        { "# anna:old\nanna:new\n", "anna", "new" },
        { "# anna:old\n", "# anna", NULL },
        { "\n\nanna:secret\n\n", "anna", "secret" },
        { "no colon\nanna:secret\n", "no colon", NULL },
        { "no colon\nanna:secret\n", "anna", "secret" },
        { "anna:secret:more:fields\n", "anna", "secret" },
        { "anna:\n", "anna", "" },
        { "bert:other\nanna:secret\n", "", "other" }, /* anybody's */
        { "# nobody\n", "", NULL },
        { "", "anna", NULL },
        { ":hash of no name\nanna:secret\n", "anna", "secret" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        write_users(rows[i].text);
        assert_true(has_changed(STATUS_OK));
        check_hash(rows[i].name, rows[i].hash);
    }
}

static void a_file_is_read_again_only_when_it_is_another(void **state)
{
    (void)state;
    write_users("anna:one\n");
    assert_true(has_changed(STATUS_OK));
    const char *text = file.text;
    assert_false(has_changed(STATUS_OK));
    assert_ptr_equal(file.text, text);
    write_users("anna:two\n");
    assert_true(has_changed(STATUS_OK));
    check_hash("anna", "two");
    assert_false(has_changed(STATUS_OK));
}

/* Whoever was in it is nobody any more: who was let in by it must not be from then on. */
static void nobody_is_in_a_file_that_cannot_be_read(void **state)
{
    (void)state;
    assert_false(has_changed(STATUS_FAILED)); /* it never could */
    write_users("anna:secret\n");
    assert_true(has_changed(STATUS_OK));
    scratch_unlink(&scratch, "users");
    assert_true(has_changed(STATUS_FAILED));
    check_hash("anna", NULL);
    assert_false(has_changed(STATUS_FAILED));
    write_users("anna:secret\n");
    assert_true(has_changed(STATUS_OK));
    check_hash("anna", "secret");
}

static void what_is_no_regular_file_is_not_waited_for(void **state)
{
    (void)state;
    SCRATCH_MUST(mkfifoat(scratch.fd, "users", 0600) == 0);
    assert_false(has_changed(STATUS_FAILED));
    scratch_unlink(&scratch, "users");
    scratch_folder(&scratch, "users");
    assert_false(has_changed(STATUS_FAILED));
}

static void a_file_that_is_too_big_is_not_read(void **state)
{
    (void)state;
    char *text = malloc(USER_FILE_BYTES_MAX + 1);
    assert_non_null(text);
    memset(text, '\n', USER_FILE_BYTES_MAX + 1);
    memcpy(text, "anna:secret", 11);
    scratch_write(&scratch, "users", text, USER_FILE_BYTES_MAX + 1);
    assert_false(has_changed(STATUS_FAILED));
    check_hash("anna", NULL);
    scratch_unlink(&scratch, "users");
    scratch_write(&scratch, "users", text, USER_FILE_BYTES_MAX);
    assert_true(has_changed(STATUS_OK));
    check_hash("anna", "secret");
    free(text);
}

#define WITH_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, with_a_folder, without_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_FOLDER(lines_are_names_and_hashes),
        WITH_A_FOLDER(a_file_is_read_again_only_when_it_is_another),
        WITH_A_FOLDER(nobody_is_in_a_file_that_cannot_be_read),
        WITH_A_FOLDER(what_is_no_regular_file_is_not_waited_for),
        WITH_A_FOLDER(a_file_that_is_too_big_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
