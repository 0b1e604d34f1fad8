/* mounts.h - what is mounted where.
 *
 * Role:   tells when something was mounted or unmounted, which no watch on a folder does.
 * Owns:   nothing; the descriptor is the caller's. Thread: any; one at a time.
 */
#ifndef FOLIO_PLATFORM_MOUNTS_H
#define FOLIO_PLATFORM_MOUNTS_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/status.h"

/* poll(2) says POLLPRI or POLLERR of it, once, whenever something was mounted or unmounted anywhere. -1 with errno. */
NODISCARD int mounts_open(void);

/* Sum up which mounts there are on the folder `path` (absolute, real) and below it: another sum, other mounts.
 * Not what they are mounted with: whether they may be written to is nothing to who reads. */
NODISCARD enum status mounts_sum(int mounts, const char *path, uint64_t *ret_sum);

#endif
