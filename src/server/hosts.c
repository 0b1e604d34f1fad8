#include "server/hosts.h"

#include <limits.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/glob.h"

enum { HOST_BYTES_MAX = 255 };

/* An address that <VirtualHost>s are at. */
struct group {
    struct site_address address;
    unsigned *members; /* the numbers of its sites, in their order */
    unsigned *wild;    /* those of them that have names with wildcards */
    unsigned count, wild_count;
};

/* "example.org" at a group is a site, whether by that name or by a pattern. */
struct host_name {
    struct span name;
    uint16_t group;
    unsigned site;
};

struct hosts {
    const struct config *config;
    struct group *groups; /* the first is of the main server alone: every address that is no other's */
    unsigned group_count;
    struct host_name *names; /* open addressing: room, a power of two; name.data NULL: free */
    size_t name_room;
};

static struct span alias_of(const struct site_config *site, size_t index)
{
    return ((const struct text_rule *)site->server_aliases.items[index])->text;
}

static bool has_wildcards(struct span name)
{
    return memchr(name.data, '*', name.size) || memchr(name.data, '?', name.size);
}

static uint64_t hash_of(uint16_t group, struct span name)
{
    return XXH3_64bits_withSeed(name.data, name.size, group);
}

/* The place of a name, or a free one. */
static struct host_name *slot_of(const struct hosts *hosts, uint16_t group, struct span name)
{
    size_t at = hash_of(group, name) & (hosts->name_room - 1);
    while (hosts->names[at].name.data && !(hosts->names[at].group == group && span_equal(hosts->names[at].name, name)))
        at = (at + 1) & (hosts->name_room - 1);
    return &hosts->names[at];
}

static bool same_address(const struct site_address *a, const struct site_address *b)
{
    return a->is_any == b->is_any && a->port == b->port &&
           memcmp(a->address.bytes, b->address.bytes, sizeof a->address.bytes) == 0;
}

static struct group *group_for(struct hosts *hosts, const struct site_address *address)
{
    for (unsigned i = 1; i < hosts->group_count; i++) {
        if (same_address(&hosts->groups[i].address, address)) return &hosts->groups[i];
    }
    struct group *group = &hosts->groups[hosts->group_count];
    hosts->group_count++;
    group->members = calloc(hosts->config->site_count, sizeof *group->members);
    group->wild = calloc(hosts->config->site_count, sizeof *group->wild);
    group->address = *address;
    return group->members && group->wild ? group : NULL;
}

/* The first site of a group that has a name keeps it. */
static void enter(struct hosts *hosts, uint16_t group, struct span name, unsigned site)
{
    struct host_name *slot = slot_of(hosts, group, name);
    if (!slot->name.data) *slot = (struct host_name){ .name = name, .group = group, .site = site };
}

/* No host has a '/', so that a star of a glob means here what it means in Apache. */
static bool has_matching_alias(const struct site_config *site, struct span name)
{
    for (size_t i = 0; i < site->server_aliases.count; i++) {
        if (has_wildcards(alias_of(site, i)) && glob_matches(alias_of(site, i), name)) return true;
    }
    return false;
}

/* The first site of a group that has `name` by a pattern, and comes before `end`. False: none. */
static bool find_by_pattern(const struct hosts *hosts, const struct group *group, struct span name, unsigned end,
                            unsigned *ret_site)
{
    for (unsigned i = 0; i < group->wild_count && group->wild[i] < end; i++) {
        if (!has_matching_alias(hosts->config->sites[group->wild[i]], name)) continue;
        *ret_site = group->wild[i];
        return true;
    }
    return false;
}

static void enter_names(struct hosts *hosts, uint16_t number)
{
    struct group *group = &hosts->groups[number];
    for (unsigned i = 0; i < group->count; i++) {
        unsigned member = group->members[i];
        const struct site_config *site = hosts->config->sites[member];
        bool is_wild = false;
        if (site->server_name.data) enter(hosts, number, site->server_name, member);
        for (size_t j = 0; j < site->server_aliases.count; j++) {
            is_wild |= has_wildcards(alias_of(site, j));
            if (!has_wildcards(alias_of(site, j))) enter(hosts, number, alias_of(site, j), member);
        }
        if (is_wild) group->wild[group->wild_count++] = member;
    }
}

/* Of the sites that have a name, the first in the configuration holds, and that may be one which has it by a pattern. */
static void resolve_names(struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->name_room; i++) {
        struct host_name *known = &hosts->names[i];
        if (known->name.data)
            (void)find_by_pattern(hosts, &hosts->groups[known->group], known->name, known->site, &known->site);
    }
}

static bool make_groups(struct hosts *hosts)
{
    const struct config *config = hosts->config;
    size_t addresses = 1, names = 0;
    for (size_t i = 0; i < config->site_count; i++) {
        addresses += config->sites[i]->addresses.count;
        names += (config->sites[i]->server_aliases.count + 1) * (config->sites[i]->addresses.count + 1);
    }
    if (addresses > UINT16_MAX) return false;
    hosts->groups = calloc(addresses, sizeof *hosts->groups);
    for (hosts->name_room = 16; hosts->name_room < 2 * names;) hosts->name_room *= 2;
    hosts->names = calloc(hosts->name_room, sizeof *hosts->names);
    if (!hosts->groups || !hosts->names) return false;
    hosts->group_count = 1;
    hosts->groups[0].members = calloc(1, sizeof *hosts->groups[0].members);
    hosts->groups[0].wild = calloc(1, sizeof *hosts->groups[0].wild);
    if (!hosts->groups[0].members || !hosts->groups[0].wild) return false;
    hosts->groups[0].count = 1;
    for (unsigned i = 1; i < config->site_count; i++) {
        for (size_t j = 0; j < config->sites[i]->addresses.count; j++) {
            struct group *group = group_for(hosts, config->sites[i]->addresses.items[j]);
            if (!group) return false;
            bool is_in = group->count > 0 && group->members[group->count - 1] == i;
            if (!is_in) group->members[group->count++] = i;
        }
    }
    for (unsigned i = 0; i < hosts->group_count; i++) enter_names(hosts, (uint16_t)i);
    resolve_names(hosts);
    return true;
}

struct hosts *hosts_new(const struct config *config)
{
    struct hosts *hosts = calloc(1, sizeof *hosts);
    if (!hosts) return NULL;
    hosts->config = config;
    if (make_groups(hosts)) return hosts;
    hosts_free(hosts);
    return NULL;
}

void hosts_free(struct hosts *hosts)
{
    if (!hosts) return;
    for (unsigned i = 0; hosts->groups && i < hosts->group_count; i++) {
        free(hosts->groups[i].members);
        free(hosts->groups[i].wild);
    }
    free(hosts->groups);
    free(hosts->names);
    free(hosts);
}

bool hosts_have_groups(const struct hosts *hosts)
{
    return hosts->group_count > 1;
}

/* How well an address is met: an address more than any, a port more than any; 0: not at all. */
static unsigned rank_of(const struct site_address *address, const struct peer_address *local)
{
    bool is_same =
        !address->is_any && !local->is_unix && memcmp(address->address.bytes, local->bytes, sizeof local->bytes) == 0;
    bool has_port = address->port != 0 && address->port == local->port;
    if ((!is_same && !address->is_any) || (address->port != 0 && !has_port)) return 0;
    return 1u + (is_same ? 2u : 0) + (has_port ? 1u : 0);
}

uint16_t hosts_group(const struct hosts *hosts, const struct peer_address *local)
{
    unsigned best = 0, best_rank = 0;
    for (unsigned i = 1; i < hosts->group_count; i++) {
        unsigned rank = rank_of(&hosts->groups[i].address, local);
        if (rank <= best_rank) continue;
        best = i;
        best_rank = rank;
    }
    return (uint16_t)best;
}

unsigned hosts_choose(const struct hosts *hosts, uint16_t group, struct span host, bool *ret_is_known)
{
    const struct group *there = &hosts->groups[group];
    char lower[HOST_BYTES_MAX];
    *ret_is_known = false;
    if (host.size > 0 && host.data[host.size - 1] == '.') host.size--; /* the root of names, which most leave out */
    if (host.size == 0 || host.size > sizeof lower) return there->members[0];
    for (size_t i = 0; i < host.size; i++) lower[i] = ascii_lower(host.data[i]);
    struct span name = span_of(lower, host.size);
    const struct host_name *known = slot_of(hosts, group, name);
    unsigned site = known->name.data ? known->site : there->members[0];
    *ret_is_known = known->name.data || find_by_pattern(hosts, there, name, UINT_MAX, &site);
    return site;
}
