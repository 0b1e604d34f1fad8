#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "../support/config_rig.h"
#include "server/section_match.h"

static struct config_rig rig;

static const struct {
    const char *kind, *pattern, *inner; /* inner: of a <Files> in it, which is then asked */
    const char *folder, *name, *url;
    bool matches;
} rows[] = {
    /* Apache, "Configuration Sections": what is in the folder, and below. */
    { "Directory", "/srv/foo", NULL, "/srv/foo", "a", "/", true },
    { "Directory", "/srv/foo", NULL, "/srv/foo/bar", "a", "/", true },
    { "Directory", "/srv/foo", NULL, "/srv/foobar", "a", "/", false },
    { "Directory", "/srv/foo", NULL, "/srv", "foo", "/", false },
    { "Directory", "/srv/foo/", NULL, "/srv/foo", "a", "/", true },
    { "Directory", "/", NULL, "/", "a", "/", true },
    { "Directory", "/", NULL, "/srv", "a", "/", true },
    { "Directory", "/srv", NULL, NULL, "", "/srv", false }, /* answered by the rules alone */
    { "Directory", "/srv/Foo", NULL, "/srv/foo", "a", "/", false },
    { "Directory", "/srv/*", NULL, "/srv/a", "b", "/", true },
    { "Directory", "/srv/*", NULL, "/srv/a/b", "c", "/", true },
    { "Directory", "/srv/*", NULL, "/srv", "a", "/", false },
    { "Directory", "/srv/*/private", NULL, "/srv/a/private", "b", "/", true },
    { "Directory", "/srv/*/private", NULL, "/srv/a/private/deeper", "b", "/", true },
    { "Directory", "/srv/*/private", NULL, "/srv/a/b/private", "c", "/", false },
    { "Directory", "/srv/*/private", NULL, "/srv/a/privateer", "c", "/", false },
    { "Directory", "/srv/?", NULL, "/srv/a", "b", "/", true },
    { "Directory", "/srv/?", NULL, "/srv/ab", "b", "/", false },
    { "Directory", "/srv/[a-c]", NULL, "/srv/b/x", "c", "/", true },
    { "Directory", "/srv/[a-c]", NULL, "/srv/d", "c", "/", false },
    { "Directory", "/srv/**/private", NULL, "/srv/a/b/private/c", "d", "/", true },
    { "Directory", "/srv/a|/srv/b", NULL, "/srv/b/c", "d", "/", true },
    /* Names only. */
    { "Files", "secret.txt", NULL, "/srv", "secret.txt", "/x", true },
    { "Files", "secret.txt", NULL, "/srv", "asecret.txt", "/x", false },
    { "Files", "secret.txt", NULL, "/srv", "Secret.txt", "/x", false },
    { "Files", "*.bak", NULL, "/srv/deep/er", "a.bak", "/x", true },
    { "Files", "*.bak", NULL, "/srv/a.bak", "b", "/x", false },
    { "Files", "*", NULL, "/srv", "", "/x", false }, /* a folder has no name here */
    { "Files", "?.txt", NULL, "/srv", "a.txt", "/x", true },
    /* Paths of URLs. */
    { "Location", "/foo", NULL, "/srv", "foo", "/foo", true },
    { "Location", "/foo", NULL, "/srv", "a", "/foo/", true },
    { "Location", "/foo", NULL, "/srv", "a", "/foo/a", true },
    { "Location", "/foo", NULL, "/srv", "foobar", "/foobar", false },
    { "Location", "/foo", NULL, "/srv", "a", "/", false },
    { "Location", "/foo", NULL, "/srv", "a", "/bar/foo", false },
    { "Location", "/foo/", NULL, "/srv", "foo", "/foo", true },
    { "Location", "/", NULL, "/srv", "a", "/anything", true },
    { "Location", "/", NULL, NULL, "", "/", true },
    { "Location", "/*/private", NULL, "/srv", "a", "/x/private/a", true },
    { "Location", "/*/private", NULL, "/srv", "a", "/x/y/private", false },
    { "Location", "/a%20b", NULL, "/srv", "a b", "/a b", false }, /* what is compared is decoded */
    /* <Files> within something is for those of them there. */
    { "Directory", "/srv/a", "*.txt", "/srv/a/b", "c.txt", "/", true },
    { "Directory", "/srv/a", "*.txt", "/srv/b", "c.txt", "/", false },
    { "Directory", "/srv/a", "*.txt", "/srv/a", "c.html", "/", false },
    { "Location", "/a", "*.txt", "/srv/b", "c.txt", "/a/c.txt", true },
    { "Location", "/a", "*.txt", "/srv/a", "c.txt", "/b/c.txt", false },
};

static struct span span_or_none(const char *text)
{
    return text ? span_of_string(text) : SPAN_NONE;
}

static void a_section_is_for_what_it_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[256];
        const char *inner = rows[i].inner;
        snprintf(text, sizeof text, "<%s %s>\n%s%s%s%s</%s>\n", rows[i].kind, rows[i].pattern, inner ? "<Files " : "",
                 inner ? inner : "", inner ? ">\n</" : "", inner ? "Files>\n" : "", rows[i].kind);
        if (!rig_read(&rig, text)) fail_msg("%s: %s", text, rig.error);
        const struct config_list *sections = &rig.config.sites[0]->own_sections;
        struct section_subject subject = { .folder = span_or_none(rows[i].folder),
                                           .name = span_of_string(rows[i].name),
                                           .url = span_of_string(rows[i].url) };
        if (section_matches(sections->items[sections->count - 1], &subject) != rows[i].matches)
            fail_msg("%s and the file %s in %s at %s", text, rows[i].name,
                     rows[i].folder ? rows[i].folder : "no folder", rows[i].url);
        rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_section_is_for_what_it_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
