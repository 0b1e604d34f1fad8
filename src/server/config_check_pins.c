#include "platform/machine.h"
#include "server/config_check.h"
#include "server/pinning.h"
#include "server/sites.h"

/* Every descriptor that could be a big file's: an eighth of what there are, as the server shares them out. */
enum { STREAMS_PART = 8 };

static void warn_of_pin(void *context, const struct pin_wish *wish, const char *path, const char *reason)
{
    config_check_warn(context, (struct config_place){ wish->file, wish->line }, span_of_string(path),
                      "cannot pin %s: %s", path, reason);
}

static void warn_of_limit(void *context, const char *text)
{
    struct config_checking *checking = context;
    const struct pin_wish *first = &checking->config->pins[0];
    config_check_warn(checking, (struct config_place){ first->file, first->line }, SPAN_NONE, "%s", text);
}

static void nothing_to_show(void *context, uint64_t files, uint64_t files_all, uint64_t bytes, uint64_t bytes_all)
{
    (void)context;
    (void)files;
    (void)files_all;
    (void)bytes;
    (void)bytes_all;
}

static void compare(struct config_checking *checking, const struct preload_sums *sums)
{
    const struct config *config = checking->config;
    uint64_t bytes = config->cache_bytes ? config->cache_bytes : machine_memory_bytes() / 4;
    struct table_limits limits = {
        .bytes = bytes,
        .files = (uint32_t)config->cache_files,
        .streams = (uint32_t)(machine_descriptors_raise() / STREAMS_PART),
    };
    (void)pinning_is_enough(config, &limits, sums, warn_of_limit, checking);
}

void config_check_pins(struct config_checking *checking)
{
    const struct config *config = checking->config;
    const struct preload_report report = { checking, warn_of_pin, nothing_to_show };
    struct preload_sums sums = { 0 };
    struct media_types *types = config->pin_count > 0 ? media_types_new(SPAN("")) : NULL;
    struct sites *sites = types ? sites_new(config, types) : NULL;
    if (sites) {
        struct preload *preload = preload_new(sites_trees(sites), config->snapshot_bytes, false, &report);
        if (preload && preload_plan(preload, config->pins, config->pin_count, &sums)) compare(checking, &sums);
        preload_free(preload);
    }
    sites_free(sites);
    media_types_free(types);
}
