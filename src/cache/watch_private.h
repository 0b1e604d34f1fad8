/* watch_private.h - the inside of a watch, shared by watch.c and watch_events.c only. */
#ifndef FOLIO_CACHE_WATCH_PRIVATE_H
#define FOLIO_CACHE_WATCH_PRIVATE_H

#include <pthread.h>

#include "cache/watch.h"

enum { WATCH_BUCKETS = 16384, WATCHED_FILES_MAX = 65536, ROOT_STEPS_MAX = 128 };

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

struct watch {
    int notify;           /* constant */
    int root;             /* constant number; what it is open on follows DocumentRoot */
    char *root_path;      /* constant; absolute */
    pthread_mutex_t lock; /* guards everything below; never held across a call that could wait */
    struct folder *by_key[WATCH_BUCKETS], *by_watched[WATCH_BUCKETS];
    struct watched_file *files[WATCH_BUCKETS];
    unsigned tidy_at;
    struct watch_counts counts;
    unsigned step_count; /* the keeper's alone, as are the steps */
    struct root_step steps[ROOT_STEPS_MAX];
};

/* Under the lock. */
struct folder *watch_find_folder(struct watch *watch, struct span key);

/* Under the lock: what was loaded by way of `folder`, and of all below it, is void; it is to be looked at anew. */
void watch_void_folder(struct watch *watch, struct folder *folder);

/* Under the lock: something happened to `name` in it. */
void watch_note_event(struct folder *folder, struct span name);

#endif
