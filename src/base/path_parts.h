/* path_parts.h - what stands before and behind the last '/' of a path.
 *
 * Role:   the one place that takes paths, URLs and keys apart at their last '/'. Nothing is looked at but the bytes.
 * Owns:   nothing; what is returned is a part of what was given. Thread: any; pure functions.
 */
#ifndef FOLIO_BASE_PATH_PARTS_H
#define FOLIO_BASE_PATH_PARTS_H

#include "base/span.h"

/* Up to and with the last '/'; empty if there is none. */
struct span path_folder(struct span path);

/* Of what path_folder() tells: the folder that it is in; empty for "/" and for a first one without. */
struct span path_parent(struct span folder);

/* Behind the last '/'; all of it if there is none. */
struct span path_name(struct span path);

/* Without any '/' at its end, but never shorter than `least` bytes: 1 keeps "/" itself. */
struct span path_without_slashes(struct span path, size_t least);

#endif
