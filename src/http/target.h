/* target.h - from the path of a request target to the one path that decides access and is opened (RFC 3986, 5.2.4, 6.2.2).
 *
 * Role:   decodes once, normalises once: percent escapes, dot segments, doubled slashes.
 * Owns:   nothing. Thread: any.
 */
#ifndef FOLIO_HTTP_TARGET_H
#define FOLIO_HTTP_TARGET_H

#include "base/compiler.h"
#include "base/span.h"

enum target_result {
    TARGET_OK,
    TARGET_BAD,    /* an invalid escape, %00, or dot segments that climb above the root: 400 */
    TARGET_HIDDEN, /* a segment that starts with '.' (but .well-known), or that holds an encoded '/': 404 */
};

/* Normalise `path`, which starts with '/'.
 *
 * room      at least path.size bytes; written only when the path is not normal already
 * ret_path  on TARGET_OK: starts with '/', has no empty and no dot segment, ends with '/' where it names a folder
 *           ("/a/." is "/a/"); either `path` itself or the first bytes of `room`
 */
NODISCARD enum target_result target_normalise(struct span path, char *room, struct span *ret_path);

/* Write `path` (decoded, normalised) percent-encoded for a Location field; nothing that is written can be read as a
 * scheme, an authority or a line break. At most 3 * path.size bytes; returns how many. */
size_t target_encode(struct span path, char *out);

enum { TARGET_NAME_FRONT_BYTES = 2 };

/* Write `name`, of something in the folder whose address ends with '/', as a reference relative to that address (RFC 3986, 4.2):
 * "./" and the name percent-encoded, so that "javascript:alert(1)" is a name and no scheme. It may stand in an HTML attribute as it is.
 * At most TARGET_NAME_FRONT_BYTES + 3 * name.size bytes; returns how many. */
size_t target_encode_name(struct span name, char *out);

#endif
