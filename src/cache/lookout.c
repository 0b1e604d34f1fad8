#include "cache/lookout.h"

#include <stdlib.h>
#include <unistd.h>

#include "cache/watch_private.h"
#include "platform/mounts.h"

/* Under the lock. */
static bool is_wanted(const struct lookout *lookout, const struct instance *instance, int watched)
{
    unsigned bucket = (unsigned)watched % WATCH_BUCKETS;
    if (instance == &lookout->content) {
        for (const struct folder *folder = lookout->by_watched[bucket]; folder; folder = folder->watched_next)
            if (folder->watched == watched) return true;
        for (const struct watched_file *file = lookout->files[bucket]; file; file = file->next)
            if (file->watched == watched) return true;
    }
    if (instance != lookout->steps) return false;
    for (const struct root_step *step = lookout->by_step[bucket]; step; step = step->watched_next)
        if (step->watched == watched) return true;
    return false;
}

void lookout_let_go(struct lookout *lookout, struct instance *instance, int watched)
{
    if (watched < 0 || is_wanted(lookout, instance, watched)) return;
    instance->forgotten[instance->forgets++ % FORGOTTEN_KNOWN] = watched;
    notify_forget(instance->notify, watched);
}

bool lookout_has_given_up(const struct instance *instance, int watched, uint32_t since)
{
    uint32_t happened = instance->forgets - since;
    if (happened > FORGOTTEN_KNOWN) return true; /* too many to tell */
    for (uint32_t i = 1; i <= happened; i++) {
        if (instance->forgotten[(instance->forgets - i) % FORGOTTEN_KNOWN] == watched) return true;
    }
    return false;
}

void lookout_tidy(struct lookout *lookout)
{
    enum { BUCKETS_A_TIME = 256 };
    pthread_mutex_lock(&lookout->lock);
    watch_tidy(lookout, BUCKETS_A_TIME);
    pthread_mutex_unlock(&lookout->lock);
}

bool lookout_check_roots(struct lookout *lookout)
{
    bool was_any = false;
    for (struct watch *watch = lookout->watches; watch; watch = watch->next) was_any |= watch_check_root(watch);
    return was_any;
}

void lookout_mounts_changed(struct lookout *lookout)
{
    for (struct watch *watch = lookout->watches; watch; watch = watch->next) watch_mounts_changed(watch);
}

struct lookout_counts lookout_counts(struct lookout *lookout)
{
    pthread_mutex_lock(&lookout->lock);
    struct lookout_counts counts = lookout->counts;
    pthread_mutex_unlock(&lookout->lock);
    return counts;
}

int lookout_descriptor(const struct lookout *lookout)
{
    return lookout->content.notify;
}

int lookout_steps_descriptor(const struct lookout *lookout)
{
    return lookout->steps->notify;
}

int lookout_mounts_descriptor(const struct lookout *lookout)
{
    return lookout->mounts;
}

struct lookout *lookout_new(size_t folder_bytes_max)
{
    struct lookout *lookout = calloc(1, sizeof *lookout);
    if (!lookout) return NULL;
    lookout->folder_bytes_max = folder_bytes_max;
    /* Whoever is told of an event, under the lock, may ask for whereabouts. */
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&lookout->lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    lookout->mounts = mounts_open();
    lookout->content.notify = notify_open();
    lookout->way.notify = lookout->content.notify >= 0 ? notify_open() : -1;
    lookout->steps = lookout->way.notify >= 0 ? &lookout->way : &lookout->content;
    return lookout;
}

struct watch *lookout_watch(struct lookout *lookout, const struct tree *tree, int root, const char *root_path)
{
    struct watch *watch = watch_new(lookout, tree, root, root_path);
    if (!watch) return NULL;
    watch->next = lookout->watches;
    lookout->watches = watch;
    return watch;
}

void lookout_free(struct lookout *lookout)
{
    if (!lookout) return;
    for (struct watch *watch = lookout->watches, *next; watch; watch = next) {
        next = watch->next;
        watch_free(watch);
    }
    if (lookout->way.notify >= 0) close(lookout->way.notify);
    if (lookout->content.notify >= 0) close(lookout->content.notify);
    if (lookout->mounts >= 0) close(lookout->mounts);
    for (unsigned i = 0; i < WATCH_BUCKETS; i++) {
        for (struct folder *folder = lookout->by_key[i], *next; folder; folder = next) {
            next = folder->key_next;
            free(folder);
        }
        for (struct watched_file *file = lookout->files[i], *next; file; file = next) {
            next = file->next;
            free(file);
        }
    }
    pthread_mutex_destroy(&lookout->lock);
    free(lookout);
}
