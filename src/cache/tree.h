/* tree.h - a folder that is served from, and the keys by which what is in it is reached.
 *
 * Role:   the two directions between keys and files: a key is resolved to a tree and a path beneath it (load_resolve, from
 *         above), and an event on a path voids each key that leads there (tree_keys).
 * Owns:   nothing: the server makes trees at the start; the cache gives each its watch.
 * Thread: constant while they are used, but for the pins; what `root` is open on follows `path`, by its watch.
 */
#ifndef FOLIO_CACHE_TREE_H
#define FOLIO_CACHE_TREE_H

#include "base/compiler.h"
#include "base/span.h"
#include "cache/pins.h"
#include "cache/watch.h"

/* What is at `below`, and all beneath it, is reached by `prefix` and the rest of its path. Neither ends with '/': "" is all
 * of the tree. */
struct tree_mount {
    struct span prefix; /* of keys */
    struct span below;  /* of paths; starts with '/', or is empty */
};

struct tree {
    int root;                        /* descriptor of the folder */
    const char *path;                /* absolute, by which it was opened: watched, so that the root follows it */
    struct watch *watch;             /* NULL: nothing is watched, everything is looked at by age */
    _Atomic(struct pins *) pins;     /* set once by preload_plan() (release); NULL: nothing is pinned, or not yet */
    const struct tree_mount *mounts; /* in the order of the configuration */
    unsigned mount_count;
};

/* All of them. */
struct tree_list {
    struct tree *const *at;
    unsigned count;
    const struct span
        *index_names; /* every name that stands for a folder anywhere: a change of one is a change of the other */
    unsigned index_count;
};

static inline const struct pins *tree_pins(const struct tree *tree)
{
    return atomic_load_explicit(&tree->pins, memory_order_acquire);
}

/* Call `each` for every key that leads to `path` (it starts with '/') in `tree`. */
void tree_keys(const struct tree *tree, struct span path, void (*each)(void *context, struct span key), void *context);

/* Whether the last part of `path` may stand for its folder, which is then ret_folder (it ends with '/'). */
NODISCARD bool tree_is_index(const struct tree_list *trees, struct span path, struct span *ret_folder);

#endif
