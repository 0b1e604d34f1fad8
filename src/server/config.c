#include "server/config.h"

#include <stdio.h>
#include <stdlib.h>

bool config_init(struct config *config)
{
    *config = (struct config){ 0 };
    return config_add_site(config, (struct config_place){ 0 }) != NULL;
}

struct site_config *config_add_site(struct config *config, struct config_place place)
{
    if (config->site_count == config->site_room) {
        size_t room = config->site_room ? 2 * config->site_room : 4;
        struct site_config **sites = realloc(config->sites, room * sizeof *sites);
        if (!sites) return NULL;
        config->sites = sites;
        config->site_room = room;
    }
    struct site_config *site = arena_take(&config->arena, sizeof *site);
    if (!site) return NULL;
    site->place = place;
    config->sites[config->site_count++] = site;
    return site;
}

const struct pattern *config_pattern(struct config *config, struct span text, char error[PATTERN_ERROR_BYTES],
                                     size_t *ret_at)
{
    struct owned_pattern *owned = arena_take(&config->arena, sizeof *owned);
    if (!owned) {
        snprintf(error, PATTERN_ERROR_BYTES, "no memory");
        *ret_at = 0;
        return NULL;
    }
    owned->pattern = pattern_new(text, error, ret_at);
    if (!owned->pattern) return NULL;
    owned->next = config->patterns;
    config->patterns = owned;
    return owned->pattern;
}

bool config_pin(struct config *config, enum pin_kind kind, struct span path, struct config_place place)
{
    if (config->pin_count == config->pin_room) {
        size_t room = config->pin_room ? 2 * config->pin_room : 64;
        struct pin_wish *pins = realloc(config->pins, room * sizeof *pins);
        if (!pins) return false;
        config->pins = pins;
        config->pin_room = room;
    }
    config->pins[config->pin_count++] =
        (struct pin_wish){ .path = path.data, .file = place.file, .line = place.line, .kind = kind };
    return true;
}

struct span config_path(struct config *config, const char *folder, struct span path)
{
    char whole[CONFIG_PATH_BYTES];
    bool is_absolute = path.size > 0 && path.data[0] == '/';
    int size = snprintf(whole, sizeof whole, "%s%s%.*s", is_absolute ? "" : folder, is_absolute ? "" : "/",
                        (int)path.size, path.data);
    return size < CONFIG_PATH_BYTES ? arena_text(&config->arena, span_of(whole, (size_t)size)) : SPAN_NONE;
}

void config_done(struct config *config)
{
    for (struct owned_pattern *owned = config->patterns; owned; owned = owned->next) pattern_free(owned->pattern);
    free(config->pins);
    free(config->sites);
    arena_done(&config->arena);
    *config = (struct config){ 0 };
}
