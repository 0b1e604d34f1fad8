#include "server/handler.h"

#include "base/text_write.h"
#include "http/authority.h"
#include "http/byteranges.h"
#include "http/target.h"
#include "net/pending.h"
#include "platform/clock.h"
#include "server/access.h"
#include "server/answer.h"
#include "server/fallbacks.h"
#include "server/representation.h"
#include "server/site_listing.h"
#include "server/trouble.h"

enum {
    STARVED_MS_MAX = 30000, /* a request waits so long for a descriptor or for memory before it is refused */
};

static const struct span allow = { .data = "Allow: GET, HEAD, OPTIONS\r\n", .size = 27 };

/* For the counts, and for the log, of which the head's spans are not kept otherwise. `head` is where the answer was written. */
static void note(const struct serving *serving, const struct question *question, const char *head)
{
    const struct log_wishes *wishes = server_logs_wishes(serving->logs);
    struct turn *turn = question->to.turn;
    struct exchange *exchange = &turn->exchanges[turn->exchange_count - 1];
    exchange->outcome = question->outcome;
    if (!server_logs_are_wanted(serving->logs)) return;
    exchange->site = (uint16_t)question->site->number;
    exchange->is_turned_away = question->trouble == TROUBLE_CROWDED;
    exchange->has_client = question->peer == &question->room->client;
    if (exchange->has_client) exchange->client = question->room->client;
    exchange->user_size = question->user_size;
    if (question->user_size > 0) memcpy(exchange->user, question->room->user, question->user_size);
    exchange->referer = request_value(question->to.request, FIELD_REFERER);
    exchange->agent = request_value(question->to.request, FIELD_USER_AGENT);
    if (wishes->count == 0) return;
    struct span answer_head = span_of(head, (size_t)(exchange->starts_at - exchange->begins_at));
    log_wishes_read(wishes, question->to.request, answer_head, exchange->fields);
    exchange->field_count = (uint8_t)wishes->count;
}

/* An error of which the error log has something to say, too. */
static enum handler_verdict answer_trouble(struct question *question, enum trouble trouble, enum http_status status,
                                           struct span fields, const struct entry *entry)
{
    question->trouble = trouble;
    return fallbacks_answer_error(question, status, fields, entry);
}

static enum handler_verdict answer_file_of(struct question *question, struct entry *entry, struct span more_fields)
{
    char room[CONTENT_RANGE_BYTES_MAX], lines[128];
    struct span fields;
    struct representation representation;
    representation_choose(question, entry, &representation);
    question->content = representation.entry;
    if (question->to.policy->is_makeshift) question->trouble = TROUBLE_MAKESHIFT;
    if (representation.varies) {
        char *at = text_append(lines, SPAN("Vary: Accept-Encoding\r\n"));
        more_fields = span_of(lines, (size_t)(text_append(at, more_fields) - lines));
    }
    enum http_status status =
        answer_file(&question->to, representation.entry, &representation.head, more_fields, room, &fields);
    return status == HTTP_NONE ? HANDLER_ANSWERED : fallbacks_answer_error(question, status, fields, NULL);
}

/* Nothing is there, or no page for a folder: perhaps something else is meant. */
static enum handler_verdict answer_without_file(struct question *question, struct entry *entry)
{
    struct entry *other;
    struct span more_fields = SPAN_NONE;
    enum status status = fallbacks_find(question, entry, &other, &more_fields);
    if (status == STATUS_WOULD_BLOCK) return HANDLER_WAITS;
    if (status == STATUS_OK && other) return answer_file_of(question, other, more_fields);
    if (entry->kind == ENTRY_ABSENT)
        return answer_trouble(question, TROUBLE_ABSENT, HTTP_NOT_FOUND, more_fields, entry);
    return answer_trouble(question, TROUBLE_NO_INDEX, HTTP_FORBIDDEN, more_fields, entry);
}

static enum handler_verdict answer_ruling(struct question *question, const struct entry *entry)
{
    struct ruling ruling;
    sites_read_ruling(entry_head(entry), &ruling);
    if (!ruling.location.data) return fallbacks_answer_error(question, ruling.status, SPAN_NONE, NULL);
    answer_redirect(&question->to, ruling.status, ruling.location, true);
    return HANDLER_ANSWERED;
}

/* It could not be told what is there. */
static enum handler_verdict answer_unknown(struct question *question, enum status status)
{
    if (status == STATUS_WOULD_BLOCK) return HANDLER_WAITS;
    if (status == STATUS_EXHAUSTED && question->asking->waited_ms < STARVED_MS_MAX) return HANDLER_STARVES;
    if (status == STATUS_EXHAUSTED)
        return answer_trouble(question, TROUBLE_STARVED, HTTP_SERVICE_UNAVAILABLE, SPAN("Retry-After: 1\r\n"), NULL);
    return answer_trouble(question, TROUBLE_FILE_SYSTEM, HTTP_INTERNAL_SERVER_ERROR, SPAN_NONE, NULL);
}

static enum handler_verdict answer_refused(struct question *question, const struct entry *entry)
{
    static const enum trouble troubles[] = {
        [ENTRY_UNREADABLE] = TROUBLE_UNREADABLE,
        [ENTRY_LEAVES_ROOT] = TROUBLE_LINK_LEAVES,
        [ENTRY_LINK_OF_ANOTHER] = TROUBLE_LINK_OWNER,
        [ENTRY_SPECIAL] = TROUBLE_NO_FILE,
    };
    return answer_trouble(question, troubles[entry->refusal], HTTP_FORBIDDEN, SPAN_NONE, entry);
}

/* Of a folder without an index, what is in it. */
static enum handler_verdict answer_listing(struct question *question)
{
    char room[QUESTION_KEY_BYTES_MAX + LISTING_KEY_BYTES];
    struct entry *entry;
    struct span key = listing_key_write(question->key, listing_view_of(question->to.request), room);
    enum status status = question_look_up(question, key, &entry);
    if (status != STATUS_OK) return answer_unknown(question, status);
    const struct policy *policy = policies_get(sites_policies(question->sites), entry->policy);
    if (entry->kind == ENTRY_MADE && policy) {
        question->to.policy = policy;
        return answer_file_of(question, entry, listing_fields);
    }
    /* It is gone since, may not be read, or is too big. */
    if (entry->kind == ENTRY_ABSENT) return answer_trouble(question, TROUBLE_ABSENT, HTTP_NOT_FOUND, SPAN_NONE, entry);
    return answer_refused(question, entry);
}

/* RFC 9110, 15.5.2: a 401 says how to ask. */
static enum handler_verdict answer_without_access(struct question *question, enum access access,
                                                  const struct policy *policy)
{
    char challenge[CHALLENGE_BYTES_MAX];
    struct span fields = SPAN_NONE;
    enum http_status status = HTTP_FORBIDDEN;
    enum trouble trouble = TROUBLE_NONE;
    switch (access) {
    case ACCESS_WAITS: return HANDLER_WAITS;
    case ACCESS_ASKS:
        status = HTTP_UNAUTHORIZED;
        /* Who has said no name yet is only asked for it. */
        if (request_value(question->to.request, FIELD_AUTHORIZATION).data) trouble = TROUBLE_WRONG_PASSWORD;
        fields = span_of(challenge,
                         (size_t)(authorization_append_challenge(challenge, policy->rules->auth_name) - challenge));
        break;
    case ACCESS_OVERWHELMED:
        trouble = TROUBLE_OVERWHELMED;
        status = HTTP_SERVICE_UNAVAILABLE;
        fields = SPAN("Retry-After: 1\r\n");
        break;
    case ACCESS_BROKEN:
        trouble = TROUBLE_USER_FILE;
        status = HTTP_INTERNAL_SERVER_ERROR;
        break;
    case ACCESS_DENIED: trouble = TROUBLE_DENIED; break;
    case ACCESS_GRANTED: break;
    }
    return answer_trouble(question, trouble, status, fields, NULL);
}

/* Throttle's LEAST: more answers at a time would be of no use to anybody. */
static bool may_begin(const struct question *question, const struct throttle_set *throttles)
{
    struct ip_address client;
    memcpy(client.bytes, question->peer->bytes, sizeof client.bytes);
    return throttle_set_has_room(throttles, &client);
}

static enum handler_verdict answer_too_many(struct question *question)
{
    question->throttles = NULL;
    return answer_trouble(question, TROUBLE_CROWDED, HTTP_SERVICE_UNAVAILABLE, SPAN("Retry-After: 1\r\n"), NULL);
}

static enum handler_verdict answer_entry(struct question *question, struct entry *entry)
{
    const struct policy *policy = policies_get(sites_policies(question->sites), entry->policy);
    if (!policy) return answer_trouble(question, TROUBLE_POLICY, HTTP_INTERNAL_SERVER_ERROR, SPAN_NONE, NULL);
    question->to.policy = policy;
    question->throttles = policy->throttles;
    enum access access = access_decide(question, policy);
    if (access != ACCESS_GRANTED) return answer_without_access(question, access, policy);
    if (policy->throttles && !may_begin(question, policy->throttles)) return answer_too_many(question);
    switch ((enum entry_kind)entry->kind) {
    case ENTRY_SNAPSHOT:
    case ENTRY_STREAM:
    case ENTRY_MADE: return answer_file_of(question, entry, SPAN_NONE);
    case ENTRY_FOLDER: answer_folder_redirect(&question->to, question->url); return HANDLER_ANSWERED;
    case ENTRY_RULED: return answer_ruling(question, entry);
    case ENTRY_BARE_FOLDER:
        if (policy->rules->options.added & OPTION_INDEXES) return answer_listing(question);
        return answer_without_file(question, entry);
    case ENTRY_ABSENT: return answer_without_file(question, entry);
    case ENTRY_REFUSED: break;
    }
    return answer_refused(question, entry);
}

static enum handler_verdict answer_path(struct question *question)
{
    char room[QUESTION_KEY_BYTES_MAX];
    const struct request *request = question->to.request;
    size_t prefix_size = question->site->key_prefix.size;
    /* Room for a longer one than any path that can be opened: the answer is the same. */
    enum target_result target = request->path.size > QUESTION_PATH_BYTES_MAX
                                    ? TARGET_HIDDEN
                                    : target_normalise(request->path, room + prefix_size, &question->url);
    if (target == TARGET_BAD) return answer_trouble(question, TROUBLE_BAD_REQUEST, HTTP_BAD_REQUEST, SPAN_NONE, NULL);
    if (target == TARGET_HIDDEN) return answer_trouble(question, TROUBLE_ABSENT, HTTP_NOT_FOUND, SPAN_NONE, NULL);
    question->key = question->url;
    if (prefix_size > 0) {
        memcpy(room, question->site->key_prefix.data, prefix_size);
        memmove(room + prefix_size, question->url.data, question->url.size);
        question->key = span_of(room, prefix_size + question->url.size);
        question->url = span_from(question->key, prefix_size);
    }
    struct entry *entry;
    enum status status = question_look_up(question, question->key, &entry);
    return status == STATUS_OK ? answer_entry(question, entry) : answer_unknown(question, status);
}

/* By the method alone, if that is enough. */
static enum handler_verdict answer_method(struct question *question)
{
    switch (question->to.request->method) {
    case METHOD_GET:
    case METHOD_HEAD: return answer_path(question);
    case METHOD_OPTIONS: answer_page(&question->to, HTTP_NO_CONTENT, allow); return HANDLER_ANSWERED;
    case METHOD_UNKNOWN: return fallbacks_answer_error(question, HTTP_NOT_IMPLEMENTED, SPAN_NONE, NULL);
    case METHOD_POST:
    case METHOD_PUT:
    case METHOD_DELETE:
    case METHOD_PATCH:
    case METHOD_CONNECT:
    case METHOD_TRACE: break;
    }
    return fallbacks_answer_error(question, HTTP_METHOD_NOT_ALLOWED, allow, NULL);
}

/* RFC 9110, 7.2: the authority names the site. */
static struct site *choose_site(const struct serving *serving, const struct request *request, uint16_t group,
                                bool *ret_is_known)
{
    struct span host = SPAN_NONE, port;
    if (request->authority.size > 0 && !authority_split(request->authority, &host, &port)) host = SPAN_NONE;
    return sites_choose(serving->sites, group, host, ret_is_known);
}

/* RFC 9110, 7.4: what is to be had by TLS alone is not given without, unless who asks is a gateway that is trusted. */
static bool is_misdirected(const struct question *question)
{
    const struct request *request = question->to.request;
    bool is_from_gateway = question->peer == &question->room->client || question->asking->peer->is_unix;
    return request->form == TARGET_ABSOLUTE && request->is_https && !is_from_gateway;
}

static struct question question_about(const struct serving *serving, const struct request *request,
                                      struct asking *asking, struct turn *turn, struct question_room *room,
                                      bool *ret_site_is_known)
{
    *ret_site_is_known = true;
    struct site *site = sites_are_one(serving->sites) ? sites_at(serving->sites, 0)
                                                      : choose_site(serving, request, asking->group, ret_site_is_known);
    struct question question = {
        .to = { .turn = turn, .request = request, .closes = asking->closes, .policy = site->base_policy },
        .sites = serving->sites,
        .errors = error_logs_of(serving->errors, site->number),
        .site = site,
        .throttles = site->base_policy->throttles,
        .asking = asking,
        .authenticator = serving->authenticator,
        .peer = asking->peer,
        .room = room,
        .outcome = CACHE_NONE,
    };
    if (client_address_of(&serving->clients, request, asking->peer, &room->client)) question.peer = &room->client;
    return question;
}

/* It was answered; `head` is where. */
static void tell_logs(const struct serving *serving, const struct question *question, const char *head)
{
    note(serving, question, head);
    if (question->trouble == TROUBLE_NONE) return;
    struct span site = sites_are_one(serving->sites) ? SPAN_NONE : question->site->config->server_name;
    trouble_tell(question->errors, question->trouble, question->peer, site, question->to.request->path,
                 question->to.turn->now_us);
}

static enum handler_verdict answer(void *self, const struct request *request, struct asking *asking, struct turn *turn)
{
    struct serving *serving = self;
    bool site_is_known;
    struct question_room room;
    struct question question = question_about(serving, request, asking, turn, &room, &site_is_known);
    const char *head = turn_room(turn);
    bool is_misdirected_here = (!site_is_known && question.site->config->strict_host) || is_misdirected(&question);
    enum handler_verdict verdict =
        is_misdirected_here ? answer_trouble(&question, TROUBLE_MISDIRECTED, HTTP_MISDIRECTED_REQUEST, SPAN_NONE, NULL)
                            : answer_method(&question);
    if (verdict == HANDLER_ANSWERED) tell_logs(serving, &question, head);
    if (verdict == HANDLER_ANSWERED && question.throttles) turn_throttle(turn, question.throttles, question.peer);
    question_end(&question, verdict == HANDLER_ANSWERED);
    return verdict;
}

/* Without an error document, which may lie on the same disk. */
static void give_up(void *self, const struct request *request, struct asking *asking, struct turn *turn)
{
    const struct serving *serving = self;
    bool site_is_known;
    struct question_room room;
    struct question question = question_about(serving, request, asking, turn, &room, &site_is_known);
    const char *head = turn_room(turn);
    question.trouble = TROUBLE_DEVICE;
    answer_page(&question.to, HTTP_SERVICE_UNAVAILABLE, SPAN("Retry-After: 1\r\n"));
    tell_logs(serving, &question, head);
}

static void refuse(void *self, enum http_status status, const struct request *request, const struct peer_address *peer,
                   struct turn *turn)
{
    const struct serving *serving = self;
    struct answer_to to = { .turn = turn, .closes = true, .policy = sites_at(serving->sites, 0)->base_policy };
    answer_page(&to, status, SPAN_NONE);
    struct exchange *exchange = &turn->exchanges[turn->exchange_count - 1];
    trouble_tell(error_logs_of(serving->errors, 0), status == HTTP_REQUEST_TIMEOUT ? TROUBLE_LATE : TROUBLE_BAD_REQUEST,
                 peer, SPAN_NONE, request ? request->target : SPAN_NONE, turn->now_us);
    if (!request) return;
    exchange->line = request->line;
    exchange->method = request->method_text;
    exchange->target = request->target;
}

static uint16_t group_of(void *self, int fd)
{
    const struct serving *serving = self;
    struct peer_address local;
    socket_local_address(fd, &local);
    return sites_group(serving->sites, &local);
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
                     uint64_t sent)
{
    const struct serving *serving = self;
    char client[PEER_TEXT_BYTES];
    const struct peer_address *who = exchange->has_client ? &exchange->client : peer;
    struct log_record record = {
        .time_s = exchange->time_s,
        .duration_us = clock_monotonic_us() - exchange->began_us,
        .bytes = exchange_content_sent(exchange, sent),
        .status = exchange->status,
        .client = span_of(client, peer_address_text(who, client)),
        .user = exchange->user_size > 0 ? span_of(exchange->user, exchange->user_size) : SPAN_NONE,
        .line = exchange->line,
        .method = exchange->method,
        .target = exchange->target,
        .referer = exchange->referer,
        .agent = exchange->agent,
        .outcome = outcome_text(exchange->outcome),
        .received_bytes = exchange->received,
        .sent_bytes = exchange_sent(exchange, sent),
        .is_aborted = sent < exchange->ends_at,
        .closes = exchange->closes,
        .fields = exchange->fields,
        .field_count = exchange->field_count,
    };
    server_logs_add(serving->logs, exchange->site, worker, &record);
}

struct handler serving_handler(struct serving *serving)
{
    return (struct handler){
        .self = serving,
        .wants_log = server_logs_are_wanted(serving->logs),
        .group_of = sites_have_groups(serving->sites) ? group_of : NULL,
        .answer = answer,
        .refuse = refuse,
        .give_up = give_up,
        .finished = finished,
    };
}
