/* watch_private.h - the inside of a watch, shared by watch.c, watch_events.c and watch_root.c only. */
#ifndef FOLIO_CACHE_WATCH_PRIVATE_H
#define FOLIO_CACHE_WATCH_PRIVATE_H

#include <pthread.h>

#include "cache/watch.h"

enum { WATCH_BUCKETS = 16384, WATCHED_FILES_MAX = 65536, ROOT_STEPS_MAX = 128, FORGOTTEN_KNOWN = 64 };

/* A file that is watched for itself; gone after its first event. */
struct watched_file {
    struct watched_file *next;
    int watched;
    uint32_t key_size;
    char key[];
};

/* A name that DocumentRoot's path leads through: when it changes in its folder, the root may be another. */
struct root_step {
    int watched;
    char name[256];
};

struct root_steps {
    unsigned count;
    bool is_complete; /* all of them are watched, on file systems that tell everything */
    struct root_step at[ROOT_STEPS_MAX];
};

struct watch {
    int notify;       /* constant */
    int steps_notify; /* constant; of the way to the root, apart, as what others do there is much and concerns nobody
                                * here; `notify` itself where there is no other to be had (fs.inotify.max_user_instances) */
    int mounts;       /* constant; -1: what is mounted is not told */
    int root;         /* constant number; what it is open on follows DocumentRoot */
    char *root_path;  /* constant; absolute */
    size_t folder_bytes_max;   /* constant */
    pthread_mutex_t root_lock; /* of who looks where DocumentRoot leads, which may wait; before `lock` */
    struct root_steps fresh;   /* under root_lock: what is found on the way */
    uint64_t mounts_sum;       /* under root_lock: of the mounts on the root and below */
    pthread_mutex_t lock;      /* guards everything below; never held across a call that could wait */
    struct folder *by_key[WATCH_BUCKETS], *by_watched[WATCH_BUCKETS];
    struct watched_file *files[WATCH_BUCKETS];
    size_t folder_bytes;
    unsigned tidy_at;
    struct watch_counts counts;
    struct root_steps steps;
    uint32_t forgets;               /* watches that were given up, since the start */
    int forgotten[FORGOTTEN_KNOWN]; /* the last of them */
};

/* Under the lock. */
struct folder *watch_find_folder(struct watch *watch, struct span key);

/* Under the lock: what was loaded by way of `folder`, and of all below it, is void; it is to be looked at anew. */
void watch_void_folder(struct watch *watch, struct folder *folder);

/* Under the lock: its watch is of no more use. */
void watch_drop(struct watch *watch, struct folder *folder);

/* Under the lock. */
static inline uint32_t watch_events_in(const struct folder *folder)
{
    return atomic_load_explicit(&folder->events, memory_order_relaxed);
}

/* Under the lock: something happened to `name` in it. */
void watch_note_event(struct folder *folder, struct span name);

/* Under the lock: somebody has let go of `watched` (-1: nothing). If nobody else has it, it is given up. */
void watch_let_go(struct watch *watch, int watched);

/* Under the lock: whether `watched`, which was got without the lock, was given up since forgets was `since`: whoever did so
 * did not know that it was wanted. The kernel gives one number for a folder, however many want it. */
bool watch_was_given_up(const struct watch *watch, int watched, uint32_t since);

/* Under the lock: everything that was loaded is void. */
void watch_void_everything(struct watch *watch);

/* Watch the way to what DocumentRoot names, and go over to it if it is another. If it names nothing, the last one stays. */
void watch_follow_root(struct watch *watch);

#endif
