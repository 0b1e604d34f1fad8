#include "base/glob.h"
#include "server/config_check.h"

/* Of two that are for the same, the lower one is all that holds. */
static bool is_above(const struct throttle_rule *rule, const struct throttle_rule *other)
{
    return !rule->is_per_client && !other->is_per_client && span_equal(rule->pattern, other->pattern) &&
           (rule->bytes_s > other->bytes_s || (rule->bytes_s == other->bytes_s && rule > other));
}

void config_check_throttles(struct config_checking *checking, const struct site_config *site)
{
    const struct config_list *rules = &site->own_throttles;
    for (size_t i = 0; i < rules->count; i++) {
        const struct throttle_rule *rule = rules->items[i];
        if (!rule->is_per_client && !glob_may_begin(rule->pattern, '/'))
            config_check_warn(checking, rule->place, rule->pattern,
                              "Throttle: %s matches nothing: each path begins with a slash, which only / and ** match",
                              rule->pattern.data);
        for (size_t j = 0; j < rules->count; j++) {
            const struct throttle_rule *other = rules->items[j];
            if (!is_above(rule, other)) continue;
            config_check_warn(checking, rule->place, rule->pattern,
                              "Throttle: it says nothing beside the one for %s at %s:%u", rule->pattern.data,
                              other->place.file, other->place.line);
            break;
        }
    }
}
