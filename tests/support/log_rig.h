/* log_rig.h - what tests of logs share: a system's log of their own, and the text of a file. */
#ifndef FOLIO_TESTS_SUPPORT_LOG_RIG_H
#define FOLIO_TESTS_SUPPORT_LOG_RIG_H

#include <sys/socket.h>
#include <sys/un.h>

#include "scratch.h"

enum { RIG_TEXT_BYTES = 1 << 17 };

/* `name` in `scratch`, absolute. */
static inline const char *rig_path(const struct scratch *scratch, const char *name, char out[120])
{
    snprintf(out, 120, "%s/%s", scratch->path, name);
    return out;
}

/* The whole of a file, as a string. */
static inline const char *rig_text(const struct scratch *scratch, const char *name)
{
    static char text[RIG_TEXT_BYTES];
    int fd = openat(scratch->fd, name, O_RDONLY | O_CLOEXEC);
    SCRATCH_MUST(fd >= 0);
    ssize_t size = read(fd, text, sizeof text - 1);
    SCRATCH_MUST(size >= 0);
    close(fd);
    text[size] = '\0';
    return text;
}

/* A socket at `name` that takes datagrams, non-blocking. */
static inline int rig_system_log(const struct scratch *scratch, const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", scratch->path, name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    SCRATCH_MUST(fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* The next datagram, as a string; "": there is none. */
static inline const char *rig_receive(int fd)
{
    static char text[RIG_TEXT_BYTES];
    ssize_t size = recv(fd, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

#endif
