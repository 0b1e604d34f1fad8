/* text_buffer.h - text that grows while it is written, up to a bound.
 *
 * Role:   for what is made once and whose size is not known before: pages, listings. Whoever writes asks for room, writes, and says
 *         how far it came; a failure is remembered, so that it is looked at once, at the end.
 * Owns:   its bytes, until text_buffer_done(). Zeroed memory but for `bytes_max` is an empty one.
 * Thread: one's at a time.
 */
#ifndef FOLIO_BASE_TEXT_BUFFER_H
#define FOLIO_BASE_TEXT_BUFFER_H

#include "base/compiler.h"
#include "base/span.h"

struct text_buffer {
    size_t bytes_max; /* never grows beyond; at most half of what a size_t can say */
    char *data;
    size_t size, capacity; /* size <= capacity <= bytes_max */
    bool has_failed;       /* no memory, or beyond bytes_max: what was written since is not in it */
};

void text_buffer_done(struct text_buffer *buffer);

/* Room for `bytes` more behind what is there, until the next call. NULL: has_failed. */
NODISCARD char *text_buffer_room(struct text_buffer *buffer, size_t bytes);

/* What was written to the room ends before `end`. */
void text_buffer_wrote(struct text_buffer *buffer, const char *end);

/* The same in one; does nothing once it has failed. */
void text_buffer_append(struct text_buffer *buffer, struct span text);

static inline struct span text_buffer_text(const struct text_buffer *buffer)
{
    return span_of(buffer->data, buffer->size);
}

#endif
