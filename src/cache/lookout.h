/* lookout.h - what the kernel tells of changes, for all trees together.
 *
 * Role:   has the few inotify instances that one process may have (fs.inotify.max_user_instances), and knows for whom each event
 *         is: a folder that several trees lead to has one watch in the kernel, whoever gives it up must know of all.
 * Owns:   the instances, the watches of all trees (watch.h), and what they know of folders.
 * Thread: made and freed by one, as are its watches; counts by any; the rest by the observer, or the keeper, as told.
 */
#ifndef FOLIO_CACHE_LOOKOUT_H
#define FOLIO_CACHE_LOOKOUT_H

#include "base/compiler.h"
#include "base/span.h"
#include "platform/notify.h"

struct lookout;
struct tree;
struct watch;

/* What is known of folders takes at most folder_bytes_max of memory: symbolic links can lead to a few folders by any number of
 * keys. NULL: no memory. Where there is no inotify instance to be had, nothing is told, and everything is looked at by age. */
NODISCARD struct lookout *lookout_new(size_t folder_bytes_max);
void lookout_free(struct lookout *lookout); /* takes NULL; no entry holds a folder any more */

/* Watch what is reached through `root`, opened by way of `root_path`. Before other threads use the lookout.
 *
 * tree  whom the listener is told of; not looked into
 *
 * NULL: no memory. It is the lookout's, and goes with it. */
NODISCARD struct watch *lookout_watch(struct lookout *lookout, const struct tree *tree, int root,
                                      const char *root_path);

/* The observer's part. */
int lookout_descriptor(const struct lookout *lookout); /* readable when there are events; -1: nothing is told */
/* The same, of the ways to the roots; it may be the same. */
int lookout_steps_descriptor(const struct lookout *lookout);
/* POLLPRI or POLLERR when something was mounted. -1: that is not told. */
int lookout_mounts_descriptor(const struct lookout *lookout);

struct lookout_listener {
    void *context;
    /* What is at `path` in `tree` may be something else now. `what`: of enum notify_what. */
    void (*path_changed)(void *context, const struct tree *tree, struct span path, unsigned what);
    /* The same of a key that watch_file() was called with. */
    void (*key_changed)(void *context, struct span key, unsigned what);
};

/* Go through what happened, and tell of it. */
void lookout_events(struct lookout *lookout, const struct lookout_listener *listener);
void lookout_steps_events(struct lookout *lookout); /* on the ways to the roots */

/* Something was mounted or unmounted: what it was below or on is void. */
void lookout_mounts_changed(struct lookout *lookout);

/* The keeper's part. Forget some folders that nothing was loaded from lately. */
void lookout_tidy(struct lookout *lookout);

/* Look whether roots' paths name other folders, where events do not tell that: this may wait. Returns whether there was any such. */
bool lookout_check_roots(struct lookout *lookout);

struct lookout_counts {
    uint64_t folders, files, events, overflows; /* folders, files: known now */
    uint64_t by_age;                            /* of the folders: events do not tell everything there */
    uint64_t refused;                           /* watches that could not be had, and folders that could not be known */
};

struct lookout_counts lookout_counts(struct lookout *lookout);

#endif
