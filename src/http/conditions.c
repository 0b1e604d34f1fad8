#include "http/conditions.h"

#include "http/date.h"
#include "http/field_list.h"

enum comparison { COMPARE_STRONG, COMPARE_WEAK };

/* Take `entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE` (RFC 9110, 8.8.3) off the front of `rest`. */
static bool take_tag(struct span *rest, struct span *ret_opaque, bool *ret_is_weak)
{
    struct span s = *rest;
    bool is_weak = span_starts_with(s, SPAN("W/"));
    if (is_weak) s = span_from(s, 2);
    if (s.size < 2 || s.data[0] != '"') return false;
    const char *quote = memchr(s.data + 1, '"', s.size - 1);
    if (quote == NULL) return false;
    for (const char *at = s.data + 1; at < quote; at++) {
        /* A value holds no control character but tab; what etagc lacks besides is the space. */
        if (*at == ' ' || *at == '\t') return false;
    }
    size_t size = (size_t)(quote + 1 - s.data);
    *ret_opaque = span_first(s, size);
    *ret_is_weak = is_weak;
    *rest = span_from(s, size);
    return true;
}

/* Whether a list of entity tags names `etag`, which is strong. A list that breaks off is read up to there. RFC 9110, 8.8.3.2:
 * strong comparison knows no weak tag. */
static bool list_names(struct span list, struct span etag, enum comparison comparison)
{
    while (list.size > 0) {
        char c = list.data[0];
        if (c == ' ' || c == '\t' || c == ',') {
            list = span_from(list, 1);
            continue;
        }
        struct span opaque;
        bool is_weak;
        if (!take_tag(&list, &opaque, &is_weak)) return false;
        bool is_counted = comparison == COMPARE_WEAK || !is_weak;
        if (is_counted && span_equal(opaque, etag)) return true;
        list = field_value_trim(list);
        if (list.size > 0 && list.data[0] != ',') return false;
    }
    return false;
}

/* Whether field `id`, a list of tags or `*`, is met by the representation, which exists. */
static bool tags_match(const struct request *request, enum field_id id, struct span etag, enum comparison comparison)
{
    uint16_t cursor = 0;
    struct span value;
    while (request_next_value(request, id, &cursor, &value)) {
        if (span_equal(value, SPAN("*")) || list_names(value, etag, comparison)) return true;
    }
    return false;
}

/* The date of field `id`; false when there is none: absent, not a date, or more than one. */
static bool date_of(const struct request *request, enum field_id id, int64_t now_s, int64_t *ret_seconds)
{
    uint16_t cursor = 0;
    struct span value;
    struct span another;
    if (!request_next_value(request, id, &cursor, &value)) return false;
    if (request_next_value(request, id, &cursor, &another)) return false;
    return http_date_parse(value, now_s, ret_seconds);
}

enum condition conditions_evaluate(const struct request *request, const struct validators *validators, int64_t now_s)
{
    int64_t date;
    if (request->method != METHOD_GET && request->method != METHOD_HEAD) return CONDITION_PASSED;

    if (request_has(request, FIELD_IF_MATCH)) {
        if (!tags_match(request, FIELD_IF_MATCH, validators->etag, COMPARE_STRONG)) return CONDITION_FAILED;
    } else if (validators->has_modified && date_of(request, FIELD_IF_UNMODIFIED_SINCE, now_s, &date)) {
        if (validators->modified_s > date) return CONDITION_FAILED;
    }
    if (request_has(request, FIELD_IF_NONE_MATCH)) {
        bool has_match = tags_match(request, FIELD_IF_NONE_MATCH, validators->etag, COMPARE_WEAK);
        return has_match ? CONDITION_NOT_MODIFIED : CONDITION_PASSED;
    }
    if (validators->has_modified && date_of(request, FIELD_IF_MODIFIED_SINCE, now_s, &date)) {
        if (validators->modified_s <= date) return CONDITION_NOT_MODIFIED;
    }
    return CONDITION_PASSED;
}

/* RFC 9110, 13.1.5: the range is meant only for the representation that the client has a part of, by a strong validator. A
 * date is one only if it is known that the file did not change twice in that second (8.8.2.2), which nobody can know
 * of a file that somebody else writes: the part would be joined to another version's. So no date ever holds. */
static bool if_range_holds(const struct request *request, const struct validators *validators)
{
    if (!request_has(request, FIELD_IF_RANGE)) return true;
    uint16_t cursor = 0;
    struct span value = SPAN_NONE;
    struct span another;
    (void)request_next_value(request, FIELD_IF_RANGE, &cursor, &value);
    if (request_next_value(request, FIELD_IF_RANGE, &cursor, &another)) return false;
    return validators->etag.size > 0 && span_equal(value, validators->etag);
}

enum range range_evaluate(const struct request *request, const struct validators *validators, uint64_t length,
                          unsigned ranges_max, struct ranges *ret_ranges)
{
    if (request->method != METHOD_GET) return RANGE_WHOLE;
    uint16_t cursor = 0;
    struct span value;
    struct span another;
    if (!request_next_value(request, FIELD_RANGE, &cursor, &value)) return RANGE_WHOLE;
    if (request_next_value(request, FIELD_RANGE, &cursor, &another)) return RANGE_WHOLE;
    if (!if_range_holds(request, validators)) return RANGE_WHOLE;
    return ranges_parse(value, length, ranges_max, ret_ranges);
}
