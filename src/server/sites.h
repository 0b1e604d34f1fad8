/* sites.h - the sites of a configuration, at work: which one a request is for, and where its keys lead.
 *
 * Role:   chooses a site by address and name (a look-up in a table; a Host never becomes a path), makes keys of it, and resolves and
 *         describes them for the cache: Redirect, Alias, DocumentRoot, sections. All of that is worked out when an entry is
 *         made, and frozen into it.
 * Owns:   the trees and their roots, the policies. Thread: made at the start by one; then read by all.
 * Limits: SITES_MAX.
 */
#ifndef FOLIO_SERVER_SITES_H
#define FOLIO_SERVER_SITES_H

#include "cache/load.h"
#include "http/media_type.h"
#include "http/status.h"
#include "platform/socket.h"
#include "server/policy.h"

enum { SITES_MAX = 16384, SITE_KEY_BYTES = 2 };

struct site {
    const struct site_config *config;
    unsigned number;
    struct span
        key_prefix;    /* of all its keys: empty for the first site, else SITE_KEY_BYTES that no path begins with */
    struct tree *root; /* of DocumentRoot */
    struct tree **map_trees;              /* for each of config->url_maps; NULL: a redirect */
    struct span *map_below;               /* the same: the path in its tree that an Alias leads to; "" for all of it */
    struct link_rules links, owner_links; /* where symbolic links may lead; the latter if their owner counts */
    bool has_owner_links;                 /* some rules say that he does */
    const struct policy *base_policy;     /* of answers that no entry is asked for */
};

struct sites;

/* NULL: told (message.h), with file and line. `types` must outlive it. */
NODISCARD struct sites *sites_new(const struct config *config, const struct media_types *types);
void sites_free(struct sites *sites); /* takes NULL; closes the roots; the cache has ended */

const struct tree_list *sites_trees(const struct sites *sites);
struct site *sites_at(const struct sites *sites, unsigned number);
unsigned sites_count(const struct sites *sites);
const struct form_rules *sites_forms(const struct sites *sites);
const struct policies *sites_policies(const struct sites *sites);

/* Which sites there are at an address depends on the addresses of <VirtualHost>. */
bool sites_have_groups(const struct sites *sites); /* false: all connections are of group 0 */
uint16_t sites_group(const struct sites *sites, const struct peer_address *local);

/* The site for a request to `host` (without port, in any case; empty: none). ret_is_known: false if none has that name, and it is
 * the group's default. */
struct site *sites_choose(const struct sites *sites, uint16_t group, struct span host, bool *ret_is_known);

/* One site is for every request, whatever host it names. */
bool sites_are_one(const struct sites *sites);

/* The site that a key is of, and the path of its URL. */
struct site *sites_of_key(const struct sites *sites, struct span key, struct span *ret_url);

/* The tree and the path in it that `url` leads to. False: too long, or to a path that its AliasMatch does not allow. A target without
 * tree: the rules answer it. */
NODISCARD bool sites_place(const struct site *site, struct span url, struct load_target *ret_target);

/* Whether, by its name, `url` is something else than a page: a picture, a script... */
bool sites_name_is_no_page(const struct sites *sites, const struct policy *policy, struct span url);

/* The rules for what is at `path` (it starts with '/') in `tree`, and has that URL. NULL: no memory. */
const struct rules *sites_rules(const struct sites *sites, const struct site *site, const struct tree *tree,
                                struct span path, struct span url);

/* What an ENTRY_RULED says: an answer with that status and, if it has one, a Location, to which the query is added. */
struct ruling {
    enum http_status status;
    struct span location;
};

void sites_read_ruling(struct span head, struct ruling *ret_ruling);

/* What the sites tell the cache; the rest of its rules is zero. */
struct load_rules sites_load_rules(struct sites *sites);

#endif
