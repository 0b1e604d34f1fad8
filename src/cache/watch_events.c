/* From what the kernel tells to the keys that it concerns. */
#include <limits.h>
#include <stdlib.h>

#include "cache/watch_private.h"

enum { KEY_BYTES_MAX = PATH_MAX + NAME_MAX + 2 };

struct telling {
    struct watch *watch;
    const struct watch_listener *listener;
    bool root_may_differ;
};

static void tell_name(struct telling *telling, struct folder *folder, const struct notify_event *event)
{
    char key[KEY_BYTES_MAX];
    size_t size = (size_t)folder->key_size + event->name.size;
    if (size + 1 > sizeof key) return;
    memcpy(key, folder->key, folder->key_size);
    memcpy(key + folder->key_size, event->name.data, event->name.size);
    watch_note_event(folder, event->name);
    /* release: whoever sees it, and then looks, finds the name, or may enter the folder */
    bool may_be_entered = (event->what & NOTIFY_IS_FOLDER) && (event->what & NOTIFY_ATTRIBUTES);
    if ((event->what & NOTIFY_APPEARED) || may_be_entered)
        atomic_fetch_add_explicit(&folder->appearances, 1, memory_order_release);
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
    bool is_over = false;
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
        *at = file->next;
        free(file);
        watch->counts.files--;
        is_over = true;
    }
    if (is_over) watch_let_go(watch, event->watch);
}

/* Of the way to the root. */
static void tell_step(void *context, const struct notify_event *event)
{
    struct telling *telling = context;
    struct watch *watch = telling->watch;
    if (event->what & NOTIFY_OVERFLOW) telling->root_may_differ = true;
    pthread_mutex_lock(&watch->lock);
    for (unsigned i = 0; i < watch->steps.count; i++) {
        const struct root_step *step = &watch->steps.at[i];
        if (step->watched != event->watch) continue;
        if ((event->what & NOTIFY_GONE) || span_equal(event->name, span_of_string(step->name)))
            telling->root_may_differ = true;
    }
    pthread_mutex_unlock(&watch->lock);
}

static void tell(void *context, const struct notify_event *event)
{
    struct telling *telling = context;
    struct watch *watch = telling->watch;
    if (watch->steps_notify == watch->notify) tell_step(context, event);
    pthread_mutex_lock(&watch->lock);
    watch->counts.events++;
    if (event->what & NOTIFY_OVERFLOW) {
        watch->counts.overflows++;
        watch_void_everything(watch);
        telling->root_may_differ = true;
        pthread_mutex_unlock(&watch->lock);
        return;
    }
    struct folder *next;
    for (struct folder *folder = watch->by_watched[(unsigned)event->watch % WATCH_BUCKETS]; folder; folder = next) {
        next = folder->watched_next; /* stays in memory, also when it leaves the list */
        if (folder->watched != event->watch) continue;
        if (event->name.size > 0)
            tell_name(telling, folder, event);
        else
            watch_void_folder(watch, folder);
        if (event->what & NOTIFY_GONE) watch_drop(watch, folder);
    }
    tell_files(telling, event);
    pthread_mutex_unlock(&watch->lock);
}

void watch_events(struct watch *watch, const struct watch_listener *listener)
{
    struct telling telling = { .watch = watch, .listener = listener };
    notify_read(watch->notify, tell, &telling);
    if (telling.root_may_differ) watch_follow_root(watch);
}

void watch_steps_events(struct watch *watch)
{
    struct telling telling = { .watch = watch };
    if (watch->steps_notify == watch->notify) return; /* watch_events() goes through them */
    notify_read(watch->steps_notify, tell_step, &telling);
    if (telling.root_may_differ) watch_follow_root(watch);
}
