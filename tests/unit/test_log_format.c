#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "server/log_format.h"

static int in_kolkata(void **state)
{
    (void)state;
    setenv("TZ", "XST-05:30", 1); /* five and a half hours east, whatever zones are installed */
    tzset();
    return 0;
}

static const struct span fields[] = { { "tester \"1\"\n", 11 }, { NULL, 0 }, { "www.example.org:8080", 20 } };

static struct log_record some_record(void)
{
    return (struct log_record){
        .time_s = 1795293041, /* 2026-11-21T20:30:41Z */
        .duration_us = 1234567,
        .bytes = 1024,
        .status = 206,
        .client = SPAN("192.0.2.7"),
        .line = SPAN("GET /a%20b?x=\"1\" HTTP/1.1"),
        .method = SPAN("GET"),
        .target = SPAN("/a%20b?x=\"1\""),
        .received_bytes = 77,
        .sent_bytes = 1300,
        .site = SPAN("site.example"),
        .site_port = 8443,
        .fields = fields,
        .field_count = ARRAY_COUNT(fields),
    };
}

/* What `text` makes of a record, without the line's end; or the mistake. */
static const char *line_of(const char *text, const struct log_record *record)
{
    static char out[LOG_LINE_BYTES_MAX + LOG_ERROR_BYTES];
    static struct guarded guarded;
    if (guarded.pages == NULL) guarded = guarded_open(LOG_LINE_BYTES_MAX);
    struct log_wishes wishes = { .count = 2, .at = { { SPAN("User-Agent"), false }, { SPAN("X-None"), false } } };
    struct log_program program;
    struct log_clock clock = { 0 };
    struct log_times times = { 0 };
    char error[LOG_ERROR_BYTES];
    size_t at, blamed;
    if (!log_program_compile(span_of_string(text), &wishes, &program, error, &at, &blamed)) {
        snprintf(out, sizeof out, "%zu+%zu %s", at, blamed, error);
        return out;
    }
    program.process = 4711;
    char *room = guarded.pages + guarded.room - LOG_LINE_BYTES_MAX;
    size_t size = log_program_write(&program, &clock, &times, record, room);
    assert_true(size > 0 && size <= LOG_LINE_BYTES_MAX);
    assert_int_equal(room[size - 1], '\n');
    memcpy(out, room, size - 1);
    out[size - 1] = '\0';
    return out;
}

static void each_directive_shows_what_apaches_does(void **state)
{
    static const struct {
        const char *text, *line;
    } rows[] = {
        { "%h %l %u %t \"%r\" %>s %b",
          "192.0.2.7 - - [22/Nov/2026:02:00:41 +0530] \"GET /a%20b?x=\\\"1\\\" HTTP/1.1\" 206 1024" },
        { "%a %B %D %T", "192.0.2.7 1024 1234567 1" },
        { "%{s}T %{ms}T %{us}T", "1 1234 1234567" },
        { "%H %m %U%q", "HTTP/1.1 GET /a%20b?x=\\\"1\\\"" },
        { "%I %O %s %<s", "77 1300 206 206" },
        { "%p %{canonical}p %v %V", "8080 8080 site.example www.example.org" },
        { "%P %{pid}P", "4711 4711" },
        { "%X", "+" },
        { "%{%Y-%m-%d}t %{%H:%M}t %{sec}t %{begin:%S}t", "2026-11-22 02:00 1795293041 41" },
        { "%{User-Agent}i %{user-agent}i", "tester \\\"1\\\"\\n tester \\\"1\\\"\\n" },
        { "%{X-None}i", "-" },
        { "100%% \\t\\\\ \\x \\", "100% \t\\ \\x \\" },
        { "", "" },
        { "plain", "plain" },
    };
    (void)state;
    struct log_record record = some_record();
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) assert_string_equal(line_of(rows[i].text, &record), rows[i].line);
}

static void what_is_absent_is_a_dash_or_its_default(void **state)
{
    (void)state;
    struct log_record record = { .status = 400, .time_s = 1795293041 };
    assert_string_equal(line_of("%h|%b|%B|%H|%m|%q|%r|%U|%v|%V|%p|%{User-Agent}i|%D", &record),
                        "-|-|0|-|-||-|-|-|-|80|-|0");
    record = some_record();
    record.field_count = 0; /* a request that could not be read has none */
    assert_string_equal(line_of("%V %p %{User-Agent}i", &record), "site.example 8443 -");
}

static void the_end_of_the_connection_is_told(void **state)
{
    (void)state;
    struct log_record record = some_record();
    record.closes = true;
    assert_string_equal(line_of("%X", &record), "-");
    record.is_aborted = true;
    assert_string_equal(line_of("%X", &record), "X");
}

static void mistakes_are_found_where_they_are(void **state)
{
    static const struct {
        const char *text, *mistake;
    } rows[] = {
        { "%h %Z", "3+2 %Z is no directive of LogFormat" },
        { "%", "0+1 a directive without its letter; %% stands for %" },
        { "ab %>", "3+2 a directive without its letter; %% stands for %" },
        { "%{a", "0+3 %{ without }" },
        { "%{a}", "0+4 a directive without its letter; %% stands for %" },
        { "%{x}h", "0+5 %{x}h is no directive of LogFormat" },
        { "%i", "0+2 %i wants a field: %{NAME}i" },
        { "%{}i", "0+4 %{}i is no directive of LogFormat" },
        { "%{min}T", "0+7 %{UNIT}T takes s, ms or us" },
        { "%f", "0+2 %f: the file is not kept; %U is the path that was asked for" },
        { "%A", "0+2 %A: the address that was connected to is not kept" },
        { "%{msec}t", "0+8 times are kept in whole seconds" },
        { "%{end:%S}t", "0+10 times are those at which requests came, not end:" },
        { "%{a%nb}t", "0+8 a line of the log is one line: %n may not stand in it" },
        { "a\nb", "1+0 a line of the log is one line" },
        { "a\\nb", "1+2 a line of the log is one line: \\n may not stand in it" },
        { "%{a}i%{b}i%{c}i%{d}i%{e}i%{f}i%{g}i", "30+5 more than 8 fields are wanted by all logs together" },
        { "%{%a}t%{%b}t%{%c}t%{%d}t%{%e}t", "24+6 at most 4 times with a format" },
    };
    (void)state;
    struct log_record record = some_record();
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) assert_string_equal(line_of(rows[i].text, &record), rows[i].mistake);
}

static void the_longest_values_leave_a_line_that_fits(void **state)
{
    (void)state;
    static char text[LOG_LITERAL_BYTES_MAX + 1], bytes[60000];
    struct log_record record = some_record();
    memset(bytes, 1, sizeof bytes);
    record.line = record.target = record.method = record.client = record.site = span_of(bytes, sizeof bytes);
    size_t at = 0;
    for (int i = 0; i < LOG_PIECES_MAX / 2 - 1; i++) at += (size_t)sprintf(text + at, "%s", i % 2 ? "%r|" : "%U|");
    while (at < LOG_LITERAL_BYTES_MAX) text[at++] = 'x';
    const char *line = line_of(text, &record);
    assert_memory_equal(line, "\\x01\\x01", 8);
    assert_non_null(strstr(line, "...|")); /* cut */
    assert_true(strlen(line) > 20000 && strlen(line) < LOG_LINE_BYTES_MAX);
}

static void too_long_a_format_is_a_mistake(void **state)
{
    (void)state;
    static char text[LOG_LITERAL_BYTES_MAX + 2];
    struct log_record record = some_record();
    memset(text, 'x', LOG_LITERAL_BYTES_MAX + 1);
    assert_non_null(strstr(line_of(text, &record), "more than 4096 bytes beside directives"));
    text[0] = '\0';
    for (int i = 0; i <= LOG_PIECES_MAX; i++) strcat(text, "%h");
    assert_non_null(strstr(line_of(text, &record), "more than 64 parts"));
}

static void a_text_of_the_time_holds_for_its_second(void **state)
{
    (void)state;
    struct log_wishes wishes = { 0 };
    struct log_program program;
    struct log_clock clock = { 0 };
    struct log_times times = { 0 };
    struct log_record record = some_record();
    char error[LOG_ERROR_BYTES], line[LOG_LINE_BYTES_MAX];
    size_t at, size;
    assert_true(log_program_compile(SPAN("%{%S}t %{%M}t %t"), &wishes, &program, error, &at, &size));
    for (int i = 0; i < 3; i++) {
        char wanted[64];
        record.time_s = 1795293041 + i / 2 * 20;
        size = log_program_write(&program, &clock, &times, &record, line);
        snprintf(wanted, sizeof wanted, "%s [22/Nov/2026:02:0%s +0530]\n", i < 2 ? "41 00" : "01 01",
                 i < 2 ? "0:41" : "1:01");
        assert_memory_equal(line, wanted, size);
    }
}

static void fields_are_found_in_request_and_answer(void **state)
{
    (void)state;
    struct request request = { .authority = SPAN("h:1"), .field_count = 2 };
    request.fields[0] = (struct field){ .name = SPAN("X-A"), .value = SPAN("1") };
    request.fields[1] = (struct field){ .name = SPAN("x-a"), .value = SPAN("2") };
    struct span head = SPAN("HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nETag:\"q\"\r\nEmpty:\r\n\r\n");
    struct log_wishes wishes = { 0 };
    struct log_program program;
    char error[LOG_ERROR_BYTES];
    size_t at, size;
    assert_true(log_program_compile(SPAN("%{x-A}i%{etag}o%{Content-Type}o%V%{HTTP/1.1 200 OK}o%{Empty}o%{Type}o"),
                                    &wishes, &program, error, &at, &size));
    assert_int_equal(wishes.count, 7);
    struct span found[EXCHANGE_FIELDS_MAX];
    log_wishes_read(&wishes, &request, head, found);
    static const char *const wanted[] = { "1", "\"q\"", "text/x", "h:1", NULL, "", NULL };
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++) {
        if (wanted[i])
            assert_true(span_equal(found[i], span_of_string(wanted[i])));
        else
            assert_null(found[i].data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_directive_shows_what_apaches_does),
        cmocka_unit_test(what_is_absent_is_a_dash_or_its_default),
        cmocka_unit_test(the_end_of_the_connection_is_told),
        cmocka_unit_test(mistakes_are_found_where_they_are),
        cmocka_unit_test(the_longest_values_leave_a_line_that_fits),
        cmocka_unit_test(too_long_a_format_is_a_mistake),
        cmocka_unit_test(a_text_of_the_time_holds_for_its_second),
        cmocka_unit_test(fields_are_found_in_request_and_answer),
    };
    return cmocka_run_group_tests(tests, in_kolkata, NULL);
}
