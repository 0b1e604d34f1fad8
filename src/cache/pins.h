/* pins.h - which files the configuration wants in memory, for good.
 *
 * Role:   a set of canonical keys (beneath the root, no symbolic links, indexes by their own names) and of folders, asked
 *         whenever a file is loaded: so a file is pinned for every key that leads to it.
 * Owns:   its table of hashes, and the keys of folders.
 * Thread: made by one, before anybody else knows of it; then read by all.
 */
#ifndef FOLIO_CACHE_PINS_H
#define FOLIO_CACHE_PINS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/span.h"

enum pinned { PINNED_NOT, PINNED_IN_MEMORY, PINNED_BY_DESCRIPTOR };

struct pins;

NODISCARD struct pins *pins_new(bool locks_big_files);
void pins_free(struct pins *pins); /* takes NULL */

/* Add the file, or all below the folder, at the canonical key. A folder's ends with '/'. False: no memory. */
NODISCARD bool pins_add_file(struct pins *pins, struct span key, enum pinned how);
NODISCARD bool pins_add_folder(struct pins *pins, struct span key);

/* `pins` may be NULL. */
enum pinned pins_ask(const struct pins *pins, struct span key);
bool pins_lock_big_files(const struct pins *pins);

#endif
