#include "http/h1_parse.h"

#include "base/check.h"
#include "http/field_name.h"
#include "http/h1_fields.h"
#include "http/h1_line.h"
#include "http/token.h"
#include "platform/scan.h"

/* Where in its line a parser that waits for more stands. */
enum part { PART_METHOD = 0, PART_TARGET, PART_NAME, PART_VALUE };

/* The fields of one head, while they are parsed. */
struct head {
    struct request *request;
    uint32_t repeated_mask; /* bit i: a field with id i is on more than one line */
};

static enum h1_result bad(enum http_status status, enum http_status *ret_status)
{
    *ret_status = status;
    return H1_BAD;
}

/* RFC 9112, section 5: token ":" OWS value OWS CRLF. One line, at `at`; on H1_DONE *ret_next is behind its CRLF. */
static inline enum h1_result parse_field(const char *at, const char *end, uint32_t field_bytes, struct field *field,
                                         const char **ret_next, enum http_status *ret_status)
{
    const char *stop = end - at > (ptrdiff_t)field_bytes ? at + field_bytes : end;
    const char *colon = token_end(at, stop);
    if (colon < stop && (*colon != ':' || colon == at)) return bad(HTTP_BAD_REQUEST, ret_status);
    const char *value = colon < stop ? colon + 1 : stop;
    while (value < stop && (*value == ' ' || *value == '\t')) value++;
    const char *value_end = scan_value_end(value, stop);
    if (value_end == end) return H1_MORE;
    if (colon == stop || (value_end == stop && *value_end != '\r')) {
        return bad(HTTP_HEADER_FIELDS_TOO_LARGE, ret_status);
    }
    if (*value_end != '\r') return bad(HTTP_BAD_REQUEST, ret_status);
    if (value_end + 1 == end) return H1_MORE;
    if (value_end[1] != '\n') return bad(HTTP_BAD_REQUEST, ret_status);
    *ret_next = value_end + 2;
    while (value_end > value && (value_end[-1] == ' ' || value_end[-1] == '\t')) value_end--;
    field->name = span_of(at, (size_t)(colon - at));
    field->value = span_of(value, (size_t)(value_end - value));
    return H1_DONE;
}

static inline void add_field(struct head *head, struct field *field, uint16_t index)
{
    struct request *request = head->request;
    enum field_id id = field_name_id(field->name);
    field->id = id;
    if (id == FIELD_OTHER) return;
    uint32_t bit = 1u << id;
    if ((request->known_mask & bit) != 0) {
        head->repeated_mask |= bit;
    } else {
        request->known_mask |= bit;
        request->first_of[id] = index;
    }
}

/* Go through whole lines, from parser->line_at on; on H1_MORE the parser is left at the line that is not whole. */
static enum h1_result parse_lines(struct h1_parser *parser, const struct h1_limits *limits, const char *bytes,
                                  const char *end, struct head *head, enum http_status *ret_status)
{
    struct request *request = head->request;
    const char *at = bytes + parser->line_at;
    uint16_t count = parser->field_count;
    enum h1_result result = H1_MORE;
    request->known_mask = 0;
    head->repeated_mask = 0;
    if (!parser->has_line) {
        /* RFC 9112, 2.2: an empty line before the request line is overlooked; one, and no more. */
        if (at == bytes && at < end && *at == '\r') {
            if (end - at >= 2 && at[1] != '\n') return bad(HTTP_BAD_REQUEST, ret_status);
            if (end - at < 2) return H1_MORE;
            at += 2;
        }
        if (at < end) result = h1_line_parse(at, end, limits->line_bytes, request, &at, ret_status);
        if (result != H1_DONE) {
            parser->line_at = (uint32_t)(at - bytes);
            return result;
        }
    }
    for (;;) {
        if (at == end) break;
        if (*at == '\r') {
            if (at + 1 == end) break;
            if (at[1] != '\n') return bad(HTTP_BAD_REQUEST, ret_status);
            request->head_size = (size_t)(at + 2 - bytes);
            request->field_count = count;
            return H1_DONE;
        }
        if (count == limits->fields) return bad(HTTP_HEADER_FIELDS_TOO_LARGE, ret_status);
        struct field *field = &request->fields[count];
        result = parse_field(at, end, limits->field_bytes, field, &at, ret_status);
        if (result == H1_BAD) return H1_BAD;
        if (result == H1_MORE) break;
        add_field(head, field, count++);
    }
    *parser = (struct h1_parser){ .line_at = (uint32_t)(at - bytes), .field_count = count, .has_line = 1 };
    return H1_MORE;
}

/* Look at what is new of a line that is not whole. True: it goes on as it began, nothing is to be decided yet. So the bytes of
 * a line that comes in drops are looked at a few times each, however many drops there are. */
static bool goes_on(struct h1_parser *parser, const struct h1_limits *limits, const char *bytes, const char *end)
{
    uint32_t limit = parser->has_line ? limits->field_bytes : limits->line_bytes;
    const char *line = bytes + parser->line_at;
    const char *stop = end - line > (ptrdiff_t)limit ? line + limit : end;
    const char *at = bytes + parser->scanned;
    if (parser->part == PART_METHOD || parser->part == PART_NAME) {
        at = token_end(at, stop);
        if (at < stop && at > line && *at == (parser->has_line ? ':' : ' ')) {
            at++;
            parser->part = parser->has_line ? PART_VALUE : PART_TARGET;
        }
    }
    if (parser->part == PART_TARGET) at = h1_line_target_end(at, stop);
    if (parser->part == PART_VALUE) at = scan_value_end(at, stop);
    parser->scanned = (uint32_t)(at - bytes);
    return at == end;
}

enum h1_result h1_parse(struct h1_parser *parser, const struct h1_limits *limits, const char *bytes, size_t size,
                        struct request *ret_request, enum http_status *ret_status)
{
    ASSERT(limits->fields <= REQUEST_FIELDS_MAX);
    const char *end = bytes + (size > limits->head_bytes ? limits->head_bytes : size);
    struct head head = { .request = ret_request };
    enum h1_result result = H1_MORE;
    bool is_resumed = parser->line_at > 0;
    if (parser->scanned <= parser->line_at || !goes_on(parser, limits, bytes, end)) {
        result = parse_lines(parser, limits, bytes, end, &head, ret_status);
        if (result == H1_MORE) {
            parser->scanned = parser->line_at;
            parser->part = parser->has_line ? PART_NAME : PART_METHOD;
            (void)goes_on(parser, limits, bytes, end);
        }
    }
    if (result == H1_DONE && is_resumed) {
        /* The lines seen before left only their number behind. */
        *parser = (struct h1_parser){ 0 };
        result = parse_lines(parser, limits, bytes, end, &head, ret_status);
    }
    if (result == H1_DONE && !h1_fields_judge(ret_request, head.repeated_mask, ret_status)) result = H1_BAD;
    if (result == H1_MORE && size >= limits->head_bytes) {
        /* The head would need more room than there is. */
        *ret_status = parser->has_line ? HTTP_HEADER_FIELDS_TOO_LARGE : HTTP_URI_TOO_LONG;
        result = H1_BAD;
    }
    if (result == H1_BAD) h1_line_describe(bytes, end, limits->line_bytes, ret_request);
    if (result != H1_MORE) *parser = (struct h1_parser){ 0 };
    return result;
}
