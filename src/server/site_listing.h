/* site_listing.h - listings at work: which view of a folder is asked for, by what key it is kept, and what is in it.
 *
 * Role:   a view (an order, as a page or as JSON) has a key of its own, beside that of the folder. The cache has its content made by
 *         site_listing_make() when it is loaded, and made anew after anything happened in the folder.
 * Owns:   nothing. Thread: keys by workers, contents by loaders.
 */
#ifndef FOLIO_SERVER_SITE_LISTING_H
#define FOLIO_SERVER_SITE_LISTING_H

#include "http/request.h"
#include "server/content_type.h"
#include "server/listing.h"
#include "server/sites.h"

struct listing_view {
    struct listing_order order;
    bool is_json;
};

/* The one that `request` asks for: "json" in its query, or Accept, which prefers application/json to text/html; and an order. */
struct listing_view listing_view_of(const struct request *request);

enum { LISTING_KEY_BYTES = 2 };

/* The key of a view of the folder at `key`, to `room` (LISTING_KEY_BYTES more than that). */
struct span listing_key_write(struct span key, struct listing_view view, char *room);

/* Take a key of listing_key_write() apart. False: it is none. */
NODISCARD bool listing_key_read(struct span key, struct span *ret_folder, struct listing_view *ret_view);

/* Media type of a view. */
void listing_content_type(struct listing_view view, struct content_type *ret);

/* The cache's rule; `context` is the sites. */
load_list site_listing_make;

#endif
