#include "server/listing.h"

#include <stdlib.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The digits at *at, without zeros in front; leaves *at behind them. */
static struct span take_digits(struct span s, size_t *at)
{
    while (*at < s.size && s.data[*at] == '0') ++*at;
    size_t begin = *at;
    while (*at < s.size && is_digit(s.data[*at])) ++*at;
    return span_of(s.data + begin, *at - begin);
}

static int compare_numbers(struct span a, struct span b)
{
    if (a.size != b.size) return a.size < b.size ? -1 : 1;
    return a.size > 0 ? memcmp(a.data, b.data, a.size) : 0;
}

static int compare_bytes(struct span a, struct span b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    if (order != 0) return order;
    return (a.size > b.size) - (a.size < b.size);
}

/* "a2" before "a10" before "B1", if the options say so. Names that differ are never equal. */
static int compare_names(struct span a, struct span b, unsigned options)
{
    size_t i = 0, j = 0;
    while (i < a.size && j < b.size) {
        int order;
        if ((options & INDEX_VERSION_SORT) && is_digit(a.data[i]) && is_digit(b.data[j])) {
            struct span first = take_digits(a, &i), second = take_digits(b, &j);
            order = compare_numbers(first, second);
        } else {
            char first = a.data[i++], second = b.data[j++];
            bool ignores_case = options & INDEX_IGNORE_CASE;
            order = (unsigned char)(ignores_case ? ascii_lower(first) : first) -
                    (unsigned char)(ignores_case ? ascii_lower(second) : second);
        }
        if (order != 0) return order;
    }
    if (i < a.size || j < b.size) return i < a.size ? 1 : -1;
    return compare_bytes(a, b);
}

static int compare_key(const struct folder_item *a, const struct folder_item *b, enum listing_key key, unsigned options)
{
    switch (key) {
    case LISTING_BY_SIZE:
        if (a->is_folder || b->is_folder) return (int)b->is_folder - (int)a->is_folder;
        return (a->size > b->size) - (a->size < b->size);
    case LISTING_BY_TIME: return (a->modified_s > b->modified_s) - (a->modified_s < b->modified_s);
    case LISTING_BY_NAME: break;
    }
    return compare_names(a->name, b->name, options);
}

static int compare(const void *a, const void *b, void *context)
{
    const struct folder_item *first = a, *second = b;
    const struct listing *listing = context;
    if ((listing->options & INDEX_FOLDERS_FIRST) && first->is_folder != second->is_folder)
        return first->is_folder ? -1 : 1;
    int by_key = compare_key(first, second, listing->order.key, listing->options);
    if (by_key != 0) return listing->order.is_reversed ? -by_key : by_key;
    return compare_names(first->name, second->name, listing->options);
}

void listing_sort(struct listing *listing)
{
    size_t kept = 0;
    for (size_t i = 0; i < listing->count; i++) {
        if (listing->items[i].name.data[0] != '.') listing->items[kept++] = listing->items[i];
    }
    listing->count = kept;
    if (kept > 1) qsort_r(listing->items, kept, sizeof listing->items[0], compare, listing);
}

struct listing_order listing_order_of(struct span query)
{
    static const struct {
        struct span text;
        struct listing_order order;
    } orders[] = {
        { { "sort=name", 9 }, { LISTING_BY_NAME, false } }, { { "sort=-name", 10 }, { LISTING_BY_NAME, true } },
        { { "sort=size", 9 }, { LISTING_BY_SIZE, false } }, { { "sort=-size", 10 }, { LISTING_BY_SIZE, true } },
        { { "sort=time", 9 }, { LISTING_BY_TIME, false } }, { { "sort=-time", 10 }, { LISTING_BY_TIME, true } },
    };
    while (query.data && query.size > 0) {
        const char *end = memchr(query.data, '&', query.size);
        struct span parameter = end ? span_first(query, (size_t)(end - query.data)) : query;
        for (size_t i = 0; i < ARRAY_COUNT(orders); i++) {
            if (span_equal(parameter, orders[i].text)) return orders[i].order;
        }
        query = span_from(query, end ? parameter.size + 1 : parameter.size);
    }
    return (struct listing_order){ LISTING_BY_NAME, false };
}
