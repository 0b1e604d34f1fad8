#include "server/handler.h"

#include "base/check.h"
#include "base/text_write.h"
#include "http/byteranges.h"
#include "http/conditions.h"
#include "http/ready_head.h"
#include "http/target.h"
#include "platform/clock.h"
#include "server/config.h"
#include "server/pages.h"

enum {
    PATH_BYTES_MAX = 8192,   /* twice what the system can open */
    RANGES_ANSWERED_MAX = 1, /* several are answered with the whole file */
    STARVED_MS_MAX = 30000,  /* a request waits so long for a descriptor or for memory before it is refused */
};

/* One answer in the making. */
struct answer {
    struct turn *turn;
    const struct request *request; /* NULL: there was none to speak of */
    struct exchange *exchange;
    char *at; /* where the head goes on */
    bool closes;
};

static struct answer answer_begin(struct turn *turn, const struct request *request, enum http_status status,
                                  bool closes)
{
    struct answer answer = { .turn = turn, .request = request, .closes = closes };
    enum response_connection connection = CONNECTION_AS_IS;
    if (closes)
        connection = CONNECTION_CLOSE;
    else if (request->minor_version == 0)
        connection = CONNECTION_KEEP_ALIVE;
    answer.exchange = turn_exchange(turn, request);
    answer.exchange->status = status;
    answer.at = turn_room(turn);
    answer.at += response_head_write(&turn->clock, status, connection, answer.at);
    return answer;
}

/* The head is complete; content of `size` bytes follows, or the like of it (HEAD) is left out. */
static void answer_end_head(struct answer *answer)
{
    answer->at = text_append(answer->at, SPAN("\r\n"));
    turn_wrote(answer->turn, (size_t)(answer->at - turn_room(answer->turn)));
    answer->exchange->starts_at = answer->turn->bytes;
    answer->exchange->ends_at = answer->turn->bytes;
}

static void answer_content(struct answer *answer, struct entry *entry, uint64_t offset, uint64_t size)
{
    if (answer->request->method == METHOD_HEAD) return;
    if (entry->kind == ENTRY_SNAPSHOT)
        turn_body(answer->turn, entry, offset, (size_t)size);
    else
        turn_stream(answer->turn, entry, (int64_t)offset, (int64_t)size);
    answer->exchange->ends_at = answer->turn->bytes;
}

/* An answer with a small page; `fields` are further field lines, each with CRLF. */
static void answer_page(struct turn *turn, const struct request *request, enum http_status status, bool closes,
                        struct span fields)
{
    struct answer answer = answer_begin(turn, request, status, closes);
    struct span page = page_of(status);
    answer.at = text_append(answer.at, fields);
    if (status != HTTP_NO_CONTENT) {
        answer.at = text_append(answer.at, SPAN("Content-Type: text/html; charset=utf-8\r\nContent-Length: "));
        answer.at = text_append_decimal(answer.at, page.size);
        answer.at = text_append(answer.at, SPAN("\r\n"));
    }
    answer_end_head(&answer);
    if (request && request->method == METHOD_HEAD) return;
    char *room = turn_room(turn);
    turn_wrote(turn, (size_t)(text_append(room, page) - room));
    answer.exchange->ends_at = turn->bytes;
}

/* RFC 9110, 15.4.2: the folder's own address. Location is a path that starts with one slash, so that no part of it
 * can be taken for a scheme or a host. */
static void answer_redirect(struct turn *turn, const struct request *request, bool closes, struct span path)
{
    char field[3 * PATH_BYTES_MAX + LIMIT_LINE_BYTES_MAX + 16], *at = field;
    at = text_append(at, SPAN("Location: "));
    at += target_encode(path, at);
    *at++ = '/';
    if (request->query.data) {
        *at++ = '?';
        at = text_append(at, request->query);
    }
    at = text_append(at, SPAN("\r\n"));
    answer_page(turn, request, HTTP_MOVED_PERMANENTLY, closes, span_of(field, (size_t)(at - field)));
}

/* RFC 9110, 14.3 */
static const struct span accept_ranges = { .data = "Accept-Ranges: bytes\r\n", .size = 22 };

static void answer_part(struct answer *answer, const struct ready_head *head, struct entry *entry,
                        struct byte_range range)
{
    answer->at = text_append(answer->at, head->validators);
    answer->at = text_append(answer->at, head->content);
    answer->at = text_append(answer->at, accept_ranges);
    answer->at = content_range_append(answer->at, range, entry->body_size);
    answer->at = text_append(answer->at, SPAN("Content-Length: "));
    answer->at = text_append_decimal(answer->at, byte_range_size(range));
    answer->at = text_append(answer->at, SPAN("\r\n"));
    answer_end_head(answer);
    answer_content(answer, entry, range.first, byte_range_size(range));
}

static void answer_unsatisfiable(struct turn *turn, const struct request *request, bool closes, uint64_t length)
{
    char field[CONTENT_RANGE_BYTES_MAX];
    size_t size = (size_t)(content_range_append_unsatisfied(field, length) - field);
    answer_page(turn, request, HTTP_RANGE_NOT_SATISFIABLE, closes, span_of(field, size));
}

static const uint32_t conditional_fields = 1u << FIELD_IF_MATCH | 1u << FIELD_IF_NONE_MATCH |
                                           1u << FIELD_IF_MODIFIED_SINCE | 1u << FIELD_IF_UNMODIFIED_SINCE |
                                           1u << FIELD_RANGE;

/* RFC 9110, 13.2.2: conditions first, then the range. */
static void answer_file(struct turn *turn, const struct request *request, bool closes, struct entry *entry)
{
    struct ready_head head;
    ready_head_read(entry_head(entry), &head);
    struct ranges ranges;
    enum condition condition = CONDITION_PASSED;
    enum range range = RANGE_WHOLE;
    if (request->known_mask & conditional_fields) {
        condition = conditions_evaluate(request, &head.values, turn->now_s);
        if (condition == CONDITION_PASSED)
            range = range_evaluate(request, &head.values, entry->body_size, turn->now_s, RANGES_ANSWERED_MAX, &ranges);
    }
    struct answer answer;
    if (condition == CONDITION_FAILED) {
        answer_page(turn, request, HTTP_PRECONDITION_FAILED, closes, SPAN_NONE);
    } else if (condition == CONDITION_NOT_MODIFIED) {
        answer = answer_begin(turn, request, HTTP_NOT_MODIFIED, closes);
        answer.at = text_append(answer.at, head.validators);
        answer_end_head(&answer);
    } else if (range == RANGE_UNSATISFIABLE) {
        answer_unsatisfiable(turn, request, closes, entry->body_size);
    } else if (range == RANGE_PART) {
        answer = answer_begin(turn, request, HTTP_PARTIAL_CONTENT, closes);
        answer_part(&answer, &head, entry, ranges.items[0]);
    } else {
        answer = answer_begin(turn, request, HTTP_OK, closes);
        answer.at = text_append(answer.at, head.all);
        answer.at = text_append(answer.at, accept_ranges);
        answer_end_head(&answer);
        answer_content(&answer, entry, 0, entry->body_size);
    }
}

static void answer_entry(struct turn *turn, const struct request *request, bool closes, struct entry *entry)
{
    switch ((enum entry_kind)entry->kind) {
    case ENTRY_SNAPSHOT:
    case ENTRY_STREAM: answer_file(turn, request, closes, entry); break;
    case ENTRY_FOLDER: answer_redirect(turn, request, closes, entry_key(entry)); break;
    case ENTRY_ABSENT: answer_page(turn, request, HTTP_NOT_FOUND, closes, SPAN_NONE); break;
    case ENTRY_BARE_FOLDER:
    case ENTRY_RULED:
    case ENTRY_REFUSED: answer_page(turn, request, HTTP_FORBIDDEN, closes, SPAN_NONE); break;
    }
}

static const struct span allow = { .data = "Allow: GET, HEAD, OPTIONS\r\n", .size = 27 };

/* Answer by the method alone, if that is enough. */
static bool answer_method(struct turn *turn, const struct request *request, bool closes)
{
    switch (request->method) {
    case METHOD_GET:
    case METHOD_HEAD: return false;
    case METHOD_OPTIONS: answer_page(turn, request, HTTP_NO_CONTENT, closes, allow); return true;
    case METHOD_UNKNOWN: answer_page(turn, request, HTTP_NOT_IMPLEMENTED, closes, SPAN_NONE); return true;
    case METHOD_POST:
    case METHOD_PUT:
    case METHOD_DELETE:
    case METHOD_PATCH:
    case METHOD_CONNECT:
    case METHOD_TRACE: break;
    }
    answer_page(turn, request, HTTP_METHOD_NOT_ALLOWED, closes, allow);
    return true;
}

static void answer_trouble(struct turn *turn, const struct request *request, bool closes, enum status status)
{
    if (status == STATUS_EXHAUSTED)
        answer_page(turn, request, HTTP_SERVICE_UNAVAILABLE, closes, SPAN("Retry-After: 1\r\n"));
    else
        answer_page(turn, request, HTTP_INTERNAL_SERVER_ERROR, closes, SPAN_NONE);
}

/* What the path leads to. STATUS_WOULD_BLOCK: a loader was asked. */
static enum status find(struct turn *turn, struct span path, struct asking *asking, struct cache_found *ret_found)
{
    if (asking->was_loaded) {
        struct entry *entry = asking->loaded;
        asking->loaded = NULL;
        *ret_found = (struct cache_found){ .entry = entry, .outcome = CACHE_LOAD, .is_owned = true };
        if (entry) return STATUS_OK;
        if (asking->load_status == STATUS_EXHAUSTED) cache_relieve(turn->cache);
        return asking->load_status == STATUS_OK ? STATUS_FAILED : asking->load_status;
    }
    enum status status = cache_find(turn->cache, path, turn->now_us, ret_found);
    if (status != STATUS_WOULD_BLOCK) return status;
    status = cache_ask(turn->cache, path, asking->mailbox, asking->cookie);
    return status == STATUS_OK ? STATUS_WOULD_BLOCK : status;
}

/* For the log, of which the head's spans are not kept otherwise. */
static void note(struct turn *turn, const struct request *request, enum cache_outcome outcome)
{
    struct exchange *exchange = &turn->exchanges[turn->exchange_count - 1];
    exchange->outcome = outcome;
    exchange->referer = request_value(request, FIELD_REFERER);
    exchange->agent = request_value(request, FIELD_USER_AGENT);
}

static enum handler_verdict answer_path(const struct request *request, struct asking *asking, struct turn *turn)
{
    char room[PATH_BYTES_MAX];
    struct span path;
    struct cache_found found = { .outcome = CACHE_NONE };
    /* Room for a longer one than any path that can be opened: the answer is the same. */
    enum target_result target =
        request->path.size > sizeof room ? TARGET_HIDDEN : target_normalise(request->path, room, &path);
    if (target != TARGET_OK) {
        enum http_status status = target == TARGET_BAD ? HTTP_BAD_REQUEST : HTTP_NOT_FOUND;
        answer_page(turn, request, status, asking->closes, SPAN_NONE);
        note(turn, request, CACHE_NONE);
        return HANDLER_ANSWERED;
    }
    enum status status = find(turn, path, asking, &found);
    if (status == STATUS_WOULD_BLOCK) return HANDLER_WAITS;
    if (status == STATUS_EXHAUSTED && asking->waited_ms < STARVED_MS_MAX) return HANDLER_STARVES;
    if (status == STATUS_OK)
        answer_entry(turn, request, asking->closes, found.entry);
    else
        answer_trouble(turn, request, asking->closes, status);
    if (found.is_owned && found.entry) turn_hold(turn, found.entry);
    note(turn, request, found.outcome);
    return HANDLER_ANSWERED;
}

static enum handler_verdict answer(void *self, const struct request *request, struct asking *asking, struct turn *turn)
{
    (void)self;
    if (!answer_method(turn, request, asking->closes)) return answer_path(request, asking, turn);
    note(turn, request, CACHE_NONE);
    return HANDLER_ANSWERED;
}

static void refuse(void *self, enum http_status status, const struct request *request, struct turn *turn)
{
    (void)self;
    answer_page(turn, NULL, status, true, status == HTTP_SERVICE_UNAVAILABLE ? SPAN("Retry-After: 1\r\n") : SPAN_NONE);
    struct exchange *exchange = &turn->exchanges[turn->exchange_count - 1];
    if (!request) return;
    exchange->line = request->line;
    exchange->method = request->method_text;
    exchange->target = request->target;
}

static struct span outcome_text(enum cache_outcome outcome)
{
    switch (outcome) {
    case CACHE_HIT: return SPAN("hit");
    case CACHE_REVALIDATED: return SPAN("revalidated");
    case CACHE_MISS: return SPAN("miss");
    case CACHE_LOAD: return SPAN("load");
    case CACHE_NONE: break;
    }
    return SPAN("none");
}

static void finished(void *self, unsigned worker, const struct exchange *exchange, const struct peer_address *peer,
                     uint64_t content_bytes)
{
    const struct site *site = self;
    char client[PEER_TEXT_BYTES];
    struct log_record record = {
        .time_s = exchange->time_s,
        .duration_us = clock_monotonic_us() - exchange->began_us,
        .bytes = content_bytes,
        .status = exchange->status,
        .client = span_of(client, peer_address_text(peer, client)),
        .line = exchange->line,
        .method = exchange->method,
        .target = exchange->target,
        .referer = exchange->referer,
        .agent = exchange->agent,
        .outcome = outcome_text(exchange->outcome),
    };
    access_log_add(site->log, worker, &record);
}

struct handler site_handler(struct site *site)
{
    return (struct handler){
        .self = site, .wants_log = site->log != NULL, .answer = answer, .refuse = refuse, .finished = finished
    };
}

bool site_resolve(void *context, struct span key, struct load_target *ret_target)
{
    static const struct span index_names[] = { { .data = "index.html", .size = 10 } };
    const struct site *site = context;
    if (key.size > sizeof ret_target->path) return false;
    ret_target->tree = site->tree;
    ret_target->index_names = index_names;
    ret_target->index_count = ARRAY_COUNT(index_names);
    ret_target->needs_checks = false;
    ret_target->path_size = key.size;
    memcpy(ret_target->path, key.data, key.size);
    return true;
}

size_t site_describe(void *context, const struct load_facts *facts, char *out, uint16_t *ret_policy)
{
    const struct site *site = context;
    *ret_policy = 0;
    if (facts->kind > ENTRY_STREAM) return 0;
    struct ready_head_facts ready = {
        .content_type = media_type_of(site->types, facts->path),
        .length = (uint64_t)facts->identity.size,
        .digest = { facts->digest[0], facts->digest[1] },
        .modified_s = facts->identity.modified_s,
        .now_s = facts->now_s,
    };
    return ready_head_write(&ready, out);
}
