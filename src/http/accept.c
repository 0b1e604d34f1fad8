#include "http/accept.h"

#include "http/field_list.h"
#include "http/weight.h"

/* The part of `text` before the first `end`; *text goes on behind it. */
static struct span take_until(struct span *text, char end)
{
    const char *at = text->size > 0 ? memchr(text->data, end, text->size) : NULL;
    size_t size = at ? (size_t)(at - text->data) : text->size;
    struct span part = span_first(*text, size);
    *text = span_from(*text, at ? size + 1 : size);
    return field_value_trim(part);
}

/* How closely `range` names `type`: 0 not at all, 1 as any, 2 as any of its kind, 3 itself. */
static unsigned closeness(struct span range, struct span type)
{
    if (span_equal_nocase(range, type)) return 3;
    if (span_equal(range, SPAN("*/*"))) return 1;
    struct span kind = span_first(type, (size_t)((const char *)memchr(type.data, '/', type.size) + 1 - type.data));
    bool is_kind = range.size == kind.size + 1 && range.data[kind.size] == '*';
    return is_kind && span_equal_nocase(span_first(range, kind.size), kind) ? 2 : 0;
}

/* media-range [ parameters ]: its weight. False: malformed. */
static bool read_range(struct span element, struct span *ret_range, int *ret_weight)
{
    *ret_range = take_until(&element, ';');
    *ret_weight = WEIGHT_MAX;
    while (element.size > 0) {
        struct span parameter = take_until(&element, ';');
        if (parameter.size < 2 || !span_equal_nocase(span_first(parameter, 2), SPAN("q="))) continue;
        return weight_parse(span_from(parameter, 2), ret_weight);
    }
    return true;
}

unsigned accept_weight(const struct request *request, struct span type)
{
    uint16_t cursor = 0;
    struct span list, element, range;
    unsigned closest = 0;
    int best = 0;
    if (!request_has(request, FIELD_ACCEPT)) return WEIGHT_MAX;
    while (request_next_value(request, FIELD_ACCEPT, &cursor, &list)) {
        while (field_list_next(&list, &element)) {
            int weight;
            if (!read_range(element, &range, &weight)) continue;
            unsigned close = closeness(range, type);
            if (close == 0 || close < closest) continue;
            best = close > closest || weight > best ? weight : best;
            closest = close;
        }
    }
    return (unsigned)best;
}
