/* watch.h - knows at once when a file that is kept may have changed, without asking for it.
 *
 * Role:   watches each folder that something was loaded from, each folder above it, and what DocumentRoot's own path leads through.
 *         A folder is known by its key ("/", "/a/", "/a/b/"): what that leads to may change by a rename anywhere above.
 * Owns:   the folders, their watches, and the descriptor of the root, which follows what DocumentRoot names.
 * Thread: watch_enter() by loaders and workers, watch_events() by the observer; `struct folder`'s atomics are read by all.
 * Order:  a mark is taken before a file is looked at; what was loaded is kept only if the mark still holds afterwards. A
 *         change before the look is in what was read; a later one is an event, and the observer removes what was kept.
 * Limits: where no watch can be had (fs.inotify.max_user_watches, a folder that may not be read), the file system does not tell
 *         everything, or no more folders may be known, entries are marked to be looked at by age instead.
 */
#ifndef FOLIO_CACHE_WATCH_H
#define FOLIO_CACHE_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/status.h"
#include "platform/file.h"
#include "platform/notify.h"

struct watch;

/* What is known of one folder. Everything but the atomics is under the watch's lock. */
struct folder {
    _Atomic uint32_t version; /* raised when what leads through it may lead elsewhere: what was loaded is void */
    _Atomic uint32_t
        appearances; /* raised when a name appears in it, or a folder in it may be entered that could not be */
    _Atomic uint32_t references; /* of entries and marks */
    _Atomic uint32_t events;     /* on names in it, since it is known; raised under the lock */
    uint32_t hash;               /* of the key */
    uint64_t device;             /* that it lies on, once it is known */
    int watched;                 /* the watch's number, which others may have, too; -1: none */
    bool is_known;               /* what it leads to was looked at, and is watched if it can be */
    bool is_remote;    /* any call to its file system may wait for something else than a disk of this machine */
    bool needs_checks; /* events do not tell everything here: look by age */
    struct folder *parent, *child, *sibling;
    struct folder *key_next, *watched_next;
    uint32_t recent[16]; /* hashes of the names of the last events */
    uint16_t key_size;
    char key[];
};

/* Where, and when, something is about to be looked at. */
struct watch_mark {
    struct folder *folder; /* a reference; NULL: it cannot be watched */
    uint64_t device;       /* that the folder lies on */
    uint32_t version, appearances, events;
    bool needs_checks, is_remote;
    bool is_above; /* `folder` is not the key's own, which is not there: when a name appears in it, that may change */
};

/* The root's descriptor is `root`, opened by way of `root_path`. What is known of folders takes at most folder_bytes_max of
 * memory: symbolic links can lead to a few folders by any number of keys. NULL: no memory, or no inotify. */
NODISCARD struct watch *watch_new(int root, const char *root_path, size_t folder_bytes_max);
void watch_free(struct watch *watch); /* takes NULL; no entry holds a folder any more */

/* Take a mark for `key`. STATUS_WOULD_BLOCK: only with FILE_NOWAIT, for a folder that is not known yet. */
NODISCARD enum status watch_enter(struct watch *watch, struct span key, enum file_patience patience,
                                  struct watch_mark *ret_mark);
void watch_leave(struct watch_mark *mark); /* gives the reference back */

/* Where `key` lies, as far as it is known without looking.
 *
 * ret_device   of the nearest folder above it that is known; 0: none is
 * ret_unknown  the key of the first folder of which nothing is known, a part of `key`; empty: all are known */
void watch_whereabouts(struct watch *watch, struct span key, uint64_t *ret_device, struct span *ret_unknown);

/* Whether nothing happened to `key` since the mark was taken. */
NODISCARD bool watch_holds(struct watch *watch, const struct watch_mark *mark, struct span key);

/* The file that `fd` names is reached by way of a symbolic link, or has other names, or its path does not tell the key (of the
 * cache) that leads to it: watch it for itself. */
void watch_file(struct watch *watch, int fd, struct span key);

static inline void folder_unref(struct folder *folder)
{
    /* release: what was done with it happens before it is freed */
    if (folder) atomic_fetch_sub_explicit(&folder->references, 1, memory_order_release);
}

/* The observer's part. */
int watch_descriptor(const struct watch *watch); /* readable when there are events */
/* The same, of the way to the root; it may be the same. */
int watch_steps_descriptor(const struct watch *watch);
/* POLLPRI or POLLERR when something was mounted. -1: that is not told. */
int watch_mounts_descriptor(const struct watch *watch);

struct watch_listener {
    void *context;
    /* What is at `path` may be something else now. `what`: of enum notify_what. */
    void (*path_changed)(void *context, struct span path, unsigned what);
    /* The same of a key that watch_file() was called with. */
    void (*key_changed)(void *context, struct span key, unsigned what);
};

/* Go through what happened, and tell of it. */
void watch_events(struct watch *watch, const struct watch_listener *listener);
void watch_steps_events(struct watch *watch); /* on the way to the root */

/* Something was mounted or unmounted: if it was below the root, everything is void. */
void watch_mounts_changed(struct watch *watch);

/* The keeper's part. Forget some folders that nothing was loaded from lately. */
void watch_tidy(struct watch *watch);

/* Look whether DocumentRoot names another folder, if events do not tell that: this may wait. Returns whether it was so. */
bool watch_check_root(struct watch *watch);

struct watch_counts {
    uint64_t folders, files, events, overflows; /* folders, files: known now */
    uint64_t by_age;                            /* of the folders: events do not tell everything there */
    uint64_t refused;                           /* watches that could not be had, and folders that could not be known */
};

struct watch_counts watch_counts(struct watch *watch);

#endif
