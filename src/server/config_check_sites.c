#include "base/glob.h"
#include "server/config_check.h"

/* Whether `path` is `folder` or below it. */
static bool is_below(struct span path, struct span folder)
{
    while (folder.size > 0 && folder.data[folder.size - 1] == '/') folder.size--;
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

/* Whether anything of the site can be in the folder, or the folder in something of the site. */
static bool touches(const struct site_config *site, struct span folder)
{
    struct span root = site->document_root;
    if (root.data && (is_below(root, folder) || is_below(folder, root))) return true;
    for (size_t i = 0; i < site->url_maps.count; i++) {
        const struct url_map *map = site->url_maps.items[i];
        if (map->kind != URL_ALIAS && map->kind != URL_ALIAS_MATCH) continue;
        struct span target = map->target;
        const char *dollar = map->pattern ? memchr(target.data, '$', target.size) : NULL;
        if (dollar) target = span_first(target, (size_t)(dollar - target.data));
        while (dollar && target.size > 0 && target.data[target.size - 1] != '/') target.size--;
        if (is_below(target, folder) || is_below(folder, target)) return true;
    }
    return false;
}

/* A <Directory> of the main server is for every site. One that lets links lead out to it is for no root at all. */
static void check_sections(struct config_checking *checking, const struct site_config *site)
{
    const struct config *config = checking->config;
    bool is_main = site == config->sites[0];
    for (size_t i = 0; i < site->own_sections.count; i++) {
        const struct section *section = site->own_sections.items[i];
        unsigned links = OPTION_FOLLOW_LINKS | OPTION_LINKS_IF_OWNER;
        if (section->kind != SECTION_DIRECTORY || section->rules.options.added & links) continue;
        struct span folder = literal_part(section->pattern);
        bool is_touched = touches(site, folder);
        for (size_t j = 1; j < config->site_count && is_main; j++) is_touched |= touches(config->sites[j], folder);
        if (!is_touched)
            config_check_warn(checking, section->place, SPAN_NONE,
                              "<Directory %s>: nothing is served from there: no DocumentRoot or Alias leads to it",
                              section->pattern.data);
    }
}

static bool has_prefix(const struct url_map *map)
{
    return map->kind == URL_REDIRECT || map->kind == URL_ALIAS;
}

/* Of redirects, and then of aliases, the first that matches holds; a later one below it is never reached. */
static void check_url_maps(struct config_checking *checking, const struct site_config *site)
{
    const struct config_list *maps = &site->url_maps;
    for (size_t i = 0; i < maps->count; i++) {
        const struct url_map *map = maps->items[i];
        bool is_own = false;
        for (size_t j = 0; j < site->own_url_maps.count; j++) is_own |= site->own_url_maps.items[j] == map;
        for (size_t j = 0; j < i && is_own && has_prefix(map); j++) {
            const struct url_map *before = maps->items[j];
            if (!has_prefix(before) || !is_below(map->prefix, before->prefix)) continue;
            config_check_warn(checking, map->place, map->prefix,
                              "%s is never reached: %s %s, at %s:%u, takes everything there", map->prefix.data,
                              before->kind == URL_REDIRECT ? "Redirect" : "Alias", before->prefix.data,
                              before->place.file, before->place.line);
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

/* The place of the name in the site, or NULL. */
static const struct config_place *place_of_name(const struct site_config *site, struct span name)
{
    if (site->server_name.data && span_equal(site->server_name, name)) return &site->places[SITE_SERVER_NAME];
    for (size_t i = 0; i < site->server_aliases.count; i++) {
        const struct text_rule *alias = site->server_aliases.items[i];
        if (span_equal(alias->text, name)) return &alias->place;
    }
    return NULL;
}

static void check_name(struct config_checking *checking, size_t index, struct span name, struct config_place place)
{
    const struct config *config = checking->config;
    for (size_t i = 1; i < index; i++) {
        const struct config_place *other = place_of_name(config->sites[i], name);
        const struct site_address *address = other ? common_address(config->sites[i], config->sites[index]) : NULL;
        if (!address) continue;
        config_check_warn(checking, place, name, "%s at %s is the site of %s:%u already, and never found here",
                          name.data, address->text.data, other->file, other->line);
        return;
    }
}

static void check_names(struct config_checking *checking, size_t index)
{
    const struct config *config = checking->config;
    const struct site_config *site = config->sites[index];
    if (site->server_name.data) check_name(checking, index, site->server_name, site->places[SITE_SERVER_NAME]);
    for (size_t i = 0; i < site->server_aliases.count; i++) {
        const struct text_rule *alias = site->server_aliases.items[i];
        check_name(checking, index, alias->text, alias->place);
    }
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
    for (size_t i = 0; i < config->site_count; i++) {
        check_sections(checking, config->sites[i]);
        check_url_maps(checking, config->sites[i]);
        if (i == 0) continue;
        check_names(checking, i);
        check_ports(checking, config->sites[i]);
    }
}
