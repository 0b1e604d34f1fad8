/* The input is field lines of a request: conditions, ranges and dates are evaluated against representations of several lengths,
 * and ranges are resolved a second time by a plain reader. */
#include <ctype.h>

#include "../support/require.h"
#include "http/conditions.h"
#include "http/date.h"
#include "http/h1_parse.h"

static const struct h1_limits limits = { .line_bytes = 8190, .field_bytes = 8190, .fields = 100, .head_bytes = 65536 };
static const int64_t now_s = 784111999;
static const struct validators validators = { .etag = { "\"v1\"", 4 }, .modified_s = 784111777, .has_modified = true };

/* A number as digits; what is too high for 64 bits is the highest. */
static uint64_t plain_number(const char *digits, size_t count)
{
    long double number = 0;
    uint64_t exact = 0;
    for (size_t i = 0; i < count; i++) {
        number = number * 10 + (digits[i] - '0');
        exact = exact * 10 + (uint64_t)(digits[i] - '0');
    }
    return number > (long double)UINT64_MAX ? UINT64_MAX : exact;
}

/* What a Range of one line means, when there is no If-Range. */
static enum range read_plainly(struct span value, uint64_t length, uint64_t *ret_first, uint64_t *ret_last)
{
    if (value.size < 6 || !span_equal_nocase(span_first(value, 6), SPAN("bytes="))) return RANGE_WHOLE;
    struct span spec = span_from(value, 6);
    const char *dash = spec.size > 0 ? memchr(spec.data, '-', spec.size) : NULL;
    if (dash == NULL || spec.size == 1) return RANGE_WHOLE;
    for (size_t i = 0; i < spec.size; i++) {
        if (spec.data + i != dash && !isdigit((unsigned char)spec.data[i])) return RANGE_WHOLE;
    }
    size_t first_digits = (size_t)(dash - spec.data);
    size_t last_digits = spec.size - first_digits - 1;
    uint64_t first = plain_number(spec.data, first_digits);
    uint64_t last = plain_number(dash + 1, last_digits);
    if (first_digits == 0) {
        if (last == 0) return RANGE_UNSATISFIABLE;
        if (length == 0) return RANGE_WHOLE;
        *ret_first = last > length ? 0 : length - last;
        *ret_last = length - 1;
        return RANGE_PART;
    }
    if (last_digits == 0) last = UINT64_MAX;
    if (last_digits > 0 && last < first) return RANGE_WHOLE;
    if (first >= length) return RANGE_UNSATISFIABLE;
    *ret_first = first;
    *ret_last = last > length - 1 ? length - 1 : last;
    return RANGE_PART;
}

static void require_ranges(const struct request *request)
{
    static const uint64_t lengths[] = { 0, 1, 2, 10, 1000, UINT64_MAX };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint64_t first = 77;
        uint64_t last = 78;
        uint64_t plain_first = 77;
        uint64_t plain_last = 78;
        enum range range = range_evaluate(request, &validators, lengths[i], now_s, &first, &last);
        REQUIRE(range == RANGE_PART ? first <= last && last < lengths[i] : first == 77 && last == 78);
        unsigned lines = 0;
        struct span value = SPAN_NONE;
        uint16_t cursor = 0;
        while (request_next_value(request, FIELD_RANGE, &cursor, &value)) lines++;
        if (lines != 1) {
            REQUIRE(range == RANGE_WHOLE);
            continue;
        }
        enum range plain = read_plainly(value, lengths[i], &plain_first, &plain_last);
        bool is_same = range == plain && first == plain_first && last == plain_last;
        REQUIRE(is_same || (range == RANGE_WHOLE && request_has(request, FIELD_IF_RANGE)));
    }
}

static void require_conditions(struct request *request)
{
    enum condition condition = conditions_evaluate(request, &validators, now_s);
    bool has_if_match = request_has(request, FIELD_IF_MATCH);
    bool has_none_match = request_has(request, FIELD_IF_NONE_MATCH);
    if (condition == CONDITION_FAILED) REQUIRE(has_if_match || request_has(request, FIELD_IF_UNMODIFIED_SINCE));
    if (condition == CONDITION_NOT_MODIFIED) REQUIRE(has_none_match || request_has(request, FIELD_IF_MODIFIED_SINCE));
    if (!has_if_match && !request_has(request, FIELD_IF_UNMODIFIED_SINCE) && has_none_match &&
        span_equal(request_value(request, FIELD_IF_NONE_MATCH), validators.etag)) {
        REQUIRE(condition == CONDITION_NOT_MODIFIED);
    }
    /* Without a date to compare with, dates mean nothing. */
    struct validators undated = validators;
    undated.has_modified = false;
    if (!has_if_match && !has_none_match) REQUIRE(conditions_evaluate(request, &undated, now_s) == CONDITION_PASSED);
    request->method = METHOD_OPTIONS;
    REQUIRE(conditions_evaluate(request, &validators, now_s) == CONDITION_PASSED);
    request->method = METHOD_GET;
}

/* A date that is taken can be written, and is then read as the same. */
static void require_dates(const struct request *request)
{
    for (unsigned i = 0; i < request->field_count; i++) {
        int64_t seconds;
        int64_t back;
        char text[HTTP_DATE_BYTES];
        if (!http_date_parse(request->fields[i].value, now_s, &seconds)) continue;
        if (seconds > 253402300799) continue; /* a leap second at the end of the year 9999 */
        http_date_format(seconds, text);
        REQUIRE(http_date_parse(span_of(text, sizeof text), now_s, &back) && back == seconds);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct span before = { "GET / HTTP/1.1\r\nHost: a\r\n", 25 };
    static const struct span after = { "\r\n\r\n", 4 };
    static struct request request;
    enum http_status status;
    struct h1_parser parser = { 0 };
    size_t head_size = before.size + size + after.size;
    char *head = malloc(head_size);
    REQUIRE(head != NULL);
    memcpy(head, before.data, before.size);
    if (size > 0) memcpy(head + before.size, bytes, size);
    memcpy(head + before.size + size, after.data, after.size);
    if (h1_parse(&parser, &limits, head, head_size, &request, &status) == H1_DONE) {
        require_ranges(&request);
        require_conditions(&request);
        require_dates(&request);
    }
    free(head);
    return 0;
}
