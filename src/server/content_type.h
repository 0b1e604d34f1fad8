/* content_type.h - Content-Type and Content-Encoding of a file, from the extensions of its name.
 *
 * Role:   the media types' table, and what AddType, AddCharset, AddDefaultCharset and AddEncoding say over it.
 * Owns:   nothing. Thread: any; pure functions.
 */
#ifndef FOLIO_SERVER_CONTENT_TYPE_H
#define FOLIO_SERVER_CONTENT_TYPE_H

#include "http/media_type.h"
#include "server/rules.h"

enum { CONTENT_TYPE_BYTES_MAX = 200 };

struct content_type {
    struct span encoding; /* "gzip"; data NULL: none */
    size_t type_size;     /* of `text`, before the parameters */
    size_t size;
    char text[CONTENT_TYPE_BYTES_MAX];
};

/* `name`: of the file, or its path. */
void content_type_of(const struct rules *rules, const struct media_types *types, struct span name,
                     struct content_type *ret);

#endif
