/* load.h - from a key to an entry: finds what is there, reads it between two equal identities, has its head made.
 *
 * Role:   the one way in which entries are made. The same resolution decides what a key means when it is loaded and
 *         when it is looked at again.
 * Owns:   nothing; the entry that is returned carries a reference of the caller's.
 * Thread: any reader. With FILE_NOWAIT the caller is online and never waits; with FILE_WAIT it is offline.
 */
#ifndef FOLIO_CACHE_LOAD_H
#define FOLIO_CACHE_LOAD_H

#include "base/span.h"
#include "base/status.h"
#include "cache/entry.h"
#include "cache/pins.h"
#include "cache/watch.h"
#include "platform/file.h"

enum {
    LOAD_HEAD_BYTES_MAX = 1024,
    LOAD_RACY_MS = 20, /* the coarsest grain of a file system's times that is met on Linux, twice */
};

/* What a head can be made of. */
struct load_facts {
    struct span path; /* beneath the root, without leading '/': of the index where one stands for its folder */
    struct file_identity identity;
    int64_t now_s;      /* calendar, of the look at the file */
    uint64_t digest[2]; /* XXH3-128: of the content (a snapshot's), or of the identity (a stream's) */
};

/* Writes the ready-made head of a file's entry to `out` (LOAD_HEAD_BYTES_MAX bytes), and returns its size, which must
 * not depend on the digest. Called by any thread, several at once. */
typedef size_t load_make_head(void *context, const struct load_facts *facts, char *out);

struct load_rules {
    int root;               /* descriptor of the folder that is served */
    struct span index_name; /* what stands for a folder */
    uint64_t snapshot_bytes_max;
    int64_t settle_ms;       /* how long a file may go on being written before it is taken as it is */
    const struct pins *pins; /* NULL: nothing is pinned */
    struct watch *watch;     /* NULL: nothing is watched, everything is looked at by age */
    load_make_head *make_head;
    void *head_context;
};

/* Load what `key` leads to. `key` is a normalised path that starts with '/'.
 *
 * ret_may_publish  false: there was no room in `table`, or the file would not keep still; for this request only
 *
 * STATUS_OK           one of the entry kinds, also where nothing is there or it is refused
 * STATUS_WOULD_BLOCK  only with FILE_NOWAIT: ask a loader
 * STATUS_BUSY         somebody writes the file just now; not if `takes_unsettled`
 * STATUS_EXHAUSTED    no descriptor or no memory; STATUS_FAILED: the device failed
 */
NODISCARD enum status load_entry(const struct load_rules *rules, struct table *table, struct span key, uint64_t hash,
                                 enum file_patience patience, bool takes_unsettled, struct entry **ret_entry,
                                 bool *ret_may_publish);

/* table_publish() for what load_entry() let be published. What was told of since then was told to nobody, as the entry
 * was not in the table: then it leaves that at once, and is still the caller's. The caller is an online reader. */
struct entry *load_publish(const struct load_rules *rules, struct table *table, struct entry *entry);

/* Whether `entry` still is what its key leads to. STATUS_CHANGED: it is not. */
NODISCARD enum status load_check(const struct load_rules *rules, const struct entry *entry,
                                 enum file_patience patience);

#endif
