#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../support/guarded.h"
#include "base/compiler.h"
#include "http/response_head.h"

static const char *head_of(struct response_clock *clock, enum http_status status, enum response_connection connection)
{
    static struct guarded guarded;
    static char text[RESPONSE_HEAD_BYTES_MAX + 1];
    if (!guarded.pages) guarded = guarded_open(RESPONSE_HEAD_BYTES_MAX);
    char *room = guarded.pages + guarded.room - RESPONSE_HEAD_BYTES_MAX;
    size_t size = response_head_write(clock, status, connection, room);
    assert_true(size <= RESPONSE_HEAD_BYTES_MAX);
    memcpy(text, room, size);
    text[size] = '\0';
    return text;
}

static void a_head_begins_with_status_server_and_date(void **state)
{
    (void)state;
    struct response_clock clock = { 0 };
    response_clock_set(&clock, 784111777);
    assert_string_equal(head_of(&clock, HTTP_OK, CONNECTION_AS_IS),
                        "HTTP/1.1 200 OK\r\nServer: Folio\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    assert_string_equal(head_of(&clock, HTTP_NOT_FOUND, CONNECTION_AS_IS),
                        "HTTP/1.1 404 Not Found\r\nServer: Folio\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
}

static void a_connection_that_goes_on_otherwise_is_told(void **state)
{
    (void)state;
    struct response_clock clock = { 0 };
    response_clock_set(&clock, 784111777);
    assert_string_equal(head_of(&clock, HTTP_OK, CONNECTION_CLOSE),
                        "HTTP/1.1 200 OK\r\nServer: Folio\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                        "Connection: close\r\n");
    assert_string_equal(head_of(&clock, HTTP_NOT_MODIFIED, CONNECTION_KEEP_ALIVE),
                        "HTTP/1.1 304 Not Modified\r\nServer: Folio\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                        "Connection: keep-alive\r\n");
}

static void the_clock_follows_the_second(void **state)
{
    (void)state;
    struct response_clock clock = { 0 };
    response_clock_set(&clock, 0);
    assert_non_null(strstr(head_of(&clock, HTTP_OK, CONNECTION_AS_IS), "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
    response_clock_set(&clock, 1);
    assert_non_null(strstr(head_of(&clock, HTTP_OK, CONNECTION_AS_IS), "Date: Thu, 01 Jan 1970 00:00:01 GMT\r\n"));
    response_clock_set(&clock, 0); /* set back by somebody */
    assert_non_null(strstr(head_of(&clock, HTTP_OK, CONNECTION_AS_IS), "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
}

static void every_status_fits(void **state)
{
    (void)state;
    struct response_clock clock = { 0 };
    response_clock_set(&clock, 253402300799);
    for (int status = 100; status < 600; status++) {
        struct span text = http_status_text((enum http_status)status);
        if (text.size == 0) continue;
        const char *head = head_of(&clock, (enum http_status)status, CONNECTION_KEEP_ALIVE);
        assert_memory_equal(head, "HTTP/1.1 ", 9);
        assert_memory_equal(head + 9, text.data, text.size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_begins_with_status_server_and_date),
        cmocka_unit_test(a_connection_that_goes_on_otherwise_is_told),
        cmocka_unit_test(the_clock_follows_the_second),
        cmocka_unit_test(every_status_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
