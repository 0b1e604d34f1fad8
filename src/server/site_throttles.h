/* site_throttles.h - the Throttle directives of a configuration, at work.
 *
 * Role:   a bucket for each directive (net/throttle.h), shared by all sites that it holds for; and, for a URL, the set of those that hold
 *         for it, which is worked out when an entry is made. Equal sets are one.
 * Owns:   the buckets and the sets, until the end. Thread: site_throttles_choose() by any, under a lock that is held for no call that
 *         waits; what it returned is constant.
 */
#ifndef FOLIO_SERVER_SITE_THROTTLES_H
#define FOLIO_SERVER_SITE_THROTTLES_H

#include "net/throttle.h"
#include "server/config.h"

struct site_throttles;

/* For the sites of `config`, which must outlive it. NULL: no memory. */
NODISCARD struct site_throttles *site_throttles_new(const struct config *config);
void site_throttles_free(struct site_throttles *throttles); /* takes NULL; nobody sends any more */

/* The set for site number `site`, `url`, and its index at `index`; both with data NULL: for what has no path. ret_set: NULL if none
 * holds. False: no memory. */
NODISCARD bool site_throttles_choose(struct site_throttles *throttles, unsigned site, struct span url,
                                     struct span index, const struct throttle_set **ret_set);

/* Whether `rule` is one of those that `set` is of; it takes NULL, the set of none. */
bool site_throttles_are_of(const struct throttle_set *set, const struct throttle_rule *rule);

#endif
