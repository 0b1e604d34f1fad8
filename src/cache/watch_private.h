/* watch_private.h - the inside of a lookout and its watches, shared by lookout*.c and watch*.c only. */
#ifndef FOLIO_CACHE_WATCH_PRIVATE_H
#define FOLIO_CACHE_WATCH_PRIVATE_H

#include <pthread.h>

#include "cache/lookout.h"
#include "cache/watch.h"

enum { WATCH_BUCKETS = 16384, WATCHED_FILES_MAX = 65536, FORGOTTEN_KNOWN = 64 };

/* A file that is watched for itself; gone after its first event. */
struct watched_file {
    struct watched_file *next;
    int watched;
    uint32_t key_size;
    char key[];
};

/* A name that a root's path leads through: when it changes in its folder, the root may be another. */
struct root_step {
    struct root_step *next;         /* of the same watch */
    struct root_step *watched_next; /* in the same bucket */
    struct watch *watch;
    int watched;
    uint32_t name_size;
    char name[];
};

struct root_steps {
    struct root_step *first;
    unsigned count;
    bool is_complete; /* all of them are watched, on file systems that tell everything */
};

/* An inotify instance. */
struct instance {
    int notify;                     /* constant; -1: there was none to be had */
    uint32_t forgets;               /* watches that were given up, since the start; under the lock, as is the next */
    int forgotten[FORGOTTEN_KNOWN]; /* the last of them */
};

struct lookout {
    struct instance content; /* of folders and files */
    struct instance way;     /* of the ways to the roots: what others do there is much, and concerns nobody here */
    struct instance *steps;  /* constant; `way`, or `content` where there is no other to be had */
    int mounts;              /* constant; -1: what is mounted is not told */
    size_t folder_bytes_max; /* constant */
    struct watch *watches;   /* constant once it is in use */
    pthread_mutex_t lock;    /* guards everything below; never held across a call that could wait */
    struct folder *by_key[WATCH_BUCKETS], *by_watched[WATCH_BUCKETS];
    struct watched_file *files[WATCH_BUCKETS];
    struct root_step *by_step[WATCH_BUCKETS]; /* by the number of the watch */
    size_t folder_bytes;
    unsigned tidy_at;
    struct lookout_counts counts;
};

/* What is watched of one tree. */
struct watch {
    struct lookout *lookout; /* constant, as are the next four */
    struct watch *next;      /* of the lookout's */
    const struct tree *tree;
    char *root_path;           /* absolute */
    int root;                  /* what it is open on follows root_path */
    bool root_may_differ;      /* the observer's alone */
    pthread_mutex_t root_lock; /* of who looks where root_path leads, which may wait; before the lookout's lock */
    uint64_t mounts_sum;       /* under root_lock: of the mounts on the root and below */
    struct root_steps steps;   /* under the lookout's lock */
};

/* Under the lock, as is whatever follows. */
struct folder *watch_find_folder(struct watch *watch, struct span key);

/* What was loaded by way of `folder`, and of all below it, is void; it is to be looked at anew. */
void watch_void_folder(struct folder *folder);

/* Everything that was loaded from the tree is void. */
void watch_void_everything(struct watch *watch);

/* Its watch is of no more use. */
void watch_drop(struct lookout *lookout, struct folder *folder);

static inline uint32_t watch_events_in(const struct folder *folder)
{
    return atomic_load_explicit(&folder->events, memory_order_relaxed);
}

/* Something happened to `name` in it. */
void watch_note_event(struct folder *folder, struct span name);

/* Forget what nobody uses, in so many buckets of folders, where the last call stopped. */
void watch_tidy(struct lookout *lookout, unsigned buckets);

/* Somebody has let go of `watched` (-1: nothing). If nobody else has it, it is given up. */
void lookout_let_go(struct lookout *lookout, struct instance *instance, int watched);

/* Whether `watched`, which was got without the lock, was given up since `instance` had given up `since`: whoever did so did not
 * know that it was wanted. The kernel gives one number for a folder, however many want it. */
bool lookout_has_given_up(const struct instance *instance, int watched, uint32_t since);

/* Until here: under the lock. Watch the way to what root_path names, and go over to it if it is another. If it names nothing,
 * the last one stays. */
void watch_follow_root(struct watch *watch);

/* The same where events do not tell. Returns whether it was so. */
bool watch_check_root(struct watch *watch);

/* Something was mounted somewhere. */
void watch_mounts_changed(struct watch *watch);

/* Both without the lock: a watch's beginning and end. NULL: no memory. */
NODISCARD struct watch *watch_new(struct lookout *lookout, const struct tree *tree, int root, const char *root_path);
void watch_free(struct watch *watch);

#endif
