#include "server/site_config.h"

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

static size_t depth_of(const struct section *section)
{
    size_t depth = 0;
    for (size_t i = 0; i + 1 < section->pattern.size; i++) depth += section->pattern.data[i] == '/';
    return section->pattern.size > 1 ? depth + 1 : 0;
}

/* Directories, the shorter first; those of the same length as they come. There are few. */
static void sort_directories(struct config_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        const struct section *section = list->items[i];
        size_t at = i, depth = depth_of(section);
        for (; at > 0 && depth_of(list->items[at - 1]) > depth; at--) list->items[at] = list->items[at - 1];
        list->items[at] = section;
    }
}

static bool add_files_of(struct arena *arena, const struct config_list *all, const struct section *parent,
                         struct config_list *to)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct section *section = all->items[i];
        bool is_its = section->kind == SECTION_FILES && section->parent == parent;
        if (is_its && !config_list_add(arena, to, section)) return false;
    }
    return true;
}

static bool order_sections(struct arena *arena, const struct config_list *all, struct config_list *ret)
{
    struct config_list list = { 0 };
    for (size_t i = 0; i < all->count; i++) {
        const struct section *section = all->items[i];
        if (section->kind == SECTION_DIRECTORY && !config_list_add(arena, &list, section)) return false;
    }
    sort_directories(&list);
    size_t directories = list.count;
    if (!add_files_of(arena, all, NULL, &list)) return false;
    for (size_t i = 0; i < directories; i++) {
        if (!add_files_of(arena, all, list.items[i], &list)) return false;
    }
    for (size_t i = 0; i < all->count; i++) {
        const struct section *section = all->items[i];
        if (section->kind != SECTION_LOCATION) continue;
        if (!config_list_add(arena, &list, section) || !add_files_of(arena, all, section, &list)) return false;
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

bool site_config_complete(struct arena *arena, const struct rules *defaults, const struct site_config *main_site,
                          struct site_config *site)
{
    static const struct config_list none;
    bool is_main = site == main_site;
    struct config_list sections, url_maps;
    if (!is_main) inherit_settings(main_site, site);
    if (site->own_logs.count == 0) site->logs = main_site->logs;
    if (!config_list_join(arena, is_main ? &none : &main_site->own_sections, &site->own_sections, &sections) ||
        !order_sections(arena, &sections, &site->sections))
        return false;
    if (!config_list_join(arena, &site->own_url_maps, is_main ? &none : &main_site->own_url_maps, &url_maps) ||
        !order_url_maps(arena, &url_maps, &site->url_maps))
        return false;
    if (!config_list_join(arena, &site->own_throttles, is_main ? &none : &main_site->own_throttles, &site->throttles))
        return false;
    return rules_merge(arena, is_main ? defaults : &main_site->rules, &site->own_rules, &site->rules);
}
