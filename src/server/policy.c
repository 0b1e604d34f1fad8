#include "server/policy.h"

#include <pthread.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/check.h"
#include "http/media_type.h"
#include "server/cache_policy.h"
#include "server/header_fields.h"

enum { BUCKETS = 1024 };

/* The rules of a site with some of its sections. */
struct rule_set {
    struct rules rules; /* first: a pointer to it stands for the set */
    struct rule_set *next;
    unsigned site;
    size_t mask_bytes;
    unsigned char mask[]; /* a bit for each section */
};
_Static_assert(offsetof(struct rule_set, rules) == 0, "a pointer to its rules is one to the set");

/* Policies by what they were made of. */
struct known {
    struct known *next;
    const struct rules *rules;
    struct cache_policy cache;
    const struct throttle_set *throttles;
    bool may_have_forms, is_compressed, is_makeshift;
    uint16_t number;
};

struct policies {
    const struct config *config;
    pthread_mutex_t lock; /* guards everything below */
    struct arena arena;
    struct rule_set *sets[BUCKETS];
    struct known *known[BUCKETS];
    unsigned count;
    const struct policy *at[POLICY_NONE + 1]; /* by number; read without the lock by who was handed it */
};

struct policies *policies_new(const struct config *config)
{
    struct policies *policies = calloc(1, sizeof *policies);
    if (!policies) return NULL;
    policies->config = config;
    pthread_mutex_init(&policies->lock, NULL);
    return policies;
}

void policies_free(struct policies *policies)
{
    if (!policies) return;
    arena_done(&policies->arena);
    pthread_mutex_destroy(&policies->lock);
    free(policies);
}

/* Under the lock. */
static struct rule_set *make_set(struct policies *policies, unsigned site, const unsigned char *mask, size_t mask_bytes)
{
    const struct site_config *config = policies->config->sites[site];
    struct rule_set *set = arena_take(&policies->arena, sizeof *set + mask_bytes);
    if (!set) return NULL;
    set->site = site;
    set->mask_bytes = mask_bytes;
    if (mask_bytes > 0) memcpy(set->mask, mask, mask_bytes);
    set->rules = config->rules;
    for (size_t i = 0; i < config->sections.count; i++) {
        const struct section *section = config->sections.items[i];
        if (!(mask[i / 8] >> i % 8 & 1)) continue;
        if (!rules_merge(&policies->arena, &set->rules, &section->rules, &set->rules)) return NULL;
    }
    return set;
}

const struct rules *policies_rules(struct policies *policies, unsigned site, const struct section_subject *subject)
{
    enum { MASK_BYTES_MAX = POLICY_SECTIONS_MAX / 8 };
    const struct config_list *sections = &policies->config->sites[site]->sections;
    unsigned char mask[MASK_BYTES_MAX] = { 0 };
    size_t mask_bytes = (sections->count + 7) / 8;
    ASSERT(mask_bytes <= sizeof mask); /* server/config_limits.h */
    for (size_t i = 0; i < sections->count; i++) {
        if (section_matches(sections->items[i], subject)) mask[i / 8] |= (unsigned char)(1u << i % 8);
    }
    uint64_t hash = XXH3_64bits_withSeed(mask, mask_bytes, site);
    pthread_mutex_lock(&policies->lock);
    struct rule_set **bucket = &policies->sets[hash % BUCKETS], *set = *bucket;
    while (set && !(set->site == site && set->mask_bytes == mask_bytes && memcmp(set->mask, mask, mask_bytes) == 0))
        set = set->next;
    if (!set && (set = make_set(policies, site, mask, mask_bytes)) != NULL) {
        set->next = *bucket;
        *bucket = set;
    }
    pthread_mutex_unlock(&policies->lock);
    return set ? &set->rules : NULL;
}

bool policies_rules_are_of(const struct rules *rules, size_t index)
{
    const struct rule_set *set = (const struct rule_set *)(const void *)rules;
    return index / 8 < set->mask_bytes && (set->mask[index / 8] >> index % 8 & 1) != 0;
}

/* Under the lock. */
static const struct policy *make_policy(struct policies *policies, const struct known *wanted)
{
    const struct rules *rules = wanted->rules;
    const struct cache_policy *cache = &wanted->cache;
    struct policy *policy = arena_take(&policies->arena, sizeof *policy);
    if (!policy) return NULL;
    *policy = (struct policy){
        .rules = rules,
        .omits_etag = rules->file_etag == ETAG_NONE,
        .ranges_max = (unsigned)rules->max_ranges,
        .expires = cache->expires,
        .expires_sets_age = cache->expires && !cache->control.data,
        .expires_from_modification = cache->is_from_modification,
        .expires_s = cache->seconds,
        .may_have_forms = wanted->may_have_forms,
        .is_compressed = wanted->is_compressed,
        .is_restricted = !rules_are_open(rules),
        .is_makeshift = wanted->is_makeshift,
        .throttles = wanted->throttles,
    };
    return header_fields_make(&policies->arena, &rules->headers, cache->control, policy) ? policy : NULL;
}

/* Under the lock. NULL: no memory. */
static struct known *add_known(struct policies *policies, const struct known *wanted)
{
    struct known *known = arena_take(&policies->arena, sizeof *known);
    if (!known) return NULL;
    *known = *wanted;
    /* The text is only the caller's so far. */
    if (wanted->cache.control.data) known->cache.control = arena_text(&policies->arena, wanted->cache.control);
    if (wanted->cache.control.data && !known->cache.control.data) return NULL;
    const struct policy *policy = make_policy(policies, known);
    if (!policy) return NULL;
    known->number = (uint16_t)++policies->count;
    policies->at[known->number] = policy;
    return known;
}

/* Types that are compressed in themselves gain nothing. */
static bool is_compact(struct span type)
{
    static const char *const groups[] = { "image/", "video/", "audio/", "font/woff" };
    static const char *const types[] = {
        "application/zip",  "application/gzip",    "application/zstd",           "application/pdf",
        "application/x-xz", "application/x-bzip2", "application/x-7z-compressed"
    };
    if (media_type_is_text(type)) return false; /* image/svg+xml */
    for (size_t i = 0; i < ARRAY_COUNT(groups); i++) {
        struct span group = span_of_string(groups[i]);
        if (type.size >= group.size && span_equal_nocase(span_first(type, group.size), group)) return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        if (span_equal_nocase(type, span_of_string(types[i]))) return true;
    }
    return false;
}

static bool is_same(const struct known *a, const struct known *b)
{
    return a->rules == b->rules && a->throttles == b->throttles && a->may_have_forms == b->may_have_forms &&
           a->is_compressed == b->is_compressed && a->is_makeshift == b->is_makeshift &&
           cache_policy_equal(&a->cache, &b->cache);
}

static struct known **bucket_of(struct policies *policies, const struct known *wanted)
{
    struct span control = wanted->cache.control;
    uint64_t hash =
        (uintptr_t)wanted->rules / sizeof(struct rule_set) ^ (uintptr_t)wanted->throttles / sizeof(struct throttle_set);
    if (control.size > 0) hash ^= XXH3_64bits(control.data, control.size);
    return &policies->known[hash % BUCKETS];
}

/* Under the lock. */
static struct known *find_known(struct policies *policies, const struct known *wanted)
{
    struct known *known = *bucket_of(policies, wanted);
    while (known && !is_same(known, wanted)) known = known->next;
    return known;
}

/* What serves instead of any that has the same rules and throttles: who may not keep it cannot keep it for too long. */
static struct known makeshift_for(const struct known *wanted, bool is_file)
{
    struct known makeshift = { .rules = wanted->rules, .throttles = wanted->throttles, .is_makeshift = true };
    if (is_file) makeshift.cache.control = SPAN("no-store");
    return makeshift;
}

bool policies_choose(struct policies *policies, const struct rules *rules, struct span type, struct span path,
                     bool is_encoded, const struct throttle_set *throttles, uint16_t *ret_number)
{
    char room[CACHE_POLICY_BYTES];
    struct known wanted = { .rules = rules, .throttles = throttles };
    if (type.data) {
        wanted.cache = cache_policy_of(rules, type, path, room);
        wanted.may_have_forms = !is_encoded && !is_compact(type);
        wanted.is_compressed =
            wanted.may_have_forms && rules->compress && media_type_is_text(type) && rules->file_etag != ETAG_NONE;
    }
    pthread_mutex_lock(&policies->lock);
    struct known *known = find_known(policies, &wanted);
    if (!known && policies->count >= POLICIES_ORDINARY_MAX) {
        wanted = makeshift_for(&wanted, type.data != NULL);
        known = find_known(policies, &wanted);
    }
    bool has_number = known || policies->count < POLICIES_MAX;
    if (!known && has_number && (known = add_known(policies, &wanted)) != NULL) {
        struct known **bucket = bucket_of(policies, known);
        known->next = *bucket;
        *bucket = known;
    }
    pthread_mutex_unlock(&policies->lock);
    if (!known && has_number) return false;
    *ret_number = known ? known->number : POLICY_NONE;
    return true;
}

const struct policy *policies_get(const struct policies *policies, uint16_t number)
{
    return policies->at[number];
}
