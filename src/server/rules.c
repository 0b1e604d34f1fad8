#include "server/rules.h"

#include "base/check.h"

/* How a setting of `over` meets the one of `base`. */
enum merge_kind {
    MERGE_NUMBER,  /* uint64_t: replaces */
    MERGE_CHOICE,  /* unsigned: replaces */
    MERGE_TEXT,    /* struct span: replaces */
    MERGE_FLAGS,   /* struct rule_flags */
    MERGE_GROWS,   /* struct config_list: comes behind */
    MERGE_REPLACES /* struct config_list */
};

static const struct {
    size_t offset;
    enum merge_kind kind;
} settings[RULE_COUNT] = {
    [RULE_ADD_CHARSET] = { offsetof(struct rules, add_charset), MERGE_GROWS },
    [RULE_ADD_DEFAULT_CHARSET] = { offsetof(struct rules, default_charset), MERGE_TEXT },
    [RULE_ADD_ENCODING] = { offsetof(struct rules, add_encoding), MERGE_GROWS },
    [RULE_ADD_TYPE] = { offsetof(struct rules, add_type), MERGE_GROWS },
    [RULE_AUTH_NAME] = { offsetof(struct rules, auth_name), MERGE_TEXT },
    [RULE_AUTH_TYPE] = { offsetof(struct rules, auth_type), MERGE_CHOICE },
    [RULE_AUTH_USER_FILE] = { offsetof(struct rules, auth_user_file), MERGE_TEXT },
    [RULE_CACHE_CONTROL] = { offsetof(struct rules, cache_control), MERGE_GROWS },
    [RULE_CACHE_DEFAULT_AGE] = { offsetof(struct rules, cache_default_age_ms), MERGE_NUMBER },
    [RULE_COMPRESS] = { offsetof(struct rules, compress), MERGE_CHOICE },
    [RULE_DIRECTORY_INDEX] = { offsetof(struct rules, directory_index), MERGE_REPLACES },
    [RULE_ERROR_DOCUMENT] = { offsetof(struct rules, error_documents), MERGE_GROWS },
    [RULE_EXPIRES_ACTIVE] = { offsetof(struct rules, expires_active), MERGE_CHOICE },
    [RULE_EXPIRES_BY_TYPE] = { offsetof(struct rules, expires_by_type), MERGE_GROWS },
    [RULE_FALLBACK_RESOURCE] = { offsetof(struct rules, fallback_resource), MERGE_TEXT },
    [RULE_FILE_ETAG] = { offsetof(struct rules, file_etag), MERGE_CHOICE },
    [RULE_HEADER] = { offsetof(struct rules, headers), MERGE_GROWS },
    [RULE_INDEX_IGNORE] = { offsetof(struct rules, index_ignore), MERGE_GROWS },
    [RULE_INDEX_OPTIONS] = { offsetof(struct rules, index_options), MERGE_FLAGS },
    [RULE_MAX_RANGES] = { offsetof(struct rules, max_ranges), MERGE_NUMBER },
    [RULE_OPTIONS] = { offsetof(struct rules, options), MERGE_FLAGS },
    [RULE_REQUIRE] = { offsetof(struct rules, require), MERGE_REPLACES },
    [RULE_REWRITE_CLEAN] = { offsetof(struct rules, rewrite_clean), MERGE_CHOICE },
};

static const void *value_in(const struct rules *rules, enum rule rule)
{
    return (const char *)rules + settings[rule].offset;
}

static struct rule_flags merged_flags(const struct rule_flags *base, const struct rule_flags *over)
{
    if (over->is_whole) return *over;
    return (struct rule_flags){
        .added = (base->added & ~over->removed) | over->added,
        .removed = (base->removed & ~over->added) | over->removed,
        .is_whole = base->is_whole,
    };
}

static bool merge_one(struct arena *arena, enum rule rule, const struct rules *base, const struct rules *over,
                      struct rules *result)
{
    const void *outer = value_in(base, rule), *inner = value_in(over, rule);
    void *at = (char *)result + settings[rule].offset;
    switch (settings[rule].kind) {
    case MERGE_NUMBER: memcpy(at, inner, sizeof(uint64_t)); return true;
    case MERGE_CHOICE: memcpy(at, inner, sizeof(unsigned)); return true;
    case MERGE_TEXT: memcpy(at, inner, sizeof(struct span)); return true;
    case MERGE_REPLACES: memcpy(at, inner, sizeof(struct config_list)); return true;
    case MERGE_FLAGS: *(struct rule_flags *)at = merged_flags(outer, inner); return true;
    case MERGE_GROWS: return config_list_join(arena, outer, inner, at);
    }
    ASSERT(false);
}

bool rules_are_open(const struct rules *rules)
{
    for (size_t i = 0; i < rules->require.count; i++) {
        const struct require_rule *rule = rules->require.items[i];
        if (rule->kind == REQUIRE_GRANTED) return true;
    }
    return rules->require.count == 0;
}

bool rules_name_users(const struct rules *rules)
{
    for (size_t i = 0; i < rules->require.count; i++) {
        const struct require_rule *rule = rules->require.items[i];
        if (rule->kind == REQUIRE_VALID_USER || rule->kind == REQUIRE_USER) return true;
    }
    return false;
}

bool rules_merge(struct arena *arena, const struct rules *base, const struct rules *over, struct rules *ret_rules)
{
    struct rules result = *base;
    for (enum rule rule = 0; rule < RULE_COUNT; rule++) {
        if (!rules_have(over, rule)) continue;
        if (!merge_one(arena, rule, base, over, &result)) return false;
        result.places[rule] = over->places[rule];
    }
    result.set |= over->set;
    *ret_rules = result;
    return true;
}
