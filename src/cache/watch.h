/* watch.h - knows at once when a file that is kept may have changed, without asking for it.
 *
 * Role:   watches, for one tree, each folder that something was loaded from, each folder above it, and what the root's own path
 *         leads through. A folder is known by its path beneath the root ("/", "/a/", "/a/b/"), here called its key: what that
 *         leads to may change by a rename anywhere above.
 * Owns:   the descriptor of the root, which follows what its path names. It is itself owned by a lookout, which hears of events.
 * Thread: by loaders and workers; `struct folder`'s atomics are read by all.
 * Order:  a mark is taken before a file is looked at; what was loaded is kept only if the mark still holds afterwards. A
 *         change before the look is in what was read; a later one is an event, and the observer removes what was kept.
 * Limits: where no watch can be had (fs.inotify.max_user_watches and max_user_instances, a folder that may not be read), the file
 *         system does not tell everything, or no more folders may be known, entries are marked to be looked at by age instead.
 */
#ifndef FOLIO_CACHE_WATCH_H
#define FOLIO_CACHE_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/status.h"
#include "platform/file.h"

struct watch;

/* What is known of one folder. Everything but the atomics is under the lookout's lock. */
struct folder {
    _Atomic uint32_t version; /* raised when what leads through it may lead elsewhere: what was loaded is void */
    _Atomic uint32_t
        appearances; /* raised when a name appears in it, or a folder in it may be entered that could not be */
    _Atomic uint32_t references; /* of entries and marks */
    _Atomic uint32_t events;     /* on names in it, since it is known; raised under the lock */
    uint32_t hash;               /* of the key, in its tree */
    uint64_t device;             /* that it lies on, once it is known */
    int watched;                 /* the watch's number, which others may have, too; -1: none */
    bool is_known;               /* what it leads to was looked at, and is watched if it can be */
    bool is_remote;      /* any call to its file system may wait for something else than a disk of this machine */
    bool needs_checks;   /* events do not tell everything here: look by age */
    struct watch *watch; /* of its tree */
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

#endif
