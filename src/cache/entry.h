/* entry.h - one answer that the table keeps: what a key leads to, and everything needed to send it.
 *
 * Role:   an immutable result of looking a key up beneath the root. A change of the file publishes another entry.
 * Owns:   its bytes (key, ready-made head, body) and, if it is a stream, a descriptor.
 * Thread: made by whoever loads it; once published, read by all. Only the atomics change, as each says.
 *         A worker may use what it found until it is next quiescent; beyond that it takes a reference.
 */
#ifndef FOLIO_CACHE_ENTRY_H
#define FOLIO_CACHE_ENTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "platform/rcu.h"

#include <urcu/rculfhash.h>

#include "base/span.h"
#include "cache/leases.h"
#include "platform/file.h"

enum entry_kind {
    ENTRY_SNAPSHOT,    /* a small file, in memory of ours */
    ENTRY_STREAM,      /* a big file, by its descriptor */
    ENTRY_MADE,        /* no file's content: made by the rules, in memory of ours; the first to be evicted */
    ENTRY_FOLDER,      /* a folder that was named without its slash */
    ENTRY_BARE_FOLDER, /* a folder that has no index */
    ENTRY_ABSENT,      /* nothing is there */
    ENTRY_REFUSED,     /* not permitted, leaves the root, or no regular file */
    ENTRY_RULED,       /* no file is asked: the rules answer it, by what its head says */
};

/* Why an ENTRY_REFUSED is. */
enum entry_refusal {
    ENTRY_UNREADABLE,      /* it may not be read */
    ENTRY_LEAVES_ROOT,     /* a symbolic link leads out of the root, and not to where it may */
    ENTRY_LINK_OF_ANOTHER, /* a symbolic link is another user's than what it leads to */
    ENTRY_SPECIAL,         /* neither a regular file nor a folder */
};

enum { ENTRY_FREQUENCY_MAX = 15 };

struct folder;
struct table;

struct entry {
    struct cds_lfht_node node;   /* the table's */
    uint64_t hash;               /* of the key */
    struct table *charged_to;    /* whose budget holds charged_bytes; NULL: nobody's */
    int64_t sampled_us;          /* monotonic, when the look at the file began: the later one of two entries wins */
    struct folder *folder;       /* a reference: what it was loaded from, watched; NULL: looked at by age only */
    uint32_t folder_version;     /* of the folder, when it was loaded: another one voids the entry */
    uint32_t folder_appearances; /* if follows_appearances, the same of these; if follows_events, of the events in it */
    struct file_identity
        identity;           /* of the version that this is; of a folder's list, see folder_list_identify(); zero for
                                    * what has no content */
    _Atomic uint64_t clock; /* the table's clock at the last hit; relaxed: a hint for eviction */
    _Atomic uint32_t references; /* the table's, and one for each holder beyond a turn; the last one frees */
    _Atomic uint32_t checked_ms; /* low bits of the monotonic time when the file was last found unchanged; relaxed */
    _Atomic uint32_t used_s;     /* monotonic, of the last hit; relaxed */
    _Atomic uint8_t frequency;   /* hits, up to ENTRY_FREQUENCY_MAX; relaxed */
    _Atomic uint8_t is_queued;   /* 1: waits in the keeper's queue to be checked */
    uint8_t kind;                /* enum entry_kind */
    uint8_t is_published;        /* in the table now; under the table's lock */
    uint32_t slot;               /* place in the table's index; under the table's lock */
    uint32_t charged_bytes;      /* 0: counted in no budget */
    union {
        uint32_t folder_events; /* until it is published: on names in the folder, when the mark was taken */
        struct entry *next;     /* in the list of retired entries; under the table's lock */
    };
    struct entry *check_next; /* in the keeper's queue */
    int fd;                   /* ENTRY_STREAM; else -1 */
    uint32_t key_size;
    uint32_t head_size;
    uint16_t policy;              /* what the rules say of it: theirs to number */
    bool follows_appearances : 1; /* the key's own folder was not there; `folder` is the nearest above it */
    bool follows_events : 1;      /* it tells what is in the folder: any event there voids it */
    bool needs_checks : 1;        /* events do not tell everything of it: it is looked at by age, too */
    bool is_remote : 1;           /* only loaders call its file system: any call there may wait */
    bool is_pinned : 1;           /* named by the configuration: never evicted, never expired */
    bool is_racy : 1;             /* changed so lately that its times may not tell a later change: look again soon */
    uint8_t refusal : 2;          /* enum entry_refusal */
    _Atomic uint8_t forms;        /* bits of cache/forms.h; relaxed: each form is looked up before it is used */
    uint64_t body_size;           /* of the content; for a stream, of the file */
    char bytes[];                 /* head, then key, then the body of a snapshot */
};

/* Streams are brought into memory, and sent, by windows. */
enum { ENTRY_WINDOW_BYTES = 2 << 20, ENTRY_WINDOWS_MAX = 4096, ENTRY_WARM_MS = 200 };

/* What stands behind the key of a stream, in place of a body. */
struct entry_stream {
    struct lease
        lease; /* while it is held nobody writes, and pages may be lent to sockets; without it they are copied */
    void *map; /* holds the pages of a pinned one in memory, and is never read; or NULL */
    _Atomic uint32_t warm_ms[]; /* for each of the first windows: low bits of the monotonic time when all of it was last
                                 * found resident; 0: it was not. relaxed: a hint */
};

static inline size_t entry_windows(uint64_t body_size)
{
    uint64_t windows = (body_size + ENTRY_WINDOW_BYTES - 1) / ENTRY_WINDOW_BYTES;
    return windows < ENTRY_WINDOWS_MAX ? (size_t)windows : ENTRY_WINDOWS_MAX;
}

/* The bytes in memory behind the key of an entry of this kind, for content of this size. */
static inline size_t entry_body_bytes(enum entry_kind kind, uint64_t body_size)
{
    if (kind == ENTRY_SNAPSHOT || kind == ENTRY_MADE) return (size_t)body_size;
    if (kind != ENTRY_STREAM) return 0;
    return sizeof(struct entry_stream) + entry_windows(body_size) * sizeof(uint32_t) + _Alignof(struct entry_stream);
}

/* Bytes that an entry of these sizes takes from the budget, with the allocator's and the table's share. */
size_t entry_cost(size_t key_size, size_t head_size, size_t body_size);

/* One reference, the caller's; the key is copied, head and body are to be filled in. NULL: out of memory. */
NODISCARD struct entry *entry_new(enum entry_kind kind, struct span key, uint64_t hash, size_t head_size,
                                  uint64_t body_size);

/* Valid while the caller holds a reference, or is a reader that has not been quiescent since it found the entry. */
static inline void entry_ref(struct entry *entry)
{
    /* relaxed: whoever hands over a pointer orders what it points to */
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
}

/* The same for who is not among those, and found it where it is taken out before it is freed. False: it is being freed. */
static inline bool entry_ref_unless_free(struct entry *entry)
{
    uint32_t references = atomic_load_explicit(&entry->references, memory_order_relaxed);
    while (references > 0 && !atomic_compare_exchange_weak_explicit(&entry->references, &references, references + 1,
                                                                    memory_order_acquire, memory_order_relaxed)) {}
    return references > 0;
}

/* The look at what `entry` stands for began at began_us. Before it is published. */
static inline void entry_stamp(struct entry *entry, int64_t began_us)
{
    entry->sampled_us = began_us;
    atomic_store_explicit(&entry->checked_ms, (uint32_t)(began_us / 1000), memory_order_relaxed);
    atomic_store_explicit(&entry->used_s, (uint32_t)(began_us / 1000000), memory_order_relaxed);
}

void entry_unref(struct entry *entry); /* takes NULL; the last one closes and frees */

static inline struct span entry_head(const struct entry *entry)
{
    return span_of(entry->bytes, entry->head_size);
}

static inline struct span entry_key(const struct entry *entry)
{
    return span_of(entry->bytes + entry->head_size, entry->key_size);
}

/* Of a snapshot, or of what was made. */
static inline char *entry_body(struct entry *entry)
{
    return entry->bytes + entry->head_size + entry->key_size;
}

static inline struct entry_stream *entry_stream(struct entry *entry)
{
    uintptr_t at = (uintptr_t)entry_body(entry), alignment = _Alignof(struct entry_stream);
    return (struct entry_stream *)((at + alignment - 1) & ~(alignment - 1));
}

/* Whether all bytes of a stream from `offset` on were found resident a moment ago: looking again costs a tenth of sending them. */
bool entry_window_is_warm(struct entry *entry, int64_t offset, int64_t size, uint32_t now_ms);
void entry_note_warm_window(struct entry *entry, int64_t offset, int64_t size, uint32_t now_ms);

static inline bool entry_has_content(const struct entry *entry)
{
    return entry->kind <= ENTRY_MADE;
}

#endif
