#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "http/date.h"

enum { DAY_SECONDS = 86400 };

static const int64_t in_1994_s = 784111777;
static const int64_t in_2026_s = 1795000000;

static const struct {
    const char *text;
    int64_t seconds;
} dates[] = {
    { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
    { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
    { "Sun Nov  6 08:49:37 1994", 784111777 },
    { "Wed Nov 16 08:49:37 1994", 784975777 },
    { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
    { "Wed, 31 Dec 1969 23:59:59 GMT", -1 },
    { "Tue, 29 Feb 2000 00:00:00 GMT", 951782400 },
    { "Thu, 29 Feb 2024 12:00:00 GMT", 1709208000 },
    { "Tue, 19 Jan 2038 03:14:08 GMT", 2147483648 },
    { "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
    { "Mon, 01 Jan 0001 00:00:00 GMT", -62135596800 },
    { "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 }, /* a leap second is the next second */
    { "Monday, 05-Jan-26 00:00:00 GMT", 1767571200 },
    { "Tuesday, 05-Jan-76 00:00:00 GMT", 3345408000 }, /* fifty years ahead are not more than fifty */
    { "Wednesday, 05-Jan-77 00:00:00 GMT", 221270400 },
};

static const char *const not_dates[] = {
    "",
    "S",
    "Sun",
    "Sun,",
    "Sunday",
    "0",
    "1994-11-06T08:49:37Z",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 GMT ",
    " Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 gmt",
    "sun, 06 nov 1994 08:49:37 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06  Nov 1994 08:49:37 GMT",
    "Sun, 06-Nov-1994 08:49:37 GMT",
    "Sun, 06 Nov 94 08:49:37 GMT",
    "Sun, 06 Nov 1994 8:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:00 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT",
    "Sun, 29 Feb 1900 08:49:37 GMT",
    "Sun, 29 Feb 2023 08:49:37 GMT",
    "Sun, 06 Nov 0000 08:49:37 GMT",
    "Sun, 06 Abc 1994 08:49:37 GMT",
    "Xyz, 06 Nov 1994 08:49:37 GMT",
    "Sun, -6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov +994 08:49:37 GMT",
    "Sunday, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-1994 08:49:37 GMT",
    "Sunday, 6-Nov-94 08:49:37 GMT",
    "Sun, 06-Nov-94 08:49:37 GMT",
    "Sun Nov 6 08:49:37 1994",
    "Sun Nov   6 08:49:37 1994",
    "Sun Nov 06 08:49:37 94",
    "Sun Nov  6 08:49:37 1994 GMT",
    "Sunday Nov  6 08:49:37 1994",
};

static void the_three_formats_are_read(void **state)
{
    (void)state;
    struct guarded guarded = guarded_open(64);
    for (size_t i = 0; i < ARRAY_COUNT(dates); i++) {
        size_t size = strlen(dates[i].text);
        int64_t seconds = -2;
        bool is_date = http_date_parse(span_of(guarded_copy(&guarded, dates[i].text, size), size), in_2026_s, &seconds);
        if (!is_date || seconds != dates[i].seconds)
            fail_msg("%s: %d, %lld", dates[i].text, is_date, (long long)seconds);
    }
    guarded_close(&guarded);
}

static void what_is_not_a_date_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(not_dates); i++) {
        int64_t seconds = -2;
        if (http_date_parse(span_of_string(not_dates[i]), in_1994_s, &seconds)) fail_msg("%s is taken", not_dates[i]);
        assert_int_equal(seconds, -2);
    }
}

static void every_cut_of_a_date_is_refused(void **state)
{
    (void)state;
    struct guarded guarded = guarded_open(64);
    for (size_t i = 0; i < ARRAY_COUNT(dates); i++) {
        for (size_t size = 0; size < strlen(dates[i].text); size++) {
            int64_t seconds;
            struct span cut = span_of(guarded_copy(&guarded, dates[i].text, size), size);
            if (http_date_parse(cut, in_1994_s, &seconds)) fail_msg("%.*s is taken", (int)size, cut.data);
        }
    }
    guarded_close(&guarded);
}

static void two_digits_of_a_year_mean_the_nearest_one_around_now(void **state)
{
    (void)state;
    int64_t seconds;
    struct span text = SPAN("Sunday, 06-Nov-94 08:49:37 GMT");
    assert_true(http_date_parse(text, in_1994_s, &seconds));
    assert_int_equal(seconds, 784111777);
    assert_true(
        http_date_parse(text, in_1994_s + (int64_t)60 * 365 * DAY_SECONDS, &seconds)); /* 2054: 2094 is 40 ahead */
    assert_int_equal(seconds, 3939871777);
    assert_true(http_date_parse(SPAN("Sunday, 06-Nov-03 08:49:37 GMT"), 4099680000, &seconds)); /* seen from 2099 */
    assert_int_equal(seconds, 4223782177);                                                      /* it is 2103 */
}

/* The C library as the judge: one day in five, from year 1 to year 9999. */
static void dates_are_written_as_the_c_library_does(void **state)
{
    (void)state;
    for (int64_t day = -719162; day <= 2932896; day += 5) {
        int64_t seconds = day * DAY_SECONDS + (day & 0xffff);
        time_t time = (time_t)seconds;
        struct tm tm;
        char wanted[64];
        char text[HTTP_DATE_BYTES + 1] = { 0 };
        int64_t back;
        assert_non_null(gmtime_r(&time, &tm));
        size_t size = strftime(wanted, sizeof wanted, "%a, %d %b ", &tm);
        size += (size_t)sprintf(wanted + size, "%04d ", tm.tm_year + 1900);
        strftime(wanted + size, sizeof wanted - size, "%H:%M:%S GMT", &tm);
        http_date_format(seconds, text);
        assert_string_equal(text, wanted);
        assert_true(http_date_parse(span_of(text, HTTP_DATE_BYTES), seconds, &back));
        assert_int_equal(back, seconds);
        size = (size_t)sprintf(wanted, "%04d-", tm.tm_year + 1900);
        strftime(wanted + size, sizeof wanted - size, "%m-%dT%H:%M:%SZ", &tm);
        char rfc_3339[RFC_3339_BYTES + 1] = { 0 };
        rfc_3339_format(seconds, rfc_3339);
        assert_string_equal(rfc_3339, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_formats_are_read),
        cmocka_unit_test(what_is_not_a_date_is_refused),
        cmocka_unit_test(every_cut_of_a_date_is_refused),
        cmocka_unit_test(two_digits_of_a_year_mean_the_nearest_one_around_now),
        cmocka_unit_test(dates_are_written_as_the_c_library_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
