#include "server/url_map.h"

#include <string.h>

#include "base/path_parts.h"
#include "http/target.h"

struct span url_map_prefix(const struct url_map *map)
{
    return path_without_slashes(map->prefix, 0);
}

/* "/a" is for "/a" and "/a/b", "/a/" only for what is below. */
static bool is_for(const struct url_map *map, struct span path, struct span *ret_rest)
{
    struct span prefix = url_map_prefix(map);
    if (!span_starts_with(path, prefix)) return false;
    *ret_rest = span_from(path, prefix.size);
    bool wants_more = prefix.size < map->prefix.size;
    return ret_rest->size == 0 ? !wants_more : ret_rest->data[0] == '/';
}

bool url_map_find(const struct config_list *maps, struct span path, struct url_match *ret_match)
{
    for (size_t i = 0; i < maps->count; i++) {
        const struct url_map *map = maps->items[i];
        bool is_match =
            map->pattern ? pattern_match(map->pattern, path, ret_match->groups) : is_for(map, path, &ret_match->rest);
        if (!is_match) continue;
        ret_match->map = map;
        ret_match->index = (unsigned)i;
        return true;
    }
    return false;
}

/* What is written to, with its bounds. */
struct output {
    char *at, *end;
    bool is_too_long;
};

static void put(struct output *output, struct span text)
{
    if ((size_t)(output->end - output->at) < text.size) {
        output->is_too_long = true;
        return;
    }
    if (text.size > 0) memcpy(output->at, text.data, text.size);
    output->at += text.size;
}

static void put_encoded(struct output *output, struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        char path[2] = { '/', text.data[i] }, encoded[8];
        /* A group need not begin with '/', as target_encode() wants it. */
        size_t size = text.data[i] == '/' ? 2 : target_encode(span_of(path, 2), encoded);
        if (text.data[i] == '/')
            put(output, SPAN("/"));
        else
            put(output, span_of(encoded + 1, size - 1));
    }
}

/* The target, with $0 to $9 replaced; \$ stands for $. */
static void put_replaced(struct output *output, const struct url_match *match, bool encodes)
{
    struct span target = match->map->target;
    for (size_t i = 0; i < target.size; i++) {
        char c = target.data[i], next = i + 1 < target.size ? target.data[i + 1] : '\0';
        if (c == '$' && next >= '0' && next <= '9') {
            struct span group = match->groups[next - '0'];
            if (encodes)
                put_encoded(output, group);
            else
                put(output, group);
            i++;
            continue;
        }
        if (c == '\\' && (next == '$' || next == '\\')) c = target.data[++i];
        put(output, span_of(&c, 1));
    }
}

size_t url_map_location(const struct url_match *match, char *out, size_t room)
{
    struct output output = { .at = out, .end = out + room };
    if (match->map->kind == URL_REDIRECT_MATCH) {
        put_replaced(&output, match, true);
    } else {
        struct span target = match->map->target, rest = match->rest;
        /* One slash where they meet; a path must not begin with two, which would be a host (RFC 3986, 4.2). */
        bool has_both = rest.size > 0 && target.size > 0 && target.data[target.size - 1] == '/';
        put(&output, has_both ? span_first(target, target.size - 1) : target);
        put_encoded(&output, rest);
    }
    if (output.is_too_long) return 0;
    size_t size = (size_t)(output.at - out);
    /* What a group brought must not make a host of a path. */
    while (size > 1 && out[0] == '/' && out[1] == '/' && !span_starts_with(match->map->target, SPAN("//"))) {
        memmove(out, out + 1, size - 1);
        size--;
    }
    return size;
}

size_t url_map_path(const struct url_match *match, char *out, size_t room)
{
    struct output output = { .at = out, .end = out + room };
    put_replaced(&output, match, false);
    return output.is_too_long || output.at == out || out[0] != '/' ? 0 : (size_t)(output.at - out);
}

struct span url_map_fixed_folder(const struct url_map *map)
{
    size_t size = 0, slash = 0;
    for (; size < map->target.size && map->target.data[size] != '$' && map->target.data[size] != '\\'; size++) {
        if (map->target.data[size] == '/') slash = size;
    }
    return span_first(map->target, slash > 0 ? slash : 1);
}
