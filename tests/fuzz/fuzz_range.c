/* The input is field lines of a request: conditions, ranges and dates are evaluated against representations of several lengths,
 * and ranges are read a second time by a plain reader, who paints them on the bytes. */
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

enum meaning { MALFORMED, BEYOND, EMPTY, SOME };

/* What one range-spec means: the bytes from *ret_first to *ret_last. */
static enum meaning read_spec(struct span spec, uint64_t length, uint64_t *ret_first, uint64_t *ret_last)
{
    const char *dash = memchr(spec.data, '-', spec.size);
    if (dash == NULL || spec.size == 1) return MALFORMED;
    for (size_t i = 0; i < spec.size; i++) {
        if (spec.data + i != dash && !isdigit((unsigned char)spec.data[i])) return MALFORMED;
    }
    size_t first_digits = (size_t)(dash - spec.data);
    size_t last_digits = spec.size - first_digits - 1;
    uint64_t first = plain_number(spec.data, first_digits);
    uint64_t last = plain_number(dash + 1, last_digits);
    if (first_digits == 0) {
        if (last == 0) return BEYOND;
        if (length == 0) return EMPTY;
        *ret_first = last > length ? 0 : length - last;
        *ret_last = length - 1;
        return SOME;
    }
    if (last_digits == 0) last = UINT64_MAX;
    if (last_digits > 0 && last < first) return MALFORMED;
    if (first >= length) return BEYOND;
    *ret_first = first;
    *ret_last = last > length - 1 ? length - 1 : last;
    return SOME;
}

enum { PAINTED_MAX = 1000, MOST = 5 };
static bool painted[PAINTED_MAX + 1]; /* of a representation of at most that many bytes; the last one never is */

/* What a Range of one line means, when there is no If-Range. *ret_runs: how many runs of bytes are painted. */
static enum range read_plainly(struct span value, uint64_t length, unsigned *ret_runs)
{
    memset(painted, 0, sizeof painted);
    if (value.size < 6 || !span_equal_nocase(span_first(value, 6), SPAN("bytes="))) return RANGE_WHOLE;
    unsigned given = 0, some = 0, empty = 0;
    unsigned __int128 bytes = 0;
    const char *end = value.data + value.size;
    for (const char *at = value.data + 6; at <= end;) {
        const char *comma = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
        const char *stop = comma ? comma : end;
        struct span spec = span_of(at, (size_t)(stop - at));
        at = stop + 1;
        while (spec.size > 0 && strchr(" \t", spec.data[0])) spec = span_from(spec, 1);
        while (spec.size > 0 && strchr(" \t", spec.data[spec.size - 1])) spec.size--;
        if (spec.size == 0) continue;
        uint64_t first, last;
        enum meaning meaning = read_spec(spec, length, &first, &last);
        if (++given > MOST || meaning == MALFORMED) return RANGE_WHOLE;
        empty += meaning == EMPTY;
        if (meaning != SOME) continue;
        some++;
        bytes += (unsigned __int128)(last - first) + 1;
        for (uint64_t i = first; length <= PAINTED_MAX && i <= last; i++) painted[i] = true;
    }
    if (bytes > length) return RANGE_WHOLE;
    *ret_runs = 0;
    for (unsigned i = 0; i < PAINTED_MAX; i++) *ret_runs += painted[i] && !painted[i + 1];
    if (some == 0) return given == 0 || empty > 0 ? RANGE_WHOLE : RANGE_UNSATISFIABLE;
    return RANGE_PART;
}

/* Exactly the painted bytes, in as few ranges as there can be. */
static void require_painted(const struct ranges *ranges, uint64_t length, unsigned runs)
{
    REQUIRE(ranges->count >= 1 && ranges->count <= MOST);
    for (unsigned i = 0; i < ranges->count; i++) {
        struct byte_range range = ranges->items[i];
        REQUIRE(range.first <= range.last && range.last < length);
        if (length > PAINTED_MAX) continue;
        REQUIRE((range.first == 0 || !painted[range.first - 1]) && !painted[range.last + 1]);
        for (uint64_t at = range.first; at <= range.last; at++) REQUIRE(painted[at]);
    }
    if (length <= PAINTED_MAX) REQUIRE(ranges->count == runs);
}

static void require_ranges(const struct request *request)
{
    static const uint64_t lengths[] = { 0, 1, 2, 10, 1000, UINT64_MAX };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct ranges ranges = { .count = 77 };
        enum range range = range_evaluate(request, &validators, lengths[i], MOST, &ranges);
        REQUIRE((range == RANGE_PART) == (ranges.count != 77));
        unsigned lines = 0, runs = 0;
        struct span value = SPAN_NONE;
        uint16_t cursor = 0;
        while (request_next_value(request, FIELD_RANGE, &cursor, &value)) lines++;
        if (lines != 1) {
            REQUIRE(range == RANGE_WHOLE);
            continue;
        }
        enum range plain = read_plainly(value, lengths[i], &runs);
        REQUIRE(range == plain || (range == RANGE_WHOLE && request_has(request, FIELD_IF_RANGE)));
        if (range == RANGE_PART) require_painted(&ranges, lengths[i], runs);
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
