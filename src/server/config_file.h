/* config_file.h - configuration files: lines of directives.
 *
 * Role:   reads a file and what it includes, line by line, and tells every mistake with its place.
 * Owns:   nothing; names and values go to the configuration.
 * Thread: the first.
 * Limits: CONFIG_DEPTH_MAX files deep; lines of 8 KiB.
 */
#ifndef FOLIO_SERVER_CONFIG_FILE_H
#define FOLIO_SERVER_CONFIG_FILE_H

#include "base/compiler.h"
#include "base/span.h"
#include "server/config.h"

enum { CONFIG_DEPTH_MAX = 16 };

/* Apply all of the file at `path`. Returns how many mistakes there were; each was told on standard error. */
NODISCARD unsigned config_file_read(struct config *config, const char *path);

/* Include `pattern`, a path or a glob, relative to ServerRoot. False: `error` says why. What is wrong in the files
 * themselves is told, and counted in config->mistakes. */
NODISCARD bool config_file_include(struct config *config, struct span pattern, bool is_optional, char *error,
                                   size_t error_room);

#endif
