/* From what the kernel tells to the paths and keys that it concerns. */
#include <limits.h>
#include <stdlib.h>

#include "cache/watch_private.h"

enum { KEY_BYTES_MAX = PATH_MAX + NAME_MAX + 2 };

struct telling {
    struct lookout *lookout;
    const struct lookout_listener *listener;
    bool roots_may_differ; /* those of which it is noted */
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
        struct folder *child = watch_find_folder(folder->watch, span_of(key, size + 1));
        if (child) watch_void_folder(child);
    }
    const struct lookout_listener *listener = telling->listener;
    listener->path_changed(listener->context, folder->watch->tree, span_of(key, size), event->what);
}

static void tell_files(struct telling *telling, const struct notify_event *event)
{
    struct lookout *lookout = telling->lookout;
    struct watched_file **at = &lookout->files[(unsigned)event->watch % WATCH_BUCKETS];
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
        lookout->counts.files--;
        is_over = true;
    }
    if (is_over) lookout_let_go(lookout, &lookout->content, event->watch);
}

static void doubt_root(struct telling *telling, struct watch *watch)
{
    watch->root_may_differ = true;
    telling->roots_may_differ = true;
}

/* Of the ways to the roots. */
static void tell_step(void *context, const struct notify_event *event)
{
    struct telling *telling = context;
    struct lookout *lookout = telling->lookout;
    if (event->what & NOTIFY_OVERFLOW) {
        for (struct watch *watch = lookout->watches; watch; watch = watch->next) doubt_root(telling, watch);
        return;
    }
    pthread_mutex_lock(&lookout->lock);
    struct root_step *step = lookout->by_step[(unsigned)event->watch % WATCH_BUCKETS];
    for (; step; step = step->watched_next) {
        if (step->watched != event->watch) continue;
        if ((event->what & NOTIFY_GONE) || span_equal(event->name, span_of(step->name, step->name_size)))
            doubt_root(telling, step->watch);
    }
    pthread_mutex_unlock(&lookout->lock);
}

static void tell(void *context, const struct notify_event *event)
{
    struct telling *telling = context;
    struct lookout *lookout = telling->lookout;
    if (lookout->steps == &lookout->content) tell_step(context, event);
    pthread_mutex_lock(&lookout->lock);
    lookout->counts.events++;
    if (event->what & NOTIFY_OVERFLOW) {
        lookout->counts.overflows++;
        for (struct watch *watch = lookout->watches; watch; watch = watch->next) {
            watch_void_everything(watch);
            doubt_root(telling, watch);
        }
        pthread_mutex_unlock(&lookout->lock);
        return;
    }
    struct folder *next;
    for (struct folder *folder = lookout->by_watched[(unsigned)event->watch % WATCH_BUCKETS]; folder; folder = next) {
        next = folder->watched_next; /* stays in memory, also when it leaves the list */
        if (folder->watched != event->watch) continue;
        if (event->name.size > 0)
            tell_name(telling, folder, event);
        else
            watch_void_folder(folder);
        if (event->what & NOTIFY_GONE) watch_drop(lookout, folder);
    }
    tell_files(telling, event);
    pthread_mutex_unlock(&lookout->lock);
}

static void follow_roots(const struct telling *telling)
{
    if (!telling->roots_may_differ) return;
    for (struct watch *watch = telling->lookout->watches; watch; watch = watch->next) {
        if (!watch->root_may_differ) continue;
        watch->root_may_differ = false; /* before the look */
        watch_follow_root(watch);
    }
}

void lookout_events(struct lookout *lookout, const struct lookout_listener *listener)
{
    struct telling telling = { .lookout = lookout, .listener = listener };
    notify_read(lookout->content.notify, tell, &telling);
    follow_roots(&telling);
}

void lookout_steps_events(struct lookout *lookout)
{
    struct telling telling = { .lookout = lookout };
    if (lookout->steps == &lookout->content) return; /* lookout_events() goes through them */
    notify_read(lookout->way.notify, tell_step, &telling);
    follow_roots(&telling);
}
