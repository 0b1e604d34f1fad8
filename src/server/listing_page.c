#include "base/check.h"
#include "base/quantity.h"
#include "server/listing_entry.h"

enum { AROUND_BYTES = 160, TOTALS_BYTES = 128 };

/* The hash of STYLE in POLICY_HASH is held against it by a test. */
#define STYLE                                                                                                     \
    ":root{color-scheme:light dark;--text:#1c1d21;--soft:#5b5e66;--line:#e2e4e9;--link:#0b57d0;--back:#fff;"      \
    "--over:#f3f5f9}"                                                                                             \
    "@media(prefers-color-scheme:dark){:root{--text:#e5e5e8;--soft:#a2a5ad;--line:#33353b;--link:#8ab4f8;"        \
    "--back:#17181b;--over:#222429}}"                                                                             \
    "body{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 3rem;font:16px/1.5 system-ui,sans-serif;"             \
    "color:var(--text);background:var(--back)}"                                                                   \
    "h1{margin:0;font-size:1.35rem;font-weight:600;overflow-wrap:anywhere}"                                       \
    "p{margin:.25rem 0 1rem;color:var(--soft)}"                                                                   \
    "a{color:var(--link);text-decoration:none}a:hover,a:focus-visible{text-decoration:underline}"                 \
    "table{width:100%;border-collapse:collapse}"                                                                  \
    "th,td{padding:.4rem .5rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}"           \
    "th{position:sticky;top:0;background:var(--back);white-space:nowrap}th a{color:inherit}"                      \
    "th[aria-sort=ascending] a::after{content:\" \\2191\"}th[aria-sort=descending] a::after{content:\" \\2193\"}" \
    "td:first-child{overflow-wrap:anywhere}td a{unicode-bidi:plaintext}.d a{font-weight:600}"                     \
    "th+th,td+td{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}td+td{color:var(--soft)}"  \
    "tbody tr:hover{background:var(--over)}"                                                                      \
    "@media(max-width:40rem){thead tr,tbody tr{display:grid;grid-template-columns:auto 1fr;"                      \
    "border-bottom:1px solid var(--line)}thead tr{grid-template-columns:1fr auto auto}th,td{border:0}"            \
    "td:first-child{grid-column:1/-1;padding-bottom:0}td+td{padding-top:0}td:nth-child(2){text-align:left}}"

#define POLICY_HASH "sha256-I1cyROt53QJez7zyyL4a5r8bXkJZMdpMh9eVFXtTxJw="

#define POLICY \
    "default-src 'none'; style-src '" POLICY_HASH "'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
const struct span listing_policy = { POLICY, sizeof POLICY - 1 };

#define FIELDS "Vary: Accept\r\nContent-Security-Policy: " POLICY "\r\n"
const struct span listing_fields = { FIELDS, sizeof FIELDS - 1 };

/* The folders above, each a link; addresses that are relative hold also behind a proxy that cuts off a prefix. */
static void write_path(struct span path, struct text_buffer *page)
{
    ASSERT(path.size > 0 && path.data[path.size - 1] == '/');
    size_t above = 0;
    for (size_t i = 1; i < path.size; i++) above += path.data[i] == '/';
    text_buffer_append(page, SPAN("<h1>Index of "));
    for (size_t begin = 0; begin < path.size; above--) {
        const char *slash = memchr(path.data + begin, '/', path.size - begin);
        size_t end = (size_t)(slash + 1 - path.data);
        struct span name = span_of(path.data + begin, end - begin);
        char *at = text_buffer_room(page, 3 * above + TEXT_ESCAPED_FACTOR * name.size + AROUND_BYTES);
        if (at == NULL) return;
        at = text_append(at, SPAN("<a href=\""));
        for (size_t i = 0; i < above; i++) at = text_append(at, SPAN("../"));
        at = text_append(at, above > 0 ? SPAN("\"><bdi>") : SPAN("./\" aria-current=\"page\"><bdi>"));
        at = text_append(text_append_html(at, name), SPAN("</bdi></a>"));
        text_buffer_wrote(page, at);
        begin = end;
    }
    text_buffer_append(page, SPAN("</h1>\n"));
}

static char *append_count(char *at, size_t count, struct span noun)
{
    at = text_append(text_append_decimal(at, count), noun);
    return count == 1 ? at : text_append(at, SPAN("s"));
}

static void write_totals(const struct listing *listing, struct text_buffer *page)
{
    size_t folders = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < listing->count; i++) {
        folders += listing->items[i].is_folder;
        if (!listing->items[i].is_folder) bytes += listing->items[i].size;
    }
    char *at = text_buffer_room(page, TOTALS_BYTES), amount[QUANTITY_TEXT_BYTES];
    if (at == NULL) return;
    at = append_count(text_append(at, SPAN("<p>")), folders, SPAN(" folder"));
    at = append_count(text_append(at, SPAN(", ")), listing->count - folders, SPAN(" file"));
    at = text_append(text_append(at, SPAN(", ")), span_of_string(quantity_format_bytes(bytes, amount)));
    text_buffer_wrote(page, text_append(at, SPAN("</p>\n")));
}

/* A column's head: sorts by it; once more, the other way round. Sizes and times begin with the highest. */
static void write_column(struct listing_order order, enum listing_key key, struct text_buffer *page)
{
    static const struct {
        struct span label, upward, downward;
    } columns[] = {
        [LISTING_BY_NAME] = { { "Name", 4 }, { "name", 4 }, { "-name", 5 } },
        [LISTING_BY_SIZE] = { { "Size", 4 }, { "size", 4 }, { "-size", 5 } },
        [LISTING_BY_TIME] = { { "Modified (UTC)", 14 }, { "time", 4 }, { "-time", 5 } },
    };
    bool is_sorted = order.key == key;
    bool goes_down = is_sorted ? !order.is_reversed : key != LISTING_BY_NAME;
    text_buffer_append(page, SPAN("<th scope=\"col\""));
    if (is_sorted) {
        text_buffer_append(page,
                           order.is_reversed ? SPAN(" aria-sort=\"descending\"") : SPAN(" aria-sort=\"ascending\""));
    }
    text_buffer_append(page, SPAN("><a href=\"?sort="));
    text_buffer_append(page, goes_down ? columns[key].downward : columns[key].upward);
    text_buffer_append(page, SPAN("\">"));
    text_buffer_append(page, columns[key].label);
    text_buffer_append(page, SPAN("</a></th>"));
}

/* "2026-11-21 23:45" */
static char *append_minute(char *at, const struct folder_item *item)
{
    enum { DATE_BYTES = 10, MINUTE_BYTES = 16 };
    char text[RFC_3339_BYTES];
    listing_format_time(item, text);
    text[DATE_BYTES] = ' ';
    return text_append(at, span_of(text, MINUTE_BYTES));
}

static void write_item(const struct folder_item *item, unsigned options, struct text_buffer *page)
{
    char *at = text_buffer_room(page, listing_item_room(item, AROUND_BYTES)), amount[QUANTITY_TEXT_BYTES];
    if (at == NULL) return;
    at = text_append(at, item->is_folder ? SPAN("<tr class=\"d\"><td><a href=\"") : SPAN("<tr><td><a href=\""));
    at = listing_append_address(at, item);
    at = text_append_html(text_append(at, SPAN("\">")), item->name);
    at = text_append(at, item->is_folder ? SPAN("/</a></td>") : SPAN("</a></td>"));
    if (!(options & INDEX_SUPPRESS_SIZE)) {
        at = text_append(at, SPAN("<td>"));
        if (!item->is_folder) at = text_append(at, span_of_string(quantity_format_bytes(item->size, amount)));
        at = text_append(at, SPAN("</td>"));
    }
    if (!(options & INDEX_SUPPRESS_TIME))
        at = text_append(append_minute(text_append(at, SPAN("<td>")), item), SPAN("</td>"));
    text_buffer_wrote(page, text_append(at, SPAN("</tr>\n")));
}

static void write_title(struct span path, struct text_buffer *page)
{
    text_buffer_append(page, SPAN("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                                  "<title>Index of "));
    char *at = text_buffer_room(page, TEXT_ESCAPED_FACTOR * path.size);
    if (at) text_buffer_wrote(page, text_append_html(at, path));
    text_buffer_append(page, SPAN("</title>\n<style>" STYLE "</style>\n</head>\n<body>\n"));
}

void listing_write_page(const struct listing *listing, struct text_buffer *page)
{
    write_title(listing->path, page);
    write_path(listing->path, page);
    write_totals(listing, page);
    text_buffer_append(page, SPAN("<table>\n<thead><tr>"));
    write_column(listing->order, LISTING_BY_NAME, page);
    bool has_size = !(listing->options & INDEX_SUPPRESS_SIZE), has_time = !(listing->options & INDEX_SUPPRESS_TIME);
    if (has_size) write_column(listing->order, LISTING_BY_SIZE, page);
    if (has_time) write_column(listing->order, LISTING_BY_TIME, page);
    text_buffer_append(page, SPAN("</tr></thead>\n<tbody>\n"));
    if (listing->path.size > 1) {
        text_buffer_append(page, SPAN("<tr class=\"d\"><td><a href=\"../\">../</a></td>"));
        if (has_size) text_buffer_append(page, SPAN("<td></td>"));
        if (has_time) text_buffer_append(page, SPAN("<td></td>"));
        text_buffer_append(page, SPAN("</tr>\n"));
    }
    for (size_t i = 0; i < listing->count; i++) write_item(&listing->items[i], listing->options, page);
    text_buffer_append(page, SPAN("</tbody>\n</table>\n</body>\n</html>\n"));
}
