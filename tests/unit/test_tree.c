#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "cache/tree.h"

#define TEXT(text)                               \
    {                                            \
        .data = (text), .size = sizeof(text) - 1 \
    }

static const struct tree_mount mounts[] = {
    { TEXT(""), TEXT("") },
    { TEXT("\1"
           "/icons"),
      TEXT("") },
    { TEXT("/logo.png"), TEXT("/pictures/logo.png") },
    { TEXT("\2"
           "/p"),
      TEXT("/pictures") },
};

static char keys[4096];

static void note(void *context, struct span key)
{
    (void)context;
    size_t at = strlen(keys);
    snprintf(keys + at, sizeof keys - at, "%.*s ", (int)key.size, key.data);
}

static void every_mount_that_leads_to_a_path_gives_its_key(void **state)
{
    (void)state;
    static const struct {
        const char *path, *keys;
    } cases[] = {
        { "/a", "/a \1/icons/a " },
        { "/", "/ \1/icons/ " },
        { "/pictures/logo.png", "/pictures/logo.png \1/icons/pictures/logo.png /logo.png \2/p/logo.png " },
        { "/pictures/", "/pictures/ \1/icons/pictures/ \2/p/ " },
        { "/pictures", "/pictures \1/icons/pictures \2/p " },
        { "/pictures2/x", "/pictures2/x \1/icons/pictures2/x " },
    };
    struct tree tree = { .mounts = mounts, .mount_count = 4 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        keys[0] = '\0';
        tree_keys(&tree, span_of_string(cases[i].path), note, NULL);
        assert_string_equal(keys, cases[i].keys);
    }
}

static void a_tree_that_nothing_leads_to_has_no_keys(void **state)
{
    (void)state;
    struct tree tree = { .mount_count = 0 };
    keys[0] = '\0';
    tree_keys(&tree, SPAN("/a"), note, NULL);
    assert_string_equal(keys, "");
}

static void an_index_stands_for_its_folder(void **state)
{
    (void)state;
    static const struct span names[] = { TEXT("index.html"), TEXT("home.htm") };
    static const struct {
        const char *path, *folder;
    } cases[] = {
        { "/index.html", "/" },      { "/a/home.htm", "/a/" }, { "/a/index.htm", NULL },
        { "/a/myindex.html", NULL }, { "/a/", NULL },          { "/index.html/x", NULL },
    };
    struct tree_list trees = { .index_names = names, .index_count = 2 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct span folder;
        assert_int_equal(tree_is_index(&trees, span_of_string(cases[i].path), &folder), cases[i].folder != NULL);
        if (cases[i].folder) assert_true(span_equal(folder, span_of_string(cases[i].folder)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mount_that_leads_to_a_path_gives_its_key),
        cmocka_unit_test(a_tree_that_nothing_leads_to_has_no_keys),
        cmocka_unit_test(an_index_stands_for_its_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
