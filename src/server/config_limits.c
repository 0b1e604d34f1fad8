#include "server/config_limits.h"

#include "server/header_fields.h"
#include "server/sites.h"

static bool add_headers(struct arena *arena, const struct rules *rules, struct config_list *to)
{
    for (size_t i = 0; i < rules->headers.count; i++) {
        if (!config_list_add(arena, to, rules->headers.items[i])) return false;
    }
    return true;
}

/* All that may be said of one file: outside of sections and in all of them, in their order. */
static bool join_headers(struct arena *arena, const struct site_config *site, struct config_list *ret)
{
    struct config_list all = { 0 };
    bool is_done = add_headers(arena, &site->rules, &all);
    for (size_t i = 0; is_done && i < site->sections.count; i++)
        is_done = add_headers(arena, &((const struct section *)site->sections.items[i])->rules, &all);
    *ret = all;
    return is_done;
}

static void check_site(struct arena *arena, const struct site_config *site, struct config_report *report)
{
    struct config_spot spot = { .place = site->place };
    struct config_list headers;
    if (site->sections.count > POLICY_SECTIONS_MAX)
        config_report_add(report, false, &spot, SPAN_NONE, "a site has more than %d sections", POLICY_SECTIONS_MAX);
    if (!join_headers(arena, site, &headers) || headers.count == 0) return;
    const struct header_rule *last = headers.items[headers.count - 1];
    spot.place = last->place;
    if (header_fields_bytes(&headers) > POLICY_FIELDS_BYTES_MAX)
        config_report_add(report, false, &spot, SPAN_NONE,
                          "the Header lines of this site could add more than %d bytes to one answer",
                          POLICY_FIELDS_BYTES_MAX);
}

void config_limits_check(const struct config *config, struct config_report *report)
{
    struct arena scratch = { 0 };
    if (config->site_count > SITES_MAX) {
        struct config_spot spot = { .place = config->sites[SITES_MAX]->place };
        config_report_add(report, false, &spot, SPAN_NONE, "more than %d sites", SITES_MAX);
    }
    for (size_t i = 0; i < config->site_count; i++) check_site(&scratch, config->sites[i], report);
    arena_done(&scratch);
}
