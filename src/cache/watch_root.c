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

enum { LINKS_MAX = 40, STEPS_MAX = 128 };

/* Watch the folder `path`, in which `name` is the next step of the root's path. False: it is not told of. */
static bool add_step(struct watch *watch, struct root_steps *steps, const char *path, const char *name)
{
    size_t name_size = strlen(name);
    if (steps->count == STEPS_MAX) return false;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    struct root_step *step = malloc(sizeof *step + name_size);
    int watched = step ? notify_watch_names(watch->lookout->steps->notify, fd) : -1;
    bool is_told = watched >= 0 && file_system_of(fd) == FILE_SYSTEM_LOCAL;
    close(fd);
    if (watched < 0) {
        free(step);
        return false;
    }
    *step = (struct root_step){ .next = steps->first, .watch = watch, .watched = watched };
    step->name_size = (uint32_t)name_size;
    memcpy(step->name, name, name_size);
    steps->first = step;
    steps->count++;
    return is_told;
}

/* Go along root_path, through its symbolic links, and watch each folder on the way. False: not all of them. */
static bool find_steps(struct watch *watch, struct root_steps *steps)
{
    char at[PATH_MAX] = "", rest[PATH_MAX], name[NAME_MAX + 1], target[PATH_MAX], joined[2 * PATH_MAX];
    unsigned links = 0;
    bool is_complete = true;
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
        is_complete &= add_step(watch, steps, at_size > 0 ? at : "/", name);
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

static struct root_step **step_bucket(struct lookout *lookout, int watched)
{
    return &lookout->by_step[(unsigned)watched % WATCH_BUCKETS];
}

/* Under the lock. */
static void link_steps(struct lookout *lookout, const struct root_steps *steps)
{
    for (struct root_step *step = steps->first; step; step = step->next) {
        struct root_step **bucket = step_bucket(lookout, step->watched);
        step->watched_next = *bucket;
        *bucket = step;
    }
}

/* Under the lock: those of before, once others have taken their place. */
static void free_steps(struct lookout *lookout, struct root_steps *steps)
{
    for (struct root_step *step = steps->first, *next; step; step = next) {
        next = step->next;
        struct root_step **link = step_bucket(lookout, step->watched);
        while (*link != step) link = &(*link)->watched_next;
        *link = step->watched_next;
        lookout_let_go(lookout, lookout->steps, step->watched);
        free(step);
    }
}

/* The steps that were found take the place of those before. Returns whether none of their watches was given up meanwhile. */
static bool take_steps(struct watch *watch, const struct root_steps *found, uint32_t forgets)
{
    struct lookout *lookout = watch->lookout;
    bool holds = true;
    pthread_mutex_lock(&lookout->lock);
    for (const struct root_step *step = found->first; step; step = step->next)
        holds &= !lookout_has_given_up(lookout->steps, step->watched, forgets);
    struct root_steps before = watch->steps;
    watch->steps = *found;
    link_steps(lookout, found);
    free_steps(lookout, &before);
    pthread_mutex_unlock(&lookout->lock);
    return holds;
}

static void watch_steps(struct watch *watch)
{
    enum { TRIES_MAX = 3 };
    struct lookout *lookout = watch->lookout;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        struct root_steps found = { 0 };
        pthread_mutex_lock(&lookout->lock);
        uint32_t forgets = lookout->steps->forgets;
        pthread_mutex_unlock(&lookout->lock);
        found.is_complete = find_steps(watch, &found) && tries < TRIES_MAX - 1;
        if (take_steps(watch, &found, forgets)) return;
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
            pthread_mutex_lock(&watch->lookout->lock);
            watch_void_everything(watch);
            pthread_mutex_unlock(&watch->lookout->lock);
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
    pthread_mutex_lock(&watch->lookout->lock);
    bool is_told = watch->steps.is_complete;
    pthread_mutex_unlock(&watch->lookout->lock);
    if (!is_told) watch_follow_root(watch);
    return !is_told;
}

/* Under root_lock: whether there are other mounts below the root than before. */
static bool has_other_mounts(struct watch *watch)
{
    char path[PATH_MAX];
    uint64_t sum = 0;
    if (watch->lookout->mounts < 0) return false;
    bool is_known =
        file_path_of(watch->root, path, sizeof path) && mounts_sum(watch->lookout->mounts, path, &sum) == STATUS_OK;
    bool is_other = !is_known || sum != watch->mounts_sum;
    watch->mounts_sum = sum;
    return is_other;
}

void watch_mounts_changed(struct watch *watch)
{
    pthread_mutex_lock(&watch->root_lock);
    follow_root(watch); /* something may have been mounted on the way to it */
    if (has_other_mounts(watch)) {
        pthread_mutex_lock(&watch->lookout->lock);
        watch_void_everything(watch);
        pthread_mutex_unlock(&watch->lookout->lock);
    }
    pthread_mutex_unlock(&watch->root_lock);
}

struct watch *watch_new(struct lookout *lookout, const struct tree *tree, int root, const char *root_path)
{
    struct watch *watch = calloc(1, sizeof *watch);
    char *path = strdup(root_path);
    if (!watch || !path) {
        free(watch);
        free(path);
        return NULL;
    }
    *watch = (struct watch){ .lookout = lookout, .tree = tree, .root_path = path, .root = root };
    pthread_mutex_init(&watch->root_lock, NULL);
    watch_follow_root(watch); /* it may be another since `root` was opened */
    (void)has_other_mounts(watch);
    return watch;
}

void watch_free(struct watch *watch)
{
    pthread_mutex_lock(&watch->lookout->lock);
    free_steps(watch->lookout, &watch->steps);
    pthread_mutex_unlock(&watch->lookout->lock);
    free(watch->root_path);
    pthread_mutex_destroy(&watch->root_lock);
    free(watch);
}
