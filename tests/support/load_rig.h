/* load_rig.h - loading from a scratch folder, with heads that say what they were made of.
 *
 * A head is "PATH|SIZE|DIGEST|", the digest in 32 hexadecimal digits. The calling thread is an online reader.
 */
#ifndef FOLIO_TESTS_SUPPORT_LOAD_RIG_H
#define FOLIO_TESTS_SUPPORT_LOAD_RIG_H

#include <inttypes.h>
#include <signal.h>
#include <time.h>

#include "cache/load.h"
#include "cache/lookout.h"
#include "scratch.h"
#include "table_rig.h"

enum { RIG_SNAPSHOT_BYTES_MAX = 64 << 10 };

struct load_rig {
    struct scratch scratch;
    struct load_rules rules;
    struct table *table;
    bool takes_unsettled;
};

/* All of the scratch folder; one at a time. */
static struct tree rig_tree;
static struct tree *rig_trees[] = { &rig_tree };
static const struct span rig_index_names[] = { { .data = "index.html", .size = 10 } };

static inline bool rig_resolve(void *context, struct span key, struct load_target *ret_target)
{
    (void)context;
    if (key.size > sizeof ret_target->path) return false;
    ret_target->tree = &rig_tree;
    ret_target->index_names[0] = rig_index_names[0];
    ret_target->index_count = 1;
    ret_target->needs_checks = false;
    ret_target->links = NULL;
    ret_target->path_size = key.size;
    memcpy(ret_target->path, key.data, key.size);
    return true;
}

static inline size_t rig_describe(void *context, const struct load_facts *facts, char *out, uint16_t *ret_policy)
{
    (void)context;
    (void)ret_policy;
    if (facts->kind > ENTRY_STREAM) return 0;
    int size = snprintf(out, LOAD_HEAD_BYTES_MAX, "%.*s|%" PRId64 "|%032d|", (int)facts->path.size, facts->path.data,
                        facts->identity.size, 0);
    return (size_t)size;
}

static inline void rig_seal(void *context, const uint64_t digest[2], char *head, size_t size)
{
    (void)context;
    char digits[33];
    snprintf(digits, sizeof digits, "%016" PRIx64 "%016" PRIx64, digest[0], digest[1]);
    memcpy(head + size - 33, digits, 32);
}

static inline struct load_rules rig_rules(const struct scratch *scratch)
{
    static const struct tree_mount whole = { .prefix = { .data = "", .size = 0 }, .below = { .data = "", .size = 0 } };
    rig_tree = (struct tree){ .root = scratch->fd, .path = scratch->path, .mounts = &whole, .mount_count = 1 };
    return (struct load_rules){
        .resolve = rig_resolve, .describe = rig_describe, .seal = rig_seal, .snapshot_bytes_max = RIG_SNAPSHOT_BYTES_MAX
    };
}

/* It is watched from now on. */
static inline struct lookout *rig_look_out(void)
{
    struct lookout *lookout = lookout_new(SIZE_MAX);
    rig_tree.watch = lookout ? lookout_watch(lookout, &rig_tree, rig_tree.root, rig_tree.path) : NULL;
    return lookout;
}

static inline struct tree_list rig_tree_list(void)
{
    return (struct tree_list){ rig_trees, 1, rig_index_names, 1 };
}

/* On a disk, if there is one: files in memory are never cold. */
static inline void load_rig_open(struct load_rig *rig)
{
    signal(SIGIO, SIG_IGN); /* writers are kept out by leases for a moment */
    scratch_open(&rig->scratch, "/var/tmp");
    rig->rules = rig_rules(&rig->scratch);
    rig->table = table_new(&(struct table_limits){ 16 << 20, 1000, 100, 100 });
    rig->takes_unsettled = false;
}

/* Returns how many references were left. */
static inline uint64_t load_rig_close(struct load_rig *rig)
{
    uint64_t held = rig_free(rig->table);
    scratch_close(&rig->scratch);
    return held;
}

/* As loaders do, offline meanwhile, or as workers do. The entry is the caller's. */
static inline enum status rig_load(struct load_rig *rig, const char *key, enum file_patience patience,
                                   struct entry **ret_entry, bool *ret_may_publish)
{
    struct span span = span_of_string(key);
    if (patience == FILE_WAIT) rcu_offline();
    enum status status = load_entry(&rig->rules, rig->table, span, table_hash(rig->table, span), patience,
                                    rig->takes_unsettled, ret_entry, ret_may_publish);
    if (patience == FILE_WAIT) rcu_online();
    return status;
}

/* Times of files have a grain. */
static inline void rig_wait_for_another_tick(void)
{
    struct timespec then, now;
    clock_gettime(CLOCK_REALTIME_COARSE, &then);
    do {
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
    } while (now.tv_sec == then.tv_sec && now.tv_nsec == then.tv_nsec);
}

#endif
