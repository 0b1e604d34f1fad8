/* From what the kernel tells to the keys that it concerns; and the root, which may be another after a rename. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/watch_private.h"

enum { LINKS_MAX = 40, KEY_BYTES_MAX = PATH_MAX + NAME_MAX + 2 };

struct telling {
    struct watch *watch;
    const struct watch_listener *listener;
    bool root_may_differ;
};

/* Watch the folder `path`, in which `name` is the next step of DocumentRoot's path. */
static void add_step(struct watch *watch, const char *path, const char *name)
{
    if (watch->step_count == ROOT_STEPS_MAX) return;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    struct root_step *step = &watch->steps[watch->step_count];
    step->watched = notify_watch_names(watch->notify, fd);
    close(fd);
    if (step->watched < 0 || strlen(name) >= sizeof step->name) return;
    memcpy(step->name, name, strlen(name) + 1);
    watch->step_count++;
}

/* Go along DocumentRoot's path, through its symbolic links, and watch each folder on the way. */
static void watch_steps(struct watch *watch)
{
    char at[PATH_MAX] = "", rest[PATH_MAX], name[NAME_MAX + 1], target[PATH_MAX], joined[2 * PATH_MAX];
    unsigned links = 0;
    watch->step_count = 0;
    snprintf(rest, sizeof rest, "%s", watch->root_path);
    while (rest[strspn(rest, "/")] != '\0') {
        char *begin = rest + strspn(rest, "/");
        size_t size = strcspn(begin, "/"), at_size = strlen(at);
        if (size > NAME_MAX || at_size + size + 2 > sizeof at) return;
        memcpy(name, begin, size);
        name[size] = '\0';
        memmove(rest, begin + size, strlen(begin + size) + 1);
        if (strcmp(name, ".") == 0) continue;
        if (strcmp(name, "..") == 0) {
            char *slash = strrchr(at, '/');
            if (slash) *slash = '\0';
            continue;
        }
        add_step(watch, at_size > 0 ? at : "/", name);
        snprintf(at + at_size, sizeof at - at_size, "/%s", name);
        ssize_t length = readlink(at, target, sizeof target - 1);
        if (length <= 0) continue;
        if (++links > LINKS_MAX) return;
        target[length] = '\0';
        snprintf(joined, sizeof joined, "%s%s", target, rest);
        if (strlen(joined) >= sizeof rest) return;
        memcpy(rest, joined, strlen(joined) + 1);
        at[target[0] == '/' ? 0 : at_size] = '\0';
    }
}

void watch_free(struct watch *watch)
{
    if (!watch) return;
    if (watch->notify >= 0) close(watch->notify);
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
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

int watch_descriptor(const struct watch *watch)
{
    return watch->notify;
}

/* Under the lock: the root folder, and with it everything. */
static void void_everything(struct watch *watch)
{
    struct folder *root = watch_find_folder(watch, SPAN("/"));
    if (root) watch_void_folder(watch, root);
}

/* Does DocumentRoot name another folder now? If it names none, the last one stays. */
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
            void_everything(watch);
            pthread_mutex_unlock(&watch->lock);
        }
    }
    if (fd >= 0) close(fd);
}

struct watch *watch_new(int root, const char *root_path)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch) return NULL;
    watch->root = root;
    pthread_mutex_init(&watch->lock, NULL);
    watch->notify = notify_open();
    watch->root_path = strdup(root_path);
    if (watch->notify < 0 || !watch->root_path) {
        watch_free(watch);
        return NULL;
    }
    follow_root(watch); /* it may be another since `root` was opened */
    return watch;
}

static void tell_name(struct telling *telling, struct folder *folder, const struct notify_event *event)
{
    char key[KEY_BYTES_MAX];
    size_t size = (size_t)folder->key_size + event->name.size;
    if (size + 1 > sizeof key) return;
    memcpy(key, folder->key, folder->key_size);
    memcpy(key + folder->key_size, event->name.data, event->name.size);
    watch_note_event(folder, event->name);
    /* release: whoever sees it, and then looks, finds the name */
    if (event->what & NOTIFY_APPEARED) atomic_fetch_add_explicit(&folder->appearances, 1, memory_order_release);
    bool may_be_folder = (event->what & NOTIFY_IS_FOLDER) || (event->what & (NOTIFY_APPEARED | NOTIFY_VANISHED));
    if (may_be_folder) { /* a symbolic link to a folder is told as a file */
        key[size] = '/';
        struct folder *child = watch_find_folder(telling->watch, span_of(key, size + 1));
        if (child) watch_void_folder(telling->watch, child);
    }
    telling->listener->path_changed(telling->listener->context, span_of(key, size), event->what);
}

static void tell_files(struct telling *telling, const struct notify_event *event)
{
    struct watch *watch = telling->watch;
    struct watched_file **at = &watch->files[(unsigned)event->watch % WATCH_BUCKETS];
    while (*at) {
        struct watched_file *file = *at;
        if (file->watched != event->watch) {
            at = &file->next;
            continue;
        }
        telling->listener->key_changed(telling->listener->context, span_of(file->key, file->key_size), event->what);
        /* A file that is being written stays watched, until it is closed; else the next load watches it again. */
        if ((event->what & ~(unsigned)NOTIFY_MODIFIED) == 0) {
            at = &file->next;
            continue;
        }
        if (!(event->what & NOTIFY_GONE)) notify_forget(watch->notify, file->watched);
        *at = file->next;
        free(file);
        watch->counts.files--;
    }
}

static void tell(void *context, const struct notify_event *event)
{
    struct telling *telling = context;
    struct watch *watch = telling->watch;
    pthread_mutex_lock(&watch->lock);
    watch->counts.events++;
    if (event->what & NOTIFY_OVERFLOW) {
        watch->counts.overflows++;
        void_everything(watch);
        telling->root_may_differ = true;
        pthread_mutex_unlock(&watch->lock);
        return;
    }
    for (unsigned i = 0; i < watch->step_count; i++) {
        const struct root_step *step = &watch->steps[i];
        if (step->watched != event->watch) continue;
        if ((event->what & NOTIFY_GONE) || span_equal(event->name, span_of_string(step->name)))
            telling->root_may_differ = true;
    }
    struct folder *next;
    for (struct folder *folder = watch->by_watched[(unsigned)event->watch % WATCH_BUCKETS]; folder; folder = next) {
        next = folder->watched_next; /* stays in memory, also when it leaves the list */
        if (folder->watched != event->watch) continue;
        if (event->name.size > 0)
            tell_name(telling, folder, event);
        else
            watch_void_folder(watch, folder);
    }
    tell_files(telling, event);
    pthread_mutex_unlock(&watch->lock);
}

void watch_events(struct watch *watch, const struct watch_listener *listener)
{
    struct telling telling = { .watch = watch, .listener = listener };
    notify_read(watch->notify, tell, &telling);
    if (telling.root_may_differ) follow_root(watch);
}
