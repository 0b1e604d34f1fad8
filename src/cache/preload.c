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

#include "cache/table.h"
#include "platform/clock.h"
#include "platform/thread.h"

enum { LOADING_THREADS = 8, HEAD_BYTES_USUAL = 200, PROGRESS_US = 100000, DEPTH_MAX = 256, KEY_BLOCK_BYTES = 4 << 20 };

/* Keys of the plan, in blocks that have mappings of their own: when it is over, their memory goes back to the system. */
struct key_block {
    struct key_block *next;
    size_t used;
    char bytes[];
};

struct item {
    uint64_t inode;
    const char *key; /* NUL-terminated, canonical; in a block */
    const struct pin_wish *wish;
    uint64_t size;
};

struct preload {
    const struct preload_report *report;
    struct pins *pins;
    uint64_t snapshot_bytes_max;
    char root[PATH_MAX]; /* real */
    struct key_block *keys;
    struct item *items;
    size_t count, room;
    struct preload_sums sums;
    /* of preload_run() */
    const struct load_rules *rules;
    struct table *table;
    _Atomic uint64_t next, done, bytes, failed;
    pthread_mutex_t lock; /* one thread reports at a time */
};

static void skip(struct preload *preload, const struct pin_wish *wish, const char *path, const char *reason)
{
    pthread_mutex_lock(&preload->lock);
    preload->report->skipped(preload->report->context, wish, path, reason);
    pthread_mutex_unlock(&preload->lock);
    atomic_fetch_add_explicit(&preload->failed, 1, memory_order_relaxed);
}

/* The key of a real path; NULL: it is not below the root. */
static const char *key_of(const struct preload *preload, const char *real)
{
    size_t size = strcmp(preload->root, "/") == 0 ? 0 : strlen(preload->root);
    if (strncmp(real, preload->root, size) != 0 || real[size] != '/') return NULL;
    return real + size;
}

/* NULL: no memory. */
static const char *keep_key(struct preload *preload, const char *key)
{
    size_t size = strlen(key) + 1;
    if (!preload->keys || preload->keys->used + size > KEY_BLOCK_BYTES) {
        struct key_block *block = malloc(sizeof *block + KEY_BLOCK_BYTES);
        if (!block) return NULL;
        block->next = preload->keys;
        block->used = 0;
        preload->keys = block;
    }
    char *kept = preload->keys->bytes + preload->keys->used;
    memcpy(kept, key, size);
    preload->keys->used += size;
    return kept;
}

static bool add_item(struct preload *preload, const struct pin_wish *wish, const char *key, const struct stat *st)
{
    if (preload->count == preload->room) {
        size_t room = preload->room ? 2 * preload->room : 1024;
        struct item *items = realloc(preload->items, room * sizeof *items);
        if (!items) return false;
        preload->items = items;
        preload->room = room;
    }
    const char *copy = keep_key(preload, key);
    if (!copy) return false;
    uint64_t size = (uint64_t)st->st_size;
    bool is_stream = wish->kind == PIN_DESCRIPTOR || size > preload->snapshot_bytes_max;
    preload->items[preload->count++] = (struct item){ st->st_ino, copy, wish, size };
    preload->sums.files++;
    preload->sums.bytes += size;
    preload->sums.budget_bytes +=
        entry_cost(strlen(key), HEAD_BYTES_USUAL, entry_body_bytes(is_stream ? ENTRY_STREAM : ENTRY_SNAPSHOT, size));
    preload->sums.streams += is_stream;
    if (is_stream && wish->kind != PIN_DESCRIPTOR) preload->sums.stream_bytes += size;
    return true;
}

/* Dot files are served to nobody, and not kept. */
static bool is_served(const char *name)
{
    return name[0] != '.' || strcmp(name, ".well-known") == 0;
}

/* All regular files in the folder `fd` (taken over), whose real path is `path`. */
static bool walk(struct preload *preload, const struct pin_wish *wish, int fd, char *path, unsigned depth)
{
    DIR *folder = fdopendir(fd);
    if (!folder) {
        close(fd);
        return false;
    }
    preload->sums.folders++;
    size_t size = strlen(path);
    bool goes_on = true;
    for (const struct dirent *item; goes_on && (item = readdir(folder)) != NULL;) {
        struct stat st;
        if (!is_served(item->d_name) || size + strlen(item->d_name) + 2 > PATH_MAX) continue;
        if (fstatat(dirfd(folder), item->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        snprintf(path + size, PATH_MAX - size, "/%s", item->d_name);
        if (S_ISREG(st.st_mode)) goes_on = add_item(preload, wish, key_of(preload, path), &st);
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
            int inner = openat(dirfd(folder), item->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (inner < 0)
                skip(preload, wish, path, strerror(errno));
            else
                goes_on = walk(preload, wish, inner, path, depth + 1);
        }
        path[size] = '\0';
    }
    closedir(folder);
    return goes_on;
}

static bool plan_folder(struct preload *preload, const struct pin_wish *wish, char *real)
{
    char key[PATH_MAX + 1];
    const char *below = key_of(preload, real);
    snprintf(key, sizeof key, "%s/", below ? below : "");
    if (!pins_add_folder(preload->pins, span_of_string(key))) return false;
    int fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        skip(preload, wish, wish->path, strerror(errno));
        return true;
    }
    return walk(preload, wish, fd, real, 0);
}

/* False: no memory. */
static bool plan_wish(struct preload *preload, const struct pin_wish *wish)
{
    char real[PATH_MAX];
    struct stat st;
    if (!realpath(wish->path, real) || stat(real, &st) != 0) {
        skip(preload, wish, wish->path, strerror(errno));
        return true;
    }
    const char *key = key_of(preload, real);
    bool is_root = strcmp(real, preload->root) == 0;
    const char *reason = NULL;
    if (!key && !is_root)
        reason = "it is not below DocumentRoot: no address leads to it";
    else if (wish->kind == PIN_FOLDER && !S_ISDIR(st.st_mode))
        reason = "it is no folder; MMapFile pins files";
    else if (wish->kind != PIN_FOLDER && !S_ISREG(st.st_mode))
        reason = S_ISDIR(st.st_mode) ? "it is a folder; MMapDir pins folders" : "it is no regular file";
    if (reason) {
        skip(preload, wish, wish->path, reason);
        return true;
    }
    if (wish->kind == PIN_FOLDER) return plan_folder(preload, wish, real);
    enum pinned how = wish->kind == PIN_DESCRIPTOR ? PINNED_BY_DESCRIPTOR : PINNED_IN_MEMORY;
    return pins_add_file(preload->pins, span_of_string(key), how) && add_item(preload, wish, key, &st);
}

static int by_inode(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    return a->inode < b->inode ? -1 : a->inode > b->inode;
}

struct preload *preload_plan(const char *root_path, const struct load_rules *rules, struct pins *pins,
                             const struct pin_wish *wishes, size_t count, const struct preload_report *report,
                             struct preload_sums *ret_sums)
{
    struct preload *preload = calloc(1, sizeof *preload);
    if (!preload) return NULL;
    preload->report = report;
    preload->pins = pins;
    preload->snapshot_bytes_max = rules->snapshot_bytes_max;
    pthread_mutex_init(&preload->lock, NULL);
    if (!realpath(root_path, preload->root)) goto fail;
    for (size_t i = 0; i < count; i++) {
        if (!plan_wish(preload, &wishes[i])) goto fail;
    }
    if (preload->count > 1) qsort(preload->items, preload->count, sizeof *preload->items, by_inode);
    *ret_sums = preload->sums;
    return preload;
fail:
    preload_free(preload);
    return NULL;
}

void preload_free(struct preload *preload)
{
    if (!preload) return;
    for (struct key_block *block = preload->keys, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(preload->items);
    pthread_mutex_destroy(&preload->lock);
    free(preload);
}

/* Returns why it could not be pinned, or NULL. */
static const char *load_one(const struct preload *preload, struct span key)
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
    else if (!may_publish || !entry->is_pinned)
        reason = "there is no room: raise MMapMaxBytes or MMapMaxFiles";
    if (!reason) {
        rcu_online();
        load_publish(preload->rules, preload->table, entry);
        rcu_offline();
    }
    entry_unref(entry);
    return reason;
}

static void load_item(struct preload *preload, const struct item *item)
{
    struct span key = span_of_string(item->key), index = preload->rules->index_name;
    const char *reason = load_one(preload, key);
    /* An index is asked for by the name of its folder. */
    if (!reason && key.size > index.size && item->key[key.size - index.size - 1] == '/' && span_ends_with(key, index))
        reason = load_one(preload, span_first(key, key.size - index.size));
    if (reason) skip(preload, item->wish, item->key, reason);
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
        if (next >= preload->count) break;
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
    while (count > 0 && atomic_load_explicit(&preload->done, memory_order_relaxed) < preload->count) {
        usleep(PROGRESS_US);
        tell_progress(preload);
    }
    for (unsigned i = 0; i < count; i++) pthread_join(threads[i], NULL);
    return atomic_load_explicit(&preload->failed, memory_order_relaxed);
}
