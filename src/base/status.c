#include "base/status.h"

#include <errno.h>

enum status status_from_errno(int error)
{
    switch (error) {
    case 0: return STATUS_OK;
    case EAGAIN: return STATUS_WOULD_BLOCK;
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG: return STATUS_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EXDEV:
    case ELOOP: return STATUS_REFUSED;
    case ENXIO:
    case ENODEV: return STATUS_NOT_REGULAR;
    case EMFILE:
    case ENFILE:
    case ENOMEM: return STATUS_EXHAUSTED;
    default: return STATUS_FAILED;
    }
}
