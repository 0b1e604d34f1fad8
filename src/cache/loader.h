/* loader.h - threads that wait for devices, so that no worker does.
 *
 * Role:   loads entries, makes windows of streams resident or copies them, and looks again at what is due by age. One job
 *         a key, however many wait for it. Which job is next, and that a device that hangs keeps no more than its share of
 *         the threads, is the business of load_queue.
 * Owns:   its threads, one from the start (later there may be no memory for it), the others when needed; the jobs in its queue and the mails in them.
 * Thread: any worker asks; answers come by mail. Waiting callers are bounded by the connections, which wait for one thing each.
 */
#ifndef FOLIO_CACHE_LOADER_H
#define FOLIO_CACHE_LOADER_H

#include "cache/load.h"
#include "cache/mailbox.h"

enum { LOADER_THREADS_MAX = 64 };

struct loader;

NODISCARD struct loader *loader_new(const struct load_rules *rules, struct table *table, unsigned threads_max);

/* Stop the threads after the job that each is at; whoever waits for another gets STATUS_FAILED.
 *
 * patience_ms  how long they may take; negative: however long
 *
 * False: some still wait for a device. They go on using what the loader was given, which must never be freed then. */
NODISCARD bool loader_stop(struct loader *loader, int64_t patience_ms);

void loader_free(struct loader *loader); /* takes NULL; stops it, however long that takes */

/* Load `key`, and post `mail` (whose `to` and `cookie` are set) with the entry. The mail is the loader's on STATUS_OK only. */
NODISCARD enum status loader_load(struct loader *loader, struct span key, uint64_t hash, struct mail *mail);

/* Load `key` anew for nobody in particular; with takes_unsettled also if it is still being written. A hint:
 * STATUS_EXHAUSTED is no failure, whoever asks for it will have it loaded. */
enum status loader_reload(struct loader *loader, struct span key, uint64_t hash, bool takes_unsettled);

/* Load every file in the folder `path` (which ends with '/') of `tree`, and below it, as they are pinned. A hint. */
enum status loader_scan(struct loader *loader, const struct tree *tree, struct span path);

/* load_check_queued() for `entry`, with a reference taken meanwhile. A hint: if it cannot be done, the entry is queued no more. */
void loader_check(struct loader *loader, struct entry *entry);

struct loader_window {
    int64_t offset, size;         /* bytes of the stream */
    int64_t ahead;                /* so many more will be wanted next: they are read on while these are sent */
    int64_t sent_from, sent_size; /* bytes that were brought for the same answer, and are sent: they may leave the page
                                   * cache, unless others ask for the stream, too */
};

/* Bring a window of `stream` into the page cache, and post `mail`, with no entry. A reference to `stream` is taken meanwhile. */
NODISCARD enum status loader_warm(struct loader *loader, struct entry *stream, const struct loader_window *window,
                                  struct mail *mail);

/* The same, but the bytes themselves are in the mail, and are of the version that `stream` is (else STATUS_CHANGED). */
NODISCARD enum status loader_copy(struct loader *loader, struct entry *stream, const struct loader_window *window,
                                  struct mail *mail);

/* Nothing more of an answer is to be sent: only sent_from and sent_size count. A hint. */
void loader_drop(struct loader *loader, struct entry *stream, const struct loader_window *window);

/* Entries loaded since the start. */
uint64_t loader_loads(struct loader *loader);

#endif
