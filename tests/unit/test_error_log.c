#include "../support/log_rig.h"
#include "server/error_log.h"

enum { BURST = 20, SECOND_US = 1000000 };

static const struct error_kind kinds[] = { { LOG_LEVEL_ERROR, "refused: so it is" }, { LOG_LEVEL_INFO, "nothing" } };

static struct error_log *open_log(const char *name, bool has_writer, bool is_plain)
{
    static char path[120];
    struct error_log_options options = {
        .name = "test",
        .target = { .kind = LOG_TO_FILE, .path = span_of_string(rig_path(name, path)) },
        .system_socket = "/nowhere",
        .has_writer = has_writer,
        .is_plain = is_plain,
        .kinds = kinds,
        .kind_count = 2,
    };
    struct error_log *log = error_log_open(&options);
    assert_non_null(log);
    return log;
}

static uint64_t close_log(struct error_log *log)
{
    uint64_t lost = error_log_stop(log);
    error_log_free(log);
    return lost;
}

#define TIME "^\\[[A-Z][a-z]{2} [A-Z][a-z]{2} [0-9]{2} [0-9:]{8}\\.[0-9]{6} [0-9]{4}\\] "

static void lines_have_time_level_and_process(void **state)
{
    (void)state;
    for (int has_writer = 0; has_writer <= 1; has_writer++) {
        const char *name = has_writer ? "form" : "direct";
        struct error_log *log = open_log(name, has_writer != 0, false);
        assert_true(error_log_tell(log, LOG_LEVEL_CRIT, SPAN("it fails\n  mend it: \x1b[1m")));
        assert_int_equal(close_log(log), 0);
        assert_matches(rig_text(name), TIME "\\[crit\\] \\[pid [0-9]+\\] it fails; mend it: \\\\x1b\\[1m\n$");
    }
}

static void requests_are_told_with_client_site_and_path_and_escaped(void **state)
{
    (void)state;
    struct error_request request = { .client = SPAN("127.0.0.1"), .url = SPAN("/a\"\n\xff") };
    struct error_log *log = open_log("requests", true, false);
    error_log_tell_request(log, 0, &request, SECOND_US);
    assert_int_equal(close_log(log), 0);
    assert_matches(rig_text("requests"), TIME
                   "\\[error\\] \\[pid [0-9]+\\] \\[client 127.0.0.1\\] /a\\\\\"\\\\n\\\\xff: refused: so it is\n$");
    request.site = SPAN("www.example.org");
    log = open_log("plain", true, true);
    error_log_tell_request(log, 1, &request, SECOND_US);
    assert_int_equal(close_log(log), 0);
    assert_string_equal(rig_text("plain"),
                        "folio: [client 127.0.0.1] [site www.example.org] /a\\\"\\n\\xff: nothing\n");
}

static void a_path_of_any_length_leaves_one_line(void **state)
{
    (void)state;
    static char url[100000];
    memset(url, '\n', sizeof url);
    struct error_request request = { .client = SPAN("::1"), .url = span_of(url, sizeof url) };
    struct error_log *log = open_log("long", true, false);
    error_log_tell_request(log, 0, &request, SECOND_US);
    assert_int_equal(close_log(log), 0);
    const char *text = rig_text("long");
    assert_true(strlen(text) < 1400);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_non_null(strstr(text, "...: refused"));
}

static unsigned count_of(const char *text, const char *what)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, what)); at++) count++;
    return count;
}

static void a_kind_is_told_at_most_so_often_and_the_rest_is_counted(void **state)
{
    (void)state;
    struct error_request request = { .client = SPAN("127.0.0.1"), .url = SPAN("/x") };
    struct error_log *log = open_log("often", true, false);
    int64_t now_us = 1000 * (int64_t)SECOND_US;
    for (int i = 0; i < 1000; i++) error_log_tell_request(log, 0, &request, now_us);
    error_log_tell_request(log, 1, &request, now_us); /* another kind has a share of its own */
    for (int i = 0; i < 1000; i++) error_log_tell_request(log, 0, &request, now_us + 3 * (int64_t)SECOND_US);
    assert_int_equal(close_log(log), 0);
    const char *text = rig_text("often");
    /* Some may be left out besides, where the writer happened to tell something at that moment. */
    unsigned told = count_of(text, "/x: refused: so it is\n");
    assert_true(told <= BURST + 3 && told >= BURST);
    assert_int_equal(count_of(text, "/x: nothing\n"), 1);
    char left_out[80];
    snprintf(left_out, sizeof left_out, "%u more were not told: refused: so it is\n", 2000 - told);
    assert_int_equal(count_of(text, left_out), 1);
}

static void what_a_log_is_named_by_may_go_before_it(void **state)
{
    (void)state;
    char path[120], name[] = "syslog:daemon:site", *tag = name + 14;
    int receiver = rig_system_log("receiver");
    struct error_log_options options = {
        .name = name,
        .target = { .kind = LOG_TO_SYSTEM, .facility = 3, .tag = span_of(tag, 4) },
        .system_socket = rig_path("receiver", path),
        .kinds = kinds,
        .kind_count = 2,
    };
    struct error_log *log = error_log_open(&options);
    assert_non_null(log);
    memset(name, 'x', sizeof name - 1);
    assert_true(error_log_tell(log, LOG_LEVEL_CRIT, SPAN("it fails")));
    assert_matches(rig_receive(receiver), "^<26>.* site\\[[0-9]+\\]: \\[crit\\] it fails$");
    assert_int_equal(close_log(log), 0);
    close(receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_time_level_and_process),
        cmocka_unit_test(requests_are_told_with_client_site_and_path_and_escaped),
        cmocka_unit_test(a_path_of_any_length_leaves_one_line),
        cmocka_unit_test(a_kind_is_told_at_most_so_often_and_the_rest_is_counted),
        cmocka_unit_test(what_a_log_is_named_by_may_go_before_it),
    };
    return cmocka_run_group_tests(tests, rig_open_scratch, rig_close_scratch);
}
