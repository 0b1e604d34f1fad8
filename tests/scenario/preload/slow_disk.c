/* slow_disk.c - makes every file look as if it lay on a disk that answers when the test says so.
 *
 * Role:   loaded into the server by LD_PRELOAD. While the gate is closed, a read that must not wait is refused (EAGAIN), no
 *         more than a page is said to be resident, and a read that may wait does, until the gate opens. While it is barred, nothing is
 *         had without waiting, not even a path, and who may wait does not have to for long.
 * Owns:   nothing; the gate lies in a file that the test maps too, named by FOLIO_SLOW_DISK.
 * Thread: any.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { POLL_NS = 1000000, POLLS_MAX = 600000, CACHESTAT = 451, BARRED = 2 };

struct gate {
    _Atomic uint32_t is_closed; /* written by the test; BARRED: see above */
    _Atomic uint32_t refused;   /* reads that must not wait, while closed */
    _Atomic uint32_t waiting;   /* reads that wait now */
    _Atomic uint32_t waited;    /* reads that have waited or do */
};

static struct gate *gate;
static ssize_t (*next_preadv2)(int, const struct iovec *, int, off_t, int);
static long (*next_syscall)(long, ...);

__attribute__((constructor)) static void gate_find(void)
{
    next_preadv2 = (ssize_t(*)(int, const struct iovec *, int, off_t, int))dlsym(RTLD_NEXT, "preadv2");
    next_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    const char *path = getenv("FOLIO_SLOW_DISK");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) abort();
    gate = mmap(NULL, sizeof *gate, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (gate == MAP_FAILED) abort();
    close(fd);
}

static void gate_wait(void)
{
    if (atomic_load(&gate->is_closed) != 1) return;
    atomic_fetch_add(&gate->waited, 1);
    atomic_fetch_add(&gate->waiting, 1);
    for (int i = 0; i < POLLS_MAX && atomic_load(&gate->is_closed); i++)
        nanosleep(&(struct timespec){ .tv_nsec = POLL_NS }, NULL);
    atomic_fetch_sub(&gate->waiting, 1);
}

ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    if ((flags & RWF_NOWAIT) != 0 && atomic_load(&gate->is_closed)) {
        atomic_fetch_add(&gate->refused, 1);
        errno = EAGAIN;
        return -1;
    }
    if ((flags & RWF_NOWAIT) == 0) gate_wait();
    return next_preadv2(fd, parts, count, offset, flags);
}

/* What the name is where offsets are said to have 64 bits, as Meson does. */
ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
    __attribute__((alias("preadv2")));

/* cachestat has no function of its own in the C library. */
long syscall(long number, ...)
{
    long a[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == CACHESTAT && atomic_load(&gate->is_closed)) {
        struct {
            uint64_t cached, dirty, writeback, evicted, recently_evicted;
        } *pages = (void *)(uintptr_t)a[2];
        *pages = (__typeof__(*pages)){ .cached = 1 };
        return 0;
    }
    if (number == SYS_openat2 && atomic_load(&gate->is_closed) == BARRED &&
        (((const struct open_how *)a[2])->resolve & RESOLVE_CACHED)) {
        errno = EAGAIN;
        return -1;
    }
    return next_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
