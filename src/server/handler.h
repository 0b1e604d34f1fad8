/* handler.h - what a request is answered.
 *
 * Role:   from a request, by way of the cache, to an answer in the turn. All rules of HTTP are asked of http/.
 * Owns:   nothing. Thread: every worker at once; the struct is constant while they run.
 */
#ifndef FOLIO_SERVER_HANDLER_H
#define FOLIO_SERVER_HANDLER_H

#include "cache/cache.h"
#include "http/media_type.h"
#include "net/handler.h"
#include "server/access_log.h"

struct site {
    struct cache *cache;
    struct tree *tree;
    const struct media_types *types;
    struct access_log *log; /* NULL: none */
};

/* The connections' handler for `site`, which must outlive it. */
struct handler site_handler(struct site *site);

/* The cache's rules; `context` is the site. */
bool site_resolve(void *context, struct span key, struct load_target *ret_target);
size_t site_describe(void *context, const struct load_facts *facts, char *out, uint16_t *ret_policy);

#endif
