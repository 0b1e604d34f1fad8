#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ip_address.h"

/* Bytes as text, so that rows can say which. NULL: it is no address. */
static void check(bool (*parse)(struct span, struct ip_address *), const char *text, size_t size, const char *wanted)
{
    struct ip_address untouched, address;
    char hex[2 * sizeof address.bytes + 1] = "";
    memset(&untouched, 0x5a, sizeof untouched);
    address = untouched;
    bool is_parsed = parse(span_of(text, size), &address);
    for (size_t i = 0; i < sizeof address.bytes; i++) {
        static const char digits[] = "0123456789abcdef";
        hex[2 * i] = digits[address.bytes[i] >> 4];
        hex[2 * i + 1] = digits[address.bytes[i] & 15];
    }
    if (is_parsed != (wanted != NULL) || (wanted && strcmp(hex, wanted) != 0)) fail_msg("%s: %s", text, hex);
    if (!wanted) assert_memory_equal(&address, &untouched, sizeof address);
}

#define V4(hex) "00000000000000000000ffff" hex

static void v4_is_four_numbers(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "192.0.2.1", V4("c0000201") },
        { "0.0.0.0", V4("00000000") },
        { "255.255.255.255", V4("ffffffff") },
        { "", NULL },
        { "192.0.2", NULL },
        { "192.0.2.1.1", NULL },
        { "192.0.2.", NULL },
        { ".192.0.2", NULL },
        { "192..2.1", NULL },
        { "192.0.2.256", NULL },
        { "192.0.2.01", NULL }, /* octal, to some */
        { "0300.0.2.1", NULL },
        { "0xc0.0.2.1", NULL },
        { "3221225985", NULL },
        { " 192.0.2.1", NULL },
        { "192.0.2.1 ", NULL },
        { "192.0.2.-1", NULL },
        { "192.0.2.1/32", NULL },
        { "::ffff:192.0.2.1", NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        check(ip_address_parse_v4, rows[i][0], strlen(rows[i][0]), rows[i][1]);
        if (rows[i][1]) check(ip_address_parse_v6, rows[i][0], strlen(rows[i][0]), NULL);
        if (rows[i][1]) check(ip_address_parse, rows[i][0], strlen(rows[i][0]), rows[i][1]);
    }
}

static void v6_is_as_the_standard_writes_it(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "2001:db8::1", "20010db8000000000000000000000001" },
        { "2001:DB8:0:0:0:0:0:1", "20010db8000000000000000000000001" },
        { "::", "00000000000000000000000000000000" },
        { "::1", "00000000000000000000000000000001" },
        { "1::", "00010000000000000000000000000000" },
        { "0001:0002:0003:0004:0005:0006:0007:0008", "00010002000300040005000600070008" },
        { "::ffff:192.0.2.1", V4("c0000201") }, /* the same as 192.0.2.1 */
        { "::ffff:c000:201", V4("c0000201") },
        { "64:ff9b::192.0.2.1", "0064ff9b0000000000000000c0000201" },
        { "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffffffffffffffffffffffffffffffff" }, /* the longest */
        { "", NULL },
        { ":", NULL },
        { ":::", NULL },
        { "1::2::3", NULL },
        { "1:2:3:4:5:6:7", NULL },
        { "1:2:3:4:5:6:7:8:9", NULL },
        { "1:2:3:4:5:6:7::8:9", NULL },
        { "12345::", NULL },
        { "g::", NULL },
        { "1:", NULL },
        { "[::1]", NULL },
        { "fe80::1%eth0", NULL },
        { "::1/128", NULL },
        { "::192.0.2.256", NULL },
        { "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        check(ip_address_parse_v6, rows[i][0], strlen(rows[i][0]), rows[i][1]);
        check(ip_address_parse, rows[i][0], strlen(rows[i][0]), rows[i][1]);
    }
}

static void all_of_a_text_is_read_and_no_more(void **state)
{
    (void)state;
    check(ip_address_parse, "192.0.2.123", sizeof "192.0.2.12" - 1, V4("c000020c"));
    check(ip_address_parse, "::12", sizeof "::1" - 1, "00000000000000000000000000000001");
    check(ip_address_parse, "192.0.2.1\0", sizeof "192.0.2.1", NULL);
    check(ip_address_parse, "::1\0::", sizeof "::1\0::" - 1, NULL);
    check(ip_address_parse_node, "192.0.2.1\0:80", sizeof "192.0.2.1\0:80" - 1, NULL);
    check(ip_address_parse_node, "192.0.2.1:800000", sizeof "192.0.2.1:80" - 1, V4("c0000201"));
}

static void a_node_may_have_a_port(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "192.0.2.1", V4("c0000201") },
        { "192.0.2.1:4711", V4("c0000201") },
        { "192.0.2.1:0", V4("c0000201") },
        { "192.0.2.1:99999", V4("c0000201") },
        { "2001:db8::1", "20010db8000000000000000000000001" },
        { "[2001:db8::1]", "20010db8000000000000000000000001" },
        { "[2001:db8::1]:4711", "20010db8000000000000000000000001" },
        { "[::ffff:192.0.2.1]:80", V4("c0000201") },
        { "::1:80", "00000000000000000000000000010080" }, /* without brackets it is no port */
        { "::", "00000000000000000000000000000000" },
        { "", NULL },
        { ":", NULL },
        { ":80", NULL },
        { "192.0.2.1:", NULL },
        { "192.0.2.1:x", NULL },
        { "192.0.2.1:-1", NULL },
        { "192.0.2.1:123456", NULL },
        { "192.0.2.1:80:80", NULL },
        { "[192.0.2.1]", NULL },
        { "[192.0.2.1]:80", NULL },
        { "[]", NULL },
        { "[", NULL },
        { "[2001:db8::1", NULL },
        { "2001:db8::1]", NULL },
        { "[2001:db8::1]80", NULL },
        { "[2001:db8::1]:", NULL },
        { "[2001:db8::1]]", NULL },
        { "[[2001:db8::1]]", NULL },
        { "unknown", NULL },
        { "_hidden", NULL },
        { "localhost", NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        check(ip_address_parse_node, rows[i][0], strlen(rows[i][0]), rows[i][1]);
}

static void v4_is_told_from_the_rest(void **state)
{
    (void)state;
    struct ip_address v4 = ip_address_of_v4((const uint8_t[]){ 192, 0, 2, 1 }), mapped, compatible;
    assert_true(ip_address_parse(SPAN("::ffff:192.0.2.1"), &mapped));
    assert_true(ip_address_parse(SPAN("::192.0.2.1"), &compatible));
    assert_true(ip_address_is_v4(&v4));
    assert_true(ip_address_equal(&v4, &mapped));
    assert_false(ip_address_is_v4(&compatible));
    assert_false(ip_address_equal(&v4, &compatible));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v4_is_four_numbers),
        cmocka_unit_test(v6_is_as_the_standard_writes_it),
        cmocka_unit_test(all_of_a_text_is_read_and_no_more),
        cmocka_unit_test(a_node_may_have_a_port),
        cmocka_unit_test(v4_is_told_from_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
