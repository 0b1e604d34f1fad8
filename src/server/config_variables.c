#include "server/config_variables.h"

#include <stdlib.h>

enum { NAME_BYTES_MAX = 255 };

struct config_variable {
    struct config_variable *next;
    struct span name, value;
};

bool config_variables_name_is_valid(struct span name)
{
    if (name.size == 0 || name.size > NAME_BYTES_MAX) return false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i], lower = ascii_lower(c);
        bool is_word = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
        if (!is_word && c != '_' && c != '-' && c != '.') return false;
    }
    return true;
}

/* FNV-1a: the names are the administrator's own. */
static size_t hash_of(struct span name)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < name.size; i++) hash = (hash ^ (unsigned char)name.data[i]) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32);
}

static struct config_variable *find(const struct config_variables *variables, struct span name)
{
    if (variables->bucket_count == 0) return NULL;
    struct config_variable *at = variables->buckets[hash_of(name) & (variables->bucket_count - 1)];
    while (at && !span_equal(at->name, name)) at = at->next;
    return at;
}

static bool widen(struct config_variables *variables, struct arena *arena)
{
    size_t count = variables->bucket_count ? 2 * variables->bucket_count : 16;
    struct config_variable **buckets = arena_take(arena, count * sizeof(struct config_variable *));
    if (!buckets) return false;
    for (size_t i = 0; i < variables->bucket_count; i++) {
        for (struct config_variable *at = variables->buckets[i], *next; at; at = next) {
            struct config_variable **to = &buckets[hash_of(at->name) & (count - 1)];
            next = at->next;
            at->next = *to;
            *to = at;
        }
    }
    variables->buckets = buckets;
    variables->bucket_count = count;
    return true;
}

bool config_variables_define(struct config_variables *variables, struct arena *arena, struct span name,
                             struct span value)
{
    struct span kept = arena_text(arena, value);
    if (!kept.data) return false;
    struct config_variable *known = find(variables, name);
    if (known) {
        known->value = kept;
        return true;
    }
    if (variables->count == variables->bucket_count && !widen(variables, arena)) return false;
    struct config_variable *variable = arena_take(arena, sizeof *variable);
    if (!variable || !(variable->name = arena_text(arena, name)).data) return false;
    struct config_variable **to = &variables->buckets[hash_of(name) & (variables->bucket_count - 1)];
    variable->value = kept;
    variable->next = *to;
    *to = variable;
    variables->count++;
    return true;
}

struct span config_variables_find(const struct config_variables *variables, struct span name)
{
    const struct config_variable *known = find(variables, name);
    if (known) return known->value;
    char text[NAME_BYTES_MAX + 1];
    if (variables->ignores_environment || !config_variables_name_is_valid(name)) return SPAN_NONE;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    const char *value = getenv(text);
    return value ? span_of_string(value) : SPAN_NONE;
}
