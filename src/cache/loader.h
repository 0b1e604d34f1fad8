/* loader.h - threads that wait for devices, so that no worker does.
 *
 * Role:   loads entries, and makes windows of streams resident. One job a key, however many wait for it.
 * Owns:   its threads, started when first needed; the jobs in its queue and the mails in them.
 * Thread: any worker asks; answers come by mail. Waiting callers are bounded by the connections, which wait for one thing each.
 */
#ifndef FOLIO_CACHE_LOADER_H
#define FOLIO_CACHE_LOADER_H

#include "cache/load.h"
#include "cache/mailbox.h"

struct loader;

NODISCARD struct loader *loader_new(const struct load_rules *rules, struct table *table, unsigned threads_max);

/* Stops the threads after the job that each is at; whoever waits for another gets STATUS_FAILED. Takes NULL. */
void loader_free(struct loader *loader);

/* Load `key`, and post `mail` (whose `to` and `cookie` are set) with the entry. The mail is the loader's on STATUS_OK only. */
NODISCARD enum status loader_load(struct loader *loader, struct span key, uint64_t hash, struct mail *mail);

/* Load `key` anew for nobody in particular; with takes_unsettled also if it is still being written. A hint. */
void loader_reload(struct loader *loader, struct span key, uint64_t hash, bool takes_unsettled);

/* Load every file in the folder `path` (which ends with '/') of `tree` and below it, as they are pinned. A hint. */
void loader_scan(struct loader *loader, const struct tree *tree, struct span path);

/* load_check_queued() for `entry`, with a reference taken meanwhile. A hint: if it cannot be done, the entry is queued no more. */
void loader_check(struct loader *loader, struct entry *entry);

/* Bring bytes offset..offset+size-1 of a stream into the page cache, and post `mail`, with no entry. A reference
 * to `stream` is taken meanwhile. */
NODISCARD enum status loader_warm(struct loader *loader, struct entry *stream, int64_t offset, int64_t size,
                                  struct mail *mail);

/* Entries loaded since the start. */
uint64_t loader_loads(struct loader *loader);

#endif
