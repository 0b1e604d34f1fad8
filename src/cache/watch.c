#include "cache/watch.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/path_parts.h"
#include "cache/watch_private.h"

/* FNV-1a: names are short, and no peer can choose a folder's name. */
static uint32_t hash_on(uint32_t hash, struct span text)
{
    for (size_t i = 0; i < text.size; i++) hash = (hash ^ (unsigned char)text.data[i]) * 16777619u;
    return hash;
}

static uint32_t hash_text(struct span text)
{
    return hash_on(2166136261u, text);
}

/* Of a key in its tree: sites have folders of the same names. */
static uint32_t hash_key(const struct watch *watch, struct span key)
{
    return hash_on(hash_text(span_of((const char *)&watch, sizeof watch)), key);
}

static struct folder **key_bucket(struct lookout *lookout, uint32_t hash)
{
    return &lookout->by_key[hash % WATCH_BUCKETS];
}

static struct folder **watched_bucket(struct lookout *lookout, int watched)
{
    return &lookout->by_watched[(unsigned)watched % WATCH_BUCKETS];
}

static struct watched_file **file_bucket(struct lookout *lookout, int watched)
{
    return &lookout->files[(unsigned)watched % WATCH_BUCKETS];
}

struct folder *watch_find_folder(struct watch *watch, struct span key)
{
    uint32_t hash = hash_key(watch, key);
    struct folder *folder = *key_bucket(watch->lookout, hash);
    while (folder &&
           !(folder->hash == hash && folder->watch == watch && span_equal(span_of(folder->key, folder->key_size), key)))
        folder = folder->key_next;
    return folder;
}

static size_t folder_bytes(size_t key_size)
{
    enum { ALLOCATOR_BYTES = 16 };
    return sizeof(struct folder) + key_size + ALLOCATOR_BYTES;
}

/* Under the lock: out of every list, and freed. Nobody holds it, and nothing is below it. */
static void remove_folder(struct lookout *lookout, struct folder *folder)
{
    watch_drop(lookout, folder);
    struct folder **link = &folder->parent->child;
    while (*link != folder) link = &(*link)->sibling;
    *link = folder->sibling;
    link = key_bucket(lookout, folder->hash);
    while (*link != folder) link = &(*link)->key_next;
    *link = folder->key_next;
    lookout->folder_bytes -= folder_bytes(folder->key_size);
    lookout->counts.folders--;
    lookout->counts.by_age -= folder->needs_checks;
    free(folder);
}

/* Under the lock. The root stays. */
static bool is_of_use(const struct folder *folder)
{
    /* acquire: after everything that was done with it */
    return atomic_load_explicit(&folder->references, memory_order_acquire) > 0 || folder->child || !folder->parent;
}

void watch_tidy(struct lookout *lookout, unsigned buckets)
{
    for (unsigned i = 0; i < buckets; i++) {
        struct folder **at = &lookout->by_key[lookout->tidy_at++ % WATCH_BUCKETS];
        while (*at) {
            if (!(*at)->is_known) watch_drop(lookout, *at);
            if (is_of_use(*at))
                at = &(*at)->key_next;
            else
                remove_folder(lookout, *at);
        }
    }
}

/* Under the lock: a folder that nothing is known of yet. NULL: no memory, or no room for more. */
static struct folder *add_folder(struct watch *watch, struct span key, struct folder *parent)
{
    enum { BUCKETS_A_TIME = 1024 };
    struct lookout *lookout = watch->lookout;
    size_t bytes = folder_bytes(key.size);
    if (lookout->folder_bytes + bytes > lookout->folder_bytes_max) watch_tidy(lookout, BUCKETS_A_TIME);
    bool has_room = lookout->folder_bytes + bytes <= lookout->folder_bytes_max;
    struct folder *folder = has_room ? calloc(1, sizeof *folder + key.size) : NULL;
    if (!folder) {
        lookout->counts.refused++;
        return NULL;
    }
    lookout->folder_bytes += bytes;
    folder->hash = hash_key(watch, key);
    folder->watch = watch;
    folder->watched = -1;
    folder->key_size = (uint16_t)key.size;
    memcpy(folder->key, key.data, key.size);
    folder->parent = parent;
    if (parent) {
        folder->sibling = parent->child;
        parent->child = folder;
    }
    struct folder **bucket = key_bucket(lookout, folder->hash);
    folder->key_next = *bucket;
    *bucket = folder;
    lookout->counts.folders++;
    return folder;
}

/* Under the lock. */
static void take_mark(struct folder *folder, bool is_above, struct watch_mark *ret_mark)
{
    atomic_fetch_add_explicit(&folder->references, 1, memory_order_relaxed);
    *ret_mark = (struct watch_mark){
        .folder = folder,
        .version = atomic_load_explicit(&folder->version, memory_order_relaxed),
        .appearances = atomic_load_explicit(&folder->appearances, memory_order_relaxed),
        .events = watch_events_in(folder),
        .device = folder->device,
        .is_remote = folder->is_remote,
        .needs_checks = folder->needs_checks,
        .is_above = is_above,
    };
}

void watch_leave(struct watch_mark *mark)
{
    folder_unref(mark->folder);
    mark->folder = NULL;
}

void watch_drop(struct lookout *lookout, struct folder *folder)
{
    int watched = folder->watched;
    if (watched < 0) return;
    struct folder **at = watched_bucket(lookout, watched);
    while (*at != folder) at = &(*at)->watched_next;
    *at = folder->watched_next;
    folder->watched = -1;
    lookout_let_go(lookout, &lookout->content, watched);
}

/* It stays watched until it is looked at again, which finds the same watch, or another: giving up thousands of them here
 * would have everybody wait who wants the lock. If nobody looks, tidying gives it up. */
void watch_void_folder(struct folder *folder)
{
    /* release: whoever sees the new version, and then looks, looks at what is there now */
    atomic_fetch_add_explicit(&folder->version, 1, memory_order_release);
    folder->is_known = false;
    for (struct folder *child = folder->child; child; child = child->sibling) watch_void_folder(child);
}

void watch_void_everything(struct watch *watch)
{
    struct folder *root = watch_find_folder(watch, SPAN("/"));
    if (root) watch_void_folder(root);
}

/* What the key of a folder leads to. */
struct found {
    int place, watched;
    uint64_t device;
    bool needs_checks, is_remote, is_there;
};

/* Look, and watch; no lock is held, as this may wait. */
static enum status look_at_folder(struct watch *watch, struct span key, struct found *ret_found)
{
    char path[PATH_MAX];
    struct file_identity identity;
    struct file_facts facts;
    *ret_found = (struct found){ .place = -1, .watched = -1 };
    if (key.size >= sizeof path) return STATUS_NOT_FOUND;
    memcpy(path, key.data + 1, key.size - 1);
    memcpy(path + key.size - 1, ".", 2);
    enum status status = file_find(watch->root, path, FILE_WAIT, &ret_found->place, &facts, &identity);
    if (status != STATUS_OK) return status;
    enum file_system system = file_system_of(ret_found->place);
    ret_found->is_there = facts.type == FILE_FOLDER;
    ret_found->device = identity.device;
    ret_found->is_remote = system == FILE_SYSTEM_REMOTE;
    ret_found->needs_checks = facts.crosses_link || system != FILE_SYSTEM_LOCAL;
    if (ret_found->is_there) ret_found->watched = notify_watch_folder(watch->lookout->content.notify, ret_found->place);
    close(ret_found->place);
    return STATUS_OK;
}

/* Under the lock: `folder` is known now. */
static void make_known(struct lookout *lookout, struct folder *folder, const struct found *found)
{
    /* What was loaded before the watch stood is not covered by it. */
    atomic_fetch_add_explicit(&folder->version, 1, memory_order_release);
    folder->is_known = true;
    lookout->counts.by_age -= folder->needs_checks;
    folder->device = found->device;
    folder->is_remote = found->is_remote;
    folder->needs_checks = found->needs_checks || found->watched < 0 || lookout->mounts < 0 ||
                           (folder->parent && (folder->parent->needs_checks || folder->parent->watched < 0));
    lookout->counts.by_age += folder->needs_checks;
    lookout->counts.refused += found->watched < 0;
    if (folder->watched == found->watched) return;
    watch_drop(lookout, folder);
    if (found->watched < 0) return;
    folder->watched = found->watched;
    struct folder **bucket = watched_bucket(lookout, folder->watched);
    folder->watched_next = *bucket;
    *bucket = folder;
}

/* What was not there is forgotten at once: anybody can ask for as many as he likes. */
static void forget_unknown(struct lookout *lookout, struct folder *folder)
{
    pthread_mutex_lock(&lookout->lock);
    folder_unref(folder);
    if (!folder->is_known && !is_of_use(folder)) remove_folder(lookout, folder);
    pthread_mutex_unlock(&lookout->lock);
}

/* Under the lock. */
static uint32_t version_of(const struct folder *folder)
{
    return folder ? atomic_load_explicit(&folder->version, memory_order_relaxed) : 0;
}

enum ensured { ENSURED, NOT_THERE, UNKNOWABLE };

/* Make the folder `key` known; its parent (NULL for the root) is, and is not freed meanwhile. */
static enum ensured ensure_folder(struct watch *watch, struct span key, struct folder *parent, struct folder **ret)
{
    enum { TRIES_MAX = 3 };
    struct lookout *lookout = watch->lookout;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        pthread_mutex_lock(&lookout->lock);
        struct folder *folder = watch_find_folder(watch, key);
        if (!folder) folder = add_folder(watch, key, parent);
        if (folder) atomic_fetch_add_explicit(&folder->references, 1, memory_order_relaxed);
        uint32_t parent_events = parent ? watch_events_in(parent) : 0, parent_version = version_of(parent);
        uint32_t version = version_of(folder), forgets = lookout->content.forgets;
        bool is_known = folder && folder->is_known;
        pthread_mutex_unlock(&lookout->lock);
        if (!folder) return UNKNOWABLE;
        *ret = folder;
        if (is_known) return ENSURED;
        struct found found;
        enum status status = look_at_folder(watch, key, &found);
        pthread_mutex_lock(&lookout->lock);
        /* Another may have been here first; or something happened above, and what was found is elsewhere now. */
        bool is_still_there = version_of(folder) == version && version_of(parent) == parent_version &&
                              (!parent || (parent->is_known && watch_events_in(parent) == parent_events));
        bool is_watched = !lookout_has_given_up(&lookout->content, found.watched, forgets);
        if (status == STATUS_OK && found.is_there && is_still_there && is_watched && !folder->is_known)
            make_known(lookout, folder, &found);
        is_known = folder->is_known;
        lookout_let_go(lookout, &lookout->content, found.watched);
        pthread_mutex_unlock(&lookout->lock);
        if (is_known) return ENSURED;
        forget_unknown(lookout, folder);
        /* What may not be entered is nothing, until its permissions change: the folder above tells of that. */
        if (status == STATUS_NOT_FOUND || status == STATUS_REFUSED || (status == STATUS_OK && !found.is_there))
            return NOT_THERE;
        if (status != STATUS_OK) return UNKNOWABLE;
    }
    return UNKNOWABLE;
}

/* Make every folder from the root down to `part` known, and take a mark at the last. */
static void enter_slowly(struct watch *watch, struct span part, struct watch_mark *ret_mark)
{
    struct folder *parent = NULL;
    *ret_mark = (struct watch_mark){ .needs_checks = true, .is_remote = true }; /* as far as is known */
    for (size_t size = 1; size <= part.size; size++) {
        if (part.data[size - 1] != '/') continue;
        struct folder *folder;
        enum ensured ensured = ensure_folder(watch, span_first(part, size), parent, &folder);
        if (ensured == ENSURED) {
            folder_unref(parent); /* its child holds no reference, but is in its list: tidying leaves it alone */
            parent = folder;
            continue;
        }
        if (ensured == NOT_THERE && parent) {
            pthread_mutex_lock(&watch->lookout->lock);
            take_mark(parent, true, ret_mark);
            pthread_mutex_unlock(&watch->lookout->lock);
        }
        folder_unref(parent);
        return;
    }
    if (!parent) return;
    pthread_mutex_lock(&watch->lookout->lock);
    take_mark(parent, false, ret_mark);
    pthread_mutex_unlock(&watch->lookout->lock);
    folder_unref(parent);
}

enum status watch_enter(struct watch *watch, struct span key, enum file_patience patience, struct watch_mark *ret_mark)
{
    struct span part = path_folder(key);
    pthread_mutex_lock(&watch->lookout->lock);
    struct folder *folder = watch_find_folder(watch, part);
    bool is_known = folder && folder->is_known;
    if (is_known) take_mark(folder, false, ret_mark);
    pthread_mutex_unlock(&watch->lookout->lock);
    if (is_known) return STATUS_OK;
    if (patience == FILE_NOWAIT) return STATUS_WOULD_BLOCK;
    enter_slowly(watch, part, ret_mark);
    return STATUS_OK;
}

void watch_whereabouts(struct watch *watch, struct span key, uint64_t *ret_device, struct span *ret_unknown)
{
    struct span part = path_folder(key);
    *ret_device = 0;
    *ret_unknown = SPAN_NONE;
    pthread_mutex_lock(&watch->lookout->lock);
    while (part.size > 0) {
        const struct folder *folder = watch_find_folder(watch, part);
        if (folder && folder->is_known) {
            *ret_device = folder->device;
            break;
        }
        *ret_unknown = part;
        part = path_parent(part);
    }
    pthread_mutex_unlock(&watch->lookout->lock);
}

bool watch_holds(struct watch *watch, const struct watch_mark *mark, struct span key)
{
    const struct folder *folder = mark->folder;
    if (!folder) return true; /* looked at by age */
    if (atomic_load_explicit(&folder->version, memory_order_acquire) != mark->version) return false;
    if (mark->is_above) return atomic_load_explicit(&folder->appearances, memory_order_acquire) == mark->appearances;
    /* Events on other names in the same folder do not matter; of too many, it is not known whose they were. */
    struct span name = span_from(key, folder->key_size);
    uint32_t hash = name.size > 0 ? hash_text(name) : 0;
    pthread_mutex_lock(&watch->lookout->lock);
    uint32_t events = watch_events_in(folder), happened = events - mark->events;
    bool holds = happened <= ARRAY_COUNT(folder->recent);
    for (uint32_t i = 0; holds && i < happened; i++) {
        /* A folder's own key stands for its index, whose name is not known here: any event may be its. */
        holds = name.size > 0 && folder->recent[(events - 1 - i) % ARRAY_COUNT(folder->recent)] != hash;
    }
    pthread_mutex_unlock(&watch->lookout->lock);
    return holds;
}

void watch_note_event(struct folder *folder, struct span name)
{
    folder->recent[watch_events_in(folder) % ARRAY_COUNT(folder->recent)] = hash_text(name);
    /* release: whoever sees it, and then looks, finds what it tells of */
    atomic_fetch_add_explicit(&folder->events, 1, memory_order_release);
}

/* Under the lock. */
static void add_file(struct lookout *lookout, int watched, struct span key)
{
    struct watched_file **bucket = file_bucket(lookout, watched), *file = *bucket;
    while (file && !(file->watched == watched && span_equal(span_of(file->key, file->key_size), key)))
        file = file->next;
    if (!file && lookout->counts.files < WATCHED_FILES_MAX && (file = malloc(sizeof *file + key.size)) != NULL) {
        *file = (struct watched_file){ .next = *bucket, .watched = watched, .key_size = (uint32_t)key.size };
        memcpy(file->key, key.data, key.size);
        *bucket = file;
        lookout->counts.files++;
    }
}

void watch_file(struct watch *watch, int fd, struct span key)
{
    enum { TRIES_MAX = 3 };
    struct lookout *lookout = watch->lookout;
    struct instance *content = &lookout->content;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        pthread_mutex_lock(&lookout->lock);
        uint32_t forgets = content->forgets;
        bool has_room = lookout->counts.files < WATCHED_FILES_MAX;
        pthread_mutex_unlock(&lookout->lock);
        int watched = has_room ? notify_watch_file(content->notify, fd) : -1;
        if (watched < 0) return; /* it is looked at by age all the same */
        pthread_mutex_lock(&lookout->lock);
        bool is_watched = !lookout_has_given_up(content, watched, forgets);
        if (is_watched) add_file(lookout, watched, key);
        lookout_let_go(lookout, content, watched);
        pthread_mutex_unlock(&lookout->lock);
        if (is_watched) return;
    }
}
