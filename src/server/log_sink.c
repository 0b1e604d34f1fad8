#include "server/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 96 };

static bool find_system(const char *path, struct socket_address *ret_address)
{
    char address[PATH_MAX];
    snprintf(address, sizeof address, "unix:%s", path);
    return socket_address_parse(address, 0, ret_address);
}

static int open_file(struct span path)
{
    char name[PATH_MAX];
    if (path.size >= sizeof name) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name, path.data, path.size);
    name[path.size] = '\0';
    /* A pipe that nobody reads says so (ENXIO) in place of waiting for somebody. */
    return open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
}

bool log_sink_open_again(struct log_sink *sink)
{
    struct stat st;
    if (sink->fd >= 0) return true;
    switch (sink->target.kind) {
    case LOG_TO_SYSTEM: sink->fd = socket_connect_datagrams(&sink->system_socket); break;
    case LOG_TO_FILE: sink->fd = open_file(sink->target.path); break;
    case LOG_TO_STANDARD_OUTPUT: sink->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3); break;
    case LOG_TO_STANDARD_ERROR: sink->fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3); break;
    }
    if (sink->fd < 0) sink->error = errno;
    sink->has_readers = sink->fd >= 0 && (fstat(sink->fd, &st) != 0 || !S_ISREG(st.st_mode));
    return sink->fd >= 0;
}

bool log_sink_open(struct log_sink *sink, const struct log_target *target, const char *system_socket,
                   bool may_be_absent)
{
    *sink = (struct log_sink){ .fd = -1, .target = *target, .process = getpid() };
    sink->is_system = target->kind == LOG_TO_SYSTEM;
    bool is_named = !sink->is_system || find_system(system_socket, &sink->system_socket);
    if (!is_named) sink->error = errno = ENAMETOOLONG;
    return (is_named && log_sink_open_again(sink)) || may_be_absent;
}

/* The system's log may have been started anew since, and perhaps its socket is not for everybody yet. */
static bool is_gone(int error)
{
    return error == EACCES || error == ECONNREFUSED || error == ENOENT || error == ENOTCONN || error == ECONNRESET ||
           error == EPIPE;
}

static size_t head_write(const struct log_sink *sink, char severity, char out[HEAD_BYTES])
{
    static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    struct tm tm = { .tm_mday = 1 };
    time_t now = time(NULL);
    (void)localtime_r(&now, &tm); /* fails only for years beyond an int, and then leaves the first day */
    int size =
        snprintf(out, HEAD_BYTES,
                 "<%u>%s %2d %02d:%02d:%02d %.*s[%lld]: ", sink->target.facility * 8 + (unsigned)(severity - '0'),
                 months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)sink->target.tag.size,
                 sink->target.tag.data, (long long)sink->process);
    return (size_t)size;
}

/* The first line. RFC 3164, 4.1: a datagram is one message, and ends without a line feed. */
static ssize_t send_line(struct log_sink *sink, const char *lines, size_t size)
{
    char head[HEAD_BYTES];
    const char *end = memchr(lines, '\n', size);
    size_t line_size = end ? (size_t)(end - lines) : size;
    struct iovec parts[] = {
        { .iov_base = head, .iov_len = head_write(sink, lines[0], head) },
        { .iov_base = (void *)(uintptr_t)(lines + 1), .iov_len = line_size - 1 },
    };
    ssize_t sent = sink->fd >= 0 ? socket_send(sink->fd, parts, 2, false) : (errno = ENOTCONN, -1);
    if (sent < 0 && is_gone(errno)) {
        log_sink_close(sink);
        sent = log_sink_open_again(sink) ? socket_send(sink->fd, parts, 2, false) : -1;
    }
    if (sent >= 0) return (ssize_t)line_size + (end ? 1 : 0);
    if (is_gone(errno) || socket_lacks_memory(errno)) errno = EAGAIN;
    return -1;
}

/* As much as is taken without waiting; whole lines, so that those of others who write there are not in between. */
static size_t piece_of(const char *lines, size_t size)
{
    if (size <= PIPE_BUF) return size;
    const char *end = memrchr(lines, '\n', PIPE_BUF);
    return end ? (size_t)(end + 1 - lines) : PIPE_BUF;
}

ssize_t log_sink_write(struct log_sink *sink, const char *lines, size_t size)
{
    if (sink->is_system) return send_line(sink, lines, size);
    if (!log_sink_open_again(sink)) {
        errno = EAGAIN;
        return -1;
    }
    if (sink->has_readers) {
        /* A pipe that says it takes something takes so much (PIPE_BUF). It is not made non-blocking: it is others', too. */
        if (poll(&(struct pollfd){ .fd = sink->fd, .events = POLLOUT }, 1, 0) == 0) {
            errno = EAGAIN;
            return -1;
        }
        size = piece_of(lines, size);
    }
    if (sink->is_torn) {
        if (write(sink->fd, "\n", 1) != 1) return -1;
        sink->is_torn = sink->is_within_line = false;
    }
    ssize_t n;
    do n = write(sink->fd, lines, size);
    while (n < 0 && errno == EINTR);
    if (n > 0) sink->is_within_line = lines[n - 1] != '\n';
    return n;
}

size_t log_sink_give_up(struct log_sink *sink, const char *lines, size_t size, uint64_t *lost)
{
    const char *end = lines + size, *at = lines;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        ++at;
        ++*lost;
        if (sink->is_system) return (size_t)(at - lines); /* it is that one which is not taken */
    }
    sink->is_torn |= sink->is_within_line;
    return size;
}

void log_sink_close(struct log_sink *sink)
{
    if (sink->fd >= 0) close(sink->fd);
    sink->fd = -1;
}
