#include "../support/log_rig.h"
#include "server/trouble.h"

static struct error_log *log_file;

static int with_a_log(void **state)
{
    (void)state;
    static char path[120];
    struct error_log_options options = {
        .name = "test",
        .target = { .kind = LOG_TO_FILE, .path = span_of_string(rig_path("log", path)) },
        .has_writer = true,
        .is_plain = true,
    };
    options.kinds = troubles_all(&options.kind_count);
    log_file = error_log_open(&options);
    return log_file ? 0 : 1;
}

static int without_a_log(void **state)
{
    (void)state;
    error_log_free(log_file);
    scratch_unlink(&scratch, "log");
    return 0;
}

/* What was told, once all is written. */
static const char *told(void)
{
    assert_int_equal(error_log_stop(log_file), 0);
    return rig_text("log");
}

static void a_line_says_who_asked_whom_for_what_and_why_it_failed(void **state)
{
    (void)state;
    struct site_errors errors = { .log = log_file, .level = LOG_LEVEL_DEBUG };
    struct peer_address client = { .bytes = { [10] = 0xff, 0xff, 192, 0, 2, 1 }, .port = 80 }, local = { .is_unix = 1 };
    trouble_tell(&errors, TROUBLE_ABSENT, &client, SPAN_NONE, SPAN("/a"), 1);
    trouble_tell(&errors, TROUBLE_ABSENT, &local, SPAN("www.example.org"), SPAN("/b\n"), 2);
    trouble_tell(&errors, TROUBLE_BAD_REQUEST, &client, SPAN_NONE, SPAN_NONE, 3);
    trouble_tell(NULL, TROUBLE_ABSENT, &client, SPAN_NONE, SPAN("/c"), 4);
    assert_string_equal(told(),
                        "folio: [client 192.0.2.1] /a: nothing is there\n"
                        "folio: [client unix:] [site www.example.org] /b\\n: nothing is there\n"
                        "folio: [client 192.0.2.1] -: refused: it is no request, or more than the limits allow\n");
}

/* Each kind by a path of its own, at each LogLevel by another. */
static void what_matters_less_than_the_level_is_not_told(void **state)
{
    (void)state;
    unsigned count;
    const struct error_kind *kinds = troubles_all(&count);
    struct peer_address client = { .port = 1 };
    char path[16], line[200];
    for (unsigned level = LOG_LEVEL_EMERG; level <= LOG_LEVEL_DEBUG; level++) {
        struct site_errors errors = { .log = log_file, .level = (enum log_level)level };
        for (unsigned kind = TROUBLE_NONE + 1; kind < count; kind++) {
            int size = snprintf(path, sizeof path, "/%u/%u", level, kind);
            trouble_tell(&errors, (enum trouble)kind, &client, SPAN_NONE, span_of(path, (size_t)size), level);
        }
    }
    const char *text = told();
    for (unsigned level = LOG_LEVEL_EMERG; level <= LOG_LEVEL_DEBUG; level++) {
        for (unsigned kind = TROUBLE_NONE + 1; kind < count; kind++) {
            snprintf(line, sizeof line, "] /%u/%u: %s\n", level, kind, kinds[kind].phrase);
            bool is_told = strstr(text, line) != NULL;
            if (is_told != ((unsigned)kinds[kind].level <= level)) fail_msg("%s at %u", kinds[kind].phrase, level);
        }
    }
}

static void each_kind_has_a_phrase_of_its_own_and_matters_as_much_as_it_should(void **state)
{
    (void)state;
    unsigned count;
    const struct error_kind *kinds = troubles_all(&count);
    assert_int_equal(count, TROUBLE_COUNT);
    for (unsigned i = TROUBLE_NONE + 1; i < count; i++) {
        const char *phrase = kinds[i].phrase;
        assert_non_null(phrase);
        for (unsigned j = TROUBLE_NONE + 1; j < i; j++) assert_string_not_equal(phrase, kinds[j].phrase);
        /* Our own failures are errors; a lack that passes is a warning. */
        if (strncmp(phrase, "answered 500", 12) == 0) assert_int_equal(kinds[i].level, LOG_LEVEL_ERROR);
        if (strncmp(phrase, "answered 503", 12) == 0) assert_int_equal(kinds[i].level, LOG_LEVEL_WARN);
        assert_in_range(kinds[i].level, LOG_LEVEL_ERROR, LOG_LEVEL_INFO);
    }
}

#define WITH_A_LOG(test) cmocka_unit_test_setup_teardown(test, with_a_log, without_a_log)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_LOG(a_line_says_who_asked_whom_for_what_and_why_it_failed),
        WITH_A_LOG(what_matters_less_than_the_level_is_not_told),
        cmocka_unit_test(each_kind_has_a_phrase_of_its_own_and_matters_as_much_as_it_should),
    };
    return cmocka_run_group_tests(tests, rig_open_scratch, rig_close_scratch);
}
