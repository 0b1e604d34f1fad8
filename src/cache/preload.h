/* preload.h - brings what is pinned into memory, before the server says that it is ready, or beside what it serves.
 *
 * Role:   finds what the wishes of the configuration name, adds it up, and loads it with many reads in flight, in the
 *         order of the inodes (which is near the order on the disk).
 * Owns:   the plan, and the trees' pins until it is whole. Thread: one; preload_run() starts others for as long as it runs.
 */
#ifndef FOLIO_CACHE_PRELOAD_H
#define FOLIO_CACHE_PRELOAD_H

#include "cache/load.h"

enum pin_kind { PIN_FILE, PIN_FOLDER, PIN_DESCRIPTOR };

struct pin_wish {
    const char *path; /* absolute */
    const char *file; /* where it was asked for */
    uint32_t line;
    enum pin_kind kind;
};

struct preload_report {
    void *context;
    /* What `wish` names, or `path` in it, cannot be pinned. Called by one thread at a time. */
    void (*skipped)(void *context, const struct pin_wish *wish, const char *path, const char *reason);
    /* At most some ten times a second. */
    void (*progress)(void *context, uint64_t files, uint64_t files_all, uint64_t bytes, uint64_t bytes_all);
};

struct preload_sums {
    uint64_t files, folders;
    uint64_t bytes;        /* of content */
    uint64_t budget_bytes; /* that the entries will take of MMapMaxBytes */
    uint64_t streams;      /* files that will be held by descriptors */
    uint64_t stream_bytes; /* of those that are mapped */
};

struct preload;

/* locks_big_files: pins_new(). All that is given must outlive it. NULL: no memory. */
NODISCARD struct preload *preload_new(const struct tree_list *trees, uint64_t snapshot_bytes_max, bool locks_big_files,
                                      const struct preload_report *report);

/* Find what `wishes` name in any of the trees, and give each tree its pins: others may be loading from it. The wishes must outlive
 * the plan. False: no memory, and no tree has any. */
NODISCARD bool preload_plan(struct preload *preload, const struct pin_wish *wishes, size_t count,
                            struct preload_sums *ret_sums);
void preload_free(struct preload *preload); /* takes NULL */

/* Load it all. The caller is no reader. Returns how many files could not be pinned. */
uint64_t preload_run(struct preload *preload, const struct load_rules *rules, struct table *table);

/* Have preload_plan() and preload_run() end soon: no other wish is looked at, no other file is begun. Any thread. */
void preload_cancel(struct preload *preload);

#endif
