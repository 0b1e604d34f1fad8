#include "http/ranges.h"

#include "base/check.h"
#include "http/field_list.h"

/* What one range-spec comes to. */
enum spec {
    SPEC_MALFORMED,
    SPEC_BEYOND, /* nothing of it is there */
    SPEC_EMPTY,  /* the end of nothing: can be satisfied, and yet no Content-Range can say so */
    SPEC_SOME,
};

/* Take digits off the front of `s`; what does not fit counts as the highest number. False: there is no digit. */
static bool take_number(struct span *s, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t i = 0;
    while (i < s->size && s->data[i] >= '0' && s->data[i] <= '9') {
        bool is_over = __builtin_mul_overflow(number, 10, &number);
        is_over |= __builtin_add_overflow(number, (unsigned)(s->data[i] - '0'), &number);
        if (is_over) number = UINT64_MAX;
        i++;
    }
    *s = span_from(*s, i);
    *ret_number = number;
    return i > 0;
}

/* RFC 9110, 14.1.1: int-range or suffix-range. */
static enum spec resolve(struct span spec, uint64_t length, struct byte_range *ret_range)
{
    uint64_t first, last;
    bool has_first = take_number(&spec, &first);
    if (spec.size == 0 || spec.data[0] != '-') return SPEC_MALFORMED;
    spec = span_from(spec, 1);
    bool has_last = take_number(&spec, &last);
    if (spec.size > 0 || !(has_first || has_last)) return SPEC_MALFORMED;
    if (has_first) {
        if (has_last && last < first) return SPEC_MALFORMED;
        if (first >= length) return SPEC_BEYOND;
        *ret_range = (struct byte_range){ first, has_last && last < length ? last : length - 1 };
        return SPEC_SOME;
    }
    if (last == 0) return SPEC_BEYOND;
    if (length == 0) return SPEC_EMPTY;
    *ret_range = (struct byte_range){ last < length ? length - last : 0, length - 1 };
    return SPEC_SOME;
}

static bool touch(struct byte_range a, struct byte_range b)
{
    /* `last` is below the length, so that one more is still a number. */
    return a.first <= b.last + 1 && b.first <= a.last + 1;
}

/* Add `range`. Those that it touches become one with it, at the place of the first of them; none of them touched another before,
 * so that nothing is left that touches what they have become. */
static void add(struct ranges *ranges, struct byte_range range)
{
    unsigned place = ranges->count;
    unsigned kept = 0;
    for (unsigned i = 0; i < ranges->count; i++) {
        struct byte_range other = ranges->items[i];
        if (!touch(range, other)) {
            ranges->items[kept++] = other;
            continue;
        }
        if (kept < place) place = kept;
        if (other.first < range.first) range.first = other.first;
        if (other.last > range.last) range.last = other.last;
    }
    for (unsigned i = kept; i > place; i--) ranges->items[i] = ranges->items[i - 1];
    ranges->items[place] = range;
    ranges->count = kept + 1;
}

enum range ranges_parse(struct span value, uint64_t length, unsigned ranges_max, struct ranges *ret_ranges)
{
    static const struct span unit = { "bytes=", 6 };
    ASSERT(ranges_max <= RANGES_MAX);
    if (value.size < unit.size || !span_equal_nocase(span_first(value, unit.size), unit)) return RANGE_WHOLE;
    struct ranges ranges;
    struct span list = span_from(value, unit.size), element;
    unsigned given = 0;
    uint64_t bytes_left = length;
    bool has_empty = false;
    ranges.count = 0;
    while (field_list_next(&list, &element)) {
        if (element.size == 0) continue; /* RFC 9110, 5.6.1.2 */
        if (++given > ranges_max) return RANGE_WHOLE;
        struct byte_range range;
        switch (resolve(element, length, &range)) {
        case SPEC_MALFORMED: return RANGE_WHOLE;
        case SPEC_BEYOND: break;
        case SPEC_EMPTY: has_empty = true; break;
        case SPEC_SOME:
            if (byte_range_size(range) > bytes_left) return RANGE_WHOLE;
            bytes_left -= byte_range_size(range);
            add(&ranges, range);
            break;
        }
    }
    if (ranges.count == 0) return given == 0 || has_empty ? RANGE_WHOLE : RANGE_UNSATISFIABLE;
    ret_ranges->count = ranges.count;
    memcpy(ret_ranges->items, ranges.items, ranges.count * sizeof ranges.items[0]);
    return RANGE_PART;
}
