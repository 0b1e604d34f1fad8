#include "server/answer.h"

#include <sys/random.h>

#include "base/text_write.h"
#include "http/byteranges.h"
#include "http/conditions.h"
#include "http/date.h"
#include "http/ready_head.h"
#include "http/target.h"
#include "server/config.h"
#include "server/pages.h"

enum { LOCATION_BYTES_MAX = 3 * PATH_MAX + LIMIT_LINE_BYTES_MAX + LOAD_HEAD_BYTES_MAX };

/* What stands around the ranges, and a head with all that may be configured, fit into what an answer may write. */
_Static_assert(RANGES_MAX *(BYTERANGES_PART_HEAD_BYTES_MAX + READY_HEAD_BYTES_MAX / 2) + BYTERANGES_END_BYTES +
                       2 * POLICY_FIELDS_BYTES_MAX + READY_HEAD_BYTES_MAX + 1024 <=
                   TURN_ANSWER_BYTES_MAX,
               "an answer of RANGES_MAX ranges fits");

/* One answer in the making. */
struct answer {
    const struct answer_to *to;
    struct exchange *exchange;
    char *at; /* where the head goes on */
};

static struct answer begin(const struct answer_to *to, enum http_status status)
{
    struct answer answer = { .to = to };
    enum response_connection connection = CONNECTION_AS_IS;
    if (to->closes)
        connection = CONNECTION_CLOSE;
    else if (to->request->minor_version == 0)
        connection = CONNECTION_KEEP_ALIVE;
    answer.exchange = turn_exchange(to->turn, to->request);
    answer.exchange->status = status;
    answer.exchange->closes = to->closes;
    answer.at = turn_room(to->turn);
    answer.at += response_head_write(&to->turn->clock, status, connection, answer.at);
    answer.at = text_append(answer.at, to->policy->always_fields);
    return answer;
}

/* The head is complete; content follows, or the like of it (HEAD) is left out. */
static void end_head(struct answer *answer)
{
    struct turn *turn = answer->to->turn;
    answer->at = text_append(answer->at, SPAN("\r\n"));
    turn_wrote(turn, (size_t)(answer->at - turn_room(turn)));
    answer->exchange->starts_at = turn->bytes;
    answer->exchange->ends_at = turn->bytes;
}

static bool is_head(const struct answer_to *to)
{
    return to->request && to->request->method == METHOD_HEAD;
}

static void put_content(struct answer *answer, struct entry *entry, uint64_t offset, uint64_t size)
{
    struct turn *turn = answer->to->turn;
    if (is_head(answer->to)) return;
    if (entry->kind != ENTRY_STREAM)
        turn_body(turn, entry, offset, (size_t)size);
    else
        turn_stream(turn, entry, (int64_t)offset, (int64_t)size);
    answer->exchange->ends_at = turn->bytes;
}

static void put_length(struct answer *answer, uint64_t size)
{
    answer->at = text_append(answer->at, SPAN("Content-Length: "));
    answer->at = text_append_decimal(answer->at, size);
    answer->at = text_append(answer->at, SPAN("\r\n"));
}

static void answer_written(const struct answer_to *to, enum http_status status, struct span fields, struct span type,
                           struct span text)
{
    struct answer answer = begin(to, status);
    answer.at = text_append(answer.at, fields);
    if (status != HTTP_NO_CONTENT) {
        answer.at = text_append(answer.at, type);
        put_length(&answer, text.size);
    }
    end_head(&answer);
    if (is_head(to)) return;
    char *room = turn_room(to->turn);
    turn_wrote(to->turn, (size_t)(text_append(room, text) - room));
    answer.exchange->ends_at = to->turn->bytes;
}

void answer_page(const struct answer_to *to, enum http_status status, struct span fields)
{
    answer_written(to, status, fields, SPAN("Content-Type: text/html; charset=utf-8\r\n"), page_of(status));
}

void answer_text(const struct answer_to *to, enum http_status status, struct span fields, struct span text)
{
    bool is_html = text.size > 0 && text.data[0] == '<';
    struct span type = is_html ? SPAN("Content-Type: text/html; charset=utf-8\r\n")
                               : SPAN("Content-Type: text/plain; charset=utf-8\r\n");
    answer_written(to, status, fields, type, text);
}

void answer_error_document(const struct answer_to *to, enum http_status status, struct span fields, struct entry *entry)
{
    struct ready_head head;
    ready_head_read(entry_head(entry), &head);
    /* Its validators are of the document, and not of what was asked for. */
    struct answer answer = begin(to, status);
    answer.at = text_append(answer.at, fields);
    answer.at = text_append(answer.at, head.content);
    put_length(&answer, entry->body_size);
    end_head(&answer);
    put_content(&answer, entry, 0, entry->body_size);
}

void answer_redirect(const struct answer_to *to, enum http_status status, struct span location, bool keeps_query)
{
    char field[LOCATION_BYTES_MAX], *at = text_append(field, SPAN("Location: "));
    struct span query = to->request->query;
    at = text_append(at, location);
    if (keeps_query && query.data && !memchr(location.data, '?', location.size)) {
        *at++ = '?';
        at = text_append(at, query);
    }
    at = text_append(at, SPAN("\r\n"));
    answer_page(to, status, span_of(field, (size_t)(at - field)));
}

/* RFC 9110, 15.4.2: the folder's own address. Location is a path that starts with one slash, so that no part of it
 * can be taken for a scheme or a host. */
void answer_folder_redirect(const struct answer_to *to, struct span path)
{
    char location[LOCATION_BYTES_MAX];
    size_t size = target_encode(path, location);
    location[size++] = '/';
    answer_redirect(to, HTTP_MOVED_PERMANENTLY, span_of(location, size), true);
}

/* Expires, and the age that says the same to newer caches, by Expires... directives. */
static void put_expires(struct answer *answer, const struct ready_head *head)
{
    const struct policy *policy = answer->to->policy;
    int64_t now_s = answer->to->turn->now_s, from_s = now_s;
    if (!policy->expires) return;
    if (policy->expires_from_modification) {
        if (!head->values.has_modified) return; /* as mod_expires does */
        from_s = head->values.modified_s;
    }
    int64_t until_s = from_s + policy->expires_s;
    if (policy->expires_sets_age) {
        answer->at = text_append(answer->at, SPAN("Cache-Control: max-age="));
        answer->at = text_append_decimal(answer->at, until_s > now_s ? (uint64_t)(until_s - now_s) : 0);
        answer->at = text_append(answer->at, SPAN("\r\n"));
    }
    answer->at = text_append(answer->at, SPAN("Expires: "));
    http_date_format(until_s, answer->at);
    answer->at = text_append(answer->at + HTTP_DATE_BYTES, SPAN("\r\n"));
}

static void put_success_fields(struct answer *answer, const struct ready_head *head, struct span more_fields)
{
    const struct policy *policy = answer->to->policy;
    /* RFC 9110, 14.3 */
    struct span units = policy->ranges_max > 0 ? SPAN("Accept-Ranges: bytes\r\n") : SPAN("Accept-Ranges: none\r\n");
    if (!policy->omits_ranges) answer->at = text_append(answer->at, units);
    answer->at = text_append(answer->at, policy->success_fields);
    answer->at = text_append(answer->at, more_fields);
    put_expires(answer, head);
}

static void answer_part(const struct answer_to *to, const struct ready_head *head, struct entry *entry,
                        struct byte_range range, struct span more_fields)
{
    struct answer answer = begin(to, HTTP_PARTIAL_CONTENT);
    answer.at = text_append(answer.at, head->validators);
    answer.at = text_append(answer.at, head->content);
    put_success_fields(&answer, head, more_fields);
    answer.at = content_range_append(answer.at, range, entry->body_size);
    put_length(&answer, byte_range_size(range));
    end_head(&answer);
    put_content(&answer, entry, range.first, byte_range_size(range));
}

/* RFC 9110, 15.3.7.2: several ranges. What tells of the representation stands in each part, its coding too: of what is around the
 * parts nothing is coded. */
static void answer_parts(const struct answer_to *to, const struct ready_head *head, struct entry *entry,
                         const struct ranges *ranges, const struct boundary *boundary, struct span more_fields)
{
    struct turn *turn = to->turn;
    struct answer answer = begin(to, HTTP_PARTIAL_CONTENT);
    answer.at = text_append(answer.at, head->validators);
    answer.at = byteranges_append_type(answer.at, boundary);
    put_success_fields(&answer, head, more_fields);
    put_length(&answer, byteranges_size(head->content, ranges, entry->body_size));
    end_head(&answer);
    for (unsigned i = 0; i < ranges->count; i++) {
        struct byte_range range = ranges->items[i];
        char *room = turn_room(turn);
        const char *end = byteranges_append_part_head(room, boundary, head->content, ranges, i, entry->body_size);
        turn_wrote(turn, (size_t)(end - room));
        if (entry->kind != ENTRY_STREAM)
            turn_refer(turn, entry, range.first, (size_t)byte_range_size(range));
        else
            turn_stream(turn, entry, (int64_t)range.first, (int64_t)byte_range_size(range));
    }
    char *room = turn_room(turn);
    turn_wrote(turn, (size_t)(byteranges_append_end(room, boundary) - room));
    answer.exchange->ends_at = turn->bytes;
}

static void answer_not_modified(const struct answer_to *to, const struct ready_head *head, struct span more_fields)
{
    struct answer answer = begin(to, HTTP_NOT_MODIFIED);
    answer.at = text_append(answer.at, head->validators);
    answer.at = text_append(answer.at, to->policy->validated_fields);
    answer.at = text_append(answer.at, more_fields);
    put_expires(&answer, head);
    end_head(&answer);
}

static void answer_whole(const struct answer_to *to, const struct ready_head *head, struct entry *entry,
                         struct span more_fields)
{
    struct answer answer = begin(to, HTTP_OK);
    answer.at = text_append(answer.at, head->all);
    put_success_fields(&answer, head, more_fields);
    end_head(&answer);
    put_content(&answer, entry, 0, entry->body_size);
}

static const uint32_t conditional_fields = 1u << FIELD_IF_MATCH | 1u << FIELD_IF_NONE_MATCH |
                                           1u << FIELD_IF_MODIFIED_SINCE | 1u << FIELD_IF_UNMODIFIED_SINCE |
                                           1u << FIELD_RANGE;

/* The parts of the file that are asked for, and what is to stand between several. */
static enum range find_ranges(const struct answer_to *to, const struct ready_head *head, const struct entry *entry,
                              struct ranges *ret_ranges, struct boundary *ret_boundary)
{
    uint64_t random[2];
    if (to->policy->omits_ranges) return RANGE_WHOLE;
    enum range range = range_evaluate(to->request, &head->values, entry->body_size, to->policy->ranges_max, ret_ranges);
    if (range != RANGE_PART || ret_ranges->count == 1) return range;
    /* The whole is right, too (RFC 9110, 14.2), and a boundary that can be foretold is not. */
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != sizeof random) return RANGE_WHOLE;
    *ret_boundary = boundary_of(random);
    return RANGE_PART;
}

enum http_status answer_file(const struct answer_to *to, struct entry *entry, const struct ready_head *head,
                             struct span more_fields, char *fields, struct span *ret_fields)
{
    const struct request *request = to->request;
    struct ranges ranges;
    struct boundary boundary;
    enum condition condition = CONDITION_PASSED;
    enum range range = RANGE_WHOLE;
    *ret_fields = SPAN_NONE;
    if (request->known_mask & conditional_fields) {
        int64_t now_s = to->turn->now_s;
        condition = conditions_evaluate(request, &head->values, now_s);
        if (condition == CONDITION_PASSED) range = find_ranges(to, head, entry, &ranges, &boundary);
    }
    if (condition == CONDITION_FAILED) return HTTP_PRECONDITION_FAILED;
    if (range == RANGE_UNSATISFIABLE) {
        *ret_fields = span_of(fields, (size_t)(content_range_append_unsatisfied(fields, entry->body_size) - fields));
        return HTTP_RANGE_NOT_SATISFIABLE;
    }
    if (condition == CONDITION_NOT_MODIFIED)
        answer_not_modified(to, head, more_fields);
    else if (range == RANGE_PART && ranges.count == 1)
        answer_part(to, head, entry, ranges.items[0], more_fields);
    else if (range == RANGE_PART)
        answer_parts(to, head, entry, &ranges, &boundary, more_fields);
    else
        answer_whole(to, head, entry, more_fields);
    return HTTP_NONE;
}
