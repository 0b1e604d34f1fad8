/* types_file.h - the media types of a mime.types file, over the built-in ones.
 *
 * Role:   reads the file that TypesConfig names. Owns: nothing; the types are the caller's. Thread: at the start.
 */
#ifndef FOLIO_SERVER_TYPES_FILE_H
#define FOLIO_SERVER_TYPES_FILE_H

#include "base/compiler.h"
#include "http/media_type.h"

/* NULL: told (message.h). A file that is not there is none: the built-in types hold. */
NODISCARD struct media_types *types_file_load(const char *path);

#endif
