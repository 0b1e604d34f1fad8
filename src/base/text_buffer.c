#include "base/text_buffer.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/text_write.h"

enum { CAPACITY_MIN = 4096 };

void text_buffer_done(struct text_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct text_buffer){ .bytes_max = buffer->bytes_max };
}

/* Make `capacity` at least `wanted`, which is at most bytes_max. */
static bool grow(struct text_buffer *buffer, size_t wanted)
{
    size_t capacity = buffer->capacity > CAPACITY_MIN ? buffer->capacity : CAPACITY_MIN;
    while (capacity < wanted) capacity *= 2;
    if (capacity > buffer->bytes_max) capacity = buffer->bytes_max;
    char *data = realloc(buffer->data, capacity);
    if (data == NULL) return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

char *text_buffer_room(struct text_buffer *buffer, size_t bytes)
{
    if (buffer->has_failed) return NULL;
    if (bytes > buffer->capacity - buffer->size) {
        bool is_beyond = bytes > buffer->bytes_max - buffer->size;
        if (is_beyond || !grow(buffer, buffer->size + bytes)) {
            buffer->has_failed = true;
            return NULL;
        }
    }
    return buffer->data + buffer->size;
}

void text_buffer_wrote(struct text_buffer *buffer, const char *end)
{
    size_t size = (size_t)(end - buffer->data);
    ASSERT(size >= buffer->size && size <= buffer->capacity);
    buffer->size = size;
}

void text_buffer_append(struct text_buffer *buffer, struct span text)
{
    char *at = text.size > 0 ? text_buffer_room(buffer, text.size) : NULL;
    if (at) text_buffer_wrote(buffer, text_append(at, text));
}
