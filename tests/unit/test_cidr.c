#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cidr.h"

static struct ip_address address_of(const char *text)
{
    struct ip_address address;
    if (!ip_address_parse(span_of_string(text), &address)) fail_msg("%s is no address", text);
    return address;
}

static const struct {
    const char *text;
    const char *network;
    unsigned bits;
    bool has_host_bits;
} networks[] = {
    { "10.0.0.0/8", "10.0.0.0", 104, false },
    { "10.1.2.3/8", "10.0.0.0", 104, true },
    { "192.0.2.77", "192.0.2.77", 128, false },
    { "192.0.2.77/32", "192.0.2.77", 128, false },
    { "192.0.2.77/31", "192.0.2.76", 127, true },
    { "172.16.0.0/12", "172.16.0.0", 108, false },
    { "0.0.0.0/0", "0.0.0.0", 96, false },
    { "255.255.255.255/0", "0.0.0.0", 96, true },
    { "10.1.0.0/255.255.0.0", "10.1.0.0", 112, false },
    { "10.1.0.0/255.255.255.255", "10.1.0.0", 128, false },
    { "10.1.0.0/0.0.0.0", "0.0.0.0", 96, true },
    { "10", "10.0.0.0", 104, false },
    { "10.1", "10.1.0.0", 112, false },
    { "10.1.", "10.1.0.0", 112, false },
    { "192.168.7", "192.168.7.0", 120, false },
    { "0", "0.0.0.0", 104, false },
    { "::1", "::1", 128, false },
    { "::/0", "::", 0, false },
    { "1::/0", "::", 0, true },
    { "2001:db8::/32", "2001:db8::", 32, false },
    { "2001:DB8::1/32", "2001:db8::", 32, true },
    { "2001:db8:8000::/33", "2001:db8:8000::", 33, false },
    { "fe80::/10", "fe80::", 10, false },
    { "::ffff:10.0.0.0/104", "10.0.0.0", 104, false },
    { "::ffff:0:0/96", "0.0.0.0", 96, false },
    { "::ffff:192.0.2.1", "192.0.2.1", 128, false },
};

static void networks_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(networks); i++) {
        struct cidr cidr;
        struct ip_address network = address_of(networks[i].network);
        if (!cidr_parse(span_of_string(networks[i].text), &cidr)) fail_msg("%s", networks[i].text);
        if (cidr.prefix_bits != networks[i].bits) fail_msg("%s: /%u", networks[i].text, cidr.prefix_bits);
        if (cidr.has_host_bits != networks[i].has_host_bits) fail_msg("%s: host bits", networks[i].text);
        if (!ip_address_equal(&cidr.network, &network)) fail_msg("%s: network", networks[i].text);
    }
}

static void what_is_no_network_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/08",
        "10.0.0.0/8 ",
        " 10.0.0.0/8",
        "10.0.0.0/8/8",
        "10.0.0/8",
        "10.0.0.256",
        "10.0.0.01",
        "010.0.0.0/8",
        "256",
        "01",
        "1.2.3.4.5",
        "1.2.3.4.",
        "10..1",
        ".10",
        "0x0a.0.0.0",
        "localhost",
        "example.org",
        "10.0.0.0/255.0.255.0",
        "10.0.0.0/0.255.255.255",
        "::/129",
        "::1/255.255.255.0",
        ":::",
        "1:2:3:4:5:6:7:8:9",
        "[::1]",
        "fe80::1%eth0",
        "2001:db8::/",
        "2001:db8::/0x20",
        "10.0.0.0/1e1",
        "::ffff:10.0.0.0/8x",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222/1",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct cidr cidr = { .prefix_bits = 77 };
        if (cidr_parse(span_of_string(texts[i]), &cidr)) fail_msg("%s", texts[i]);
        assert_int_equal(cidr.prefix_bits, 77);
    }
    struct cidr cidr;
    assert_false(cidr_parse(span_of("10.0.0.0\0/8", 11), &cidr));
    assert_false(cidr_parse(SPAN_NONE, &cidr));
}

static const struct {
    const char *network;
    const char *address;
    bool has;
} members[] = {
    { "10.0.0.0/8", "10.255.255.255", true },
    { "10.0.0.0/8", "11.0.0.0", false },
    { "10.0.0.0/8", "9.255.255.255", false },
    { "10.0.0.0/8", "::ffff:10.1.2.3", true },
    { "10.0.0.0/8", "::10.1.2.3", false },
    { "::ffff:10.0.0.0/104", "10.1.2.3", true },
    { "192.0.2.76/31", "192.0.2.77", true },
    { "192.0.2.76/31", "192.0.2.78", false },
    { "172.16.0.0/12", "172.31.255.255", true },
    { "172.16.0.0/12", "172.32.0.0", false },
    { "10.1", "10.1.200.3", true },
    { "10.1", "10.2.0.0", false },
    { "127.0.0.1", "127.0.0.1", true },
    { "127.0.0.1", "127.0.0.2", false },
    { "::1", "::1", true },
    { "::1", "::2", false },
    { "2001:db8::/32", "2001:db8:ffff::1", true },
    { "2001:db8::/32", "2001:db9::", false },
    { "2001:db8:8000::/33", "2001:db8:ffff::", true },
    { "2001:db8:8000::/33", "2001:db8:7fff::", false },
    /* all of one family is not all of the other */
    { "0.0.0.0/0", "203.0.113.1", true },
    { "0.0.0.0/0", "2001:db8::1", false },
    { "::/0", "2001:db8::1", true },
    { "::/0", "203.0.113.1", false },
    { "::/80", "203.0.113.1", false },
    { "::ffff:0:0/96", "203.0.113.1", true },
};

static void an_address_is_in_a_network_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
        struct cidr cidr;
        struct ip_address address = address_of(members[i].address);
        assert_true(cidr_parse(span_of_string(members[i].network), &cidr));
        if (cidr_has(&cidr, &address) != members[i].has) fail_msg("%s, %s", members[i].network, members[i].address);
    }
}

/* Each prefix holds an address that differs behind it, and none that differs in its last bit. */
static void every_bit_of_a_prefix_counts(void **state)
{
    (void)state;
    struct ip_address base = address_of("2001:db8:5a5a:a5a5:5a5a:a5a5:5a5a:a5a5");
    for (unsigned bits = 1; bits <= 128; bits++) {
        struct cidr cidr = { .network = base, .prefix_bits = (uint8_t)bits };
        for (unsigned i = bits; i < 128; i++) cidr.network.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
        struct ip_address inside = base, outside = base;
        if (bits < 128) inside.bytes[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
        outside.bytes[(bits - 1) / 8] ^= (uint8_t)(0x80 >> (bits - 1) % 8);
        assert_true(cidr_has(&cidr, &inside));
        assert_false(cidr_has(&cidr, &outside));
    }
}

static void a_list_has_what_one_of_it_has(void **state)
{
    (void)state;
    struct cidr list[2];
    struct ip_address first = address_of("10.1.2.3"), second = address_of("2001:db8::7"),
                      other = address_of("192.0.2.1");
    assert_true(cidr_parse(SPAN("10.0.0.0/8"), &list[0]) && cidr_parse(SPAN("2001:db8::/32"), &list[1]));
    assert_true(cidr_list_has(list, 2, &first));
    assert_true(cidr_list_has(list, 2, &second));
    assert_false(cidr_list_has(list, 2, &other));
    assert_false(cidr_list_has(list, 1, &second));
    assert_false(cidr_list_has(NULL, 0, &first));
}

static const struct {
    const char *text;
    const char *address; /* NULL: none */
} nodes[] = {
    { "192.0.2.1", "192.0.2.1" },
    { "192.0.2.1:4711", "192.0.2.1" },
    { "192.0.2.1:0", "192.0.2.1" },
    { "2001:db8::1", "2001:db8::1" },
    { "[2001:db8::1]", "2001:db8::1" },
    { "[2001:db8::1]:4711", "2001:db8::1" },
    { "::ffff:192.0.2.1", "192.0.2.1" },
    { "[::ffff:192.0.2.1]:80", "192.0.2.1" },
    { "", NULL },
    { "[", NULL },
    { "[]", NULL },
    { "[]:80", NULL },
    { "[192.0.2.1]", NULL },
    { "[::1", NULL },
    { "::1]", NULL },
    { "[::1]80", NULL },
    { "[::1]:", NULL },
    { "[::1]:x", NULL },
    { "[::1]:123456", NULL },
    { "192.0.2.1:", NULL },
    { "192.0.2.1:80x", NULL },
    { "192.0.2.1:_port", NULL },
    { "192.0.2.1:123456", NULL },
    { "192.0.2", NULL },
    { "unknown", NULL },
    { "_hidden", NULL },
    { "example.org:80", NULL },
};

static void an_address_may_have_a_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(nodes); i++) {
        struct ip_address address;
        bool is_one = ip_address_parse_node(span_of_string(nodes[i].text), &address);
        if (is_one != (nodes[i].address != NULL)) fail_msg("%s", nodes[i].text);
        if (!is_one) continue;
        struct ip_address wanted = address_of(nodes[i].address);
        if (!ip_address_equal(&address, &wanted)) fail_msg("%s", nodes[i].text);
    }
}

static void ipv4_stands_as_ipv6_writes_it(void **state)
{
    (void)state;
    struct ip_address address = ip_address_of_v4((const uint8_t[]){ 192, 0, 2, 1 });
    struct ip_address same = address_of("::ffff:192.0.2.1"), other = address_of("::192.0.2.1");
    assert_true(ip_address_equal(&address, &same));
    assert_true(ip_address_is_v4(&address));
    assert_false(ip_address_is_v4(&other));
    assert_false(ip_address_equal(&address, &other));
    assert_false(ip_address_parse_v4(SPAN("::1"), &address));
    assert_false(ip_address_parse_v6(SPAN("192.0.2.1"), &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_read),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(an_address_is_in_a_network_or_not),
        cmocka_unit_test(every_bit_of_a_prefix_counts),
        cmocka_unit_test(a_list_has_what_one_of_it_has),
        cmocka_unit_test(an_address_may_have_a_port),
        cmocka_unit_test(ipv4_stands_as_ipv6_writes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
