#include "server/header_fields.h"

/* Each counts for at least so much, so that the limit of bytes is one of lines, too; and one is Folio's own. */
enum { LINE_BYTES_LEAST = 32, FIELDS_MAX = POLICY_FIELDS_BYTES_MAX / LINE_BYTES_LEAST + 1 };

struct line {
    struct span name, value;
};

struct lines {
    struct line items[FIELDS_MAX];
    unsigned count;
};

static bool is_named(struct span name, const char *known)
{
    return span_equal_nocase(name, span_of_string(known));
}

static void remove_all(struct lines *lines, struct span name)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < lines->count; i++) {
        if (!span_equal_nocase(lines->items[i].name, name)) lines->items[kept++] = lines->items[i];
    }
    lines->count = kept;
}

static bool add(struct lines *lines, struct span name, struct span value)
{
    if (lines->count == FIELDS_MAX) return false;
    lines->items[lines->count++] = (struct line){ name, value };
    return true;
}

/* "first, second", in the arena. */
static bool append(struct arena *arena, struct lines *lines, struct span name, struct span value)
{
    for (unsigned i = 0; i < lines->count; i++) {
        struct span before = lines->items[i].value;
        if (!span_equal_nocase(lines->items[i].name, name)) continue;
        char *joined = arena_take(arena, before.size + 2 + value.size);
        if (!joined) return false;
        if (before.size > 0) memcpy(joined, before.data, before.size);
        memcpy(joined + before.size, ", ", 2);
        if (value.size > 0) memcpy(joined + before.size + 2, value.data, value.size);
        lines->items[i].value = span_of(joined, before.size + 2 + value.size);
        return true;
    }
    return add(lines, name, value);
}

/* Fields that are not in the table, because they differ from answer to answer. */
static bool obey_for_own_fields(const struct header_rule *rule, struct policy *policy)
{
    bool is_set = rule->action == HEADER_SET, goes = is_set || rule->action == HEADER_UNSET;
    if (is_named(rule->name, "Content-Type") && is_set) {
        policy->content_type = rule->value;
        return true;
    }
    if (is_named(rule->name, "Expires") && goes) policy->expires = false;
    if (is_named(rule->name, "Cache-Control") && goes) policy->expires_sets_age = false;
    if (is_named(rule->name, "ETag") && goes) policy->omits_etag = true;
    if (is_named(rule->name, "Last-Modified") && goes) policy->omits_modified = true;
    if (is_named(rule->name, "Accept-Ranges") && goes) policy->omits_ranges = true;
    return false;
}

static bool obey(struct arena *arena, const struct header_rule *rule, struct lines *lines)
{
    switch (rule->action) {
    case HEADER_SET: remove_all(lines, rule->name); return add(lines, rule->name, rule->value);
    case HEADER_APPEND: return append(arena, lines, rule->name, rule->value);
    case HEADER_ADD: return add(lines, rule->name, rule->value);
    case HEADER_UNSET: break;
    }
    remove_all(lines, rule->name);
    return true;
}

/* RFC 9110, 15.4.5, but for those that an entry brings itself. */
static bool is_for_304(struct span name)
{
    return is_named(name, "Cache-Control") || is_named(name, "Content-Location") || is_named(name, "Expires") ||
           is_named(name, "Vary") || is_named(name, "Set-Cookie");
}

static char *put(char *at, struct span text)
{
    if (text.size > 0) memcpy(at, text.data, text.size);
    return at + text.size;
}

static bool write_lines(struct arena *arena, const struct lines *lines, bool only_for_304, struct span *ret)
{
    size_t size = 0;
    for (unsigned i = 0; i < lines->count; i++)
        size += lines->items[i].name.size + lines->items[i].value.size + sizeof ": \r\n";
    char *text = arena_take(arena, size + 1), *at = text;
    if (!text) return false;
    for (unsigned i = 0; i < lines->count; i++) {
        if (only_for_304 && !is_for_304(lines->items[i].name)) continue;
        at = put(put(at, lines->items[i].name), SPAN(": "));
        at = put(put(at, lines->items[i].value), SPAN("\r\n"));
    }
    *ret = span_of(text, (size_t)(at - text));
    return true;
}

bool header_fields_make(struct arena *arena, const struct config_list *rules, struct span cache_control,
                        struct policy *policy)
{
    struct lines success = { .count = 0 }, always = { .count = 0 };
    if (cache_control.data && !add(&success, SPAN("Cache-Control"), cache_control)) return false;
    for (size_t i = 0; i < rules->count; i++) {
        const struct header_rule *rule = rules->items[i];
        if (obey_for_own_fields(rule, policy)) continue;
        if (!obey(arena, rule, rule->is_always ? &always : &success)) return false;
    }
    return write_lines(arena, &success, false, &policy->success_fields) &&
           write_lines(arena, &success, true, &policy->validated_fields) &&
           write_lines(arena, &always, false, &policy->always_fields);
}

static size_t line_bytes(const struct header_rule *rule)
{
    size_t size = rule->name.size + rule->value.size + sizeof ": \r\n";
    return size < LINE_BYTES_LEAST ? LINE_BYTES_LEAST : size;
}

/* Those for the same field: what is set replaces, the rest adds up. */
static size_t bytes_of_field(const struct config_list *rules, const struct header_rule *first)
{
    size_t longest = 0, sum = 0;
    for (size_t i = 0; i < rules->count; i++) {
        const struct header_rule *rule = rules->items[i];
        if (rule->is_always != first->is_always || !span_equal_nocase(rule->name, first->name)) continue;
        size_t size = line_bytes(rule);
        if (rule->action == HEADER_SET && size > longest) longest = size;
        if (rule->action == HEADER_ADD || rule->action == HEADER_APPEND) sum += size;
    }
    return longest + sum;
}

static bool is_first_of_field(const struct config_list *rules, size_t index)
{
    const struct header_rule *rule = rules->items[index];
    for (size_t i = 0; i < index; i++) {
        const struct header_rule *before = rules->items[i];
        if (before->is_always == rule->is_always && span_equal_nocase(before->name, rule->name)) return false;
    }
    return true;
}

size_t header_fields_bytes(const struct config_list *rules)
{
    size_t size = 0;
    for (size_t i = 0; i < rules->count; i++) size += line_bytes(rules->items[i]);
    if (size <= POLICY_FIELDS_BYTES_MAX) return size; /* the most of them */
    size = 0;
    for (size_t i = 0; i < rules->count; i++) {
        if (is_first_of_field(rules, i)) size += bytes_of_field(rules, rules->items[i]);
    }
    return size;
}
