#include "server/site_listing.h"

#include <limits.h>

#include "base/glob.h"
#include "http/accept.h"

/* Behind a NUL, which no path of a URL has. Letters: digits are other keys' (cache/load.h). */
enum { VIEWS = 2 * 2 * (LISTING_BY_TIME + 1), FIRST_LETTER = 'A' };

static bool has_parameter(struct span query, struct span name)
{
    while (query.data && query.size > 0) {
        const char *end = memchr(query.data, '&', query.size);
        struct span parameter = end ? span_first(query, (size_t)(end - query.data)) : query;
        if (span_equal(parameter, name)) return true;
        query = span_from(query, end ? parameter.size + 1 : parameter.size);
    }
    return false;
}

struct listing_view listing_view_of(const struct request *request)
{
    bool is_json = has_parameter(request->query, SPAN("json"));
    if (!is_json && request_has(request, FIELD_ACCEPT))
        is_json = accept_weight(request, SPAN("application/json")) > accept_weight(request, SPAN("text/html"));
    return (struct listing_view){ listing_order_of(request->query), is_json };
}

struct span listing_key_write(struct span key, struct listing_view view, char *room)
{
    memcpy(room, key.data, key.size);
    room[key.size] = '\0';
    room[key.size + 1] = (char)(FIRST_LETTER + 4 * (int)view.order.key + 2 * view.order.is_reversed + view.is_json);
    return span_of(room, key.size + LISTING_KEY_BYTES);
}

bool listing_key_read(struct span key, struct span *ret_folder, struct listing_view *ret_view)
{
    if (key.size <= LISTING_KEY_BYTES || key.data[key.size - 2] != '\0') return false;
    int view = key.data[key.size - 1] - FIRST_LETTER;
    if (view < 0 || view >= VIEWS) return false;
    *ret_folder = span_first(key, key.size - LISTING_KEY_BYTES);
    *ret_view = (struct listing_view){ { (enum listing_key)(view / 4), (view & 2) != 0 }, (view & 1) != 0 };
    return true;
}

void listing_content_type(struct listing_view view, struct content_type *ret)
{
    struct span text = view.is_json ? SPAN("application/json") : SPAN("text/html; charset=utf-8");
    *ret = (struct content_type){ .type_size = text.size, .size = text.size };
    memcpy(ret->text, text.data, text.size);
    if (!view.is_json) ret->type_size = SPAN("text/html").size;
}

/* One listing in the making. */
struct showing {
    const struct sites *sites;
    const struct site *site;
    const struct tree *tree;
    const struct rules *rules;  /* of the folder */
    struct span path, url;      /* of the folder: in its tree, and of its URL; both end with '/' */
    bool has_restricted_places; /* some section of the site says who may have what */
};

static bool is_ignored(const struct rules *rules, struct span name)
{
    for (size_t i = 0; i < rules->index_ignore.count; i++) {
        const struct text_rule *rule = rules->index_ignore.items[i];
        if (glob_matches(rule->text, name)) return true;
    }
    return false;
}

/* `front`, the item's name and, for a folder, a slash. data NULL: longer than anything that can be opened. */
static struct span join(char *room, size_t room_size, struct span front, const struct folder_item *item)
{
    if (front.size + item->name.size + 1 > room_size) return SPAN_NONE;
    memcpy(room, front.data, front.size);
    memcpy(room + front.size, item->name.data, item->name.size);
    size_t size = front.size + item->name.size;
    if (item->is_folder) room[size++] = '/';
    return span_of(room, size);
}

/* A name is told to whoever may see the folder only if he may have what it names, too: who that is may depend on the client, and the
 * listing is everybody's. */
static bool is_withheld(const struct showing *showing, const struct folder_item *item)
{
    char path_room[PATH_MAX + 2], url_room[2 * PATH_MAX];
    if (!showing->has_restricted_places) return false;
    struct span path = join(path_room, sizeof path_room, showing->path, item);
    struct span url = join(url_room, sizeof url_room, showing->url, item);
    if (!path.data || !url.data) return true;
    const struct rules *rules = sites_rules(showing->sites, showing->site, showing->tree, path, url);
    if (!rules) return true;
    bool is_same =
        rules->require.items == showing->rules->require.items && rules->require.count == showing->rules->require.count;
    return !is_same && !rules_are_open(rules);
}

static bool restricts_places(const struct site *site)
{
    for (size_t i = 0; i < site->config->sections.count; i++) {
        const struct section *section = site->config->sections.items[i];
        if (rules_have(&section->rules, RULE_REQUIRE)) return true;
    }
    return false;
}

static size_t choose_items(const struct showing *showing, struct folder_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct folder_item *item = &list->items[i];
        if (is_ignored(showing->rules, item->name) || is_withheld(showing, item)) continue;
        list->items[kept++] = *item;
    }
    return kept;
}

void site_listing_make(void *context, const struct load_facts *facts, struct folder_list *list, struct text_buffer *out)
{
    char path[PATH_MAX + 1];
    struct listing_view view;
    struct span key;
    struct showing showing = { .sites = context, .tree = facts->tree };
    if (!listing_key_read(facts->key, &key, &view)) return;
    showing.site = sites_of_key(showing.sites, key, &showing.url);
    path[0] = '/';
    memcpy(path + 1, facts->path.data, facts->path.size);
    struct span whole = span_of(path, facts->path.size + 1); /* it ends with "/.", as a folder's does */
    showing.rules = sites_rules(showing.sites, showing.site, showing.tree, whole, showing.url);
    out->has_failed |= !showing.rules;
    if (!showing.rules) return;
    showing.path = span_first(whole, whole.size - 1);
    showing.has_restricted_places = restricts_places(showing.site);
    struct listing listing = { .path = showing.url, .items = list->items, .order = view.order };
    listing.count = choose_items(&showing, list);
    listing.options = showing.rules->index_options.added;
    listing_sort(&listing);
    if (view.is_json)
        listing_write_json(&listing, out);
    else
        listing_write_page(&listing, out);
}
