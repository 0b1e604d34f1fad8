#include "http/ready_head.h"

#include "base/check.h"
#include "base/text_write.h"
#include "http/date.h"

enum { CONTENT_TYPE_BYTES_MAX = 200, CONTENT_ENCODING_BYTES_MAX = 32, ETAG_DIGITS = 22, ETAG_LABEL_BYTES = 6 };

/* Stands before the text. */
struct layout {
    int64_t modified_s;
    uint16_t validators_size, content_size;
    bool has_modified, has_etag;
};

/* 128 bits in 22 characters of the URL-safe alphabet. */
size_t ready_head_tag_write(const uint64_t digest[2], char *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *at = out;
    *at++ = '"';
    for (unsigned half = 0; half < 2; half++) {
        uint64_t bits = digest[half];
        for (unsigned i = 0; i < ETAG_DIGITS / 2; i++, bits >>= 6) *at++ = alphabet[bits & 63];
    }
    *at++ = '"';
    return (size_t)(at - out);
}

/* Its value is written by ready_head_seal(). */
static char *append_etag(char *at)
{
    at = text_append(at, SPAN("ETag: "));
    memset(at, '-', READY_HEAD_TAG_BYTES);
    return text_append(at + READY_HEAD_TAG_BYTES, SPAN("\r\n"));
}

size_t ready_head_write(const struct ready_head_facts *facts, char *out)
{
    struct layout layout = { .modified_s = facts->modified_s };
    char *text = out + sizeof layout, *at = text;
    layout.has_etag = !facts->omits_etag;
    if (layout.has_etag) at = append_etag(at);
    /* An mtime of 0 or 1 is what archives and reproducible images write when they mean none. */
    layout.has_modified = facts->modified_s > 1 && facts->modified_s <= facts->now_s && !facts->omits_modified;
    if (layout.has_modified) {
        at = text_append(at, SPAN("Last-Modified: "));
        http_date_format(facts->modified_s, at);
        at = text_append(at + HTTP_DATE_BYTES, SPAN("\r\n"));
    }
    layout.validators_size = (uint16_t)(at - text);
    struct span type = facts->content_type;
    if (type.size > CONTENT_TYPE_BYTES_MAX) type = SPAN("application/octet-stream");
    at = text_append(at, SPAN("Content-Type: "));
    at = text_append(at, type);
    at = text_append(at, SPAN("\r\n"));
    if (facts->content_encoding.data && facts->content_encoding.size <= CONTENT_ENCODING_BYTES_MAX) {
        at = text_append(at, SPAN("Content-Encoding: "));
        at = text_append(at, facts->content_encoding);
        at = text_append(at, SPAN("\r\n"));
    }
    layout.content_size = (uint16_t)(at - text - layout.validators_size);
    at = text_append(at, SPAN("Content-Length: "));
    at = text_append_decimal(at, facts->length);
    at = text_append(at, SPAN("\r\n"));
    memcpy(out, &layout, sizeof layout);
    ASSERT(at - out <= READY_HEAD_BYTES_MAX);
    return (size_t)(at - out);
}

void ready_head_seal(char *head, const uint64_t digest[2])
{
    struct layout layout;
    memcpy(&layout, head, sizeof layout);
    if (layout.has_etag) (void)ready_head_tag_write(digest, head + sizeof layout + ETAG_LABEL_BYTES);
}

void ready_head_read(struct span head, struct ready_head *ret_head)
{
    struct layout layout;
    memcpy(&layout, head.data, sizeof layout);
    struct span text = span_from(head, sizeof layout);
    *ret_head = (struct ready_head){
        .validators = span_first(text, layout.validators_size),
        .content = span_of(text.data + layout.validators_size, layout.content_size),
        .all = text,
        .values = {
            .etag = layout.has_etag ? span_of(text.data + ETAG_LABEL_BYTES, READY_HEAD_TAG_BYTES) : SPAN_NONE,
            .modified_s = layout.modified_s,
            .has_modified = layout.has_modified,
        },
    };
}
