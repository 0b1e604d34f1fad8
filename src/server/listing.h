/* listing.h - what is in a folder, as a page for people and as JSON for programs.
 *
 * Role:   sorts what a scan of the folder found, and writes it. Names are whatever the file system has, hostile ones too: each is
 *         escaped for where it stands (HTML, URL, JSON), and the page has no script, so that a strict policy can be sent with it.
 * Owns:   nothing; the items are the caller's, and are put in order where they are.
 * Thread: one's at a time; a loader's, since 50,000 names take a moment.
 */
#ifndef FOLIO_SERVER_LISTING_H
#define FOLIO_SERVER_LISTING_H

#include "cache/folder_list.h"
#include "server/rules.h"

enum listing_key { LISTING_BY_NAME, LISTING_BY_SIZE, LISTING_BY_TIME };

struct listing_order {
    enum listing_key key;
    bool is_reversed;
};

/* The order that `query` asks for: "sort=name", "sort=-name", and so with size and time, among other parameters; the first that is
 * understood counts. By name, upward, if there is none; data NULL: no query. */
struct listing_order listing_order_of(struct span query);

struct listing {
    struct span path; /* of the folder: decoded, begins and ends with '/' */
    struct folder_item *items;
    size_t count;
    struct listing_order order;
    unsigned options; /* INDEX_... */
};

/* Leave out what begins with '.', and sort: folders first with INDEX_FOLDERS_FIRST; names without regard to case (ASCII) with
 * INDEX_IGNORE_CASE, numbers in them by their value with INDEX_VERSION_SORT; folders by name where the key is size. What is equal by
 * size or time is in order of name. */
void listing_sort(struct listing *listing);

/* Append the page, without the columns that INDEX_SUPPRESS_SIZE and INDEX_SUPPRESS_TIME name; it is whole unless page->has_failed. */
void listing_write_page(const struct listing *listing, struct text_buffer *page);

/* Append a JSON array of objects: name, type ("file" or "directory"), size (of a file; bytes), mtime (RFC 3339), and url, relative to
 * the folder's, which leads there also when the name is no UTF-8. */
void listing_write_json(const struct listing *listing, struct text_buffer *json);

/* What the page needs from a Content-Security-Policy: its style, by its hash, and nothing else. */
extern const struct span listing_policy;

/* Field lines of every answer with a listing. */
extern const struct span listing_fields;

#endif
