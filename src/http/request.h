/* request.h - a request, whatever version of HTTP brought it (RFC 9110).
 *
 * Role:   what a parser yields and everything above it reads: method, target, fields, how the content is framed.
 * Owns:   nothing; every span points into the bytes that were parsed, and lives as long as they stay where they are.
 * Thread: the one that parsed it.
 */
#ifndef FOLIO_HTTP_REQUEST_H
#define FOLIO_HTTP_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum { REQUEST_FIELDS_MAX = 100 }; /* the most that LimitRequestFields may ask for */

enum method {
    METHOD_UNKNOWN = 0, /* answered 501 */
    METHOD_GET,
    METHOD_HEAD,
    METHOD_OPTIONS,
    METHOD_POST, /* from here on: known, and not allowed (405) */
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_PATCH,
    METHOD_CONNECT,
    METHOD_TRACE,
};

/* RFC 9112, section 3.2 */
enum target_form {
    TARGET_ORIGIN,    /* /path?query */
    TARGET_ABSOLUTE,  /* http://host/path?query */
    TARGET_ASTERISK,  /* *, with OPTIONS only */
    TARGET_AUTHORITY, /* host:port, with CONNECT only */
};

/* The fields that Folio reads. Others are kept in `fields`, as FIELD_OTHER. */
enum field_id {
    FIELD_OTHER = 0,
    FIELD_HOST,
    FIELD_CONNECTION,
    FIELD_CONTENT_LENGTH,
    FIELD_TRANSFER_ENCODING,
    FIELD_EXPECT,
    FIELD_RANGE,
    FIELD_IF_RANGE,
    FIELD_IF_MATCH,
    FIELD_IF_NONE_MATCH,
    FIELD_IF_MODIFIED_SINCE,
    FIELD_IF_UNMODIFIED_SINCE,
    FIELD_REFERER,
    FIELD_USER_AGENT,
    FIELD_ACCEPT,
    FIELD_ACCEPT_ENCODING,
    FIELD_AUTHORIZATION,
    FIELD_ID_COUNT,
};

struct field {
    struct span name;
    struct span value; /* without the white space around it; may be empty */
    enum field_id id;
};

enum content_framing {
    CONTENT_NONE = 0,
    CONTENT_LENGTH,  /* `content_length` bytes follow the head */
    CONTENT_CHUNKED, /* a chunked body follows the head (RFC 9112, section 7.1) */
};

struct request {
    enum method method;
    enum target_form form;
    bool is_https;          /* of TARGET_ABSOLUTE: its scheme */
    unsigned minor_version; /* of HTTP/1: 0 or 1 */
    enum content_framing framing;
    bool is_persistent;      /* the connection may stay open after the answer (RFC 9112, section 9.3) */
    bool expects_continue;   /* Expect: 100-continue, in HTTP/1.1 */
    uint64_t content_length; /* with CONTENT_LENGTH */
    size_t head_size;        /* bytes up to and with the empty line, and an empty line before the request line */
    struct span line;        /* the whole request line, without CRLF; for logs */
    struct span method_text;
    struct span target; /* as received */
    struct span path;   /* of origin and absolute form: starts with '/', no query; "/" for an empty absolute path.
                                 Visible ASCII. data NULL: another form */
    struct span query;  /* after '?'; data NULL: there was no '?' */
    struct span
        authority;       /* host[:port] of the absolute form, else of Host; may be empty; data NULL: HTTP/1.0 without */
    uint32_t known_mask; /* bit i: a field with id i is present */
    uint16_t first_of[FIELD_ID_COUNT]; /* index into `fields` of the first with that id; valid if its bit is set */
    uint16_t field_count;
    struct field fields[REQUEST_FIELDS_MAX];
};

static inline bool request_has(const struct request *request, enum field_id id)
{
    return (request->known_mask >> id & 1) != 0;
}

/* The first value of field `id`; data NULL when it is absent. */
static inline struct span request_value(const struct request *request, enum field_id id)
{
    return request_has(request, id) ? request->fields[request->first_of[id]].value : SPAN_NONE;
}

/* The next value of field `id`, for fields that may stand on several lines. *cursor starts as 0; false when there is none left. */
static inline bool request_next_value(const struct request *request, enum field_id id, uint16_t *cursor,
                                      struct span *ret_value)
{
    if (!request_has(request, id)) return false;
    uint16_t i = *cursor > request->first_of[id] ? *cursor : request->first_of[id];
    while (i < request->field_count && request->fields[i].id != id) i++;
    if (i >= request->field_count) return false;
    *ret_value = request->fields[i].value;
    *cursor = (uint16_t)(i + 1);
    return true;
}

#endif
