#include "server/site_config.h"

#include <stdlib.h>

bool log_format_named(struct span name, enum log_format *ret_format)
{
    static const char *const names[] = {
        [LOG_FORMAT_COMBINED] = "combined", [LOG_FORMAT_COMMON] = "common", [LOG_FORMAT_JSON] = "json"
    };
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        if (!span_equal_nocase(name, span_of_string(names[i]))) continue;
        *ret_format = (enum log_format)i;
        return true;
    }
    return false;
}

/* The settings that a site has from the main server, if it does not say them. ServerName is none of them: two sites of
 * the same name would be one too many. */
static void inherit_settings(const struct site_config *main_site, struct site_config *site)
{
    if (!site_says(site, SITE_DOCUMENT_ROOT)) site->document_root = main_site->document_root;
    if (!site_says(site, SITE_ERROR_LOG)) site->error_log = main_site->error_log;
    if (!site_says(site, SITE_LOG_FORMAT)) site->log_format = main_site->log_format;
    if (!site_says(site, SITE_LOG_LEVEL)) site->log_level = main_site->log_level;
    if (!site_says(site, SITE_STRICT_HOST)) site->strict_host = main_site->strict_host;
}

/* A <Directory>, while they are brought into their order. */
struct ordered {
    size_t depth; /* names in its path */
    size_t index; /* among all sections */
};

static size_t depth_of(const struct section *section)
{
    size_t depth = section->pattern.size > 1;
    for (size_t i = 1; i < section->pattern.size; i++) depth += section->pattern.data[i] == '/';
    return depth;
}

/* The shorter path first; those of the same length as they were written. */
static int compare_ordered(const void *left, const void *right)
{
    const struct ordered *a = left, *b = right;
    if (a->depth != b->depth) return a->depth < b->depth ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

/* The <Files> within a section stand right behind it: they were added while it was open. */
static bool add_files_of(struct arena *arena, const struct config_list *all, size_t parent, struct config_list *to)
{
    for (size_t i = parent + 1; i < all->count; i++) {
        const struct section *section = all->items[i];
        if (section->parent != all->items[parent]) break;
        if (!config_list_add(arena, to, section)) return false;
    }
    return true;
}

static bool order_sections(struct arena *arena, const struct config_list *all, struct config_list *ret)
{
    struct config_list list = { 0 };
    struct ordered *directories = arena_take(arena, all->count * sizeof *directories);
    size_t count = 0;
    if (!directories) return false;
    for (size_t i = 0; i < all->count; i++) {
        const struct section *section = all->items[i];
        if (section->kind == SECTION_DIRECTORY) directories[count++] = (struct ordered){ depth_of(section), i };
    }
    qsort(directories, count, sizeof *directories, compare_ordered);
    for (size_t i = 0; i < count; i++) {
        if (!config_list_add(arena, &list, all->items[directories[i].index])) return false;
    }
    for (size_t i = 0; i < all->count; i++) {
        const struct section *section = all->items[i];
        bool is_of_site = section->kind == SECTION_FILES && !section->parent;
        if (is_of_site && !config_list_add(arena, &list, section)) return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!add_files_of(arena, all, directories[i].index, &list)) return false;
    }
    for (size_t i = 0; i < all->count; i++) {
        const struct section *section = all->items[i];
        if (section->kind != SECTION_LOCATION) continue;
        if (!config_list_add(arena, &list, section) || !add_files_of(arena, all, i, &list)) return false;
    }
    *ret = list;
    return true;
}

static bool is_redirect(const struct url_map *map)
{
    return map->kind == URL_REDIRECT || map->kind == URL_REDIRECT_MATCH;
}

static bool order_url_maps(struct arena *arena, const struct config_list *all, struct config_list *ret)
{
    struct config_list list = { 0 };
    for (int redirects = 1; redirects >= 0; redirects--) {
        for (size_t i = 0; i < all->count; i++) {
            if (is_redirect(all->items[i]) == redirects && !config_list_add(arena, &list, all->items[i])) return false;
        }
    }
    *ret = list;
    return true;
}

/* What the site does not add to is the main server's own list: of many sites, few have sections. */
static bool complete_lists(struct arena *arena, const struct site_config *main_site, struct site_config *site)
{
    static const struct config_list none;
    bool is_main = site == main_site;
    struct config_list sections, url_maps;
    site->sections = main_site->sections;
    site->url_maps = main_site->url_maps;
    if (is_main || site->own_sections.count > 0) {
        const struct config_list *outer = is_main ? &none : &main_site->own_sections;
        if (!config_list_join(arena, outer, &site->own_sections, &sections)) return false;
        if (!order_sections(arena, &sections, &site->sections)) return false;
    }
    if (is_main || site->own_url_maps.count > 0) {
        const struct config_list *outer = is_main ? &none : &main_site->own_url_maps;
        if (!config_list_join(arena, &site->own_url_maps, outer, &url_maps)) return false;
        if (!order_url_maps(arena, &url_maps, &site->url_maps)) return false;
    }
    const struct config_list *outer = is_main ? &none : &main_site->own_throttles;
    return config_list_join(arena, &site->own_throttles, outer, &site->throttles);
}

bool site_config_complete(struct arena *arena, const struct rules *defaults, const struct site_config *main_site,
                          struct site_config *site)
{
    bool is_main = site == main_site;
    if (!is_main) inherit_settings(main_site, site);
    if (site->own_logs.count == 0) site->logs = main_site->logs;
    return complete_lists(arena, main_site, site) &&
           rules_merge(arena, is_main ? defaults : &main_site->rules, &site->own_rules, &site->rules);
}
