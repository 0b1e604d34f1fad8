#include "platform/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "platform/thread.h"

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20 /* Linux 5.12 */
#endif
#ifndef SYS_cachestat
#define SYS_cachestat 451 /* Linux 6.5; the same number on every architecture */
#endif

enum { PROBE_BYTES = 32 << 10 }; /* less is hardly ever read from a device at a time */
enum { TMPFS_MAGIC_NUMBER = 0x01021994, RAMFS_MAGIC_NUMBER = (int)0x858458f6 };

enum file_system file_system_of(int fd)
{
    static const struct {
        uint32_t magic;
        enum file_system system;
    } known[] = {
        { 0x6969, FILE_SYSTEM_REMOTE },      /* NFS */
        { 0xff534d42, FILE_SYSTEM_REMOTE },  /* CIFS */
        { 0xfe534d42, FILE_SYSTEM_REMOTE },  /* SMB2 */
        { 0x517b, FILE_SYSTEM_REMOTE },      /* SMB */
        { 0x65735546, FILE_SYSTEM_REMOTE },  /* FUSE */
        { 0x01021997, FILE_SYSTEM_REMOTE },  /* 9P */
        { 0x00c36400, FILE_SYSTEM_REMOTE },  /* Ceph */
        { 0x5346414f, FILE_SYSTEM_REMOTE },  /* AFS */
        { 0x0bd00bd0, FILE_SYSTEM_REMOTE },  /* Lustre */
        { 0x01161970, FILE_SYSTEM_REMOTE },  /* GFS2 */
        { 0x7461636f, FILE_SYSTEM_REMOTE },  /* OCFS2 */
        { 0x794c7630, FILE_SYSTEM_LAYERED }, /* overlay */
    };
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0) return FILE_SYSTEM_REMOTE;
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if ((uint32_t)fs.f_type == known[i].magic) return known[i].system;
    }
    return FILE_SYSTEM_LOCAL;
}

static void *closing_thread(void *fd)
{
    pthread_detach(pthread_self());
    close((int)(intptr_t)fd);
    return NULL;
}

void file_close_elsewhere(int fd)
{
    pthread_t thread;
    if (thread_start(&thread, "close", closing_thread, (void *)(intptr_t)fd) != STATUS_OK) close(fd);
}

bool file_identity_equal(const struct file_identity *a, const struct file_identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size && a->modified_s == b->modified_s &&
           a->changed_s == b->changed_s && a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

static int open_beneath(int root, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve };
    int fd;
    do {
        fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    } while (fd < 0 && errno == EINTR); /* a network's file system, or FUSE, while the process is frozen */
    return fd;
}

int file_root_open(const char *path)
{
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

bool file_beneath_supported(int root)
{
    int fd = open_beneath(root, ".", O_PATH, 0);
    if (fd < 0) return false;
    close(fd);
    return true;
}

static void identity_of(const struct stat *st, struct file_identity *ret_identity)
{
    *ret_identity = (struct file_identity){
        .device = st->st_dev,
        .inode = st->st_ino,
        .size = st->st_size,
        .modified_s = st->st_mtim.tv_sec,
        .changed_s = st->st_ctim.tv_sec,
        .modified_ns = (uint32_t)st->st_mtim.tv_nsec,
        .changed_ns = (uint32_t)st->st_ctim.tv_nsec,
    };
}

/* fstat(), which with FILE_NOWAIT asks nobody but the kernel. */
static int look(int fd, enum file_patience patience, struct stat *ret)
{
    struct statx st;
    if (patience == FILE_WAIT) return fstat(fd, ret);
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st) != 0) return -1;
    *ret = (struct stat){
        .st_dev = makedev(st.stx_dev_major, st.stx_dev_minor),
        .st_ino = st.stx_ino,
        .st_mode = st.stx_mode,
        .st_nlink = st.stx_nlink,
        .st_size = (off_t)st.stx_size,
        .st_mtim = { st.stx_mtime.tv_sec, st.stx_mtime.tv_nsec },
        .st_ctim = { st.stx_ctime.tv_sec, st.stx_ctime.tv_nsec },
    };
    return 0;
}

static struct file_facts facts_of(const struct stat *st, bool crosses_link)
{
    return (struct file_facts){
        .type = S_ISREG(st->st_mode)   ? FILE_REGULAR
                : S_ISDIR(st->st_mode) ? FILE_FOLDER
                                       : FILE_OTHER,
        .crosses_link = crosses_link,
        .has_other_names = st->st_nlink > 1,
    };
}

/* What `place` is; it is closed unless STATUS_OK is returned. */
static enum status tell_of(int place, enum file_patience patience, bool crosses_link, int *ret_place,
                           struct file_facts *ret_facts, struct file_identity *ret_identity)
{
    struct stat st;
    if (look(place, patience, &st) != 0) {
        enum status failed = status_from_errno(errno);
        close(place);
        return failed;
    }
    identity_of(&st, ret_identity);
    *ret_facts = facts_of(&st, crosses_link);
    *ret_place = place;
    return STATUS_OK;
}

enum status file_find(int root, const char *path, enum file_patience patience, int *ret_place,
                      struct file_facts *ret_facts, struct file_identity *ret_identity)
{
    uint64_t resolve = patience == FILE_NOWAIT ? RESOLVE_CACHED : 0;
    int place = open_beneath(root, path, O_PATH, resolve | RESOLVE_NO_SYMLINKS);
    bool crosses_link = place < 0 && errno == ELOOP;
    if (crosses_link) place = open_beneath(root, path, O_PATH, resolve);
    *ret_facts = (struct file_facts){
        .type = FILE_OTHER,
        .crosses_link = crosses_link,
        .leaves_root = place < 0 && errno == EXDEV,
    };
    if (place < 0) {
        /* EINVAL: a kernel before 5.12, which cannot say whether it would wait. EAGAIN when waiting is allowed: the
         * tree was renamed while it was walked; the caller tries again. */
        if (patience == FILE_NOWAIT && errno == EINVAL) return STATUS_WOULD_BLOCK;
        return status_from_errno(errno);
    }
    return tell_of(place, patience, crosses_link, ret_place, ret_facts, ret_identity);
}

enum status file_find_beyond(int root, const char *path, int *ret_place, struct file_facts *ret_facts,
                             struct file_identity *ret_identity)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
    *ret_facts = (struct file_facts){ .type = FILE_OTHER, .crosses_link = true };
    int place = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    if (place < 0) return status_from_errno(errno);
    return tell_of(place, FILE_WAIT, true, ret_place, ret_facts, ret_identity);
}

bool file_links_keep_owner(int root, const char *path)
{
    char front[PATH_MAX];
    struct stat link, target;
    for (size_t size = 0; path[size] != '\0';) {
        size += strspn(path + size, "/");
        size += strcspn(path + size, "/");
        if (size >= sizeof front) return false;
        memcpy(front, path, size);
        front[size] = '\0';
        if (fstatat(root, front, &link, AT_SYMLINK_NOFOLLOW) != 0) return false;
        if (!S_ISLNK(link.st_mode)) continue;
        if (fstatat(root, front, &target, 0) != 0 || link.st_uid != target.st_uid) return false;
    }
    return true;
}

static int open_again(const char *name, int flags)
{
    int fd;
    do {
        fd = open(name, flags);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

enum status file_open_place(int place, enum file_patience patience, int *ret_fd)
{
    /* Through /proc the very inode that was looked at is opened: nobody can slip a pipe or a device in between. What can
     * make opening a regular file wait is another's lease on it (fcntl(2), F_SETLEASE). */
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", place);
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (patience == FILE_NOWAIT ? O_NONBLOCK : 0);
    /* Noting the time of access may wait for the inode's block or the journal, also where RWF_NOWAIT was asked for. Only
     * the owner, or CAP_FOWNER, may leave it out. */
    int fd = open_again(name, flags | O_NOATIME);
    if (fd < 0 && errno == EPERM) fd = open_again(name, flags);
    if (fd < 0) return status_from_errno(errno);
    *ret_fd = fd;
    return STATUS_OK;
}

enum status file_identify(int fd, struct file_identity *ret_identity)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return status_from_errno(errno);
    identity_of(&st, ret_identity);
    return STATUS_OK;
}

bool file_keeps_version(int fd, const struct file_identity *identity)
{
    struct stat st;
    struct file_identity now;
    if (fstat(fd, &st) != 0) return false;
    identity_of(&st, &now);
    if (st.st_nlink == 0) {
        now.changed_s = identity->changed_s;
        now.changed_ns = identity->changed_ns;
    }
    return file_identity_equal(&now, identity);
}

enum file_lease file_lease_take(int fd)
{
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) return FILE_LEASE_TAKEN;
    return errno == EAGAIN ? FILE_LEASE_REFUSED : FILE_LEASE_UNKNOWN;
}

void file_lease_return(int fd)
{
    (void)fcntl(fd, F_SETLEASE, F_UNLCK);
}

/* A file system that lives in memory refuses RWF_NOWAIT (EOPNOTSUPP), and never waits. */
static bool is_memory(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && ((int)fs.f_type == TMPFS_MAGIC_NUMBER || (int)fs.f_type == RAMFS_MAGIC_NUMBER);
}

enum status file_read(int fd, char *to, size_t size, int64_t offset, enum file_patience patience, size_t *ret_read)
{
    int flags = patience == FILE_NOWAIT ? RWF_NOWAIT : 0;
    size_t done = 0;
    while (done < size) {
        struct iovec part = { .iov_base = to + done, .iov_len = size - done };
        ssize_t n = preadv2(fd, &part, 1, offset + (int64_t)done, flags);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EOPNOTSUPP && flags != 0) {
            if (!is_memory(fd)) return STATUS_WOULD_BLOCK;
            flags = 0;
            continue;
        }
        if (n < 0) return status_from_errno(errno);
        if (n == 0) {
            /* Kernels 5.9 and 5.10 may say 0 in the middle of a file when they must not wait: do not believe it. */
            if (flags != 0) return STATUS_WOULD_BLOCK;
            break;
        }
        done += (size_t)n;
    }
    *ret_read = done;
    return STATUS_OK;
}

int file_open_nowhere(void)
{
    return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

enum status file_await(int fd, int64_t offset, size_t size, int nowhere, char *scratch, size_t scratch_size,
                       size_t *ret_there)
{
    *ret_there = 0;
    bool lends = nowhere >= 0;
    while (*ret_there < size) {
        off_t at = offset + (off_t)*ret_there;
        size_t left = size - *ret_there, got = 0;
        ssize_t n = lends ? sendfile(nowhere, fd, &at, left) : -1;
        if (lends && n < 0 && errno == EINTR) continue;
        lends = n >= 0; /* whatever is wrong, reading tells */
        if (lends) got = (size_t)n;
        enum status status = STATUS_OK;
        if (!lends) status = file_read(fd, scratch, left < scratch_size ? left : scratch_size, at, FILE_WAIT, &got);
        if (status != STATUS_OK) return status;
        if (got == 0) break;
        *ret_there += got;
    }
    return STATUS_OK;
}

/* Of the byte at `at`. */
static enum file_residency residency_at(int fd, int64_t at)
{
    char byte;
    struct iovec part = { .iov_base = &byte, .iov_len = 1 };
    ssize_t n = preadv2(fd, &part, 1, at, RWF_NOWAIT);
    if (n == 1) return FILE_RESIDENT;
    if (n < 0 && errno == EOPNOTSUPP) return is_memory(fd) ? FILE_RESIDENT : FILE_UNTOLD;
    return FILE_ABSENT;
}

enum file_residency file_residency(int fd, int64_t offset, int64_t size)
{
    if (size <= 0) return FILE_RESIDENT;
    struct {
        uint64_t offset, length;
    } range = { (uint64_t)offset, (uint64_t)size };
    struct {
        uint64_t cached, dirty, writeback, evicted, recently_evicted;
    } pages;
    if (syscall(SYS_cachestat, fd, &range, &pages, 0) != 0) return FILE_UNTOLD;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t first_page = range.offset / page, last_page = (range.offset + range.length - 1) / page;
    /* An overlay's files have no pages of their own. */
    if (pages.cached == 0 && file_system_of(fd) == FILE_SYSTEM_LAYERED) return FILE_UNTOLD;
    if (pages.cached < last_page - first_page + 1) return FILE_ABSENT;
    /* Pages that are being read count as cached already, and sending would wait for them. They are read many at once:
     * one byte in each PROBE_BYTES tells, and the last. What is absent is not asked for so: that would begin to read it. */
    for (int64_t at = offset; at < offset + size; at += PROBE_BYTES) {
        enum file_residency there = residency_at(fd, at);
        if (there != FILE_RESIDENT) return there;
    }
    return residency_at(fd, offset + size - 1);
}

/* In pieces: of 2 MiB at once the kernel has a CPU for most of a millisecond, and where it is not preemptible (as servers' kernels
 * often are not) nobody else runs on it meanwhile. They end where their size divides the file: of a page, or of some that the kernel
 * keeps as one, which belongs to two pieces nothing would be dropped. */
static void advise(int fd, int64_t offset, int64_t size, int advice)
{
    enum { PIECE_BYTES = 256 << 10 };
    for (int64_t piece; size > 0; offset += piece, size -= piece) {
        piece = PIECE_BYTES - offset % PIECE_BYTES;
        if (piece > size) piece = size;
        (void)posix_fadvise(fd, offset, piece, advice);
    }
}

void file_read_ahead(int fd, int64_t offset, int64_t size)
{
    advise(fd, offset, size, POSIX_FADV_WILLNEED);
}

void file_drop(int fd, int64_t offset, int64_t size)
{
    advise(fd, offset, size, POSIX_FADV_DONTNEED);
}

void *file_map(int fd, uint64_t size, bool locks, int *ret_error)
{
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_NORESERVE | MAP_POPULATE, fd, 0);
    if (map == MAP_FAILED) {
        *ret_error = errno;
        return NULL;
    }
    *ret_error = locks && mlock(map, size) != 0 ? errno : 0;
    return map;
}

void file_unmap(void *map, uint64_t size)
{
    if (map) munmap(map, size);
}

bool file_path_of(int fd, char *out, size_t room)
{
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(name, out, room);
    if (size <= 0 || (size_t)size >= room) return false;
    out[size] = '\0';
    return true;
}

DIR *file_open_folder(int root, struct span key)
{
    char path[PATH_MAX];
    if (key.size >= sizeof path) return NULL;
    memcpy(path, key.data + 1, key.size - 1);
    memcpy(path + key.size - 1, ".", 2);
    int fd = open_beneath(root, path, O_RDONLY | O_DIRECTORY, 0);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (!folder && fd >= 0) close(fd);
    return folder;
}

bool file_is_folder(DIR *folder, const struct dirent *item)
{
    struct stat st;
    if (item->d_type != DT_UNKNOWN) return item->d_type == DT_DIR;
    return fstatat(dirfd(folder), item->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

enum status file_look_in(DIR *folder, const char *name, struct file_facts *ret_facts,
                         struct file_identity *ret_identity)
{
    struct stat st;
    if (fstatat(dirfd(folder), name, &st, AT_SYMLINK_NOFOLLOW) != 0) return status_from_errno(errno);
    *ret_facts = facts_of(&st, S_ISLNK(st.st_mode));
    identity_of(&st, ret_identity);
    return STATUS_OK;
}
