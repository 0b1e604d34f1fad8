#include "http/byteranges.h"

#include "base/check.h"
#include "base/text_write.h"

static const struct span delimiter = { "\r\n--", 4 };

struct boundary boundary_of(const uint64_t random[2])
{
    /* Letters and digits, and two that need no quoting as a parameter (RFC 9110, 5.6.2). */
    static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct boundary boundary;
    for (unsigned i = 0; i < BOUNDARY_BYTES; i++) {
        unsigned half = i / (BOUNDARY_BYTES / 2), shift = 6 * (i % (BOUNDARY_BYTES / 2));
        boundary.text[i] = alphabet[random[half] >> shift & 63];
    }
    return boundary;
}

static char *append_boundary(char *at, const struct boundary *boundary)
{
    return text_append(at, span_of(boundary->text, BOUNDARY_BYTES));
}

char *content_range_append(char *at, struct byte_range range, uint64_t length)
{
    at = text_append(at, SPAN("Content-Range: bytes "));
    at = text_append_decimal(at, range.first);
    at = text_append(at, SPAN("-"));
    at = text_append_decimal(at, range.last);
    at = text_append(at, SPAN("/"));
    at = text_append_decimal(at, length);
    return text_append(at, SPAN("\r\n"));
}

char *content_range_append_unsatisfied(char *at, uint64_t length)
{
    at = text_append(at, SPAN("Content-Range: bytes */"));
    at = text_append_decimal(at, length);
    return text_append(at, SPAN("\r\n"));
}

char *byteranges_append_type(char *at, const struct boundary *boundary)
{
    at = text_append(at, SPAN("Content-Type: multipart/byteranges; boundary="));
    at = append_boundary(at, boundary);
    return text_append(at, SPAN("\r\n"));
}

char *byteranges_append_part_head(char *at, const struct boundary *boundary, struct span content_type,
                                  const struct ranges *ranges, unsigned index, uint64_t length)
{
    ASSERT(index < ranges->count);
    /* RFC 2046, 5.1.1: the line break before a delimiter belongs to it; nothing stands before the first. */
    at = text_append(at, index > 0 ? delimiter : span_from(delimiter, 2));
    at = append_boundary(at, boundary);
    at = text_append(at, SPAN("\r\n"));
    at = text_append(at, content_type);
    at = content_range_append(at, ranges->items[index], length);
    return text_append(at, SPAN("\r\n"));
}

char *byteranges_append_end(char *at, const struct boundary *boundary)
{
    at = text_append(at, delimiter);
    at = append_boundary(at, boundary);
    return text_append(at, SPAN("--\r\n"));
}

uint64_t byteranges_size(struct span content_type, const struct ranges *ranges, uint64_t length)
{
    static const struct boundary any;
    ASSERT(length <= INT64_MAX);
    uint64_t size = BYTERANGES_END_BYTES;
    for (unsigned i = 0; i < ranges->count; i++) {
        char head[BYTERANGES_PART_HEAD_BYTES_MAX];
        const char *end = byteranges_append_part_head(head, &any, SPAN(""), ranges, i, length);
        size += (uint64_t)(end - head) + content_type.size + byte_range_size(ranges->items[i]);
    }
    return size;
}
