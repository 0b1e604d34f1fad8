/* slow_fs.c - a folder as if it lay on a device that is slow, or answers no more: a file system of its own (FUSE).
 *
 *   slow_fs [-a SECONDS] FOLDER MOUNT_POINT CONTROL
 *
 * Role:   passes through what is in FOLDER, read-only, and makes each kind of operation wait as CONTROL says. It is
 *         a test's: it is mounted as root, and is gone when it is told to end (TERM).
 * Owns:   the mount. CONTROL is a file of 32-bit numbers in the order of `struct control`, which the test maps, too, and
 *         writes while all goes on; it is made if it is not there.
 * Thread: as many as there are requests at a time, up to THREADS_MAX.
 * Limits: a hang ends when the test says so, and by itself after HANG_MS_MAX.
 */
#define FUSE_USE_VERSION 312
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { POLL_MS = 1, HANG_MS_MAX = 600000, THREADS_MAX = 64 };

enum operation { OPERATION_LOOK, OPERATION_OPEN, OPERATION_READ, OPERATION_COUNT };

struct control {
    _Atomic uint32_t hangs[OPERATION_COUNT];    /* not 0: operations of the kind wait until it is 0 again */
    _Atomic uint32_t delay_us[OPERATION_COUNT]; /* each waits so long, whatever the others do */
    _Atomic uint32_t bytes_a_second;            /* that all reads get together; 0: as many as there are */
    _Atomic uint32_t waiting[OPERATION_COUNT];  /* operations that hang now; written here */
    _Atomic uint32_t done[OPERATION_COUNT];     /* operations that are over; written here */
};

static struct control *control;
static int folder = -1;
static double attribute_seconds;

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void sleep_us(int64_t us)
{
    if (us > 0) nanosleep(&(struct timespec){ us / 1000000, us % 1000000 * 1000 }, NULL);
}

/* The device reads one thing after the other: each read begins when the one before is over. */
static void take_turn(uint32_t bytes)
{
    static _Atomic int64_t free_at_us;
    uint32_t rate = atomic_load(&control->bytes_a_second);
    if (rate == 0) return;
    int64_t begin = atomic_load(&free_at_us), took_us = (int64_t)bytes * 1000000 / rate, end;
    do {
        int64_t now = now_us();
        end = (begin > now ? begin : now) + took_us;
    } while (!atomic_compare_exchange_weak(&free_at_us, &begin, end));
    sleep_us(end - now_us());
}

static void wait_as_told(enum operation operation, uint32_t bytes)
{
    sleep_us(atomic_load(&control->delay_us[operation]));
    take_turn(bytes);
    if (atomic_load(&control->hangs[operation])) {
        atomic_fetch_add(&control->waiting[operation], 1);
        for (int ms = 0; ms < HANG_MS_MAX && atomic_load(&control->hangs[operation]); ms += POLL_MS)
            sleep_us(POLL_MS * 1000);
        atomic_fetch_sub(&control->waiting[operation], 1);
    }
    atomic_fetch_add(&control->done[operation], 1);
}

/* Beneath the folder; "." for itself. */
static const char *below(const char *path)
{
    return path[1] ? path + 1 : ".";
}

static int slow_getattr(const char *path, struct stat *st, struct fuse_file_info *info)
{
    wait_as_told(OPERATION_LOOK, 0);
    int failed = info ? fstat((int)info->fh, st) : fstatat(folder, below(path), st, AT_SYMLINK_NOFOLLOW);
    return failed ? -errno : 0;
}

static int slow_readlink(const char *path, char *to, size_t room)
{
    ssize_t size = readlinkat(folder, below(path), to, room - 1);
    if (size < 0) return -errno;
    to[size] = '\0';
    return 0;
}

static int slow_open(const char *path, struct fuse_file_info *info)
{
    wait_as_told(OPERATION_OPEN, 0);
    int fd = openat(folder, below(path), info->flags & ~(O_CREAT | O_TRUNC));
    if (fd < 0) return -errno;
    info->fh = (uint64_t)fd;
    return 0;
}

static int slow_read(const char *path, char *to, size_t size, off_t offset, struct fuse_file_info *info)
{
    (void)path;
    wait_as_told(OPERATION_READ, (uint32_t)size);
    ssize_t got = pread((int)info->fh, to, size, offset);
    return got < 0 ? -errno : (int)got;
}

static int slow_release(const char *path, struct fuse_file_info *info)
{
    (void)path;
    close((int)info->fh);
    return 0;
}

static int slow_readdir(const char *path, void *to, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *info,
                        enum fuse_readdir_flags flags)
{
    (void)offset, (void)info, (void)flags;
    int fd = openat(folder, below(path), O_RDONLY | O_DIRECTORY);
    DIR *items = fd >= 0 ? fdopendir(fd) : NULL;
    if (!items) return -errno;
    for (const struct dirent *item; (item = readdir(items)) != NULL;) {
        struct stat st = { .st_ino = item->d_ino, .st_mode = (mode_t)item->d_type << 12 };
        if (fill(to, item->d_name, &st, 0, 0)) break;
    }
    closedir(items);
    return 0;
}

static void *slow_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    config->use_ino = 1;
    config->attr_timeout = config->entry_timeout = attribute_seconds;
    config->negative_timeout = 0;
    return NULL;
}

static const struct fuse_operations operations = {
    .init = slow_init,
    .getattr = slow_getattr,
    .readlink = slow_readlink,
    .open = slow_open,
    .read = slow_read,
    .release = slow_release,
    .readdir = slow_readdir,
};

static struct control *map_control(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *control) != 0) return NULL;
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return map == MAP_FAILED ? NULL : map;
}

int main(int count, char **arguments)
{
    int at = 1;
    if (count > 3 && strcmp(arguments[1], "-a") == 0) {
        attribute_seconds = atof(arguments[2]);
        at = 3;
    }
    if (count - at != 3) {
        fputs("usage: slow_fs [-a SECONDS] FOLDER MOUNT_POINT CONTROL\n", stderr);
        return 2;
    }
    folder = open(arguments[at], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    control = map_control(arguments[at + 2]);
    char *fuse_arguments[] = { arguments[0], (char[]){ "-oallow_other,default_permissions,ro,fsname=slow_fs" }, NULL };
    struct fuse_args args = FUSE_ARGS_INIT(2, fuse_arguments);
    struct fuse *fuse = folder >= 0 && control ? fuse_new(&args, &operations, sizeof operations, NULL) : NULL;
    if (!fuse || fuse_mount(fuse, arguments[at + 1]) != 0) {
        fprintf(stderr, "slow_fs: cannot serve %s at %s\n", arguments[at], arguments[at + 1]);
        return 1;
    }
    struct fuse_loop_config *loop = fuse_loop_cfg_create();
    fuse_loop_cfg_set_max_threads(loop, THREADS_MAX);
    int ended = fuse_set_signal_handlers(fuse_get_session(fuse)) == 0 ? fuse_loop_mt(fuse, loop) : 1;
    fuse_loop_cfg_destroy(loop);
    fuse_unmount(fuse);
    fuse_destroy(fuse);
    fuse_opt_free_args(&args);
    return ended == 0 || ended == SIGTERM ? 0 : 1;
}
