#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "http/proxy_protocol.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V6_FIRST  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
#define V6_SECOND "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define V6_TEXT   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
#define BYTES(literal)               \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const struct {
    struct span header;
    const char *source; /* NULL: no addresses */
    const char *destination;
    unsigned source_port, destination_port;
} headers[] = {
    { BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"), "192.0.2.1", "198.51.100.2", 56324, 443 },
    { BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255", "255.255.255.255", 65535,
      65535 },
    { BYTES("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), "0.0.0.0", "0.0.0.0", 0, 0 },
    { BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n"), "2001:db8::1", "2001:db8::2", 4711, 80 },
    { BYTES("PROXY TCP6 " V6_TEXT " " V6_TEXT " 65535 65535\r\n"), V6_TEXT, V6_TEXT, 65535, 65535 },
    { BYTES("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), "192.0.2.1", "::1", 1, 2 },
    { BYTES("PROXY UNKNOWN\r\n"), NULL, NULL, 0, 0 },
    { BYTES("PROXY UNKNOWN  any  thing\r\n"), NULL, NULL, 0, 0 },
    { BYTES("PROXY UNKNOWN " V6_TEXT " " V6_TEXT " 65535 65535\r\n"), NULL, NULL, 0, 0 },
    { BYTES(SIGNATURE "\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\x04\1\xbb"), "192.0.2.1", "198.51.100.2", 56324,
      443 },
    { BYTES(SIGNATURE "\x21\x21\0\x24" V6_FIRST V6_SECOND "\x12\x67\0\x50"), "2001:db8::1", "2001:db8::2", 4711, 80 },
    { BYTES(SIGNATURE "\x21\x11\0\x13\xc0\0\2\1\xc6\x33\x64\2\xdc\x04\1\xbb\4\0\4abcd"), "192.0.2.1", "198.51.100.2",
      56324, 443 },                                      /* with a TLV behind */
    { BYTES(SIGNATURE "\x20\0\0\0"), NULL, NULL, 0, 0 }, /* LOCAL */
    { BYTES(SIGNATURE "\x20\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\x04\1\xbb"), NULL, NULL, 0, 0 },
    { BYTES(SIGNATURE "\x20\xff\0\3abc"), NULL, NULL, 0, 0 }, /* LOCAL, whatever the family */
    { BYTES(SIGNATURE "\x21\0\0\0"), NULL, NULL, 0, 0 },      /* PROXY, of nobody known */
    { BYTES(SIGNATURE "\x21\0\0\3abc"), NULL, NULL, 0, 0 },
    { BYTES(SIGNATURE "\x21\x12\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\x04\1\xbb"), NULL, NULL, 0, 0 },
};

static void require_header(size_t row, const struct proxy_header *header)
{
    assert_int_equal(header->size, headers[row].header.size);
    if (header->has_addresses != (headers[row].source != NULL)) fail_msg("row %zu", row);
    if (!header->has_addresses) return;
    struct ip_address source, destination;
    assert_true(ip_address_parse(span_of_string(headers[row].source), &source));
    assert_true(ip_address_parse(span_of_string(headers[row].destination), &destination));
    if (!ip_address_equal(&header->source, &source)) fail_msg("row %zu: source", row);
    if (!ip_address_equal(&header->destination, &destination)) fail_msg("row %zu: destination", row);
    assert_int_equal(header->source_port, headers[row].source_port);
    assert_int_equal(header->destination_port, headers[row].destination_port);
}

/* Each header ends at the guard page, as far as it has come; and once with a request behind it. */
static void headers_are_read_however_they_come(void **state)
{
    (void)state;
    struct guarded guarded = guarded_open(4096);
    for (size_t i = 0; i < ARRAY_COUNT(headers); i++) {
        struct span all = headers[i].header;
        for (size_t size = 0; size < all.size; size++) {
            struct proxy_header header = { .size = 77 };
            size_t needed = 0;
            const char *copy = guarded_copy(&guarded, all.data, size);
            enum proxy_result result = proxy_protocol_parse(copy, size, &needed, &header);
            if (result != PROXY_MORE) fail_msg("row %zu, %zu bytes: %d", i, size, (int)result);
            assert_in_range(needed, 1, all.size - size);
            assert_int_equal(header.size, 77);
        }
        struct proxy_header header;
        size_t needed;
        const char *copy = guarded_copy(&guarded, all.data, all.size);
        assert_int_equal(proxy_protocol_parse(copy, all.size, &needed, &header), PROXY_DONE);
        require_header(i, &header);
        char more[512];
        memcpy(more, all.data, all.size);
        memcpy(more + all.size, "GET / HTTP/1.1\r\n", 16);
        assert_int_equal(proxy_protocol_parse(more, all.size + 16, &needed, &header), PROXY_DONE);
        require_header(i, &header);
    }
    guarded_close(&guarded);
}

static const struct span refused[] = {
    BYTES("GET / HTTP/1.1\r\n"),
    BYTES("proxy TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"),
    BYTES("PROXYTCP4 192.0.2.1 198.51.100.2 56324 443\r\n"),
    BYTES("PROXY  TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.1  198.51.100.2 56324 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 \r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 1\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2\r\n"),
    BYTES("PROXY TCP4\r\n"),
    BYTES("PROXY TCP4 \r\n"),
    BYTES("PROXY \r\n"),
    BYTES("PROXY TCP5 192.0.2.1 198.51.100.2 56324 443\r\n"),
    BYTES("PROXY UDP4 192.0.2.1 198.51.100.2 56324 443\r\n"),
    BYTES("PROXY unknown\r\n"),
    BYTES("PROXY UNKNOWNS\r\n"),
    BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 4711 80\r\n"),
    BYTES("PROXY TCP6 192.0.2.1 198.51.100.2 56324 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.01 198.51.100.2 56324 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.256 198.51.100.2 56324 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 056324 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 -1 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 00\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\r\n"),
    BYTES("PROXY TCP4 192.0.2.1\t198.51.100.2 56324 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.1\0 198.51.100.2 56324 443\r\n"),
    BYTES("PROXY UNKNOWN\rx\r\n"),
    BYTES("PROXY UNKNOWN \x7f\r\n"),
    BYTES("PROXY UNKNOWN " V6_TEXT " " V6_TEXT " 65535 655356\r\n"), /* 108 bytes */
    BYTES("PROXY UNKNOWN " V6_TEXT " " V6_TEXT " 65535 655356"),
    BYTES("\r\n\r\n\0\r\nQUIT\r"),
    BYTES("\r\nGET"),
    BYTES(SIGNATURE "\x11\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\x04\1\xbb"), /* version 1 */
    BYTES(SIGNATURE "\x22\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\x04\1\xbb"), /* no such command */
    BYTES(SIGNATURE "\x31\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\x04\1\xbb"),
    BYTES(SIGNATURE "\x21\x11\0\x0b\xc0\0\2\1\xc6\x33\x64\2\xdc\x04\1"), /* shorter than its family */
    BYTES(SIGNATURE "\x21\x12\0\x0b\xc0\0\2\1\xc6\x33\x64\2\xdc\x04\1"),
    BYTES(SIGNATURE "\x21\x21\0\x23" V6_FIRST V6_SECOND "\x12\x67\0"),
    BYTES(SIGNATURE "\x21\x31\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\x04\1\xbb"),
    BYTES(SIGNATURE "\x21\x13\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\x04\1\xbb"), /* no such protocol, no such family */
    BYTES(SIGNATURE "\x21\x41\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\x04\1\xbb"),
    BYTES(SIGNATURE "\x21\x10\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\x04\1\xbb"),
    BYTES(SIGNATURE "\x21\x11\x0f\xf1"), /* 4097 bytes in all: refused before they come */
    BYTES(SIGNATURE "\x20\0\xff\xff"),
};

static void what_is_no_header_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        struct proxy_header header = { .size = 77 };
        size_t needed = 78;
        enum proxy_result result = proxy_protocol_parse(refused[i].data, refused[i].size, &needed, &header);
        if (result != PROXY_REFUSED) fail_msg("row %zu: %d", i, (int)result);
        assert_int_equal(header.size, 77);
        assert_int_equal(needed, 78);
    }
}

static void unix_addresses_and_many_extensions_are_read_over(void **state)
{
    (void)state;
    char bytes[PROXY_HEADER_BYTES_MAX] = SIGNATURE "\x21\x31\0\xd8";
    struct proxy_header header;
    size_t needed;
    assert_int_equal(proxy_protocol_parse(bytes, 16 + 216, &needed, &header), PROXY_DONE);
    assert_int_equal(header.size, 16 + 216);
    assert_false(header.has_addresses);
    bytes[13] = 0x21;
    bytes[14] = 0x0f;
    bytes[15] = (char)0xf0;
    assert_int_equal(proxy_protocol_parse(bytes, 100, &needed, &header), PROXY_MORE);
    assert_int_equal(needed, PROXY_HEADER_BYTES_MAX - 100);
    assert_int_equal(proxy_protocol_parse(bytes, sizeof bytes, &needed, &header), PROXY_DONE);
    assert_int_equal(header.size, sizeof bytes);
    assert_true(header.has_addresses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read_however_they_come),
        cmocka_unit_test(what_is_no_header_is_refused),
        cmocka_unit_test(unix_addresses_and_many_extensions_are_read_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
