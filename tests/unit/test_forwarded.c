#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "../support/guarded.h"
#include "http/forwarded.h"

/* 10.0.0.0/8 and 2001:db8:10::/48 are trusted; the connection is from 10.0.0.1 unless a row says otherwise. */
static struct cidr networks[2];
static struct trusted_proxies trusted = { networks, 2 };

static int trust(void **state)
{
    (void)state;
    return cidr_parse(SPAN("10.0.0.0/8"), &networks[0]) && cidr_parse(SPAN("2001:db8:10::/48"), &networks[1]) ? 0 : 1;
}

static struct ip_address address_of(const char *text)
{
    struct ip_address address;
    if (!ip_address_parse(span_of_string(text), &address)) fail_msg("%s", text);
    return address;
}

enum { LINES_MAX = 3 };

static struct request request_of(const char *name, const char *const lines[LINES_MAX])
{
    struct request request = { .field_count = 0 };
    request.fields[request.field_count++] = (struct field){ SPAN("Via"), SPAN("203.0.113.99"), FIELD_OTHER };
    for (size_t i = 0; i < LINES_MAX && lines[i]; i++) {
        request.fields[request.field_count++] =
            (struct field){ span_of_string(name), span_of_string(lines[i]), FIELD_OTHER };
        request.fields[request.field_count++] = (struct field){ SPAN("Via"), SPAN("203.0.113.99"), FIELD_OTHER };
    }
    return request;
}

struct row {
    const char *lines[LINES_MAX];
    const char *client;
    const char *peer; /* NULL: 10.0.0.1 */
};

static void require_rows(const char *name, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct request request = request_of(name, rows[i].lines);
        struct ip_address peer = address_of(rows[i].peer ? rows[i].peer : "10.0.0.1");
        struct ip_address wanted = address_of(rows[i].client);
        struct ip_address client = forwarded_client(&request, span_of_string(name), &peer, &trusted);
        if (!ip_address_equal(&client, &wanted)) fail_msg("%s: %s", name, rows[i].lines[0]);
    }
}

static const struct row listed[] = {
    { { NULL }, "10.0.0.1", NULL },
    { { "" }, "10.0.0.1", NULL },
    { { "203.0.113.5" }, "203.0.113.5", NULL },
    { { "203.0.113.5:4711" }, "203.0.113.5", NULL },
    { { "2001:db8::5" }, "2001:db8::5", NULL },
    { { "[2001:db8::5]:4711" }, "2001:db8::5", NULL },
    { { "203.0.113.5, 10.0.0.2" }, "203.0.113.5", NULL },
    { { "203.0.113.5,10.0.0.3,10.0.0.2" }, "203.0.113.5", NULL },
    { { "203.0.113.5, 2001:db8:10::1, 10.0.0.2" }, "203.0.113.5", NULL },
    { { " 203.0.113.5 ,, 10.0.0.2 ," }, "203.0.113.5", NULL },
    { { "203.0.113.5", "10.0.0.2" }, "203.0.113.5", NULL },
    { { "10.0.0.2", "203.0.113.5" }, "203.0.113.5", NULL },
    { { "203.0.113.6", "203.0.113.5", "10.0.0.2" }, "203.0.113.5", NULL },
    /* what the client itself says is not believed */
    { { "127.0.0.1, 203.0.113.5" }, "203.0.113.5", NULL },
    { { "127.0.0.1, 203.0.113.5, 10.0.0.2" }, "203.0.113.5", NULL },
    { { "10.0.0.9, 203.0.113.5" }, "203.0.113.5", NULL },
    { { "203.0.113.5" }, "198.51.100.1", "198.51.100.1" },
    { { "127.0.0.1" }, "2001:db8:11::1", "2001:db8:11::1" },
    { { "203.0.113.5" }, "203.0.113.5", "2001:db8:10::1" },
    /* all are trusted: the outermost */
    { { "10.0.0.3, 10.0.0.2" }, "10.0.0.3", NULL },
    /* what is no address ends the walk */
    { { "unknown" }, "10.0.0.1", NULL },
    { { "203.0.113.5, unknown" }, "10.0.0.1", NULL },
    { { "203.0.113.5, unknown, 10.0.0.2" }, "10.0.0.2", NULL },
    { { "203.0.113.5, 10.0.0.2x" }, "10.0.0.1", NULL },
    { { "203.0.113.5 10.0.0.2" }, "10.0.0.1", NULL },
    { { "\"203.0.113.5\"" }, "10.0.0.1", NULL },
};

static void a_list_is_walked_from_its_end_as_far_as_it_is_trusted(void **state)
{
    (void)state;
    require_rows("X-Forwarded-For", listed, ARRAY_COUNT(listed));
    require_rows("CF-Connecting-IP", listed, ARRAY_COUNT(listed));
}

/* The syntax of RFC 7239, section 4, with its examples. */
static const struct row forwarded[] = {
    { { NULL }, "10.0.0.1", NULL },
    { { "" }, "10.0.0.1", NULL },
    { { "for=192.0.2.60;proto=http;by=203.0.113.43" }, "192.0.2.60", NULL },
    { { "For=\"[2001:db8:cafe::17]:4711\"" }, "2001:db8:cafe::17", NULL },
    { { "for=192.0.2.43, for=198.51.100.17" }, "198.51.100.17", NULL },
    { { "for=192.0.2.43, for=10.0.0.2" }, "192.0.2.43", NULL },
    { { "for=192.0.2.43", "for=10.0.0.2" }, "192.0.2.43", NULL },
    { { "proto=https;FOR=\"192.0.2.43:80\";host=\"a,b;c\"" }, "192.0.2.43", NULL },
    { { "for=192.0.2.43;by=\"a\\\",for=1.1.1.1\", for=10.0.0.2" }, "192.0.2.43", NULL },
    { { "for=192.0.2.43 ; proto=http , for=10.0.0.2" }, "192.0.2.43", NULL },
    { { ";for=192.0.2.43;" }, "192.0.2.43", NULL },
    { { ", for=192.0.2.43 ,, for=10.0.0.2 ," }, "192.0.2.43", NULL },
    { { "for=192.0.2.43" }, "198.51.100.1", "198.51.100.1" },
    /* elements without an address end the walk */
    { { "for=192.0.2.43, for=unknown" }, "10.0.0.1", NULL },
    { { "for=192.0.2.43, for=\"_gazonk\", for=10.0.0.2" }, "10.0.0.2", NULL },
    { { "for=192.0.2.43, proto=http, for=10.0.0.2" }, "10.0.0.2", NULL },
    { { "for=192.0.2.43, ;, for=10.0.0.2" }, "10.0.0.2", NULL },
    { { "for=\"\"" }, "10.0.0.1", NULL },
    { { "for=\"192.0.2\\.43\"" }, "10.0.0.1", NULL },
    /* malformed: nothing of it is believed */
    { { "192.0.2.43" }, "10.0.0.1", NULL },
    { { "for" }, "10.0.0.1", NULL },
    { { "for=" }, "10.0.0.1", NULL },
    { { "=192.0.2.43" }, "10.0.0.1", NULL },
    { { "for =192.0.2.43" }, "10.0.0.1", NULL },
    { { "for= 192.0.2.43" }, "10.0.0.1", NULL },
    { { "for=192.0.2.43 proto=http" }, "10.0.0.1", NULL },
    { { "for=\"192.0.2.43" }, "10.0.0.1", NULL },
    { { "for=\"192.0.2.43\\\"" }, "10.0.0.1", NULL },
    { { "for=\"192.0.2.43\"x" }, "10.0.0.1", NULL },
    { { "for=[2001:db8::1]" }, "10.0.0.1", NULL },
    { { "for=192.0.2.43;for=192.0.2.44" }, "10.0.0.1", NULL },
    { { "x, for=192.0.2.43" }, "10.0.0.1", NULL },
    { { "for=192.0.2.43", "x" }, "10.0.0.1", NULL },
};

static void forwarded_has_its_own_syntax(void **state)
{
    (void)state;
    require_rows("Forwarded", forwarded, ARRAY_COUNT(forwarded));
    require_rows("forwarded", forwarded, ARRAY_COUNT(forwarded));
}

static void the_walk_is_bounded(void **state)
{
    (void)state;
    for (unsigned hops = 1; hops <= 2 * FORWARDED_HOPS_MAX; hops++) {
        char text[2048] = "203.0.113.5";
        size_t size = strlen(text);
        for (unsigned i = 1; i < hops; i++) size += (size_t)sprintf(text + size, ", 10.1.0.%u", i);
        const char *lines[LINES_MAX] = { text };
        struct request request = request_of("X-Forwarded-For", lines);
        struct ip_address peer = address_of("10.0.0.1");
        struct ip_address client = forwarded_client(&request, SPAN("X-Forwarded-For"), &peer, &trusted);
        struct ip_address wanted = address_of("203.0.113.5");
        if (hops > FORWARDED_HOPS_MAX)
            wanted = ip_address_of_v4((const uint8_t[]){ 10, 1, 0, (uint8_t)(hops - FORWARDED_HOPS_MAX) });
        if (!ip_address_equal(&client, &wanted)) fail_msg("%u hops", hops);
    }
}

static void nothing_behind_a_line_is_read(void **state)
{
    (void)state;
    struct guarded guarded = guarded_open(4096);
    struct ip_address peer = address_of("10.0.0.1");
    for (size_t i = 1; i < ARRAY_COUNT(forwarded); i++) {
        for (size_t size = 0; size <= strlen(forwarded[i].lines[0]); size++) {
            struct request request = { .field_count = 1 };
            const char *copy = guarded_copy(&guarded, forwarded[i].lines[0], size);
            request.fields[0] = (struct field){ SPAN("Forwarded"), span_of(copy, size), FIELD_OTHER };
            (void)forwarded_client(&request, SPAN("Forwarded"), &peer, &trusted);
        }
    }
    guarded_close(&guarded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_walked_from_its_end_as_far_as_it_is_trusted),
        cmocka_unit_test(forwarded_has_its_own_syntax),
        cmocka_unit_test(the_walk_is_bounded),
        cmocka_unit_test(nothing_behind_a_line_is_read),
    };
    return cmocka_run_group_tests(tests, trust, NULL);
}
