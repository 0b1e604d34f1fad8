#include "cache/preload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/forms.h"
#include "cache/table.h"
#include "platform/clock.h"
#include "platform/thread.h"

enum {
    LOADING_THREADS = 8,
    HEAD_BYTES_USUAL = 200,
    PROGRESS_US = 100000,
    DEPTH_MAX = 256,
    TRIES_MAX = 100,
    PATH_BLOCK_BYTES = 4 << 20
};

/* Paths of the plan, in blocks that have mappings of their own: when it is over, their memory goes back to the system. */
struct path_block {
    struct path_block *next;
    size_t used;
    char bytes[];
};

struct item {
    uint64_t inode;
    const struct tree *tree;
    const char *path; /* NUL-terminated, canonical, beneath the tree; in a block */
    const struct pin_wish *wish;
    uint64_t size;
};

/* Where the last wish led: lists of files name those of one folder after the other. */
struct last_folder {
    int fd; /* -1: none */
    size_t size;
    char path[PATH_MAX]; /* as it was asked for; `size` bytes of it */
    char real[PATH_MAX];
};

struct preload {
    const struct preload_report *report;
    const struct tree_list *trees;
    uint64_t snapshot_bytes_max;
    char **roots;       /* of each tree: its real path; NULL: it has none */
    struct pins **pins; /* of each tree, until it is given them */
    struct last_folder last;
    struct path_block *paths;
    struct item *items;
    size_t count, room;
    struct preload_sums sums;
    /* of preload_run() */
    const struct load_rules *rules;
    struct table *table;
    _Atomic uint64_t next, done, bytes, failed;
    _Atomic bool is_cancelled; /* written by any, once; relaxed: what was begun is finished first */
    pthread_mutex_t lock;      /* one thread reports at a time */
};

static bool is_cancelled(const struct preload *preload)
{
    return atomic_load_explicit(&preload->is_cancelled, memory_order_relaxed);
}

static void skip(struct preload *preload, const struct pin_wish *wish, const char *path, const char *reason)
{
    pthread_mutex_lock(&preload->lock);
    preload->report->skipped(preload->report->context, wish, path, reason);
    pthread_mutex_unlock(&preload->lock);
    atomic_fetch_add_explicit(&preload->failed, 1, memory_order_relaxed);
}

/* The part of a real path that is below tree number `index`; NULL: it is not. "": the tree itself. */
static const char *path_below(const struct preload *preload, unsigned index, const char *real)
{
    const char *root = preload->roots[index];
    if (!root) return NULL;
    size_t size = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(real, root, size) != 0 || (real[size] != '/' && real[size] != '\0')) return NULL;
    return real + size;
}

/* NULL: no memory. */
static const char *keep_path(struct preload *preload, const char *path)
{
    size_t size = strlen(path) + 1;
    if (!preload->paths || preload->paths->used + size > PATH_BLOCK_BYTES) {
        struct path_block *block = malloc(sizeof *block + PATH_BLOCK_BYTES);
        if (!block) return NULL;
        block->next = preload->paths;
        block->used = 0;
        preload->paths = block;
    }
    char *kept = preload->paths->bytes + preload->paths->used;
    memcpy(kept, path, size);
    preload->paths->used += size;
    return kept;
}

/* One wish, looked for in one tree. */
struct finding {
    const struct pin_wish *wish;
    unsigned index; /* of the tree */
};

static bool add_item(struct preload *preload, const struct finding *finding, const char *path, const struct stat *st)
{
    const struct pin_wish *wish = finding->wish;
    const struct tree *tree = preload->trees->at[finding->index];
    if (preload->count == preload->room) {
        size_t room = preload->room ? 2 * preload->room : 1024;
        struct item *items = realloc(preload->items, room * sizeof *items);
        if (!items) return false;
        preload->items = items;
        preload->room = room;
    }
    const char *copy = keep_path(preload, path);
    if (!copy) return false;
    uint64_t size = (uint64_t)st->st_size;
    bool is_stream = wish->kind == PIN_DESCRIPTOR || size > preload->snapshot_bytes_max;
    preload->items[preload->count++] = (struct item){ st->st_ino, tree, copy, wish, size };
    unsigned keys = tree->mount_count; /* each leads to an entry of its own */
    preload->sums.files += keys;
    preload->sums.bytes += size;
    preload->sums.budget_bytes += keys * entry_cost(strlen(path), HEAD_BYTES_USUAL,
                                                    entry_body_bytes(is_stream ? ENTRY_STREAM : ENTRY_SNAPSHOT, size));
    if (is_stream) preload->sums.streams += keys;
    if (is_stream && wish->kind != PIN_DESCRIPTOR) preload->sums.stream_bytes += size;
    return true;
}

/* Dot files are served to nobody, and not kept. */
static bool is_served(const char *name)
{
    return name[0] != '.' || strcmp(name, ".well-known") == 0;
}

/* All regular files in the folder `fd` (taken over), whose real path is `path`. */
static bool walk(struct preload *preload, const struct finding *finding, int fd, char *path, unsigned depth)
{
    DIR *folder = fdopendir(fd);
    if (!folder) {
        close(fd);
        return false;
    }
    preload->sums.folders++;
    size_t size = strlen(path);
    bool goes_on = true;
    for (const struct dirent *item; goes_on && !is_cancelled(preload) && (item = readdir(folder)) != NULL;) {
        struct stat st;
        if (!is_served(item->d_name) || size + strlen(item->d_name) + 2 > PATH_MAX) continue;
        if (fstatat(dirfd(folder), item->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        snprintf(path + size, PATH_MAX - size, "/%s", item->d_name);
        if (S_ISREG(st.st_mode)) goes_on = add_item(preload, finding, path_below(preload, finding->index, path), &st);
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
            int inner = openat(dirfd(folder), item->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (inner < 0)
                skip(preload, finding->wish, path, strerror(errno));
            else
                goes_on = walk(preload, finding, inner, path, depth + 1);
        }
        path[size] = '\0';
    }
    closedir(folder);
    return goes_on;
}

static bool plan_folder(struct preload *preload, const struct finding *finding, char *real)
{
    char path[PATH_MAX + 1];
    snprintf(path, sizeof path, "%s/", path_below(preload, finding->index, real));
    if (!pins_add_folder(preload->pins[finding->index], span_of_string(path))) return false;
    int fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        skip(preload, finding->wish, finding->wish->path, strerror(errno));
        return true;
    }
    return walk(preload, finding, fd, real, 0);
}

static const char *reason_against(const struct pin_wish *wish, const struct stat *st)
{
    if (wish->kind == PIN_FOLDER) return S_ISDIR(st->st_mode) ? NULL : "it is no folder; MMapFile pins files";
    if (S_ISREG(st->st_mode)) return NULL;
    return S_ISDIR(st->st_mode) ? "it is a folder; MMapDir pins folders" : "it is no regular file";
}

/* Go to the folder whose path is the first `size` bytes of `path`. False: it cannot be opened. */
static bool enter_folder(struct last_folder *last, const char *path, size_t size)
{
    if (last->fd >= 0 && last->size == size && memcmp(last->path, path, size) == 0) return true;
    if (last->fd >= 0) close(last->fd);
    last->fd = -1;
    if (size >= sizeof last->path) return false;
    memcpy(last->path, path, size);
    last->path[size] = '\0';
    last->size = size;
    if (!realpath(size > 0 ? last->path : "/", last->real)) return false;
    last->fd = open(last->real, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return last->fd >= 0;
}

/* The real path of what `path` names, and what it is; false with errno. Most are plain names in the folder of the one before. */
static bool find_real(struct last_folder *last, const char *path, char real[PATH_MAX], struct stat *st)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : "";
    bool is_plain = name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
                    enter_folder(last, path, (size_t)(slash - path));
    if (is_plain && fstatat(last->fd, name, st, AT_SYMLINK_NOFOLLOW) != 0) return false;
    if (!is_plain || S_ISLNK(st->st_mode)) return realpath(path, real) && stat(real, st) == 0;
    const char *above = strcmp(last->real, "/") == 0 ? "" : last->real;
    if (snprintf(real, PATH_MAX, "%s/%s", above, name) < PATH_MAX) return true;
    errno = ENAMETOOLONG;
    return false;
}

/* False: no memory. */
static bool plan_wish(struct preload *preload, const struct pin_wish *wish)
{
    char real[PATH_MAX];
    struct stat st;
    if (!find_real(&preload->last, wish->path, real, &st)) {
        skip(preload, wish, wish->path, strerror(errno));
        return true;
    }
    const char *reason = reason_against(wish, &st);
    bool is_found = false;
    for (unsigned i = 0; !reason && i < preload->trees->count; i++) {
        struct finding finding = { wish, i };
        struct pins *pins = preload->pins[i];
        const char *path = path_below(preload, i, real);
        if (!path || preload->trees->at[i]->mount_count == 0) continue;
        is_found = true;
        enum pinned how = wish->kind == PIN_DESCRIPTOR ? PINNED_BY_DESCRIPTOR : PINNED_IN_MEMORY;
        bool is_planned = wish->kind == PIN_FOLDER ? plan_folder(preload, &finding, real)
                                                   : pins_add_file(pins, span_of_string(path), how) &&
                                                         add_item(preload, &finding, path, &st);
        if (!is_planned) return false;
    }
    if (!reason && !is_found) reason = "it is not below DocumentRoot or an Alias: no address leads to it";
    if (reason) skip(preload, wish, wish->path, reason);
    return true;
}

static int by_inode(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    return a->inode < b->inode ? -1 : a->inode > b->inode;
}

struct preload *preload_new(const struct tree_list *trees, uint64_t snapshot_bytes_max, bool locks_big_files,
                            const struct preload_report *report)
{
    struct preload *preload = calloc(1, sizeof *preload);
    if (!preload) return NULL;
    preload->report = report;
    preload->trees = trees;
    preload->snapshot_bytes_max = snapshot_bytes_max;
    preload->last.fd = -1;
    pthread_mutex_init(&preload->lock, NULL);
    preload->roots = calloc(trees->count, sizeof *preload->roots);
    preload->pins = calloc(trees->count, sizeof *preload->pins);
    bool is_made = preload->roots && preload->pins;
    for (unsigned i = 0; is_made && i < trees->count; i++) {
        preload->roots[i] = realpath(trees->at[i]->path, NULL);
        preload->pins[i] = pins_new(locks_big_files);
        is_made = preload->pins[i] != NULL;
    }
    if (is_made) return preload;
    preload_free(preload);
    return NULL;
}

bool preload_plan(struct preload *preload, const struct pin_wish *wishes, size_t count, struct preload_sums *ret_sums)
{
    for (size_t i = 0; i < count && !is_cancelled(preload); i++) {
        if (!plan_wish(preload, &wishes[i])) return false;
    }
    if (preload->count > 1) qsort(preload->items, preload->count, sizeof *preload->items, by_inode);
    for (unsigned i = 0; i < preload->trees->count; i++) {
        /* release: whoever sees them, sees what is in them */
        atomic_store_explicit(&preload->trees->at[i]->pins, preload->pins[i], memory_order_release);
        preload->pins[i] = NULL;
    }
    *ret_sums = preload->sums;
    return true;
}

void preload_free(struct preload *preload)
{
    if (!preload) return;
    for (struct path_block *block = preload->paths, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    for (unsigned i = 0; preload->roots && i < preload->trees->count; i++) free(preload->roots[i]);
    for (unsigned i = 0; preload->pins && i < preload->trees->count; i++) pins_free(preload->pins[i]);
    free(preload->roots);
    free(preload->pins);
    if (preload->last.fd >= 0) close(preload->last.fd);
    free(preload->items);
    pthread_mutex_destroy(&preload->lock);
    free(preload);
}

/* Once; also if it does not keep still for so long. */
static const char *try_one(const struct preload *preload, struct span key, bool *ret_is_kept)
{
    struct entry *entry;
    bool may_publish;
    uint64_t hash = table_hash(preload->table, key);
    enum status status = load_entry(preload->rules, preload->table, key, hash, FILE_WAIT, true, &entry, &may_publish);
    if (status == STATUS_EXHAUSTED) return "no descriptor or no memory is left";
    if (status != STATUS_OK) return "it cannot be read";
    const char *reason = NULL;
    if (!entry_has_content(entry))
        reason = entry->kind == ENTRY_ABSENT ? "it is gone" : "it may not be read";
    else if (!entry->is_pinned)
        reason = "there is no room: raise MMapMaxBytes or MMapMaxFiles";
    if (!reason && may_publish) {
        rcu_online();
        const struct entry *there = load_publish(preload->rules, preload->table, entry);
        *ret_is_kept = there && there->is_pinned; /* else one of a moment when the pins were not known: once more */
        rcu_offline();
        if (*ret_is_kept && preload->rules->forms) forms_find(preload->rules, preload->table, entry);
    }
    entry_unref(entry);
    return reason;
}

/* Returns why it could not be pinned, or NULL. */
static const char *load_key(const struct preload *preload, struct span key)
{
    bool is_kept = false;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        const char *reason = try_one(preload, key, &is_kept);
        if (reason || is_kept) return reason;
    }
    return "it changes all the time";
}

struct loading {
    const struct preload *preload;
    const char *reason; /* why it could not be pinned for one of its keys; NULL: it could */
};

static void load_each(void *context, struct span key)
{
    struct loading *loading = context;
    if (!loading->reason) loading->reason = load_key(loading->preload, key);
}

static void load_item(struct preload *preload, const struct item *item)
{
    struct loading loading = { .preload = preload };
    struct span path = span_of_string(item->path), folder;
    tree_keys(item->tree, path, load_each, &loading);
    /* An index is asked for by the name of its folder. */
    if (tree_is_index(preload->trees, path, &folder)) tree_keys(item->tree, folder, load_each, &loading);
    if (loading.reason) skip(preload, item->wish, item->path, loading.reason);
    atomic_fetch_add_explicit(&preload->bytes, item->size, memory_order_relaxed);
    atomic_fetch_add_explicit(&preload->done, 1, memory_order_relaxed);
}

static void *loading_thread(void *argument)
{
    struct preload *preload = argument;
    rcu_reader_begin();
    rcu_offline();
    for (;;) {
        uint64_t next = atomic_fetch_add_explicit(&preload->next, 1, memory_order_relaxed);
        if (next >= preload->count || is_cancelled(preload)) break;
        load_item(preload, &preload->items[next]);
    }
    rcu_reader_end();
    return NULL;
}

static void tell_progress(struct preload *preload)
{
    const struct preload_report *report = preload->report;
    pthread_mutex_lock(&preload->lock);
    report->progress(report->context, atomic_load_explicit(&preload->done, memory_order_relaxed), preload->count,
                     atomic_load_explicit(&preload->bytes, memory_order_relaxed), preload->sums.bytes);
    pthread_mutex_unlock(&preload->lock);
}

void preload_cancel(struct preload *preload)
{
    atomic_store_explicit(&preload->is_cancelled, true, memory_order_relaxed);
}

uint64_t preload_run(struct preload *preload, const struct load_rules *rules, struct table *table)
{
    pthread_t threads[LOADING_THREADS];
    unsigned count = 0;
    preload->rules = rules;
    preload->table = table;
    while (count < LOADING_THREADS && count < preload->count) {
        if (thread_start(&threads[count], "preload", loading_thread, preload) != STATUS_OK) break;
        count++;
    }
    if (count == 0 && preload->count > 0) loading_thread(preload);
    while (count > 0 && atomic_load_explicit(&preload->done, memory_order_relaxed) < preload->count &&
           !is_cancelled(preload)) {
        usleep(PROGRESS_US);
        tell_progress(preload);
    }
    for (unsigned i = 0; i < count; i++) pthread_join(threads[i], NULL);
    return atomic_load_explicit(&preload->failed, memory_order_relaxed);
}
