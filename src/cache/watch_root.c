/* A watch as a whole: its beginning and end, and its root, which may be another folder after a rename or a mount. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/watch_private.h"
#include "platform/mounts.h"

enum { LINKS_MAX = 40 };

/* Watch the folder `path`, in which `name` is the next step of DocumentRoot's path. False: it is not told of. */
static bool add_step(struct watch *watch, const char *path, const char *name)
{
    struct root_steps *steps = &watch->fresh;
    if (steps->count == ROOT_STEPS_MAX) return false;
    struct root_step *step = &steps->at[steps->count];
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    step->watched = notify_watch_names(watch->steps_notify, fd);
    bool is_told = step->watched >= 0 && file_system_of(fd) == FILE_SYSTEM_LOCAL;
    close(fd);
    if (step->watched < 0) return false;
    memcpy(step->name, name, strlen(name) + 1);
    steps->count++;
    return is_told;
}

/* Go along DocumentRoot's path, through its symbolic links, and watch each folder on the way. False: not all of them. */
static bool find_steps(struct watch *watch)
{
    char at[PATH_MAX] = "", rest[PATH_MAX], name[NAME_MAX + 1], target[PATH_MAX], joined[2 * PATH_MAX];
    unsigned links = 0;
    bool is_complete = true;
    watch->fresh.count = 0;
    snprintf(rest, sizeof rest, "%s", watch->root_path);
    while (rest[strspn(rest, "/")] != '\0') {
        char *begin = rest + strspn(rest, "/");
        size_t size = strcspn(begin, "/"), at_size = strlen(at);
        if (size > NAME_MAX || at_size + size + 2 > sizeof at) return false;
        memcpy(name, begin, size);
        name[size] = '\0';
        memmove(rest, begin + size, strlen(begin + size) + 1);
        if (strcmp(name, ".") == 0) continue;
        if (strcmp(name, "..") == 0) {
            char *slash = strrchr(at, '/');
            if (slash) *slash = '\0';
            continue;
        }
        is_complete &= add_step(watch, at_size > 0 ? at : "/", name);
        snprintf(at + at_size, sizeof at - at_size, "/%s", name);
        ssize_t length = readlink(at, target, sizeof target - 1);
        if (length <= 0) continue;
        if (++links > LINKS_MAX) return false;
        target[length] = '\0';
        snprintf(joined, sizeof joined, "%s%s", target, rest);
        if (strlen(joined) >= sizeof rest) return false;
        memcpy(rest, joined, strlen(joined) + 1);
        at[target[0] == '/' ? 0 : at_size] = '\0';
    }
    return is_complete;
}

/* Under the lock: a step of before. */
static void let_go_of_step(struct watch *watch, int watched)
{
    if (watch->steps_notify == watch->notify) {
        watch_let_go(watch, watched);
        return;
    }
    for (unsigned i = 0; i < watch->steps.count; i++)
        if (watch->steps.at[i].watched == watched) return;
    notify_forget(watch->steps_notify, watched);
}

/* The steps that were found take the place of those before. Returns whether none of their watches was given up meanwhile. */
static bool take_steps(struct watch *watch, uint32_t forgets)
{
    bool holds = true, is_apart = watch->steps_notify != watch->notify;
    pthread_mutex_lock(&watch->lock);
    for (unsigned i = 0; i < watch->fresh.count && !is_apart; i++)
        holds &= !watch_was_given_up(watch, watch->fresh.at[i].watched, forgets);
    struct root_steps before = watch->steps;
    watch->steps = watch->fresh;
    for (unsigned i = 0; i < before.count; i++) let_go_of_step(watch, before.at[i].watched);
    pthread_mutex_unlock(&watch->lock);
    return holds;
}

static void watch_steps(struct watch *watch)
{
    enum { TRIES_MAX = 3 };
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        pthread_mutex_lock(&watch->lock);
        uint32_t forgets = watch->forgets;
        pthread_mutex_unlock(&watch->lock);
        watch->fresh.is_complete = find_steps(watch) && tries < TRIES_MAX - 1;
        if (take_steps(watch, forgets)) return;
    }
}

/* Under root_lock. */
static void follow_root(struct watch *watch)
{
    struct stat before, now;
    watch_steps(watch); /* first: what changes on the way after the look is an event */
    int fd = file_root_open(watch->root_path);
    if (fd >= 0 && fstat(fd, &now) == 0 && fstat(watch->root, &before) == 0 &&
        (now.st_dev != before.st_dev || now.st_ino != before.st_ino)) {
        /* In one step: whoever opens beneath the root meets the one or the other. */
        if (dup3(fd, watch->root, O_CLOEXEC) >= 0) {
            pthread_mutex_lock(&watch->lock);
            watch_void_everything(watch);
            pthread_mutex_unlock(&watch->lock);
        }
    }
    if (fd >= 0) close(fd);
}

void watch_follow_root(struct watch *watch)
{
    pthread_mutex_lock(&watch->root_lock);
    follow_root(watch);
    pthread_mutex_unlock(&watch->root_lock);
}

bool watch_check_root(struct watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    bool is_told = watch->steps.is_complete;
    pthread_mutex_unlock(&watch->lock);
    if (!is_told) watch_follow_root(watch);
    return !is_told;
}

/* Under root_lock: whether there are other mounts below the root than before. */
static bool has_other_mounts(struct watch *watch)
{
    char path[PATH_MAX];
    uint64_t sum = 0;
    if (watch->mounts < 0) return false;
    bool is_known = file_path_of(watch->root, path, sizeof path) && mounts_sum(watch->mounts, path, &sum) == STATUS_OK;
    bool is_other = !is_known || sum != watch->mounts_sum;
    watch->mounts_sum = sum;
    return is_other;
}

void watch_mounts_changed(struct watch *watch)
{
    pthread_mutex_lock(&watch->root_lock);
    follow_root(watch); /* something may have been mounted on the way to it */
    if (has_other_mounts(watch)) {
        pthread_mutex_lock(&watch->lock);
        watch_void_everything(watch);
        pthread_mutex_unlock(&watch->lock);
    }
    pthread_mutex_unlock(&watch->root_lock);
}

int watch_descriptor(const struct watch *watch)
{
    return watch->notify;
}

int watch_steps_descriptor(const struct watch *watch)
{
    return watch->steps_notify;
}

int watch_mounts_descriptor(const struct watch *watch)
{
    return watch->mounts;
}

struct watch *watch_new(int root, const char *root_path, size_t folder_bytes_max)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch) return NULL;
    watch->root = root;
    watch->folder_bytes_max = folder_bytes_max;
    /* Whoever is told of an event, under the lock, may ask for whereabouts. */
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&watch->lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    pthread_mutex_init(&watch->root_lock, NULL);
    watch->mounts = mounts_open();
    watch->notify = notify_open();
    watch->steps_notify = notify_open();
    if (watch->steps_notify < 0) watch->steps_notify = watch->notify;
    watch->root_path = strdup(root_path);
    if (watch->notify < 0 || !watch->root_path) {
        watch_free(watch);
        return NULL;
    }
    watch_follow_root(watch); /* it may be another since `root` was opened */
    (void)has_other_mounts(watch);
    return watch;
}

void watch_free(struct watch *watch)
{
    if (!watch) return;
    if (watch->steps_notify >= 0 && watch->steps_notify != watch->notify) close(watch->steps_notify);
    if (watch->notify >= 0) close(watch->notify);
    if (watch->mounts >= 0) close(watch->mounts);
    for (unsigned i = 0; i < WATCH_BUCKETS; i++) {
        for (struct folder *folder = watch->by_key[i], *next; folder; folder = next) {
            next = folder->key_next;
            free(folder);
        }
        for (struct watched_file *file = watch->files[i], *next; file; file = next) {
            next = file->next;
            free(file);
        }
    }
    free(watch->root_path);
    pthread_mutex_destroy(&watch->root_lock);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}
