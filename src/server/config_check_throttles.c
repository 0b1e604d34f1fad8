#include "base/glob.h"
#include "server/config_check.h"

/* How many answers LEAST lets in at a time. */
static uint64_t answers_max(const struct throttle_rule *rule)
{
    return rule->min_bytes_s > 0 ? rule->bytes_s / rule->min_bytes_s : UINT64_MAX;
}

/* Of two that are for the same, the one that lets less through, and no more in, is all that holds; of equal ones, the first. */
static bool is_needless(const struct config_list *rules, size_t index, size_t beside)
{
    const struct throttle_rule *rule = rules->items[index], *other = rules->items[beside];
    if (rule->is_per_client || other->is_per_client || !span_equal(rule->pattern, other->pattern)) return false;
    if (rule->bytes_s < other->bytes_s || answers_max(rule) < answers_max(other)) return false;
    bool is_same = rule->bytes_s == other->bytes_s && answers_max(rule) == answers_max(other);
    return !is_same || index > beside;
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
            if (!is_needless(rules, i, j)) continue;
            config_check_warn(checking, rule->place, rule->pattern,
                              "Throttle: it says nothing beside the one for %s at %s:%u", rule->pattern.data,
                              other->place.file, other->place.line);
            break;
        }
    }
}
