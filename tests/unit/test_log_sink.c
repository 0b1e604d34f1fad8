#include <limits.h>
#include <signal.h>
#include <sys/resource.h>

#include "../support/log_rig.h"
#include "server/log_sink.h"

static struct log_sink open_file_sink(const char *name)
{
    char path[120];
    struct log_sink sink;
    struct log_target target = { .kind = LOG_TO_FILE, .path = span_of_string(rig_path(name, path)) };
    assert_true(log_sink_open(&sink, &target, "/nowhere", false));
    return sink;
}

static bool open_system_sink(struct log_sink *sink, const char *name, bool may_be_absent)
{
    char path[120];
    struct log_target target = { .kind = LOG_TO_SYSTEM, .facility = 16, .tag = SPAN("www") };
    return log_sink_open(sink, &target, rig_path(name, path), may_be_absent);
}

static void a_file_is_continued(void **state)
{
    (void)state;
    scratch_text(&scratch, "log", "before\n");
    struct log_sink sink = open_file_sink("log");
    assert_int_equal(log_sink_write(&sink, "one\ntwo\n", 8), 8);
    log_sink_close(&sink);
    assert_string_equal(rig_text("log"), "before\none\ntwo\n");
}

static void a_log_that_cannot_be_opened_says_why(void **state)
{
    (void)state;
    char path[120], longer[PATH_MAX + 2];
    struct log_sink sink;
    scratch_folder(&scratch, "folder");
    SCRATCH_MUST(mkfifoat(scratch.fd, "unread", 0600) == 0);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const struct {
        const char *path;
        int error;
    } rows[] = {
        { rig_path("no/log", (char[120]){ 0 }), ENOENT },
        { rig_path("folder", path), EISDIR },
        { rig_path("unread", (char[120]){ 0 }), ENXIO },
        { longer, ENAMETOOLONG },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct log_target target = { .kind = LOG_TO_FILE, .path = span_of_string(rows[i].path) };
        assert_false(log_sink_open(&sink, &target, "/nowhere", false));
        assert_int_equal(errno, rows[i].error);
        assert_true(log_sink_open(&sink, &target, "/nowhere", true));
        assert_int_equal(sink.error, rows[i].error);
    }
    assert_false(open_system_sink(&sink, "missing", false));
    assert_int_equal(errno, ENOENT);
}

static void a_log_that_may_be_absent_is_opened_once_it_can_be(void **state)
{
    (void)state;
    char path[120];
    struct log_sink sink;
    struct log_target target = { .kind = LOG_TO_FILE, .path = span_of_string(rig_path("absent/log", path)) };
    assert_true(log_sink_open(&sink, &target, "/nowhere", true));
    assert_false(log_sink_open_again(&sink));
    assert_int_equal(log_sink_write(&sink, "one\n", 4), -1);
    assert_int_equal(errno, EAGAIN);
    scratch_folder(&scratch, "absent");
    assert_int_equal(log_sink_write(&sink, "one\n", 4), 4);
    assert_true(log_sink_open_again(&sink)); /* it is */
    log_sink_close(&sink);
    assert_string_equal(rig_text("absent/log"), "one\n");
}

/* What a pipe takes are whole lines of at most PIPE_BUF bytes together, until it is full. */
static void a_pipe_that_nobody_reads_is_not_waited_for(void **state)
{
    (void)state;
    static char lines[3 * PIPE_BUF];
    SCRATCH_MUST(mkfifoat(scratch.fd, "pipe", 0600) == 0);
    int reader = openat(scratch.fd, "pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct log_sink sink = open_file_sink("pipe");
    memset(lines, 'x', sizeof lines);
    for (size_t i = 999; i < sizeof lines; i += 1000) lines[i] = '\n';
    uint64_t written = 0;
    ssize_t n;
    while ((n = log_sink_write(&sink, lines, sizeof lines)) > 0) {
        assert_true(n <= PIPE_BUF && lines[n - 1] == '\n');
        written += (uint64_t)n;
    }
    assert_int_equal(n, -1);
    assert_int_equal(errno, EAGAIN);
    assert_true(written >= PIPE_BUF);
    while (read(reader, lines, sizeof lines) > 0) {}
    assert_int_equal(log_sink_write(&sink, "again\n", 6), 6);
    log_sink_close(&sink);
    close(reader);
}

/* As when a disk is full in the middle of a line, and then is not. */
static void a_line_that_was_cut_does_not_run_into_the_next(void **state)
{
    (void)state;
    struct rlimit limit;
    uint64_t lost = 0;
    struct log_sink sink = open_file_sink("cut");
    getrlimit(RLIMIT_FSIZE, &limit);
    rlim_t before = limit.rlim_cur;
    signal(SIGXFSZ, SIG_IGN);
    limit.rlim_cur = 10;
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(log_sink_write(&sink, "whole\nin parts\nlast\n", 20), 10);
    assert_int_equal(log_sink_write(&sink, "arts\nlast\n", 10), -1);
    assert_int_equal(errno, EFBIG);
    limit.rlim_cur = before;
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(log_sink_give_up(&sink, "arts\nlast\n", 10, &lost), 10);
    assert_int_equal(lost, 2);
    assert_int_equal(log_sink_write(&sink, "next\n", 5), 5);
    assert_int_equal(log_sink_write(&sink, "more\n", 5), 5);
    log_sink_close(&sink);
    assert_string_equal(rig_text("cut"), "whole\nin p\nnext\nmore\n");
}

/* RFC 3164, 4.1: facility 16 and severity 3 are 131; then time, tag and text. */
static void each_line_is_a_message_to_the_systems_log(void **state)
{
    (void)state;
    struct log_sink sink;
    int receiver = rig_system_log("log-socket");
    assert_true(open_system_sink(&sink, "log-socket", false));
    const char *lines = "3went wrong\n6answered\n";
    assert_int_equal(log_sink_write(&sink, lines, strlen(lines)), 12);
    assert_int_equal(log_sink_write(&sink, lines + 12, strlen(lines) - 12), 10);
    assert_matches(rig_receive(receiver),
                   "^<131>[A-Z][a-z]{2} [ 123][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} www\\[[0-9]+\\]: went wrong$");
    assert_matches(rig_receive(receiver), "^<134>.*: answered$");
    assert_string_equal(rig_receive(receiver), "");
    log_sink_close(&sink);
    close(receiver);
}

static void a_systems_log_that_is_started_anew_is_found_again(void **state)
{
    (void)state;
    struct log_sink sink;
    int receiver = rig_system_log("restarted");
    assert_true(open_system_sink(&sink, "restarted", false));
    assert_int_equal(log_sink_write(&sink, "6one\n", 5), 5);
    close(receiver);
    assert_int_equal(log_sink_write(&sink, "6two\n", 5), -1);
    assert_int_equal(errno, EAGAIN);
    scratch_unlink(&scratch, "restarted");
    assert_int_equal(log_sink_write(&sink, "6two\n", 5), -1);
    assert_int_equal(errno, EAGAIN);
    receiver = rig_system_log("restarted");
    assert_int_equal(log_sink_write(&sink, "6two\n", 5), 5);
    assert_matches(rig_receive(receiver), ": two$");
    log_sink_close(&sink);
    close(receiver);
}

static void a_systems_log_that_may_be_absent_is_found_when_it_comes(void **state)
{
    (void)state;
    struct log_sink sink;
    assert_true(open_system_sink(&sink, "later", true));
    assert_int_equal(log_sink_write(&sink, "6one\n", 5), -1);
    assert_int_equal(errno, EAGAIN);
    int receiver = rig_system_log("later");
    assert_int_equal(log_sink_write(&sink, "6one\n", 5), 5);
    assert_matches(rig_receive(receiver), ": one$");
    log_sink_close(&sink);
    close(receiver);
}

/* A log of the system that does not read is full after some messages (net.unix.max_dgram_qlen). */
static void a_systems_log_that_does_not_read_is_not_waited_for(void **state)
{
    (void)state;
    struct log_sink sink;
    uint64_t lost = 0;
    int receiver = rig_system_log("asleep");
    assert_true(open_system_sink(&sink, "asleep", false));
    int sent = 0;
    while (sent < 100000 && log_sink_write(&sink, "6line\n", 6) == 6) sent++;
    assert_int_equal(errno, EAGAIN);
    assert_true(sent > 0 && sent < 100000);
    assert_int_equal(log_sink_give_up(&sink, "6line\n6other\n", 13, &lost), 6);
    assert_int_equal(lost, 1);
    log_sink_close(&sink);
    close(receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_continued),
        cmocka_unit_test(a_log_that_cannot_be_opened_says_why),
        cmocka_unit_test(a_log_that_may_be_absent_is_opened_once_it_can_be),
        cmocka_unit_test(a_pipe_that_nobody_reads_is_not_waited_for),
        cmocka_unit_test(a_line_that_was_cut_does_not_run_into_the_next),
        cmocka_unit_test(each_line_is_a_message_to_the_systems_log),
        cmocka_unit_test(a_systems_log_that_is_started_anew_is_found_again),
        cmocka_unit_test(a_systems_log_that_may_be_absent_is_found_when_it_comes),
        cmocka_unit_test(a_systems_log_that_does_not_read_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, rig_open_scratch, rig_close_scratch);
}
