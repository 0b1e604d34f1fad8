/* status.h - what went wrong in the world, for the floors below HTTP.
 *
 * Role:   the result of what can fail for reasons outside the program. What a peer is answered is `enum http_status`.
 * Thread: any; a value.
 */
#ifndef FOLIO_BASE_STATUS_H
#define FOLIO_BASE_STATUS_H

#include "base/compiler.h"

enum status {
    STATUS_OK = 0,
    STATUS_WOULD_BLOCK, /* cannot be done without waiting for a device */
    STATUS_NOT_FOUND,   /* no such file, or a component that is no directory */
    STATUS_REFUSED,     /* permission, or a path that leaves the root */
    STATUS_NOT_REGULAR, /* a socket, pipe or device, where a file or a directory was wanted */
    STATUS_CHANGED,     /* the file changed while it was read, more often than was tried */
    STATUS_BUSY,        /* somebody is writing the file: what is read now may be half of it */
    STATUS_EXHAUSTED,   /* memory, descriptors, or a limit of ours */
    STATUS_FAILED,      /* input or output error, or anything else */
};

/* The status that an errno of open, stat or read means. */
NODISCARD enum status status_from_errno(int error);

#endif
