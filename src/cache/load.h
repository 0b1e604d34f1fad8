/* load.h - from a key to an entry: finds what is there, reads it between two equal identities, has its head made.
 *
 * Role:   the one way in which entries are made. The same resolution decides what a key means when it is loaded and
 *         when it is looked at again.
 * Owns:   nothing; the entry that is returned carries a reference of the caller's.
 * Thread: any reader. With FILE_NOWAIT the caller is online and never waits; with FILE_WAIT it is offline.
 */
#ifndef FOLIO_CACHE_LOAD_H
#define FOLIO_CACHE_LOAD_H

#include <limits.h>

#include "base/span.h"
#include "base/status.h"
#include "cache/entry.h"
#include "cache/folder_list.h"
#include "platform/file.h"

enum {
    LOAD_HEAD_BYTES_MAX = 4096,
    LOAD_INDEXES_MAX = 16,
    LOAD_RACY_MS = 20, /* the coarsest grain of a file system's times that is met on Linux, twice */
};

/* Where symbolic links may lead: everywhere in the tree, and besides: */
struct link_rules {
    const struct span
        *folders; /* real paths, without '/' at their ends but for "/": what is below them, outside of the tree */
    unsigned folder_count;
    bool owner_must_match; /* a link that is another user's than what it leads to is refused */
};

/* Where a key leads. */
struct load_target {
    struct tree *tree; /* NULL: the rules alone answer it, with an ENTRY_RULED */
    unsigned index_count;
    struct span index_names[LOAD_INDEXES_MAX]; /* what stands for a folder; the first one that is a file does */
    bool wants_list;                /* what is in the folder `path` is meant, also where an index stands for it */
    const struct link_rules *links; /* NULL: nothing besides */
    bool needs_checks;              /* the tree's mounts do not tell that this key leads there */
    size_t path_size;
    char path[PATH_MAX]; /* beneath the tree; starts with '/' */
};

/* Where `key` leads, by the rules of the server; the same whenever it is asked. False: to nothing, as it is too long. Called by
 * any thread, several at once. */
typedef bool load_resolve(void *context, struct span key, struct load_target *ret_target);

/* What an entry can be described by. */
struct load_facts {
    struct span key;
    const struct tree *tree; /* NULL: of ENTRY_RULED */
    struct span path;        /* beneath the tree, without leading '/': of the index where one stands for its folder */
    enum entry_kind kind;    /* no content: all but key, tree, path and now_s is zero */
    struct file_identity identity;
    int64_t now_s; /* calendar, of the look at the file */
};

/* Writes the ready-made head of an entry to `out` (LOAD_HEAD_BYTES_MAX bytes), and returns its size; what has no content may go without.
 * *ret_policy, which is 0 before, is kept in the entry; with LOAD_POLICY_UNKEPT the entry is for this request only.
 * LOAD_NOT_DESCRIBED: no memory; there is no entry then, and it is loaded again. Called by any thread, several at once. */
#define LOAD_NOT_DESCRIBED SIZE_MAX
enum { LOAD_POLICY_UNKEPT = UINT16_MAX };
typedef size_t load_describe(void *context, const struct load_facts *facts, char *out, uint16_t *ret_policy);

/* Writes the digest into a head of that size, which load_describe made before there was a digest. XXH3-128: of the content (a
 * snapshot's, or what was made), or of the identity (a stream's). Called by any thread, several at once. */
typedef void load_seal(void *context, const uint64_t digest[2], char *head, size_t size);

struct form_rules;

/* Makes the content of an ENTRY_MADE that tells of `list`: appends it to `out`. `facts` are of it, but for identity. By loaders. */
typedef void load_list(void *context, const struct load_facts *facts, struct folder_list *list,
                       struct text_buffer *out);

struct load_rules {
    const struct form_rules *forms; /* NULL: files have no other forms */
    load_resolve *resolve;
    load_describe *describe;
    load_seal *seal;
    load_list *list; /* NULL: no target wants one */
    void *context;   /* of them all */
    uint64_t snapshot_bytes_max;
    int64_t settle_ms;     /* how long a file may go on being written before it is taken as it is */
    int64_t asked_ms_max;  /* whoever asks a loader gives up after so long; 0: never */
    struct spares *spares; /* NULL: there are none */
    struct leases *leases; /* NULL: no lease is held longer than it takes to look; streams are copied */
};

/* Whether a file was changed so lately that another change now might leave its times as they are. */
NODISCARD bool load_is_racy(const struct file_identity *identity);

/* Load what `key` leads to.
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

/* table_publish() for what load_entry() let be published. NULL: something was told of it since, and to nobody, as the entry
 * was not in the table; so it is not kept, and is still the caller's. The caller is an online reader. */
struct entry *load_publish(const struct load_rules *rules, struct table *table, struct entry *entry);

/* The path in its tree, without leading '/', of the file that `key` leads to, to `out`. False: to none. This waits. */
NODISCARD bool load_find_path(const struct load_rules *rules, struct span key, char out[PATH_MAX]);

/* Whether `entry` still is what its key leads to. STATUS_CHANGED: it is not. */
NODISCARD enum status load_check(const struct load_rules *rules, const struct entry *entry,
                                 enum file_patience patience);

/* load_check() for an entry of the keeper's queue: its age begins anew, or it leaves the table. The caller is a
 * reader that is offline. STATUS_WOULD_BLOCK: only with FILE_NOWAIT; nothing is known, and it is still queued. */
enum status load_check_queued(const struct load_rules *rules, struct table *table, struct entry *entry,
                              enum file_patience patience);

#endif
