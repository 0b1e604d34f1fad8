#include "server/cache_policy.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/glob.h"
#include "base/path_parts.h"
#include "http/fingerprint.h"

/* "text/html", or all of "image/" by "image/" and a star. */
static bool type_matches(struct span pattern, struct span type)
{
    bool is_group = span_ends_with(pattern, SPAN("/*"));
    if (!is_group) return span_equal_nocase(pattern, type);
    struct span group = span_first(pattern, pattern.size - 1);
    return type.size > group.size && span_equal_nocase(group, span_first(type, group.size));
}

static bool is_for(const struct cache_control_rule *rule, struct span type, struct span path)
{
    for (size_t i = 0; i < rule->matches.count; i++) {
        struct span pattern = *(const struct span *)rule->matches.items[i];
        bool is_type = memchr(pattern.data, '/', pattern.size) != NULL;
        if (is_type ? type_matches(pattern, type) : glob_matches(pattern, path_name(path))) return true;
    }
    return rule->matches.count == 0;
}

static const struct expires_rule *expires_of(const struct rules *rules, struct span type)
{
    const struct expires_rule *found = NULL;
    if (!rules->expires_active) return NULL;
    for (size_t i = rules->expires_by_type.count; i-- > 0;) {
        const struct expires_rule *rule = rules->expires_by_type.items[i];
        bool is_group = span_ends_with(rule->type, SPAN("/*"));
        if (!type_matches(rule->type, type) || (found && is_group)) continue;
        found = rule; /* the exact type holds over its group */
        if (!is_group) break;
    }
    return found;
}

static void set_default(const struct rules *rules, struct span type, struct span path, char *room,
                        struct cache_policy *policy)
{
    if (span_equal_nocase(type, SPAN("text/html")) || span_equal_nocase(type, SPAN("application/xhtml+xml"))) {
        policy->control = SPAN("no-cache");
        policy->reason = "it is a page";
    } else if (fingerprint_is_in(path)) {
        /* RFC 9111, 3.5: `public` would have shared caches keep what only some may have. */
        policy->control = rules_name_users(rules) ? SPAN("private, max-age=31536000, immutable")
                                                  : SPAN("public, max-age=31536000, immutable");
        policy->reason = "its name carries a fingerprint of its content";
    } else {
        int size = snprintf(room, CACHE_POLICY_BYTES, "max-age=%" PRIu64, rules->cache_default_age_ms / 1000);
        policy->control = span_of(room, (size_t)size);
        policy->reason = "CacheDefaultAge";
        policy->place = rules->places[RULE_CACHE_DEFAULT_AGE];
    }
}

struct cache_policy cache_policy_of(const struct rules *rules, struct span type, struct span path,
                                    char room[CACHE_POLICY_BYTES])
{
    struct cache_policy policy = { .control = SPAN_NONE };
    const struct expires_rule *expires = expires_of(rules, type);
    if (expires) {
        policy.expires = true;
        policy.is_from_modification = expires->is_from_modification;
        policy.seconds = expires->seconds;
        policy.reason = "ExpiresByType";
        policy.place = expires->place;
    }
    for (size_t i = rules->cache_control.count; i-- > 0;) {
        const struct cache_control_rule *rule = rules->cache_control.items[i];
        if (!is_for(rule, type, path)) continue;
        policy.control = rule->value;
        policy.reason = "CacheControl";
        policy.place = rule->place;
        return policy;
    }
    if (!expires) set_default(rules, type, path, room, &policy);
    return policy;
}

bool cache_policy_equal(const struct cache_policy *a, const struct cache_policy *b)
{
    return a->expires == b->expires && a->is_from_modification == b->is_from_modification && a->seconds == b->seconds &&
           (a->control.data == NULL) == (b->control.data == NULL) && span_equal(a->control, b->control);
}
