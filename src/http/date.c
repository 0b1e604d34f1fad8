#include "http/date.h"

enum {
    DAY_SECONDS = 86400,
    ERA_DAYS = 146097,   /* 400 years */
    EPOCH_DAYS = 719468, /* from the 1st of March of year 0 to the 1st of January 1970 */
    CENTURY_WINDOW = 50, /* years; RFC 9110, 5.6.7 */
};

static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char day_names[7][10] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };

struct civil {
    int64_t year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
};

/* Floor division, for times before 1970. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* The proleptic Gregorian calendar, counted in years that begin in March, so that the leap day is the last one. */
static int64_t days_from_civil(struct civil date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

static struct civil civil_from_days(int64_t days)
{
    days += EPOCH_DAYS;
    int64_t era = floor_div(days, ERA_DAYS);
    int64_t day_of_era = days - era * ERA_DAYS;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (ERA_DAYS - 1)) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (int)((5 * day_of_year + 2) / 153);
    int month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    return (struct civil){
        .year = era * 400 + year_of_era + (month <= 2),
        .month = month,
        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
    };
}

static void put_two(char *out, int64_t value)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
}

void http_date_format(int64_t seconds, char out[HTTP_DATE_BYTES])
{
    int64_t days = floor_div(seconds, DAY_SECONDS);
    int64_t second = seconds - days * DAY_SECONDS;
    struct civil date = civil_from_days(days);
    int64_t weekday = days + 4 - floor_div(days + 4, 7) * 7; /* the first day was a Thursday */
    memcpy(out, "Sun, 06 Nov 1994 08:49:37 GMT", HTTP_DATE_BYTES);
    memcpy(out, day_names[weekday], 3);
    put_two(out + 5, date.day);
    memcpy(out + 8, month_names[date.month - 1], 3);
    put_two(out + 12, date.year / 100);
    put_two(out + 14, date.year % 100);
    put_two(out + 17, second / 3600);
    put_two(out + 20, second / 60 % 60);
    put_two(out + 23, second % 60);
}

void rfc_3339_format(int64_t seconds, char out[RFC_3339_BYTES])
{
    int64_t days = floor_div(seconds, DAY_SECONDS);
    int64_t second = seconds - days * DAY_SECONDS;
    struct civil date = civil_from_days(days);
    memcpy(out, "1994-11-06T08:49:37Z", RFC_3339_BYTES);
    put_two(out, date.year / 100);
    put_two(out + 2, date.year % 100);
    put_two(out + 5, date.month);
    put_two(out + 8, date.day);
    put_two(out + 11, second / 3600);
    put_two(out + 14, second / 60 % 60);
    put_two(out + 17, second % 60);
}

/* What is left of a text that is being read. A reader that does not find what it looks for sets `is_bad`. */
struct reader {
    struct span rest;
    bool is_bad;
};

static void read_text(struct reader *reader, struct span text)
{
    if (reader->is_bad || !span_starts_with(reader->rest, text)) {
        reader->is_bad = true;
        return;
    }
    reader->rest = span_from(reader->rest, text.size);
}

static int read_digits(struct reader *reader, size_t count)
{
    int value = 0;
    if (reader->rest.size < count) reader->is_bad = true;
    for (size_t i = 0; i < count && !reader->is_bad; i++) {
        char c = reader->rest.data[i];
        if (c < '0' || c > '9') reader->is_bad = true;
        value = value * 10 + (c - '0');
    }
    if (!reader->is_bad) reader->rest = span_from(reader->rest, count);
    return value;
}

static int read_month(struct reader *reader)
{
    for (int i = 0; i < 12; i++) {
        struct span name = span_of(month_names[i], 3);
        if (reader->is_bad || !span_starts_with(reader->rest, name)) continue;
        reader->rest = span_from(reader->rest, name.size);
        return i + 1;
    }
    reader->is_bad = true;
    return 1;
}

/* Seconds of the day, "08:49:37". RFC 9110 allows a leap second. */
static int64_t read_time(struct reader *reader)
{
    int hour = read_digits(reader, 2);
    read_text(reader, SPAN(":"));
    int minute = read_digits(reader, 2);
    read_text(reader, SPAN(":"));
    int second = read_digits(reader, 2);
    if (hour > 23 || minute > 59 || second > 60) reader->is_bad = true;
    return (int64_t)hour * 3600 + minute * 60 + second;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" behind the day's name. */
static int64_t read_fixed(struct reader *reader, struct civil *ret_date)
{
    read_text(reader, SPAN(", "));
    ret_date->day = read_digits(reader, 2);
    read_text(reader, SPAN(" "));
    ret_date->month = read_month(reader);
    read_text(reader, SPAN(" "));
    ret_date->year = read_digits(reader, 4);
    read_text(reader, SPAN(" "));
    int64_t second = read_time(reader);
    read_text(reader, SPAN(" GMT"));
    return second;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" behind the day's name. A year that looks more than 50 years ahead is in the past. */
static int64_t read_rfc850(struct reader *reader, int64_t now_s, struct civil *ret_date)
{
    read_text(reader, SPAN(", "));
    ret_date->day = read_digits(reader, 2);
    read_text(reader, SPAN("-"));
    ret_date->month = read_month(reader);
    read_text(reader, SPAN("-"));
    int64_t this_year = civil_from_days(floor_div(now_s, DAY_SECONDS)).year;
    int64_t year = this_year - this_year % 100 + read_digits(reader, 2);
    if (year > this_year + CENTURY_WINDOW) year -= 100;
    if (year <= this_year + CENTURY_WINDOW - 100) year += 100;
    ret_date->year = year;
    read_text(reader, SPAN(" "));
    int64_t second = read_time(reader);
    read_text(reader, SPAN(" GMT"));
    return second;
}

/* "Sun Nov  6 08:49:37 1994" behind the day's name. */
static int64_t read_asctime(struct reader *reader, struct civil *ret_date)
{
    read_text(reader, SPAN(" "));
    ret_date->month = read_month(reader);
    read_text(reader, SPAN(" "));
    if (span_starts_with(reader->rest, SPAN(" "))) {
        read_text(reader, SPAN(" "));
        ret_date->day = read_digits(reader, 1);
    } else {
        ret_date->day = read_digits(reader, 2);
    }
    read_text(reader, SPAN(" "));
    int64_t second = read_time(reader);
    read_text(reader, SPAN(" "));
    ret_date->year = read_digits(reader, 4);
    return second;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool has_day(struct civil date)
{
    static const int month_days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int days = month_days[date.month - 1] + (date.month == 2 && is_leap(date.year));
    return date.day >= 1 && date.day <= days && date.year >= 1;
}

bool http_date_parse(struct span text, int64_t now_s, int64_t *ret_seconds)
{
    for (size_t i = 0; i < ARRAY_COUNT(day_names); i++) {
        struct span name = span_of_string(day_names[i]);
        if (!span_starts_with(text, span_first(name, 3))) continue;
        struct reader reader = { .rest = span_from(text, 3) };
        struct civil date = { .month = 1 };
        int64_t second;
        if (span_starts_with(text, name)) {
            reader.rest = span_from(text, name.size);
            second = read_rfc850(&reader, now_s, &date);
        } else if (span_starts_with(reader.rest, SPAN(","))) {
            second = read_fixed(&reader, &date);
        } else {
            second = read_asctime(&reader, &date);
        }
        if (reader.is_bad || reader.rest.size > 0 || !has_day(date)) return false;
        *ret_seconds = days_from_civil(date) * DAY_SECONDS + second;
        return true;
    }
    return false;
}
