#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "../support/config_rig.h"
#include "server/hosts.h"

static struct config_rig rig;

static void read_text(const char *text)
{
    if (!rig_read(&rig, text)) fail_msg("%s: %s", text, rig.error);
}

static struct peer_address address(const char *text, uint16_t port)
{
    struct ip_address parsed;
    struct peer_address peer = { .port = port };
    assert_true(ip_address_parse(span_of_string(text), &parsed));
    memcpy(peer.bytes, parsed.bytes, sizeof peer.bytes);
    return peer;
}

static const char names[] = "ServerName main.example\n"
                            "<VirtualHost *>\n"
                            "ServerName One.Example\n"
                            "ServerAlias one.alias *.wild.example\n"
                            "</VirtualHost>\n"
                            "<VirtualHost *>\n"
                            "ServerName two.example\n"
                            "ServerAlias a.wild.example one.example w?.example [::1]\n"
                            "</VirtualHost>\n"
                            "<VirtualHost *>\n"
                            "ServerName x.wild.example\n"
                            "ServerAlias *\n"
                            "</VirtualHost>\n";

/* RFC 9110, 4.2.3: case does not count. Apache, "Name-based Virtual Host Support": the first that has the name. */
static void the_first_site_that_has_the_name_answers(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        unsigned site;
        bool is_known;
    } rows[] = {
        { "one.example", 1, true },
        { "ONE.EXAMPLE", 1, true },
        { "one.alias", 1, true },
        { "one.example.", 1, true },
        { "two.example", 2, true },
        { "b.wild.example", 1, true },
        { "a.wild.example", 1, true },
        { "x.wild.example", 1, true },
        { "wild.example", 3, true },
        { ".wild.example", 1, true },
        { "a.b.wild.example", 1, true },
        { "w1.example", 2, true },
        { "w12.example", 3, true },
        { "[::1]", 2, true },
        { "main.example", 3, true },
        { "unknown.example", 3, true },
        { "", 1, false },
        { ".", 1, false },
    };
    bool is_known;
    read_text(names);
    struct hosts *hosts = hosts_new(&rig.config);
    assert_non_null(hosts);
    struct peer_address local = address("127.0.0.1", 80);
    assert_true(hosts_have_groups(hosts));
    uint16_t group = hosts_group(hosts, &local);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        unsigned site = hosts_choose(hosts, group, span_of_string(rows[i].host), &is_known);
        if (site != rows[i].site || is_known != rows[i].is_known) fail_msg("\"%s\" is site %u", rows[i].host, site);
    }
    char longest[300];
    memset(longest, 'a', sizeof longest);
    assert_int_equal(hosts_choose(hosts, group, span_of(longest, sizeof longest), &is_known), 1);
    assert_false(is_known);
    hosts_free(hosts);
    rig_close(&rig);
}

/* Apache, "VirtualHost": the most specific address, then the name. */
static void the_most_specific_address_decides_first(void **state)
{
    (void)state;
    static const char lines[] = "<VirtualHost *>\n"
                                "ServerName any\n"
                                "</VirtualHost>\n"
                                "<VirtualHost *:81>\n"
                                "ServerName port\n"
                                "</VirtualHost>\n"
                                "<VirtualHost 127.0.0.1>\n"
                                "ServerName address\n"
                                "</VirtualHost>\n"
                                "<VirtualHost 127.0.0.1:81 [::1]:81>\n"
                                "ServerName both\n"
                                "</VirtualHost>\n"
                                "<VirtualHost 127.0.0.2>\nServerName other\n</VirtualHost>\n";
    static const struct {
        const char *address;
        uint16_t port;
        unsigned site;
    } rows[] = { { "192.0.2.1", 80, 1 }, { "192.0.2.1", 81, 2 }, { "127.0.0.1", 80, 3 }, { "127.0.0.1", 81, 4 },
                 { "::1", 81, 4 },       { "127.0.0.2", 81, 5 }, { "::1", 80, 1 } };
    bool is_known;
    read_text(lines);
    struct hosts *hosts = hosts_new(&rig.config);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct peer_address local = address(rows[i].address, rows[i].port);
        unsigned site = hosts_choose(hosts, hosts_group(hosts, &local), SPAN("any"), &is_known);
        if (site != rows[i].site) fail_msg("%s:%u is site %u", rows[i].address, rows[i].port, site);
    }
    struct peer_address unix_socket = { .is_unix = true };
    assert_int_equal(hosts_choose(hosts, hosts_group(hosts, &unix_socket), SPAN(""), &is_known), 1);
    hosts_free(hosts);
    rig_close(&rig);
}

static void where_no_virtual_host_is_the_main_server_answers(void **state)
{
    (void)state;
    static const char lines[] = "ServerName main\n"
                                "<VirtualHost 192.0.2.1>\n"
                                "ServerName other\n"
                                "</VirtualHost>\n";
    bool is_known;
    read_text(lines);
    struct hosts *hosts = hosts_new(&rig.config);
    struct peer_address local = address("127.0.0.1", 80);
    assert_int_equal(hosts_choose(hosts, hosts_group(hosts, &local), SPAN("other"), &is_known), 0);
    assert_false(is_known);
    assert_int_equal(hosts_choose(hosts, hosts_group(hosts, &local), SPAN("main"), &is_known), 0);
    assert_true(is_known);
    hosts_free(hosts);
    rig_close(&rig);
}

static void thousands_of_sites_are_told_apart(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    char line[64], *text = NULL;
    size_t text_size;
    bool is_known;
    FILE *stream = open_memstream(&text, &text_size);
    assert_non_null(stream);
    for (unsigned i = 0; i < MANY; i++) fprintf(stream, "<VirtualHost *>\nServerName s%u.example\n</VirtualHost>\n", i);
    fclose(stream);
    read_text(text);
    free(text);
    struct hosts *hosts = hosts_new(&rig.config);
    assert_non_null(hosts);
    struct peer_address local = address("127.0.0.1", 80);
    for (unsigned i = 0; i < MANY; i++) {
        int size = snprintf(line, sizeof line, "s%u.example", i);
        assert_int_equal(hosts_choose(hosts, hosts_group(hosts, &local), span_of(line, (size_t)size), &is_known),
                         i + 1);
        assert_true(is_known);
    }
    hosts_free(hosts);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_site_that_has_the_name_answers),
        cmocka_unit_test(the_most_specific_address_decides_first),
        cmocka_unit_test(where_no_virtual_host_is_the_main_server_answers),
        cmocka_unit_test(thousands_of_sites_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
