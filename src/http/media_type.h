/* media_type.h - the Content-Type of a file, from the end of its name.
 *
 * Role:   a table of extensions, from the text of a mime.types file laid over a built-in table.
 * Owns:   its copies of the names. Thread: read by any once made; changed by none.
 */
#ifndef FOLIO_HTTP_MEDIA_TYPE_H
#define FOLIO_HTTP_MEDIA_TYPE_H

#include "base/compiler.h"
#include "base/span.h"

struct media_types;

/* The built-in table, and `mime_types` (the text of a mime.types file; may be empty) over it. Types of text (text/ and the like: JavaScript,
 * JSON, XML, SVG, web manifests) get "; charset=utf-8". NULL: out of memory. Malformed lines are skipped. */
NODISCARD struct media_types *media_types_new(struct span mime_types);
void media_types_free(struct media_types *types); /* takes NULL */

/* The value for Content-Type of a file at `path`: by its last extension, letters' case ignored; "application/octet-stream"
 * when there is none or it is unknown. The span lives as long as `types`. */
struct span media_type_of(const struct media_types *types, struct span path);

/* Whether a media type (without parameters) is one of text, to which "; charset=utf-8" belongs. */
bool media_type_is_text(struct span type);

#endif
