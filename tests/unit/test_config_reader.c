#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "../support/config_rig.h"

static struct config_rig rig;

static void read_text(const char *text)
{
    const struct rig_file files[] = { { "/etc/folio.conf", text }, { NULL, NULL } };
    rig_open_with(&rig, files);
    (void)config_reader_include(rig.reader, SPAN("/etc/folio.conf"), false);
    config_reader_finish(rig.reader);
}

/* What is told of a whole file. */
static const struct {
    const char *text, *told;
} files[] = {
    { "", "" },
    { "\n  # a comment\n\t\n#\\\nThreads 0\n", "" }, /* a comment goes on, too */
    { "Threads 1\r\n", "" },
    { "Threads \\\n  0\nThreads 65\n", "1:11 Threads: 0 is out of range; at least 1 and at most 64\n"
                                       "3:9 Threads: 65 is out of range; at least 1 and at most 64\n" },
    { "Threads 1\\", "1:9 Threads: \"1\\\" is not a number\n" },
    { "Define n 3\nThreads ${n}\n", "" },
    { "Define n 7\nThreads 9${n}${n}\n", "2:9 Threads: 977 is out of range; at least 1 and at most 64\n" },
    { "Threads ${none}\n", "1:9 ${none} is not defined, neither by Define nor in the environment\n" },
    { "Threads ${none\n", "1:9 \"${\" wants a \"}\"; \"\\${\" stands for itself\n" },
    { "Threads \\${none}\n", "1:9 Threads: \"${none}\" is not a number\n" },
    { "Define \"a b\" c\n", "1:8 Define: \"a b\" is not a name of letters, digits, '_', '-' and '.'\n" },
    { "Define a \"x y\"\nDirectoryIndex ${a} ${a} /\n",
      "2:26 DirectoryIndex: \"/\" is not the name of a file, such as index.html\n" },
    { "Define empty\nThreads ${empty}4\n", "" },
    { "${THREADS_NAME} 3\n", "" },
    { "<Directory /a>\nThreads 1\n</Directory>\n",
      "2:1 Threads may not stand in <Directory>; it may stand outside of all sections\n" },
    { "<VirtualHost *>\n<Directory /a>\nServerName a\n</Directory>\n</VirtualHost>\n",
      "3:1 ServerName may not stand in <Directory>; it may stand outside of all sections and in <VirtualHost>\n" },
    { "<VirtualHost *>\n<VirtualHost *>\n</VirtualHost>\n</VirtualHost>\n",
      "2:2 <VirtualHost> may not stand in <VirtualHost>; it may stand outside of all sections\n" },
    { "<Directory /a>\n<Location /b>\n</Location>\n</Directory>\n",
      "2:2 <Location> may not stand in <Directory>; it may stand outside of all sections and in <VirtualHost>\n" },
    { "<Location /a>\n<Files b>\nOptions None\n</Files>\n</Location>\n", "" },
    { "<Files a>\n<Files b>\n</Files>\n</Files>\n", "2:2 <Files> may not stand in <Files>; it may stand outside of all "
                                                    "sections, in <VirtualHost>, in <Directory> and in "
                                                    "<Location>\n" },
    { "<files a>\n</FILES>\n", "" },
    { "<Files a>\n", "1:1 <Files> is not closed: </Files> is missing in the file in which it began\n" },
    { "<Directory /a>\n<Files a>\n</Directory>\nThreads 1\n",
      "2:1 <Files> is not closed: </Files> is missing in the file in which it began\n" },
    { "</Files>\n", "1:2 </Files> closes nothing that began in this file\n" },
    { "<Location /a>\n</Files>\n</Location>\n",
      "2:2 </Files> closes nothing that began in this file; </Location> is what is open\n" },
    { "<Files a\n", "1:1 a section begins with <NAME ...> and ends with </NAME>: \">\" is missing\n" },
    { "<>\n", "1:1 a section has a name, as in <Directory /srv/www>\n" },
    { "<Files \"a>\n", "1:8 a quotation mark is not closed\n" },
    { "<Files>\n</Files>\n", "1:2 <Files> takes one argument or more: <Files NAME>\n" },
    { "<Files a b>\n</Files>\n", "1:10 <Files>: one pattern is wanted; quote one with blanks\n" },
    { "<Files ~ b>\n</Files>\n", "1:8 <Files>: expressions are not taken here; *, ? and [] match within a name\n" },
    { "<Files a/b>\n</Files>\n", "1:8 <Files>: <Files> is for names, which hold no slash; <Directory> is for paths\n" },
    { "<Location a>\n</Location>\n", "1:11 <Location>: \"a\" is not a path of a URL, which begins with /\n" },
    { "<Files a>\n</Files b>\n", "2:9 </Files> takes no argument\n" },
    { "<Director /a>\nOptions None\n</Director>\n", "1:2 there is no section <Director>; did you mean <Directory>?\n" },
    { "<FilesMatch \\.bak$>\n</FilesMatch>\n", "1:2 there is no section <FilesMatch>; <Files> takes a name in which *, "
                                               "? and [] match, and several may be written\n" },
    { "<IfModule a>\nThreads 1\n</IfModule>\n", "1:2 there is no section <IfModule>; there are no modules: everything "
                                                "is built in, so write its lines without it\n" },
    { "<VirtualHost a.example>\nServerName a\n</VirtualHost>\n",
      "1:14 <VirtualHost>: \"a.example\" is not *, _default_ or an IP address, with or without :PORT\n" },
    { "Files a\n", "1:1 there is no directive Files; did you mean <Files>?\n" },
    { "<Threads 1>\n</Threads>\n", "1:2 there is no section <Threads>\n" },
    { "Include none*\n", "1:9 Include: there is no file /etc/none*; IncludeOptional does not mind\n" },
    { "IncludeOptional none*\n", "" },
};

static void every_mistake_of_a_file_is_told_with_its_place(void **state)
{
    (void)state;
    setenv("THREADS_NAME", "Threads", 1);
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        const struct rig_file texts[] = { { "/etc/folio.conf", files[i].text }, { NULL, NULL } };
        rig_open_with(&rig, texts);
        strcpy(rig.config.server_root, "/etc");
        (void)config_reader_include(rig.reader, SPAN("/etc/folio.conf"), false);
        if (strcmp(rig_errors(&rig), files[i].told) != 0)
            fail_msg("of\n%sis told\n%snot\n%s", files[i].text, rig.error, files[i].told);
        assert_int_equal(rig.reader->frame_count, 0);
        assert_int_equal(rig.reader->context, CONTEXT_SERVER);
        rig_close(&rig);
    }
}

static void files_are_included_where_they_are_named(void **state)
{
    (void)state;
    static const struct rig_file texts[] = {
        { "/etc/folio.conf", "Define who main\nInclude parts/*.conf\nThreads ${n}\n<Directory /a>\nInclude /etc/rules\n"
                             "</Directory>\nInclude open\n</Files>\n" },
        { "/etc/parts/1.conf", "Define n 3\nDocumentRoot /srv/${who}\n" },
        { "/etc/parts/2.conf", "Define n 4\nBogus\n" },
        { "/etc/parts/no", "Bogus\n" },
        { "/etc/rules", "Options Indexes\n" },
        { "/etc/open", "<Files a>\n" },
        { NULL, NULL },
    };
    rig_open_with(&rig, texts);
    strcpy(rig.config.server_root, "/etc");
    assert_true(config_reader_include(rig.reader, SPAN("/etc/folio.conf"), false));
    assert_string_equal(rig_errors(&rig),
                        "2:1 there is no directive Bogus\n"
                        "1:1 <Files> is not closed: </Files> is missing in the file in which it began\n"
                        "8:2 </Files> closes nothing that began in this file\n");
    const struct config_remark *first = rig.report.remarks.items[0];
    assert_string_equal(first->spot.place.file, "/etc/parts/2.conf");
    assert_int_equal(rig.config.threads, 4);
    assert_string_equal(rig.config.sites[0]->document_root.data, "/srv/main");
    const struct section *section = rig.config.sites[0]->own_sections.items[0];
    assert_int_equal(section->rules.options.added, OPTION_INDEXES);
    assert_string_equal(section->rules.places[RULE_OPTIONS].file, "/etc/rules");
    assert_int_equal(section->place.line, 4);
    rig_close(&rig);
}

static void a_file_closes_no_section_of_another(void **state)
{
    (void)state;
    static const struct rig_file texts[] = {
        { "/etc/folio.conf",
          "<VirtualHost *>\n<Directory /a>\nInclude /etc/close\nOptions Indexes\n</Directory>\n</VirtualHost>\n" },
        { "/etc/close", "</VirtualHost>\n" },
        { NULL, NULL },
    };
    rig_open_with(&rig, texts);
    config_reader_include(rig.reader, SPAN("/etc/folio.conf"), false);
    assert_string_equal(rig_errors(&rig), "1:2 </VirtualHost> closes nothing that began in this file\n");
    const struct section *section = rig.config.sites[1]->own_sections.items[0];
    assert_true(rules_have(&section->rules, RULE_OPTIONS));
    rig_close(&rig);
}

static void a_list_that_was_joined_is_no_other_ones(void **state)
{
    (void)state;
    struct arena arena = { 0 };
    struct config_list first = { 0 }, joined = { 0 };
    static const struct config_list none;
    static const char a, b, c;
    assert_true(config_list_add(&arena, &first, &a));
    assert_true(config_list_join(&arena, &first, &none, &joined));
    assert_true(config_list_add(&arena, &joined, &b));
    assert_true(config_list_add(&arena, &first, &c));
    assert_ptr_equal(joined.items[1], &b);
    assert_ptr_equal(first.items[1], &c);
    assert_ptr_equal(joined.items[0], &a);
    arena_done(&arena);
}

static void files_that_include_each_other_come_to_an_end(void **state)
{
    (void)state;
    read_text("Include /etc/folio.conf\nThreads 2\n");
    assert_string_equal(rig_errors(&rig), "1:9 Include: files include each other more than 16 deep\n");
    assert_int_equal(rig.config.threads, 2);
    rig_close(&rig);
}

static void sections_are_only_so_deep(void **state)
{
    (void)state;
    char text[1000] = "";
    for (int i = 0; i <= CONFIG_SECTIONS_DEEP_MAX; i++) strcat(text, "<IfDefine a>\n");
    read_text(text);
    assert_non_null(strstr(rig_errors(&rig), "17:2 sections are more than 16 deep\n"));
    rig_close(&rig);
}

static void a_section_cannot_be_begun_on_the_command_line(void **state)
{
    (void)state;
    rig_open_with(&rig, NULL);
    assert_false(rig_line(&rig, SPAN("<Files a>")));
    assert_string_equal(rig.error, "<Files> is not closed: </Files> is missing in the file in which it began");
    assert_int_equal(rig.reader->context, CONTEXT_SERVER);
    rig_close(&rig);
}

static void so_many_mistakes_are_kept_and_all_are_counted(void **state)
{
    (void)state;
    char text[4000] = "";
    for (int i = 0; i < CONFIG_REMARKS_KEPT_MAX + 7; i++) strcat(text, "X 1\n");
    read_text(text);
    assert_int_equal(rig.report.mistakes, CONFIG_REMARKS_KEPT_MAX + 7);
    assert_int_equal(rig.report.remarks.count, CONFIG_REMARKS_KEPT_MAX);
    rig_close(&rig);
}

static void many_variables_are_found_again(void **state)
{
    (void)state;
    struct config_variables variables = { .ignores_environment = true };
    struct arena arena = { 0 };
    char name[32], value[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "name%d", i);
        snprintf(value, sizeof value, "value%d", i);
        assert_true(config_variables_define(&variables, &arena, span_of_string(name), span_of_string(value)));
    }
    assert_true(config_variables_define(&variables, &arena, SPAN("name7"), SPAN("other")));
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "name%d", i);
        snprintf(value, sizeof value, i == 7 ? "other" : "value%d", i);
        assert_string_equal(config_variables_find(&variables, span_of_string(name)).data, value);
    }
    assert_null(config_variables_find(&variables, SPAN("Name1")).data);
    assert_null(config_variables_find(&variables, SPAN("PATH")).data);
    assert_int_equal(variables.count, 5000);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_of_a_file_is_told_with_its_place),
        cmocka_unit_test(files_are_included_where_they_are_named),
        cmocka_unit_test(a_file_closes_no_section_of_another),
        cmocka_unit_test(a_list_that_was_joined_is_no_other_ones),
        cmocka_unit_test(files_that_include_each_other_come_to_an_end),
        cmocka_unit_test(sections_are_only_so_deep),
        cmocka_unit_test(a_section_cannot_be_begun_on_the_command_line),
        cmocka_unit_test(so_many_mistakes_are_kept_and_all_are_counted),
        cmocka_unit_test(many_variables_are_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
