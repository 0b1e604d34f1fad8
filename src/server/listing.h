/* listing.h - what is in a folder, as a page for people and as JSON for programs.
 *
 * Role:   sorts what a scan of the folder found, and writes it. Names are whatever the file system has, hostile ones too: each is
 *         escaped for where it stands (HTML, URL, JSON), and the page has no script, so that a strict policy can be sent with it.
 * Owns:   nothing; the items are the caller's, and are put in order where they are.
 * Thread: one's at a time; a loader's, since 50,000 names take a moment.
 */
#ifndef FOLIO_SERVER_LISTING_H
#define FOLIO_SERVER_LISTING_H

#include <stdint.h>

#include "base/text_buffer.h"

struct listing_item {
    struct span name; /* as the file system has it: no '/', not empty */
    uint64_t size;    /* bytes; of a folder, nothing */
    int64_t modified_s;
    bool is_folder;
};

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
    struct listing_item *items;
    size_t count;
    struct listing_order order;
};

/* Leave out what begins with '.', and sort: folders first; names without regard to case (ASCII), numbers in them by their value; folders
 * by name where the key is size. What is equal by size or time is in order of name. */
void listing_sort(struct listing *listing);

/* Append the page; it is whole unless page->has_failed. */
void listing_write_page(const struct listing *listing, struct text_buffer *page);

/* Append a JSON array of objects: name, type ("file" or "directory"), size (of a file; bytes), mtime (RFC 3339), and url, relative to
 * the folder's, which leads there also when the name is no UTF-8. */
void listing_write_json(const struct listing *listing, struct text_buffer *json);

/* What the page needs from a Content-Security-Policy: its style, by its hash, and nothing else. */
extern const struct span listing_policy;

#endif
