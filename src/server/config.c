#include "server/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool config_pin(struct config *config, enum pin_kind kind, const char *path, const char *file, uint32_t line)
{
    if (config->pin_count == config->pin_room) {
        size_t room = config->pin_room ? 2 * config->pin_room : 64;
        struct pin_wish *pins = realloc(config->pins, room * sizeof *pins);
        if (!pins) return false;
        config->pins = pins;
        config->pin_room = room;
    }
    size_t root_size = path[0] == '/' ? 0 : strlen(config->server_root) + 1, size = strlen(path) + 1;
    char *whole = malloc(root_size + size);
    if (!whole) return false;
    if (root_size > 0) snprintf(whole, root_size + 1, "%s/", config->server_root);
    memcpy(whole + root_size, path, size);
    config->pins[config->pin_count++] = (struct pin_wish){ .path = whole, .file = file, .line = line, .kind = kind };
    return true;
}

const char *config_source(struct config *config, const char *name)
{
    size_t size = strlen(name) + 1;
    struct config_source *source = malloc(sizeof *source + size);
    if (!source) return NULL;
    memcpy(source->name, name, size);
    source->next = config->sources;
    config->sources = source;
    return source->name;
}

void config_done(struct config *config)
{
    for (size_t i = 0; i < config->pin_count; i++) free(config->pins[i].path);
    free(config->pins);
    for (struct config_source *source = config->sources, *next; source; source = next) {
        next = source->next;
        free(source);
    }
    *config = (struct config){ 0 };
}
