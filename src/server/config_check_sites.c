#include <stdlib.h>

#include "base/glob.h"
#include "base/path_parts.h"
#include "server/config_check.h"

/* Whether `path` is `folder` or below it. */
static bool is_below(struct span path, struct span folder)
{
    folder = path_without_slashes(folder, 0);
    return span_starts_with(path, folder) && (path.size == folder.size || path.data[folder.size] == '/');
}

/* As much of a pattern as stands for itself: whole parts of the path. */
static struct span literal_part(struct span pattern)
{
    size_t size = 0;
    for (size_t i = 0; i <= pattern.size; i++) {
        if (i < pattern.size && pattern.data[i] != '/') continue;
        if (glob_has_wildcards(span_first(pattern, i))) break;
        size = i;
    }
    return span_first(pattern, size);
}

/* A folder that a site serves from. */
struct served {
    struct span folder;
    size_t site;
    bool is_alias; /* those of the main server are every site's */
};

struct span config_check_alias_root(const struct url_map *map)
{
    struct span target = map->target;
    const char *dollar = map->pattern ? memchr(target.data, '$', target.size) : NULL;
    return dollar ? path_folder(span_first(target, (size_t)(dollar - target.data))) : target;
}

/* Every DocumentRoot and what every Alias leads to. To be freed; NULL: no memory. */
static struct served *collect_served(const struct config *config, size_t *ret_count)
{
    size_t count = config->site_count;
    for (size_t i = 0; i < config->site_count; i++) count += config->sites[i]->own_url_maps.count;
    struct served *served = malloc(count * sizeof *served);
    count = 0;
    for (size_t i = 0; i < config->site_count && served; i++) {
        const struct site_config *site = config->sites[i];
        if (site->document_root.data) served[count++] = (struct served){ site->document_root, i, false };
        for (size_t j = 0; j < site->own_url_maps.count; j++) {
            const struct url_map *map = site->own_url_maps.items[j];
            if (map->kind == URL_ALIAS || map->kind == URL_ALIAS_MATCH)
                served[count++] = (struct served){ config_check_alias_root(map), i, true };
        }
    }
    *ret_count = count;
    return served;
}

/* Whether anything that the section is for can be served: below it, or it below that. */
static bool is_reached(struct span folder, size_t site, const struct served *served, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_its = site == 0 || served[i].site == site || (served[i].site == 0 && served[i].is_alias);
        if (is_its && (is_below(served[i].folder, folder) || is_below(folder, served[i].folder))) return true;
    }
    return false;
}

/* A <Directory> of the main server is for every site. One that lets links lead out to it is for no root at all. */
static void check_sections(struct config_checking *checking)
{
    const struct config *config = checking->config;
    size_t count = 0;
    struct served *served = collect_served(config, &count);
    for (size_t i = 0; i < config->site_count && served; i++) {
        const struct config_list *sections = &config->sites[i]->own_sections;
        for (size_t j = 0; j < sections->count; j++) {
            const struct section *section = sections->items[j];
            bool lets_links = (section->rules.options.added & (OPTION_FOLLOW_LINKS | OPTION_LINKS_IF_OWNER)) != 0;
            if (section->kind != SECTION_DIRECTORY || lets_links) continue;
            if (is_reached(literal_part(section->pattern), i, served, count)) continue;
            config_check_warn(checking, section->place, SPAN_NONE,
                              "<Directory %s>: nothing is served from there: no DocumentRoot or Alias leads to it",
                              section->pattern.data);
        }
    }
    free(served);
}

static bool is_redirect(const struct url_map *map)
{
    return map->kind == URL_REDIRECT || map->kind == URL_REDIRECT_MATCH;
}

/* Whether `map`, at `index`, is never reached because of `before`: redirects are tried before aliases, and of each kind the
 * first that matches holds. */
static bool is_shadowed(const struct url_map *map, size_t index, const struct url_map *before, size_t before_index)
{
    bool comes_first = is_redirect(before) == is_redirect(map) ? before_index < index : is_redirect(before);
    return comes_first && !before->pattern && !map->pattern && is_below(map->prefix, before->prefix);
}

static void check_url_maps(struct config_checking *checking, const struct site_config *site)
{
    const struct config_list *maps = &site->own_url_maps;
    for (size_t i = 0; i < maps->count; i++) {
        const struct url_map *map = maps->items[i];
        for (size_t j = 0; j < maps->count; j++) {
            const struct url_map *before = maps->items[j];
            if (!is_shadowed(map, i, before, j)) continue;
            config_check_warn(checking, map->place, map->prefix,
                              "%s is never reached: %s %s, at %s:%u, takes everything there", map->prefix.data,
                              is_redirect(before) ? "Redirect" : "Alias", before->prefix.data, before->place.file,
                              before->place.line);
            break;
        }
    }
}

static bool is_same_address(const struct site_address *a, const struct site_address *b)
{
    return a->is_any == b->is_any && a->port == b->port && (a->is_any || ip_address_equal(&a->address, &b->address));
}

static const struct site_address *common_address(const struct site_config *a, const struct site_config *b)
{
    for (size_t i = 0; i < a->addresses.count; i++) {
        for (size_t j = 0; j < b->addresses.count; j++) {
            if (is_same_address(a->addresses.items[i], b->addresses.items[j])) return a->addresses.items[i];
        }
    }
    return NULL;
}

/* One of the names of a site. */
struct name {
    struct span text;
    struct config_place place;
    size_t site;
};

static int compare_names(const void *left, const void *right)
{
    const struct name *a = left, *b = right;
    size_t size = a->text.size < b->text.size ? a->text.size : b->text.size;
    int order = memcmp(a->text.data, b->text.data, size);
    if (order != 0) return order;
    if (a->text.size != b->text.size) return a->text.size < b->text.size ? -1 : 1;
    return (a->site > b->site) - (a->site < b->site);
}

/* All names of all virtual hosts, those that are the same beside each other. To be freed; NULL: there are none. */
static struct name *collect_names(const struct config *config, size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 1; i < config->site_count; i++) count += 1 + config->sites[i]->server_aliases.count;
    struct name *names = malloc(count * sizeof *names);
    count = 0;
    for (size_t i = 1; i < config->site_count && names; i++) {
        const struct site_config *site = config->sites[i];
        if (site->server_name.data)
            names[count++] = (struct name){ site->server_name, site->places[SITE_SERVER_NAME], i };
        for (size_t j = 0; j < site->server_aliases.count; j++) {
            const struct text_rule *alias = site->server_aliases.items[j];
            names[count++] = (struct name){ alias->text, alias->place, i };
        }
    }
    if (names) qsort(names, count, sizeof *names, compare_names);
    *ret_count = count;
    return names;
}

static void check_names(struct config_checking *checking)
{
    const struct config *config = checking->config;
    size_t count;
    struct name *names = collect_names(config, &count);
    for (size_t i = 1; i < count && names; i++) {
        const struct name *name = &names[i], *before = name - 1;
        if (!span_equal(name->text, before->text) || name->site == before->site) continue;
        const struct site_address *address = common_address(config->sites[before->site], config->sites[name->site]);
        if (address)
            config_check_warn(checking, name->place, name->text,
                              "%s at %s is the site of %s:%u already, and never found here", name->text.data,
                              address->text.data, before->place.file, before->place.line);
    }
    free(names);
}

/* Who has no name answers only as the first at his address. */
static void check_nameless(struct config_checking *checking, size_t index)
{
    const struct config *config = checking->config;
    const struct site_config *site = config->sites[index];
    if (site->server_name.data || site->server_aliases.count > 0) return;
    for (size_t i = 1; i < index; i++) {
        const struct site_address *address = common_address(config->sites[i], site);
        if (!address) continue;
        config_check_warn(checking, site->place, SPAN_NONE,
                          "<VirtualHost>: it has no ServerName, and at %s another one comes first: it is never found",
                          address->text.data);
        return;
    }
}

/* A port that nobody listens at. Port 0 is chosen by the kernel, and a Unix socket has none. */
static void check_ports(struct config_checking *checking, const struct site_config *site)
{
    const struct config *config = checking->config;
    for (size_t i = 0; i < site->addresses.count; i++) {
        const struct site_address *address = site->addresses.items[i];
        bool is_heard = address->port == 0;
        for (uint32_t j = 0; j < config->listen_count; j++)
            is_heard |= config->listens[j].port == address->port || config->listens[j].port == 0;
        if (!is_heard)
            config_check_warn(checking, site->place, address->text, "<VirtualHost %s>: no Listen is for port %u",
                              address->text.data, address->port);
    }
}

void config_check_sites(struct config_checking *checking)
{
    const struct config *config = checking->config;
    check_names(checking);
    check_sections(checking);
    for (size_t i = 0; i < config->site_count; i++) {
        check_url_maps(checking, config->sites[i]);
        if (i == 0) continue;
        check_nameless(checking, i);
        check_ports(checking, config->sites[i]);
    }
}
