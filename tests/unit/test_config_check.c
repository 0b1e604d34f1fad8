#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "../support/config_rig.h"
#include "../support/scratch.h"
#include "server/config_check.h"

static struct config_rig rig;

/* What is warned of a configuration in which @ stands for the scratch folder, one a line. */
static const char *warned(const struct scratch *scratch, const char *text)
{
    static char whole[4096];
    char *to = whole;
    for (; *text; text++) {
        if (*text == '@')
            to = stpcpy(to, scratch->path);
        else
            *to++ = *text;
    }
    *to = '\0';
    const struct rig_file files[] = { { "/folio.conf", whole }, { NULL, NULL } };
    rig_open_with(&rig, files);
    config_reader_include(rig.reader, SPAN("/folio.conf"), false);
    config_reader_finish(rig.reader);
    assert_string_equal(rig_errors(&rig), "");
    config_check(&rig.config, &rig.report);
    return rig_errors(&rig);
}

static void rules_that_need_others_are_warned_of(void **state)
{
    (void)state;
    static const struct {
        const char *text, *told;
    } rows[] = {
        { "Require valid-user\n", "Require: nobody is asked for a name: AuthType Basic is missing" },
        { "Require user a\n", "Require: nobody is asked for a name: AuthType Basic is missing" },
        { "Require user a\nAuthType Basic\nAuthUserFile @/users\n", "" },
        { "AuthType Basic\n", "AuthType: nobody has a password: AuthUserFile is missing" },
        { "AuthType Basic\nAuthUserFile @/none\n", "AuthUserFile: @/none: No such file or directory" },
        { "AuthUserFile @/users\nAuthType Basic\n<Location /a>\nRequire valid-user\n</Location>\n", "" },
        { "<Location /a>\nRequire valid-user\n</Location>\n", "Require: nobody is asked for a name" },
        { "DocumentRoot @/www\n<Directory @/other>\nOptions None\n</Directory>\n", "nothing is served from there" },
        { "DocumentRoot @/www\n<Directory @/other>\nOptions FollowSymLinks\n</Directory>\n", "" },
        { "DocumentRoot @/www\n<Directory @/other>\nOptions +SymLinksIfOwnerMatch\n</Directory>\n", "" },
        { "AliasMatch ^/u/(.*) @/users-$1\n<Directory @>\nOptions None\n</Directory>\n", "" },
        { "User nobody-is-called-so\n", "User: there is no user nobody-is-called-so" },
        { "Group nobody-is-called-so\n", "Group: there is no group nobody-is-called-so" },
        { "User #4711\nGroup #4712\n", "" },
    };
    struct scratch scratch;
    scratch_open(&scratch, NULL);
    scratch_text(&scratch, "users", "");
    scratch_folder(&scratch, "www");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char wanted[512], *to = wanted;
        for (const char *from = rows[i].told; *from; from++) {
            if (*from == '@')
                to = stpcpy(to, scratch.path);
            else
                *to++ = *from;
        }
        *to = '\0';
        const char *told = warned(&scratch, rows[i].text);
        bool is_so = wanted[0] ? strstr(told, wanted) != NULL : told[0] == '\0';
        if (!is_so) fail_msg("of\n%sis told\n%snot\n%s", rows[i].text, told, wanted);
        assert_true(rig.report.remarks.count <= 1);
        rig_close(&rig);
    }
    scratch_close(&scratch);
}

static void the_part_of_the_way_that_is_to_blame_is_named(void **state)
{
    (void)state;
    struct scratch scratch;
    struct user_rights rights = { .user = 4713 };
    char path[200], wanted[200], where[USER_PATH_BYTES];
    scratch_open(&scratch, NULL);
    scratch_folder(&scratch, "a");
    scratch_folder(&scratch, "a/b");
    scratch_text(&scratch, "a/b/page", "");
    assert_int_equal(chmod(scratch.path, 0755), 0);
    snprintf(path, sizeof path, "%s/a/b", scratch.path);
    assert_int_equal(user_rights_walk(&rights, path, R_OK | X_OK, where), 0);
    assert_int_equal(chmod(path, 0711), 0);
    assert_int_equal(user_rights_walk(&rights, path, R_OK | X_OK, where), EACCES);
    assert_string_equal(where, path);
    assert_int_equal(user_rights_walk(&rights, path, X_OK, where), 0);
    snprintf(wanted, sizeof wanted, "%s/a", scratch.path);
    assert_int_equal(chmod(wanted, 0744), 0);
    assert_int_equal(user_rights_walk(&rights, path, X_OK, where), EACCES);
    assert_string_equal(where, wanted);
    snprintf(path, sizeof path, "%s/a/b/page/c", scratch.path);
    assert_int_equal(user_rights_walk(&(struct user_rights){ 0 }, path, R_OK, where), ENOTDIR);
    snprintf(path, sizeof path, "%s/a/none/c", scratch.path);
    assert_int_equal(user_rights_walk(&(struct user_rights){ 0 }, path, R_OK, where), ENOENT);
    snprintf(wanted, sizeof wanted, "%s/a/none", scratch.path);
    assert_string_equal(where, wanted);
    scratch_close(&scratch);
}

static void whoever_serves_is_found_by_name_or_number(void **state)
{
    (void)state;
    struct user_rights rights;
    bool is_group;
    assert_true(user_rights_find(SPAN("root"), SPAN_NONE, &rights, &is_group));
    assert_int_equal(rights.user, 0);
    assert_true(user_rights_find(SPAN("#4711"), SPAN("#4712"), &rights, &is_group));
    assert_int_equal(rights.user, 4711);
    assert_int_equal(rights.group_count, 1);
    assert_int_equal(rights.groups[0], 4712);
    assert_true(user_rights_find(SPAN("www-data"), SPAN_NONE, &rights, &is_group));
    assert_true(rights.user != 0 && rights.group_count > 0);
    assert_true(user_rights_find(SPAN_NONE, SPAN_NONE, &rights, &is_group));
    assert_int_equal(rights.user, geteuid());
    assert_false(user_rights_find(SPAN("nobody-is-called-so"), SPAN_NONE, &rights, &is_group));
    assert_false(is_group);
    assert_false(user_rights_find(SPAN("root"), SPAN("nobody-is-called-so"), &rights, &is_group));
    assert_true(is_group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_that_need_others_are_warned_of),
        cmocka_unit_test(the_part_of_the_way_that_is_to_blame_is_named),
        cmocka_unit_test(whoever_serves_is_found_by_name_or_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
