#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "server/log_target.h"

static void words_are_understood_as_apache_does(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum log_target_kind kind;
        unsigned facility;
        const char *tag;
    } rows[] = {
        { "/var/log/folio/error.log", LOG_TO_FILE, 0, "" },
        { "syslogs", LOG_TO_FILE, 0, "" },
        { "-", LOG_TO_STANDARD_OUTPUT, 0, "" },
        { "stderr", LOG_TO_STANDARD_ERROR, 0, "" },
        { "syslog", LOG_TO_SYSTEM, 23, "folio" },
        { "syslog:", LOG_TO_SYSTEM, 23, "folio" },
        { "syslog:daemon", LOG_TO_SYSTEM, 3, "folio" },
        { "syslog:LOCAL0", LOG_TO_SYSTEM, 16, "folio" },
        { "syslog:user:www.a-b_c", LOG_TO_SYSTEM, 1, "www.a-b_c" },
        { "syslog::www", LOG_TO_SYSTEM, 23, "www" },
        { "syslog::12345678901234567890123456789012", LOG_TO_SYSTEM, 23, "12345678901234567890123456789012" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct log_target target;
        const char *wanted;
        size_t at;
        assert_true(log_target_parse(span_of_string(rows[i].text), &target, &wanted, &at));
        assert_int_equal(target.kind, rows[i].kind);
        assert_int_equal(target.facility, rows[i].facility);
        assert_int_equal(target.tag.size, strlen(rows[i].tag));
        if (target.tag.size > 0) assert_memory_equal(target.tag.data, rows[i].tag, target.tag.size);
        if (target.kind == LOG_TO_FILE) assert_true(span_equal(target.path, span_of_string(rows[i].text)));
    }
}

static void what_is_wrong_is_pointed_at(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } rows[] = {
        { "syslog:kern", 7 },
        { "syslog:local8", 7 },
        { "syslog:daemon:", 14 },
        { "syslog:daemon:a b", 14 },
        { "syslog:daemon:a:b", 14 },
        { "syslog::a[1]", 8 },
        { "syslog::123456789012345678901234567890123", 8 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct log_target target = { .facility = 77 };
        const char *wanted = NULL;
        size_t at = 99;
        assert_false(log_target_parse(span_of_string(rows[i].text), &target, &wanted, &at));
        assert_int_equal(at, rows[i].at);
        assert_non_null(wanted);
        assert_int_equal(target.facility, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_understood_as_apache_does),
        cmocka_unit_test(what_is_wrong_is_pointed_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
