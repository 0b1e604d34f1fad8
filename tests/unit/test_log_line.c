#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "server/log_line.h"

static char out[LOG_LINE_BYTES_MAX + 1];

static int in_kolkata(void **state)
{
    (void)state;
    setenv("TZ", "XST-05:30", 1); /* five and a half hours east, whatever zones are installed */
    tzset();
    return 0;
}

static struct log_record plain_record(void)
{
    return (struct log_record){
        .time_s = 1795293041, /* 2026-11-21T20:30:41Z */
        .duration_us = 1234567,
        .bytes = 1024,
        .status = 200,
        .client = SPAN("127.0.0.1"),
        .line = SPAN("GET /1k.html HTTP/1.1"),
        .method = SPAN("GET"),
        .target = SPAN("/1k.html"),
        .referer = SPAN("http://a/"),
        .agent = SPAN("me/1.0"),
        .outcome = SPAN("hit"),
    };
}

/* The line of `record`, as a string, in a buffer that ends at a guard page. */
static const char *format(enum log_format log_format, const struct log_record *record)
{
    static struct guarded guarded;
    if (guarded.pages == NULL) guarded = guarded_open(LOG_LINE_BYTES_MAX);
    struct log_clock clock = { 0 };
    char *room = guarded.pages + guarded.room - LOG_LINE_BYTES_MAX;
    size_t size = log_line_format(log_format, &clock, record, room);
    assert_true(size > 0 && size <= LOG_LINE_BYTES_MAX);
    assert_int_equal(room[size - 1], '\n');
    memcpy(out, room, size);
    out[size] = '\0';
    return out;
}

static void a_line_is_as_apache_writes_it(void **state)
{
    (void)state;
    struct log_record record = plain_record();
    assert_string_equal(format(LOG_FORMAT_COMBINED, &record),
                        "127.0.0.1 - - [22/Nov/2026:02:00:41 +0530] \"GET /1k.html HTTP/1.1\" 200 1024 "
                        "\"http://a/\" \"me/1.0\"\n");
    assert_string_equal(format(LOG_FORMAT_COMMON, &record),
                        "127.0.0.1 - - [22/Nov/2026:02:00:41 +0530] \"GET /1k.html HTTP/1.1\" 200 1024\n");
}

static void a_line_of_json_is_one_object(void **state)
{
    (void)state;
    struct log_record record = plain_record();
    assert_string_equal(format(LOG_FORMAT_JSON, &record),
                        "{\"time\":\"2026-11-22T02:00:41+05:30\",\"client\":\"127.0.0.1\",\"method\":\"GET\","
                        "\"target\":\"/1k.html\",\"status\":200,\"bytes\":1024,\"duration\":1.234567,"
                        "\"referer\":\"http://a/\",\"agent\":\"me/1.0\",\"cache\":\"hit\"}\n");
}

static void what_is_absent_is_a_dash_or_null(void **state)
{
    (void)state;
    struct log_record record = { .time_s = 1795293041, .status = 400 };
    assert_string_equal(format(LOG_FORMAT_COMBINED, &record),
                        "- - - [22/Nov/2026:02:00:41 +0530] \"-\" 400 - \"-\" \"-\"\n");
    assert_string_equal(format(LOG_FORMAT_JSON, &record),
                        "{\"time\":\"2026-11-22T02:00:41+05:30\",\"client\":null,\"method\":null,\"target\":null,"
                        "\"status\":400,\"bytes\":0,\"duration\":0.000000,\"referer\":null,\"agent\":null,"
                        "\"cache\":null}\n");
    record.line = SPAN("");
    record.referer = SPAN("");
    record.duration_us = -5;
    assert_string_equal(format(LOG_FORMAT_COMBINED, &record),
                        "- - - [22/Nov/2026:02:00:41 +0530] \"-\" 400 - \"\" \"-\"\n");
    assert_non_null(strstr(format(LOG_FORMAT_JSON, &record), "\"duration\":0.000000,\"referer\":\"\","));
}

static void numbers_are_written_in_full(void **state)
{
    (void)state;
    struct log_record record = plain_record();
    record.bytes = UINT64_MAX;
    record.duration_us = 86400000001;
    assert_non_null(strstr(format(LOG_FORMAT_COMMON, &record), " 200 18446744073709551615\n"));
    assert_non_null(
        strstr(format(LOG_FORMAT_JSON, &record), ",\"bytes\":18446744073709551615,\"duration\":86400.000001,"));
}

static const struct {
    struct span value;
    const char *common;
    const char *json;
} escapes[] = {
    { SPAN("plain ~!@#$%^&*()'"), "plain ~!@#$%^&*()'", "plain ~!@#$%^&*()'" },
    { SPAN("a\"b\\c"), "a\\\"b\\\\c", "a\\\"b\\\\c" },
    { SPAN("a\nb\rc\td\be"), "a\\nb\\rc\\td\\be", "a\\nb\\rc\\td\\be" },
    { SPAN("\v\f\x01\x1b[2J\x7f"), "\\v\\x0c\\x01\\x1b[2J\\x7f", "\\u000b\\u000c\\u0001\\u001b[2J\\u007f" },
    { SPAN("a\0b"), "a\\x00b", "a\\u0000b" },
    { SPAN("\x80\xff\xc0"), "\\x80\\xff\\xc0", "\\u0080\\u00ff\\u00c0" },
    { SPAN("b\xc3\xbc"
           "cher \xe2\x82\xac \xf0\x9f\x98\x80"),
      "b\\xc3\\xbccher \\xe2\\x82\\xac \\xf0\\x9f\\x98\\x80",
      "b\xc3\xbc"
      "cher \xe2\x82\xac \xf0\x9f\x98\x80" },
    { SPAN("\xef\xbf\xbf\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80\xe0\xa0\x80\xf0\x90\x80\x80\xc2\xa0"), NULL,
      "\xef\xbf\xbf\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80\xe0\xa0\x80\xf0\x90\x80\x80\xc2\xa0" },
    { SPAN("\xc2\x9b"), "\\xc2\\x9b", "\\u00c2\\u009b" },               /* a control character, in UTF-8 */
    { SPAN("\xc1\x81"), "\\xc1\\x81", "\\u00c1\\u0081" },               /* overlong */
    { SPAN("\xe0\x9f\xbf"), NULL, "\\u00e0\\u009f\\u00bf" },            /* overlong */
    { SPAN("\xf0\x8f\xbf\xbf"), NULL, "\\u00f0\\u008f\\u00bf\\u00bf" }, /* overlong */
    { SPAN("\xed\xa0\x80"), NULL, "\\u00ed\\u00a0\\u0080" },            /* a surrogate */
    { SPAN("\xf4\x90\x80\x80"), NULL, "\\u00f4\\u0090\\u0080\\u0080" }, /* beyond U+10FFFF */
    { SPAN("\xf5\x80\x80\x80"), NULL, "\\u00f5\\u0080\\u0080\\u0080" },
    { SPAN("\xc3"), NULL, "\\u00c3" },
    { SPAN("\xe2\x82"), NULL, "\\u00e2\\u0082" },
    { SPAN("\xe2\x82x"), NULL, "\\u00e2\\u0082x" },
    { SPAN("\xe2x\x82"), NULL, "\\u00e2x\\u0082" },
    { SPAN("\xf0\x9f\x98"), NULL, "\\u00f0\\u009f\\u0098" },
};

static void what_a_client_sends_is_escaped(void **state)
{
    (void)state;
    struct guarded values = guarded_open(4096);
    for (size_t i = 0; i < ARRAY_COUNT(escapes); i++) {
        struct log_record record = plain_record();
        struct span value =
            span_of(guarded_copy(&values, escapes[i].value.data, escapes[i].value.size), escapes[i].value.size);
        char wanted[512];
        record.client = record.line = record.method = record.target = record.referer = record.agent = value;
        record.outcome = value;
        if (escapes[i].common != NULL) {
            const char *text = escapes[i].common;
            snprintf(wanted, sizeof wanted, "%s - - [22/Nov/2026:02:00:41 +0530] \"%s\" 200 1024 \"%s\" \"%s\"\n", text,
                     text, text, text);
            assert_string_equal(format(LOG_FORMAT_COMBINED, &record), wanted);
        }
        const char *text = escapes[i].json;
        snprintf(wanted, sizeof wanted,
                 "{\"time\":\"2026-11-22T02:00:41+05:30\",\"client\":\"%s\",\"method\":\"%s\",\"target\":\"%s\","
                 "\"status\":200,\"bytes\":1024,\"duration\":1.234567,\"referer\":\"%s\",\"agent\":\"%s\","
                 "\"cache\":\"%s\"}\n",
                 text, text, text, text, text, text);
        assert_string_equal(format(LOG_FORMAT_JSON, &record), wanted);
    }
    guarded_close(&values);
}

static void values_that_are_too_long_are_cut_and_the_line_stays_whole(void **state)
{
    (void)state;
    static const struct span fills[] = { SPAN("x"), SPAN("\x01"), SPAN("\""), SPAN("\xff"), SPAN("\xe2\x82\xac") };
    enum { LONG = 40000 };
    char *bytes = malloc(LONG);
    assert_non_null(bytes);
    for (size_t i = 0; i < ARRAY_COUNT(fills); i++) {
        struct span fill = fills[i];
        for (size_t k = 0; k + fill.size <= LONG; k += fill.size) memcpy(bytes + k, fill.data, fill.size);
        struct span value = span_of(bytes, LONG / fill.size * fill.size);
        struct log_record record = plain_record();
        record.client = record.line = record.method = record.target = record.referer = record.agent = value;
        record.outcome = value;
        for (int f = LOG_FORMAT_COMBINED; f <= LOG_FORMAT_JSON; f++) {
            const char *line = format((enum log_format)f, &record);
            const char *end = f == LOG_FORMAT_JSON     ? "...\"}\n"
                              : f == LOG_FORMAT_COMMON ? "...\" 200 1024\n"
                                                       : "...\"\n";
            assert_true(span_ends_with(span_of_string(line), span_of_string(end)));
        }
    }
    free(bytes);
}

static void a_request_line_of_the_default_limit_is_not_cut(void **state)
{
    (void)state;
    char line[8190];
    memset(line, 'x', sizeof line);
    struct log_record record = plain_record();
    record.line = record.target = span_of(line, sizeof line);
    assert_null(strstr(format(LOG_FORMAT_COMBINED, &record), "..."));
    assert_null(strstr(format(LOG_FORMAT_JSON, &record), "..."));
}

static void the_clock_follows_the_second(void **state)
{
    (void)state;
    struct log_clock clock = { 0 };
    struct log_record record = plain_record();
    char line[LOG_LINE_BYTES_MAX];
    record.time_s = 0;
    (void)log_line_format(LOG_FORMAT_COMMON, &clock, &record, line);
    assert_memory_equal(line, "127.0.0.1 - - [01/Jan/1970:05:30:00 +0530]", 42);
    record.time_s = 1;
    (void)log_line_format(LOG_FORMAT_COMMON, &clock, &record, line);
    assert_memory_equal(line, "127.0.0.1 - - [01/Jan/1970:05:30:01 +0530]", 42);
    (void)log_line_format(LOG_FORMAT_JSON, &clock, &record, line);
    assert_memory_equal(line, "{\"time\":\"1970-01-01T05:30:01+05:30\"", 35);
}

static void zones_west_of_greenwich_have_a_minus(void **state)
{
    (void)state;
    setenv("TZ", "XST03:30", 1);
    tzset();
    struct log_record record = plain_record();
    assert_non_null(strstr(format(LOG_FORMAT_COMMON, &record), "[21/Nov/2026:17:00:41 -0330]"));
    assert_non_null(strstr(format(LOG_FORMAT_JSON, &record), "\"2026-11-21T17:00:41-03:30\""));
    assert_int_equal(in_kolkata(state), 0);
}

static void times_that_no_calendar_shows_do_no_harm(void **state)
{
    (void)state;
    static const int64_t times[] = { INT64_MIN, -1, INT64_MAX, 253402300799, 253402300800, (int64_t)1 << 56 };
    for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
        struct log_record record = plain_record();
        record.time_s = times[i];
        const char *line = format(LOG_FORMAT_COMMON, &record);
        assert_int_equal(strlen(line),
                         strlen("127.0.0.1 - - [22/Nov/2026:02:00:41 +0530] \"GET /1k.html HTTP/1.1\" 200 1024\n"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_as_apache_writes_it),
        cmocka_unit_test(a_line_of_json_is_one_object),
        cmocka_unit_test(what_is_absent_is_a_dash_or_null),
        cmocka_unit_test(numbers_are_written_in_full),
        cmocka_unit_test(what_a_client_sends_is_escaped),
        cmocka_unit_test(values_that_are_too_long_are_cut_and_the_line_stays_whole),
        cmocka_unit_test(a_request_line_of_the_default_limit_is_not_cut),
        cmocka_unit_test(the_clock_follows_the_second),
        cmocka_unit_test(zones_west_of_greenwich_have_a_minus),
        cmocka_unit_test(times_that_no_calendar_shows_do_no_harm),
    };
    return cmocka_run_group_tests(tests, in_kolkata, NULL);
}
