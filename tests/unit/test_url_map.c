#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>

#include "../support/config_rig.h"
#include "server/url_map.h"

static struct config_rig rig;

/* Where the directive, alone, leads a path: to a Location, or, of an alias, to what is left behind the prefix, or a path. NULL: it is not
 * for that path. */
static const struct {
    const char *line, *path, *leads_to;
} rows[] = {
    /* Apache, mod_alias: "/a" is for /a and what is below, "/a/" for what is below. */
    { "Redirect /a /b", "/a", "/b" },
    { "Redirect /a /b", "/a/c", "/b/c" },
    { "Redirect /a /b", "/a/", "/b/" },
    { "Redirect /a /b", "/ab", NULL },
    { "Redirect /a /b", "/A", NULL },
    { "Redirect /a /b", "/x/a", NULL },
    { "Redirect /a/ /b/", "/a/c", "/b/c" },
    { "Redirect /a/ /b/", "/a", NULL },
    { "Redirect /a/ /b", "/a/c", "/b/c" }, /* Apache glues: /bc */
    { "Redirect /a /b/", "/a/c", "/b/c" }, /* Apache: /b//c */
    { "Redirect / https://example.org/", "/", "https://example.org/" },
    { "Redirect / https://example.org/", "/a/b", "https://example.org/a/b" },
    { "Redirect / https://example.org", "/a/b", "https://example.org/a/b" },
    { "Redirect /a https://example.org/b?c=d", "/a", "https://example.org/b?c=d" },
    /* What comes from the path is encoded (RFC 3986, 2.1): nothing of it is a query, a fragment or a line. */
    { "Redirect /a /b", "/a/c d", "/b/c%20d" },
    { "Redirect /a /b", "/a/c?d#e", "/b/c%3Fd%23e" },
    { "Redirect /a /b", "/a/c%d", "/b/c%25d" },
    { "Redirect /a /b", "/a/c\r\nX: y", "/b/c%0D%0AX:%20y" },
    { "Redirect /a /b", "/a/\xc3\xbc", "/b/%C3%BC" },
    { "Redirect /a /b", "/a/\\c", "/b/%5Cc" },
    /* A path stays a path (RFC 3986, 4.2: two slashes begin a host). */
    { "Redirect /a /", "/a/evil.example/x", "/evil.example/x" },
    { "RedirectMatch ^/a(.*)$ /$1", "/a/evil.example", "/evil.example" },
    { "RedirectMatch ^/a(.*)$ $1", "/a/evil.example", "/evil.example" },
    { "RedirectMatch ^/(.*)$ //host.example/$1", "/a", "//host.example/a" }, /* who writes it means it */
    { "RedirectMatch ^/blog/([0-9]+)/(.*)$ /$2?year=$1", "/blog/2020/a b", "/a%20b?year=2020" },
    { "RedirectMatch ^/blog/([0-9]+)/(.*)$ /$2?year=$1", "/blog/x/a", NULL },
    { "RedirectMatch \\.gif$ /pictures$0", "/a/b.gif", "/pictures.gif" },
    { "RedirectMatch ^/(a)?b$ /x$1y", "/b", "/xy" }, /* a group that took no part is empty */
    { "RedirectMatch ^/a$ /\\$1", "/a", "/$1" },
    { "RedirectMatch ^/a$ /b$", "/a", "/b$" },
    { "Alias /a/ /srv/a/", "/a/b/c", "/b/c" },
    { "Alias /a/ /srv/a/", "/a", NULL },
    { "Alias /a /srv/a", "/a", "" },
    { "Alias /a /srv/a", "/a/", "/" },
    { "Alias /a /srv/a", "/ab", NULL },
    { "Alias / /srv/", "/a", "/a" },
    { "AliasMatch ^/u/([a-z]+)/(.*)$ /users/$1/public/$2", "/u/bob/a b", "/users/bob/public/a b" },
    { "AliasMatch ^/u/([a-z]+)/(.*)$ /users/$1/public/$2", "/u/Bob/a", NULL },
};

static void read_line(const char *line)
{
    rig_open_with(&rig, NULL);
    strcpy(rig.config.server_root, "/etc");
    if (!rig_line(&rig, span_of_string(line))) fail_msg("%s: %s", line, rig.error);
    config_reader_finish(rig.reader);
}

static void a_path_leads_where_the_directive_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct url_match match;
        char out[512];
        read_line(rows[i].line);
        bool is_found = url_map_find(&rig.config.sites[0]->url_maps, span_of_string(rows[i].path), &match);
        if (is_found != (rows[i].leads_to != NULL)) fail_msg("%s, %s", rows[i].line, rows[i].path);
        if (is_found) {
            struct span got = match.rest;
            if (match.map->kind == URL_ALIAS_MATCH) got = span_of(out, url_map_path(&match, out, sizeof out));
            if (match.map->kind == URL_REDIRECT || match.map->kind == URL_REDIRECT_MATCH)
                got = span_of(out, url_map_location(&match, out, sizeof out));
            if (!span_equal(got, span_of_string(rows[i].leads_to)))
                fail_msg("%s, %s leads to %.*s", rows[i].line, rows[i].path, (int)got.size, got.data);
        }
        rig_close(&rig);
    }
}

static void what_is_too_long_leads_nowhere(void **state)
{
    (void)state;
    struct url_match match;
    char out[16];
    read_line("Redirect /a /0123456");
    assert_true(url_map_find(&rig.config.sites[0]->url_maps, SPAN("/a/2345678"), &match));
    assert_int_equal(url_map_location(&match, out, sizeof out), 16);
    assert_true(url_map_find(&rig.config.sites[0]->url_maps, SPAN("/a/23456789"), &match));
    assert_int_equal(url_map_location(&match, out, sizeof out), 0);
    assert_true(url_map_find(&rig.config.sites[0]->url_maps, SPAN("/a/2345\xc3"), &match));
    assert_int_equal(url_map_location(&match, out, sizeof out), 16);
    rig_close(&rig);
}

/* Apache, mod_alias: redirects before aliases, and of each the first. */
static void redirects_come_before_aliases_and_the_first_holds(void **state)
{
    (void)state;
    static const char *const lines[] = { "Alias /a /srv/a", "Redirect /a/b /x", "Redirect /a/b/c /y",
                                         "Alias /a/d /srv/d" };
    static const struct {
        const char *path, *target;
    } found[] = { { "/a/b/c", "/x" }, { "/a/d", "/srv/a" }, { "/a", "/srv/a" } };
    struct url_match match;
    rig_open_with(&rig, NULL);
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) assert_true(rig_line(&rig, span_of_string(lines[i])));
    config_reader_finish(rig.reader);
    for (size_t i = 0; i < ARRAY_COUNT(found); i++) {
        assert_true(url_map_find(&rig.config.sites[0]->url_maps, span_of_string(found[i].path), &match));
        assert_true(span_equal(match.map->target, span_of_string(found[i].target)));
    }
    rig_close(&rig);
}

static void the_fixed_folder_of_an_alias_match_ends_before_what_varies(void **state)
{
    (void)state;
    static const struct {
        const char *line, *folder;
    } folders[] = { { "AliasMatch ^/u/(.*) /users/$1/x", "/users" },
                    { "AliasMatch ^/u/(.*) /users/user-$1", "/users" },
                    { "AliasMatch ^/u/(.*) /$1", "/" },
                    { "AliasMatch ^/u$ /srv/a/b.txt", "/srv/a" },
                    { "AliasMatch ^/u$ /srv/a\\$b/c", "/srv" } };
    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        read_line(folders[i].line);
        struct span folder = url_map_fixed_folder(rig.config.sites[0]->url_maps.items[0]);
        if (!span_equal(folder, span_of_string(folders[i].folder)))
            fail_msg("%s: %.*s", folders[i].line, (int)folder.size, folder.data);
        rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_leads_where_the_directive_says),
        cmocka_unit_test(what_is_too_long_leads_nowhere),
        cmocka_unit_test(redirects_come_before_aliases_and_the_first_holds),
        cmocka_unit_test(the_fixed_folder_of_an_alias_match_ends_before_what_varies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
