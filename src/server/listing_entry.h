/* listing_entry.h - the parts of an item that the page and the JSON both write. Private to listing_*.c. */
#ifndef FOLIO_SERVER_LISTING_ENTRY_H
#define FOLIO_SERVER_LISTING_ENTRY_H

#include "base/text_escape.h"
#include "base/text_write.h"
#include "http/date.h"
#include "http/target.h"
#include "server/listing.h"

/* Bytes that an item takes at most: its name in an address and as text, and `around` for everything else. */
static inline size_t listing_item_room(const struct folder_item *item, size_t around)
{
    return (3 + TEXT_ESCAPED_FACTOR) * item->name.size + TARGET_NAME_FRONT_BYTES + RFC_3339_BYTES + DECIMAL_BYTES_MAX +
           around;
}

/* The address relative to the folder's; a folder's ends with '/'. */
static inline char *listing_append_address(char *at, const struct folder_item *item)
{
    at += target_encode_name(item->name, at);
    return item->is_folder ? text_append(at, SPAN("/")) : at;
}

/* RFC_3339_BYTES; a time that the calendar of four digits does not have becomes the nearest that it has. */
static inline void listing_format_time(const struct folder_item *item, char out[RFC_3339_BYTES])
{
    static const int64_t first = -62135596800, last = 253402300799; /* years 1 to 9999 */
    int64_t seconds = item->modified_s;
    rfc_3339_format(seconds < first ? first : seconds > last ? last : seconds, out);
}

#endif
