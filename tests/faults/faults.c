/* faults.c - stands between Folio and the system, and lets a call fail that a test has chosen by its number.
 *
 * Role:   linked into `folio-faults` only, where ld's --wrap leads the calls below through here. A call of some kind whose
 *         number is first..last since that kind was armed fails with the errno of its row, or, where that is 0 and the
 *         call moves bytes, moves fewer of them than it was asked to.
 * Owns:   nothing; the rows lie in a file that the test maps too, named by FOLIO_FAULTS. Without it nothing ever fails.
 * Thread: any, and of all processes that a server consists of.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CACHESTAT = 451 };

/* In the order of CALLS in faults.py. */
enum call {
    CALL_MALLOC, /* and calloc, realloc, aligned_alloc, strdup */
    CALL_MMAP,
    CALL_OPEN, /* and openat, fopen, opendir, fdopendir */
    CALL_OPENAT2,
    CALL_READ,
    CALL_PREADV2,
    CALL_WRITE,
    CALL_ACCEPT4,
    CALL_RECVFROM,
    CALL_SENDTO,
    CALL_SENDMSG,
    CALL_SENDFILE,
    CALL_INOTIFY_INIT,
    CALL_INOTIFY_ADD_WATCH,
    CALL_EPOLL_CREATE,
    CALL_EPOLL_CTL,
    CALL_EPOLL_WAIT,
    CALL_POLL,
    CALL_PTHREAD_CREATE,
    CALL_EVENTFD,
    CALL_SIGNALFD,
    CALL_MEMFD,
    CALL_PIPE,
    CALL_FORK,
    CALL_SOCKET,
    CALL_LISTEN, /* and bind */
    CALL_FSTAT,  /* and fstatat, stat */
    CALL_FSTATFS,
    CALL_FCNTL, /* and dup, dup3 */
    CALL_CACHESTAT,
    CALLS,
};

struct row {
    _Atomic uint32_t is_armed; /* the test writes the rest of the row first */
    _Atomic uint32_t first, last;
    _Atomic uint32_t error;
    _Atomic uint32_t seen;   /* calls since it was armed */
    _Atomic uint32_t failed; /* of these */
};

static struct row *rows;

__attribute__((constructor)) static void rows_find(void)
{
    const char *path = getenv("FOLIO_FAULTS");
    if (!path) return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0) abort();
    void *at = (void *)syscall(SYS_mmap, NULL, CALLS * sizeof *rows, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
    if (at == MAP_FAILED) abort();
    close(fd);
    rows = at;
}

/* Is it this call's turn? Then *ret_error says how. */
static bool is_chosen(enum call call, int *ret_error)
{
    struct row *row = rows ? &rows[call] : NULL;
    if (!row || !atomic_load(&row->is_armed)) return false;
    uint32_t number = atomic_fetch_add(&row->seen, 1) + 1;
    if (number < atomic_load(&row->first) || number > atomic_load(&row->last)) return false;
    *ret_error = (int)atomic_load(&row->error);
    atomic_fetch_add(&row->failed, 1);
    return true;
}

static bool fails(enum call call)
{
    int error;
    if (!is_chosen(call, &error)) return false;
    errno = error;
    return true;
}

/* How many bytes a call may move; 0: it fails. */
static size_t allowed(enum call call, size_t size)
{
    int error;
    if (!is_chosen(call, &error)) return size;
    errno = error;
    return error == 0 ? (size + 1) / 2 : 0;
}

/* NAME(PARAMETERS) leads to the real one with ARGUMENTS, unless it is its turn to fail. */
#define WRAP(call, type, failure, name, parameters, arguments)    \
    type __real_##name parameters;                                \
    type __wrap_##name parameters;                                \
    type __wrap_##name parameters                                 \
    {                                                             \
        return fails(call) ? (failure) : __real_##name arguments; \
    }

WRAP(CALL_MALLOC, void *, NULL, malloc, (size_t size), (size))
WRAP(CALL_MALLOC, void *, NULL, calloc, (size_t count, size_t size), (count, size))
WRAP(CALL_MALLOC, void *, NULL, realloc, (void *block, size_t size), (block, size))
WRAP(CALL_MALLOC, void *, NULL, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
WRAP(CALL_MALLOC, char *, NULL, strdup, (const char *text), (text))
WRAP(CALL_MMAP, void *, MAP_FAILED, mmap64, (void *at, size_t size, int protection, int flags, int fd, off_t offset),
     (at, size, protection, flags, fd, offset))
WRAP(CALL_OPEN, FILE *, NULL, fopen64, (const char *path, const char *mode), (path, mode))
WRAP(CALL_OPEN, DIR *, NULL, opendir, (const char *path), (path))
WRAP(CALL_OPEN, DIR *, NULL, fdopendir, (int fd), (fd))
WRAP(CALL_OPEN, int, -1, __open64_2, (const char *path, int flags), (path, flags))
WRAP(CALL_READ, ssize_t, -1, read, (int fd, void *to, size_t size), (fd, to, size))
WRAP(CALL_WRITE, ssize_t, -1, write, (int fd, const void *from, size_t size), (fd, from, size))
WRAP(CALL_ACCEPT4, int, -1, accept4, (int fd, struct sockaddr *from, socklen_t *size, int flags),
     (fd, from, size, flags))
WRAP(CALL_INOTIFY_INIT, int, -1, inotify_init1, (int flags), (flags))
WRAP(CALL_INOTIFY_ADD_WATCH, int, -1, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask))
WRAP(CALL_EPOLL_CREATE, int, -1, epoll_create1, (int flags), (flags))
WRAP(CALL_EPOLL_CTL, int, -1, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event),
     (epoll, operation, fd, event))
WRAP(CALL_EPOLL_WAIT, int, -1, epoll_wait, (int epoll, struct epoll_event *events, int room, int wait_ms),
     (epoll, events, room, wait_ms))
WRAP(CALL_POLL, int, -1, poll, (struct pollfd * fds, unsigned long count, int wait_ms), (fds, count, wait_ms))
WRAP(CALL_EVENTFD, int, -1, eventfd, (unsigned value, int flags), (value, flags))
WRAP(CALL_SIGNALFD, int, -1, signalfd, (int fd, const sigset_t *signals, int flags), (fd, signals, flags))
WRAP(CALL_MEMFD, int, -1, memfd_create, (const char *name, unsigned flags), (name, flags))
WRAP(CALL_PIPE, int, -1, pipe2, (int fds[2], int flags), (fds, flags))
WRAP(CALL_FORK, pid_t, -1, fork, (void), ())
WRAP(CALL_SOCKET, int, -1, socket, (int family, int type, int protocol), (family, type, protocol))
WRAP(CALL_LISTEN, int, -1, listen, (int fd, int backlog), (fd, backlog))
WRAP(CALL_LISTEN, int, -1, bind, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size))
WRAP(CALL_FSTAT, int, -1, fstat64, (int fd, struct stat *st), (fd, st))
WRAP(CALL_FSTAT, int, -1, stat64, (const char *path, struct stat *st), (path, st))
WRAP(CALL_FSTAT, int, -1, fstatat64, (int fd, const char *path, struct stat *st, int flags), (fd, path, st, flags))
WRAP(CALL_FSTATFS, int, -1, fstatfs64, (int fd, struct statfs *fs), (fd, fs))
WRAP(CALL_FCNTL, int, -1, dup, (int fd), (fd))
WRAP(CALL_FCNTL, int, -1, dup3, (int fd, int to, int flags), (fd, to, flags))

/* It returns its error, and leaves errno alone. */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument)
{
    int error;
    if (is_chosen(CALL_PTHREAD_CREATE, &error)) return error;
    return __real_pthread_create(thread, attributes, body, argument);
}

/* The third argument of these is there or not, and is harmless where it is not. */
#define WRAP_OPTIONAL(call, name, parameters, last, ...)                \
    int __real_##name parameters;                                       \
    int __wrap_##name parameters;                                       \
    int __wrap_##name parameters                                        \
    {                                                                   \
        va_list more;                                                   \
        va_start(more, last);                                           \
        long argument = va_arg(more, long);                             \
        va_end(more);                                                   \
        return fails(call) ? -1 : __real_##name(__VA_ARGS__, argument); \
    }

WRAP_OPTIONAL(CALL_OPEN, open64, (const char *path, int flags, ...), flags, path, flags)
WRAP_OPTIONAL(CALL_OPEN, openat64, (int fd, const char *path, int flags, ...), flags, fd, path, flags)
WRAP_OPTIONAL(CALL_FCNTL, fcntl64, (int fd, int command, ...), command, fd, command)

ssize_t __real_preadv64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags);
ssize_t __wrap_preadv64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags);
ssize_t __wrap_preadv64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    size_t size = allowed(CALL_PREADV2, parts[0].iov_len);
    if (size == 0 && parts[0].iov_len > 0) return -1;
    if (size == parts[0].iov_len) return __real_preadv64v2(fd, parts, count, offset, flags);
    return __real_preadv64v2(fd, &(struct iovec){ parts[0].iov_base, size }, 1, offset, flags);
}

ssize_t __real_sendfile64(int to, int from, off_t *offset, size_t size);
ssize_t __wrap_sendfile64(int to, int from, off_t *offset, size_t size);
ssize_t __wrap_sendfile64(int to, int from, off_t *offset, size_t size)
{
    size_t less = allowed(CALL_SENDFILE, size);
    return less == 0 && size > 0 ? -1 : __real_sendfile64(to, from, offset, less);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    long a[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(arguments, long);
    va_end(arguments);
    bool failed = false;
    size_t size = (size_t)a[2];
    switch (number) {
    case SYS_openat2: failed = fails(CALL_OPENAT2); break;
    case SYS_recvfrom:
        a[2] = (long)allowed(CALL_RECVFROM, size);
        failed = a[2] == 0;
        break;
    case SYS_sendto:
        a[2] = (long)allowed(CALL_SENDTO, size);
        failed = a[2] == 0;
        break;
    case SYS_sendmsg: failed = fails(CALL_SENDMSG); break;
    case CACHESTAT: failed = fails(CALL_CACHESTAT); break;
    default: break;
    }
    return failed ? -1 : __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
