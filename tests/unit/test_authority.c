#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "http/authority.h"

static const struct {
    const char *text;
    const char *host; /* NULL: not valid */
    const char *port; /* NULL: none */
} rows[] = {
    { "example.org", "example.org", NULL },
    { "example.org:8080", "example.org", "8080" },
    { "example.org:", "example.org", "" },
    { "EXAMPLE.org:65535", "EXAMPLE.org", "65535" },
    { "127.0.0.1:80", "127.0.0.1", "80" },
    { "999.999.999.999", "999.999.999.999", NULL }, /* a reg-name, by RFC 3986 */
    { "a_b~c!$&'()*+,;=", "a_b~c!$&'()*+,;=", NULL },
    { "b%C3%BCcher.example", "b%C3%BCcher.example", NULL },
    { "[::1]:8080", "[::1]", "8080" },
    { "[::]", "[::]", NULL },
    { "[2001:db8::1]", "[2001:db8::1]", NULL },
    { "[1:2:3:4:5:6:7:8]:1", "[1:2:3:4:5:6:7:8]", "1" },
    { "[1:2:3:4:5:6:7::]", "[1:2:3:4:5:6:7::]", NULL },
    { "[::2:3:4:5:6:7:8]", "[::2:3:4:5:6:7:8]", NULL },
    { "[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]", NULL },
    { "[1:2:3:4:5:6:192.0.2.1]", "[1:2:3:4:5:6:192.0.2.1]", NULL },
    { "[ABCD:abcd::]", "[ABCD:abcd::]", NULL },
    { "", NULL, NULL },
    { ":80", NULL, NULL },
    { "a:b", NULL, NULL },
    { "a:80:80", NULL, NULL },
    { "a:65536", NULL, NULL },
    { "a:99999999999999999999", NULL, NULL },
    { "a:+80", NULL, NULL },
    { "a: 80", NULL, NULL },
    { "user@example.org", NULL, NULL },
    { "user:pass@example.org", NULL, NULL },
    { "example.org/", NULL, NULL },
    { "exa mple.org", NULL, NULL },
    { "example.org,example.net:80:", NULL, NULL },
    { "a\x80", NULL, NULL },
    { "a%", NULL, NULL },
    { "a%4", NULL, NULL },
    { "a%4g", NULL, NULL },
    { "a\\b", NULL, NULL },
    { "a\"b", NULL, NULL },
    { "a<b", NULL, NULL },
    { "::1", NULL, NULL },
    { "[", NULL, NULL },
    { "[]", NULL, NULL },
    { "[::1", NULL, NULL },
    { "[::1]x", NULL, NULL },
    { "[::1]]", NULL, NULL },
    { "[:]", NULL, NULL },
    { "[1:2:3:4:5:6:7]", NULL, NULL },
    { "[1:2:3:4:5:6:7:8:9]", NULL, NULL },
    { "[1:2:3:4:5:6:7:8::]", NULL, NULL },
    { "[::1:2:3:4:5:6:7:8]", NULL, NULL },
    { "[1::2::3]", NULL, NULL },
    { "[:::]", NULL, NULL },
    { "[1:]", NULL, NULL },
    { "[:1]", NULL, NULL },
    { "[::1:]", NULL, NULL },
    { "[12345::]", NULL, NULL },
    { "[g::]", NULL, NULL },
    { "[::1.2.3]", NULL, NULL },
    { "[::1.2.3.4.5]", NULL, NULL },
    { "[::256.0.0.1]", NULL, NULL },
    { "[::01.2.3.4]", NULL, NULL },
    { "[::1.2.3.4:1]", NULL, NULL },
    { "[1:2:3:4:5:6:7:1.2.3.4]", NULL, NULL },
    { "[fe80::1%25eth0]", NULL, NULL },
    { "[v1.fe80]", NULL, NULL },
    { "[127.0.0.1]", NULL, NULL },
};

static void authorities_are_split_or_refused(void **state)
{
    (void)state;
    struct guarded guarded = guarded_open(4096);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t size = strlen(rows[i].text);
        struct span host = SPAN("untouched");
        struct span port = SPAN("untouched");
        bool is_valid = authority_split(span_of(guarded_copy(&guarded, rows[i].text, size), size), &host, &port);
        if (is_valid != (rows[i].host != NULL)) fail_msg("\"%s\" is judged wrongly", rows[i].text);
        struct span wanted_host = is_valid ? span_of_string(rows[i].host) : SPAN("untouched");
        if (!span_equal(host, wanted_host)) fail_msg("\"%s\": host %.*s", rows[i].text, (int)host.size, host.data);
        if (!is_valid) {
            assert_true(span_equal(port, SPAN("untouched")));
        } else if (rows[i].port == NULL) {
            assert_null(port.data);
        } else if (port.data == NULL || !span_equal(port, span_of_string(rows[i].port))) {
            fail_msg("\"%s\": port %.*s", rows[i].text, (int)port.size, port.data);
        }
    }
    guarded_close(&guarded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(authorities_are_split_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
