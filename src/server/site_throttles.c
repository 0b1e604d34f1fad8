#include "server/site_throttles.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/glob.h"

/* A directive: a bucket, or one for each client. */
struct bucket {
    const struct throttle_rule *rule;
    struct throttle throttle;
    struct throttle_clients *clients; /* NULL: of a pattern */
};

/* A set and the directives that it is of. */
struct chosen {
    struct throttle_set set; /* first: a pointer to it stands for all of it */
    struct chosen *next;
    struct bucket *buckets[]; /* in the order of the site's directives; NULL behind the last */
};
_Static_assert(offsetof(struct chosen, set) == 0, "a pointer to its set is one to what was chosen");

struct site {
    struct bucket *own; /* one for each of its own directives */
    struct chosen *sets;
};

struct site_throttles {
    const struct config *config;
    struct site *sites;
    pthread_mutex_t lock; /* guards the sets, and the arena while workers run */
    struct arena arena;
};

static bool make_buckets(struct site_throttles *throttles, unsigned number)
{
    const struct config_list *rules = &throttles->config->sites[number]->own_throttles;
    struct site *site = &throttles->sites[number];
    if (rules->count == 0) return true;
    site->own = calloc(rules->count, sizeof *site->own);
    if (!site->own) return false;
    for (size_t i = 0; i < rules->count; i++) {
        struct bucket *bucket = &site->own[i];
        bucket->rule = rules->items[i];
        throttle_init(&bucket->throttle, bucket->rule->bytes_s, bucket->rule->min_bytes_s);
        if (!bucket->rule->is_per_client) continue;
        bucket->clients = throttle_clients_new(bucket->rule->bytes_s, bucket->rule->min_bytes_s);
        if (!bucket->clients) return false;
    }
    return true;
}

struct site_throttles *site_throttles_new(const struct config *config)
{
    struct site_throttles *throttles = calloc(1, sizeof *throttles);
    if (!throttles) return NULL;
    throttles->config = config;
    pthread_mutex_init(&throttles->lock, NULL);
    throttles->sites = calloc(config->site_count, sizeof *throttles->sites);
    bool is_made = throttles->sites != NULL;
    for (unsigned i = 0; i < config->site_count && is_made; i++) is_made = make_buckets(throttles, i);
    if (is_made) return throttles;
    site_throttles_free(throttles);
    return NULL;
}

void site_throttles_free(struct site_throttles *throttles)
{
    if (!throttles) return;
    for (unsigned i = 0; i < throttles->config->site_count && throttles->sites; i++) {
        struct bucket *own = throttles->sites[i].own;
        for (size_t j = 0; j < throttles->config->sites[i]->own_throttles.count && own; j++)
            throttle_clients_free(own[j].clients);
        free(own);
    }
    free(throttles->sites);
    arena_done(&throttles->arena);
    pthread_mutex_destroy(&throttles->lock);
    free(throttles);
}

static bool holds(const struct throttle_rule *rule, struct span url, struct span index)
{
    if (rule->is_per_client) return true;
    return (url.data && glob_matches(rule->pattern, url)) || (index.data && glob_matches(rule->pattern, index));
}

/* The bucket of directive `i` of those that hold at the site: its own, then the main server's. */
static struct bucket *bucket_at(const struct site_throttles *throttles, unsigned site, size_t i)
{
    size_t own = throttles->config->sites[site]->own_throttles.count;
    return i < own ? &throttles->sites[site].own[i] : &throttles->sites[0].own[i - own];
}

/* Under the lock. A set of `buckets`, of which there are `count`, and one more that is NULL. */
static struct chosen *make_set(struct site_throttles *throttles, struct bucket *const *buckets, size_t count)
{
    size_t size = (count + 1) * sizeof(struct bucket *);
    struct chosen *chosen = arena_take(&throttles->arena, sizeof *chosen + size);
    struct throttle **at = arena_take(&throttles->arena, size);
    if (!chosen || !at) return NULL;
    *chosen = (struct chosen){ .set = { .at = at } };
    memcpy(chosen->buckets, buckets, size);
    for (size_t i = 0; i < count; i++) {
        if (buckets[i]->clients)
            chosen->set.clients[chosen->set.client_count++] = buckets[i]->clients;
        else
            at[chosen->set.count++] = &buckets[i]->throttle;
    }
    return chosen;
}

static bool is_of(const struct chosen *chosen, struct bucket *const *buckets, size_t count)
{
    for (size_t i = 0; i <= count; i++) {
        if (chosen->buckets[i] != buckets[i]) return false;
    }
    return true;
}

bool site_throttles_choose(struct site_throttles *throttles, unsigned site, struct span url, struct span index,
                           const struct throttle_set **ret_set)
{
    const struct config_list *rules = &throttles->config->sites[site]->throttles;
    size_t count = 0;
    if (rules->count == 0) {
        *ret_set = NULL;
        return true;
    }
    struct bucket **buckets = calloc(rules->count + 1, sizeof(struct bucket *));
    if (!buckets) return false;
    for (size_t i = 0; i < rules->count; i++) {
        if (holds(rules->items[i], url, index)) buckets[count++] = bucket_at(throttles, site, i);
    }
    pthread_mutex_lock(&throttles->lock);
    struct chosen *chosen = throttles->sites[site].sets;
    while (chosen && !is_of(chosen, buckets, count)) chosen = chosen->next;
    if (!chosen && count > 0 && (chosen = make_set(throttles, buckets, count)) != NULL) {
        chosen->next = throttles->sites[site].sets;
        throttles->sites[site].sets = chosen;
    }
    pthread_mutex_unlock(&throttles->lock);
    free(buckets);
    if (chosen || count == 0) *ret_set = chosen ? &chosen->set : NULL;
    return chosen || count == 0;
}

bool site_throttles_are_of(const struct throttle_set *set, const struct throttle_rule *rule)
{
    const struct chosen *chosen = (const struct chosen *)(const void *)set;
    for (size_t i = 0; chosen && chosen->buckets[i]; i++) {
        if (chosen->buckets[i]->rule == rule) return true;
    }
    return false;
}
