/* log_rig.h - what tests of logs share: a system's log of their own, and the text of a file. */
#ifndef FOLIO_TESTS_SUPPORT_LOG_RIG_H
#define FOLIO_TESTS_SUPPORT_LOG_RIG_H

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "scratch.h"

enum { RIG_TEXT_BYTES = 1 << 17 };

/* The folder of a test program's logs, and what opens and closes it for a group of tests. */
static struct scratch scratch;

static inline int rig_open_scratch(void **state)
{
    (void)state;
    scratch_open(&scratch, NULL);
    return 0;
}

static inline int rig_close_scratch(void **state)
{
    (void)state;
    scratch_close(&scratch);
    return 0;
}

/* By a POSIX extended expression. */
static inline void assert_matches(const char *text, const char *pattern)
{
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&regex, text, 0, NULL, 0) != 0) fail_msg("%s is not %s", text, pattern);
    regfree(&regex);
}

/* `name` in it, absolute. */
static inline const char *rig_path(const char *name, char out[120])
{
    snprintf(out, 120, "%s/%s", scratch.path, name);
    return out;
}

/* The whole of a file, as a string. */
static inline const char *rig_text(const char *name)
{
    static char text[RIG_TEXT_BYTES];
    int fd = openat(scratch.fd, name, O_RDONLY | O_CLOEXEC);
    SCRATCH_MUST(fd >= 0);
    ssize_t size = read(fd, text, sizeof text - 1);
    SCRATCH_MUST(size >= 0);
    close(fd);
    text[size] = '\0';
    return text;
}

/* A socket at `name` that takes datagrams, non-blocking. */
static inline int rig_system_log(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", scratch.path, name);
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
