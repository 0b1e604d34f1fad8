/* pinning.h - what is pinned: told, compared with the limits, loaded.
 *
 * Role:   between the configuration's wishes and the cache's preload: says what falls short, and how to mend it, before
 *         anything is loaded; shows how far loading is.
 * Owns:   nothing. Thread: the first, before the server is ready; or one of its own, while it serves.
 */
#ifndef FOLIO_SERVER_PINNING_H
#define FOLIO_SERVER_PINNING_H

#include "cache/cache.h"
#include "server/config.h"

/* What falls short, and how to mend it. */
typedef void pinning_told(void *context, const char *text);

/* Compare what is asked for with what there is. False: each limit that falls short was told. */
bool pinning_is_enough(const struct config *config, const struct table_limits *limits, const struct preload_sums *sums,
                       pinning_told *told, void *context);

/* Plan what `config` wants pinned, and give the trees their pins. False: it was told why the server cannot start.
 *
 * is_beside_another  a server process before this one still has its own set: both must fit, as else one would be killed for it */
NODISCARD bool pinning_plan(const struct config *config, const struct cache_options *options, bool is_beside_another,
                            struct preload **ret_preload);

/* Load it. False: MMapStrict is on, and something could not be pinned; told. */
NODISCARD bool pinning_load(const struct config *config, struct preload *preload, struct cache *cache);

/* Plan and load while the server serves already, in a thread of its own; what cannot be pinned is told. Borrows what is given.
 * NULL: no memory, or no thread. */
struct pinning_behind;
NODISCARD struct pinning_behind *pinning_begin_behind(const struct config *config, const struct cache_options *options,
                                                      struct cache *cache);

/* No other file is begun. Takes NULL. */
void pinning_cancel_behind(struct pinning_behind *behind);

/* Cancel, wait, and free it. Takes NULL. False: after patience_ms it still waits for a device; `cache` must never be freed. */
NODISCARD bool pinning_end_behind(struct pinning_behind *behind, int64_t patience_ms);

#endif
