#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <sys/wait.h>

#include "../support/scratch.h"
#include "server/pid_file.h"

/* The first process lives as long as the system does. */
#define ANOTHER "1\n"

static struct scratch scratch;
static struct pid_file file;
static char path[128], own[16];

static int with_a_folder(void **state)
{
    (void)state;
    scratch_open(&scratch, NULL);
    snprintf(path, sizeof path, "%s/pid", scratch.path);
    snprintf(own, sizeof own, "%d\n", (int)getpid());
    file = (struct pid_file){ .path = NULL };
    return 0;
}

static int without_it(void **state)
{
    (void)state;
    pid_file_remove(&file);
    scratch_close(&scratch);
    return 0;
}

/* What is in a file; "": there is none. */
static const char *text_of(const char *name)
{
    static char text[64];
    int fd = openat(scratch.fd, name, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) close(fd);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

/* How many names there are in the folder. */
static unsigned count_names(void)
{
    unsigned count = 0;
    DIR *folder = opendir(scratch.path);
    assert_non_null(folder);
    while (readdir(folder)) count++;
    closedir(folder);
    return count - 2;
}

static void it_names_the_process_until_the_end(void **state)
{
    (void)state;
    assert_true(pid_file_write(&file, span_of_string(path)));
    assert_string_equal(text_of("pid"), own);
    assert_true(pid_file_write(&file, span_of_string(path))); /* a reload */
    assert_string_equal(text_of("pid"), own);
    assert_int_equal(count_names(), 1);
    pid_file_remove(&file);
    assert_int_equal(count_names(), 0);
    pid_file_remove(&file);
}

static void one_of_a_process_that_has_ended_or_of_none_is_replaced(void **state)
{
    (void)state;
    char ended[16];
    pid_t child = fork();
    if (child == 0) _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    snprintf(ended, sizeof ended, "%d\n", (int)child);
    const char *const texts[] = { ended,  own,   "",     "\n",           "0\n",
                                  "-1\n", "x\n", "1x\n", "4294967297\n", "99999999999999999999\n" };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        scratch_text(&scratch, "pid", texts[i]);
        if (!pid_file_write(&file, span_of_string(path))) fail_msg("%s", texts[i]);
        assert_string_equal(text_of("pid"), own);
        assert_int_equal(count_names(), 1);
        pid_file_remove(&file);
    }
}

/* It had our number, and ended between its two steps. */
static void what_another_left_beside_it_is_in_nobodys_way(void **state)
{
    (void)state;
    char beside[32];
    snprintf(beside, sizeof beside, "pid.%d", (int)getpid());
    scratch_text(&scratch, beside, "half");
    assert_true(pid_file_write(&file, span_of_string(path)));
    assert_string_equal(text_of("pid"), own);
    assert_int_equal(count_names(), 1);
}

static void one_of_a_process_that_runs_is_not_touched(void **state)
{
    (void)state;
    static const char *const texts[] = { ANOTHER, "1", "1 \n\n" };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        scratch_text(&scratch, "pid", texts[i]);
        assert_false(pid_file_write(&file, span_of_string(path)));
        assert_string_equal(text_of("pid"), texts[i]);
        assert_null(file.path);
        assert_int_equal(count_names(), 1);
    }
}

static void another_place_takes_the_place_of_the_first(void **state)
{
    (void)state;
    char elsewhere[160], nowhere[160];
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", scratch.path);
    snprintf(nowhere, sizeof nowhere, "%s/no/where", scratch.path);
    assert_true(pid_file_write(&file, span_of_string(path)));
    assert_false(pid_file_write(&file, span_of_string(nowhere)));
    assert_string_equal(text_of("pid"), own); /* nothing was changed */
    assert_false(pid_file_write(&file, span_of_string(scratch.path)));
    assert_string_equal(text_of("pid"), own);
    assert_true(pid_file_write(&file, span_of_string(elsewhere)));
    assert_string_equal(text_of("elsewhere"), own);
    assert_int_equal(count_names(), 1);
    assert_true(pid_file_write(&file, SPAN_NONE));
    assert_int_equal(count_names(), 0);
}

static void what_others_made_of_it_is_seen(void **state)
{
    (void)state;
    assert_true(pid_file_write(&file, span_of_string(path)));
    scratch_unlink(&scratch, "pid");
    assert_true(pid_file_write(&file, span_of_string(path)));
    assert_string_equal(text_of("pid"), own);
    scratch_replace(&scratch, "pid", ANOTHER);
    assert_false(pid_file_write(&file, span_of_string(path)));
    pid_file_remove(&file); /* it is not ours any more */
    assert_string_equal(text_of("pid"), ANOTHER);
}

static void a_link_is_replaced_and_not_followed(void **state)
{
    (void)state;
    scratch_link(&scratch, "target", "pid");
    assert_true(pid_file_write(&file, span_of_string(path)));
    assert_string_equal(text_of("pid"), own);
    assert_int_equal(count_names(), 1);
    pid_file_remove(&file);
    scratch_text(&scratch, "target", "of somebody else's\n");
    scratch_link(&scratch, "target", "pid");
    assert_true(pid_file_write(&file, span_of_string(path)));
    assert_string_equal(text_of("target"), "of somebody else's\n");
    assert_string_equal(text_of("pid"), own);
}

#define WITH_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, with_a_folder, without_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_FOLDER(it_names_the_process_until_the_end),
        WITH_A_FOLDER(one_of_a_process_that_has_ended_or_of_none_is_replaced),
        WITH_A_FOLDER(what_another_left_beside_it_is_in_nobodys_way),
        WITH_A_FOLDER(one_of_a_process_that_runs_is_not_touched),
        WITH_A_FOLDER(another_place_takes_the_place_of_the_first),
        WITH_A_FOLDER(what_others_made_of_it_is_seen),
        WITH_A_FOLDER(a_link_is_replaced_and_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
