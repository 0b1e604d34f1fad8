#include "http/target.h"

#include <stdint.h>

#include "base/check.h"
#include "base/text_write.h"
#include "http/hex_digit.h"
#include "platform/scan.h"

static const struct span well_known = { ".well-known", sizeof ".well-known" - 1 };

/* Stands in `room` for an encoded '/', until it is known whether its segment stays: %00 is refused, so it is free. */
enum { ENCODED_SLASH = '\0' };

/* Whether the segment at `at`, which starts with '.', is .well-known (RFC 8615): the one that is normal and not hidden. */
static bool begins_well_known(const char *at, const char *end)
{
    struct span rest = span_of(at, (size_t)(end - at));
    return span_starts_with(rest, well_known) && (rest.size == well_known.size || rest.data[well_known.size] == '/');
}

/* The path is normal up to what is returned. */
static const char *normal_end(const char *at, const char *end)
{
    for (;;) {
        at = scan_normal_end(at, end);
        if (at == end || *at != '/' || !begins_well_known(at + 1, end)) return at;
        at++;
    }
}

/* Decode the segment at *at into `out`, and leave *at at the '/' behind it or at the end. False: an invalid escape. */
static bool decode_segment(const char **at, const char *end, char *out, size_t *ret_size)
{
    const char *in = *at;
    char *to = out;
    while (in < end && *in != '/') {
        char c = *in++;
        if (c == '\0') return false;
        if (c == '%') {
            if (end - in < 2) return false;
            int high = hex_digit_value(in[0]);
            int low = hex_digit_value(in[1]);
            if (high < 0 || low < 0 || (high | low) == 0) return false;
            c = (char)(high << 4 | low);
            if (c == '/') c = ENCODED_SLASH;
            in += 2;
        }
        *to++ = c;
    }
    *at = in;
    *ret_size = (size_t)(to - out);
    return true;
}

static bool is_hidden(struct span segment)
{
    if (segment.data[0] == '.') return !span_equal(segment, well_known);
    return memchr(segment.data, ENCODED_SLASH, segment.size) != NULL;
}

/* The path from the root on, one segment after the other (RFC 3986, 5.2.4), decoded before it is looked at. */
static enum target_result rebuild(struct span path, char *room, struct span *ret_path)
{
    const char *at = path.data;
    const char *end = path.data + path.size;
    size_t size = 1;             /* of what stands in room: always ends with '/' before a segment */
    size_t hidden_at = SIZE_MAX; /* where the first hidden segment begins that still stands */
    room[0] = '/';
    while (at < end) {
        size_t segment_size;
        at++; /* the '/' before the segment */
        if (!decode_segment(&at, end, room + size, &segment_size)) return TARGET_BAD;
        struct span segment = span_of(room + size, segment_size);
        if (segment_size == 0 || span_equal(segment, SPAN("."))) continue;
        if (span_equal(segment, SPAN(".."))) {
            if (size == 1) return TARGET_BAD;
            do size--;
            while (room[size - 1] != '/');
            if (size <= hidden_at) hidden_at = SIZE_MAX;
            continue;
        }
        if (hidden_at == SIZE_MAX && is_hidden(segment)) hidden_at = size;
        size += segment_size;
        if (at < end) room[size++] = '/';
    }
    if (hidden_at != SIZE_MAX) return TARGET_HIDDEN;
    *ret_path = span_of(room, size);
    return TARGET_OK;
}

enum target_result target_normalise(struct span path, char *room, struct span *ret_path)
{
    ASSERT(path.size > 0 && path.data[0] == '/');
    const char *end = path.data + path.size;
    if (LIKELY(normal_end(path.data, end) == end)) {
        *ret_path = path;
        return TARGET_OK;
    }
    return rebuild(path, room, ret_path);
}

/* What RFC 3986 lets stand in a path (pchar), but for the two that mean something in HTML; and '/'. */
static const bool plain[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['-'] = true, ['.'] = true,
    ['_'] = true,         ['~'] = true,         ['!'] = true,         ['$'] = true, ['('] = true,
    [')'] = true,         ['*'] = true,         ['+'] = true,         [','] = true, [';'] = true,
    ['='] = true,         [':'] = true,         ['@'] = true,         ['/'] = true,
};

static char *append_encoded(char *to, char c)
{
    static const char digits[] = "0123456789ABCDEF";
    *to++ = '%';
    *to++ = digits[(unsigned char)c >> 4];
    *to++ = digits[(unsigned char)c & 15];
    return to;
}

size_t target_encode(struct span path, char *out)
{
    ASSERT(path.size > 0 && path.data[0] == '/');
    char *to = out;
    for (size_t i = 0; i < path.size; i++) {
        char c = path.data[i];
        /* A path that begins with "//" would be read as an authority (RFC 3986, 4.2). */
        if (plain[(unsigned char)c] && !(c == '/' && i == 1))
            *to++ = c;
        else
            to = append_encoded(to, c);
    }
    return (size_t)(to - out);
}

size_t target_encode_name(struct span name, char *out)
{
    char *to = text_append(out, SPAN("./"));
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        if (plain[(unsigned char)c] && c != '/')
            *to++ = c;
        else
            to = append_encoded(to, c);
    }
    return (size_t)(to - out);
}
