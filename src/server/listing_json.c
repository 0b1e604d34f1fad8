#include "server/listing_entry.h"

enum { AROUND_BYTES = 96 };

static char *append_item(char *at, const struct folder_item *item)
{
    at = text_append(at, SPAN("{\"name\":\""));
    at = text_append_json(at, item->name);
    at = text_append(at, item->is_folder ? SPAN("\",\"type\":\"directory\"") : SPAN("\",\"type\":\"file\",\"size\":"));
    if (!item->is_folder) at = text_append_decimal(at, item->size);
    at = text_append(at, SPAN(",\"mtime\":\""));
    listing_format_time(item, at);
    at = text_append(at + RFC_3339_BYTES, SPAN("\",\"url\":\""));
    at = listing_append_address(at, item);
    return text_append(at, SPAN("\"}"));
}

void listing_write_json(const struct listing *listing, struct text_buffer *json)
{
    text_buffer_append(json, SPAN("["));
    for (size_t i = 0; i < listing->count; i++) {
        const struct folder_item *item = &listing->items[i];
        char *at = text_buffer_room(json, listing_item_room(item, AROUND_BYTES));
        if (at == NULL) return;
        at = text_append(at, i > 0 ? SPAN(",\n") : SPAN("\n"));
        text_buffer_wrote(json, append_item(at, item));
    }
    text_buffer_append(json, SPAN("\n]\n"));
}
