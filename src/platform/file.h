/* file.h - opening beneath a root, identities, and reads that do not wait.
 *
 * Role:   the raw calls by which the cache meets the file system. A path never leaves its root: neither by "..", nor by
 *         a symbolic link, nor by a magic link (openat2, RESOLVE_BENEATH); only a regular file is ever opened for reading.
 * Owns:   nothing; descriptors that are returned are the caller's.
 * Thread: any; with FILE_NOWAIT no call waits for a device.
 */
#ifndef FOLIO_PLATFORM_FILE_H
#define FOLIO_PLATFORM_FILE_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/span.h"
#include "base/status.h"

enum file_patience {
    FILE_NOWAIT, /* give up with STATUS_WOULD_BLOCK where a device would have to be waited for */
    FILE_WAIT,
};

enum file_type { FILE_REGULAR, FILE_FOLDER, FILE_OTHER };

/* What can be told of a place without opening it. */
struct file_facts {
    enum file_type type;
    bool crosses_link;    /* a symbolic link was followed on the way */
    bool leaves_root;     /* and one leads out of the root: it was not found because of that */
    bool has_other_names; /* hard links: it may be changed by way of another folder */
};

/* What tells one version of a file from another. */
struct file_identity {
    uint64_t device, inode;
    int64_t size;         /* bytes */
    int64_t modified_s;   /* seconds since 1970 */
    int64_t changed_s;    /* seconds since 1970; of the inode (ctime) */
    uint32_t modified_ns; /* the rest of the second */
    uint32_t changed_ns;
};

bool file_identity_equal(const struct file_identity *a, const struct file_identity *b);

/* Open the folder at `path` as a root to resolve beneath. -1 with errno. */
NODISCARD int file_root_open(const char *path);

/* Whether this kernel has openat2 with RESOLVE_BENEATH (Linux 5.6), asked of `root`. */
NODISCARD bool file_beneath_supported(int root);

enum file_system {
    FILE_SYSTEM_LOCAL,   /* events tell of every change, and what is in memory is had without waiting */
    FILE_SYSTEM_LAYERED, /* the same, but no event tells of the lower layers (overlay) */
    FILE_SYSTEM_REMOTE, /* others may change it behind the kernel, and any call may wait for them (network, FUSE): also open, stat and close */
};

/* Of what `fd` names. This may wait. */
NODISCARD enum file_system file_system_of(int fd);

/* Close `fd` on a remote file system, for one who must not wait for that. */
void file_close_elsewhere(int fd);

/* Find what is at `path` (relative, NUL-terminated, "." for the root itself) beneath `root`, without opening it for reading.
 *
 * ret_place  on STATUS_OK, a descriptor that only names the place (O_PATH)
 * ret_facts  whatever is returned, crosses_link and leaves_root are set: also a link may lead to nothing
 * ret_identity  with FILE_NOWAIT what the kernel knows, which on a remote file system may be old
 */
NODISCARD enum status file_find(int root, const char *path, enum file_patience patience, int *ret_place,
                                struct file_facts *ret_facts, struct file_identity *ret_identity);

/* The same wherever symbolic links lead, out of `root` too (but for magic links): the caller is to look where that is. This waits. */
NODISCARD enum status file_find_beyond(int root, const char *path, int *ret_place, struct file_facts *ret_facts,
                                       struct file_identity *ret_identity);

/* Whether each symbolic link on the way along `path` has the same owner as what it leads to. This waits. */
NODISCARD bool file_links_keep_owner(int root, const char *path);

/* Open for reading the regular file that `place` names (it was found to be FILE_REGULAR). */
NODISCARD enum status file_open_place(int place, enum file_patience patience, int *ret_fd);

NODISCARD enum status file_identify(int fd, struct file_identity *ret_identity);

/* Whether the open file `fd` still has the content that `identity` tells of. Being deleted or replaced by another changes the
 * time of the inode, and not what is in it. */
NODISCARD bool file_keeps_version(int fd, const struct file_identity *identity);

enum file_lease {
    FILE_LEASE_TAKEN,   /* nobody has it open for writing, and whoever opens it waits until file_lease_return() */
    FILE_LEASE_REFUSED, /* somebody has it open for writing */
    FILE_LEASE_UNKNOWN, /* this process or this file system cannot take one */
};

/* Try for a read lease on `fd` (fcntl(2), F_SETLEASE): it needs the file's owner or CAP_LEASE. Never waits. */
NODISCARD enum file_lease file_lease_take(int fd);
void file_lease_return(int fd);

/* Read up to `size` bytes at `offset`; fewer only at the end of the file. */
NODISCARD enum status file_read(int fd, char *to, size_t size, int64_t offset, enum file_patience patience,
                                size_t *ret_read);

enum file_residency {
    FILE_RESIDENT, /* all in the page cache: sending them waits for nothing, unless the system takes them back first */
    FILE_ABSENT,   /* some are not */
    FILE_UNTOLD,   /* this kernel or this file system does not tell */
};

/* Are bytes offset..offset+size-1 of `fd` in memory? Never waits. */
NODISCARD enum file_residency file_residency(int fd, int64_t offset, int64_t size);

/* Open the folder at `key` ("/", "/a/": beneath the root) to be read. This may wait. NULL: it cannot be had. */
NODISCARD DIR *file_open_folder(int root, struct span key);

/* Whether `item` of `folder` is a folder itself, and no link to one. Not every file system notes that in its folders: this may wait. */
NODISCARD bool file_is_folder(DIR *folder, const struct dirent *item);

/* What `name` in `folder` is. Of a symbolic link only that it is one (crosses_link). This may wait. */
NODISCARD enum status file_look_in(DIR *folder, const char *name, struct file_facts *ret_facts,
                                   struct file_identity *ret_identity);

/* Map all of `fd` and bring it into memory, locked there if `locks`. The map is never to be read: its file may shrink.
 * This waits. NULL: it could not be had; *ret_error is why (ENOMEM: vm.max_map_count or memory; EAGAIN, EPERM: RLIMIT_MEMLOCK). */
NODISCARD void *file_map(int fd, uint64_t size, bool locks, int *ret_error);
void file_unmap(void *map, uint64_t size); /* takes NULL */

/* The absolute path of what `fd` names, by /proc; false: it cannot be told. */
NODISCARD bool file_path_of(int fd, char *out, size_t room);

/* Bytes offset..offset+size-1 are not wanted in the page cache any more; those that a socket still refers to stay. A hint. This
 * may wait. */
void file_drop(int fd, int64_t offset, int64_t size);

/* Where file_await() sends what nobody wants to see; a descriptor, to be closed. -1: there is none. */
NODISCARD int file_open_nowhere(void);

/* Wait until bytes offset..offset+size-1 are in the page cache, and up to date, or the file ends before; *ret_there: how many are.
 *
 * nowhere  of file_open_nowhere(); with -1, or where the file system does not lend pages, the bytes are copied to find out
 * scratch  of scratch_size bytes, for that */
NODISCARD enum status file_await(int fd, int64_t offset, size_t size, int nowhere, char *scratch, size_t scratch_size,
                                 size_t *ret_there);

/* Begin to read bytes offset.. in the background of the kernel; a hint. */
void file_read_ahead(int fd, int64_t offset, int64_t size);

#endif
