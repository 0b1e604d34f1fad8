#include "server/config_print.h"

#include "server/directive_print.h"

/* Whether the place that is being written says it. The main server says everything: nothing is above it. */
static bool is_said(const struct printing *printing)
{
    const struct directive *directive = printing->directive;
    bool is_single = directive->home == HOME_SITE && directive->id < SITE_SETTING_COUNT;
    if (directive->home == HOME_RULES) return rules_have(printing->rules, (enum rule)directive->id);
    return !is_single || printing->site == printing->config->sites[0] ||
           site_says(printing->site, (enum site_setting)directive->id);
}

static void print_directives(struct printing *printing, bool (*is_chosen)(enum directive_home))
{
    size_t count;
    const struct directive *all = directives(&count);
    for (size_t i = 0; i < count; i++) {
        printing->directive = &all[i];
        if (!is_chosen(all[i].home) || !is_said(printing)) continue;
        directive_print(printing);
    }
}

static bool is_of_process(enum directive_home home)
{
    return home == HOME_CONFIG || home == HOME_NONE;
}

static bool is_of_site(enum directive_home home)
{
    return home == HOME_SITE;
}

static bool is_rule(enum directive_home home)
{
    return home == HOME_RULES;
}

static void print_sections(struct printing *printing, const struct section *parent)
{
    static const char *const names[] = {
        [SECTION_DIRECTORY] = "Directory", [SECTION_FILES] = "Files", [SECTION_LOCATION] = "Location"
    };
    const struct config_list *list = &printing->site->own_sections;
    for (size_t i = 0; i < list->count; i++) {
        const struct section *section = list->items[i];
        if (section->parent != parent) continue;
        putc('\n', printing->to);
        printing_indent(printing);
        fprintf(printing->to, "<%s", names[section->kind]);
        printing_put_word(printing, section->pattern);
        fputs(">\n", printing->to);
        printing->indent++;
        printing->rules = &section->rules;
        print_directives(printing, is_rule);
        print_sections(printing, section);
        printing->indent--;
        printing_indent(printing);
        fprintf(printing->to, "</%s>\n", names[section->kind]);
    }
}

static void print_site(struct printing *printing, const struct rules *rules)
{
    print_directives(printing, is_of_site);
    printing->rules = rules;
    print_directives(printing, is_rule);
    print_sections(printing, NULL);
}

void config_print(const struct config *config, FILE *to)
{
    struct printing printing = { .to = to, .config = config };
    printing.site = config->sites[0];
    print_directives(&printing, is_of_process);
    putc('\n', to);
    print_site(&printing, &config->sites[0]->rules);
    for (size_t i = 1; i < config->site_count; i++) {
        printing.site = config->sites[i];
        fputs("\n<VirtualHost", to);
        for (size_t j = 0; j < printing.site->addresses.count; j++)
            printing_put_word(&printing, ((const struct site_address *)printing.site->addresses.items[j])->text);
        fputs(">\n", to);
        printing.indent = 1;
        print_site(&printing, &printing.site->own_rules);
        printing.indent = 0;
        fputs("</VirtualHost>\n", to);
    }
}

static bool is_same_address(const struct site_address *a, const struct site_address *b)
{
    return a->is_any == b->is_any && a->port == b->port && (a->is_any || ip_address_equal(&a->address, &b->address));
}

/* Whether `address` was met in a site before, or before in the same. */
static bool was_met(const struct config *config, const struct site_address *address)
{
    for (size_t i = 1; i < config->site_count; i++) {
        const struct config_list *list = &config->sites[i]->addresses;
        for (size_t j = 0; j < list->count; j++) {
            if (list->items[j] == address) return false;
            if (is_same_address(list->items[j], address)) return true;
        }
    }
    return false;
}

static void print_names(const struct site_config *site, const char *what, FILE *to)
{
    fprintf(to, "  %-8s %s", what, site->server_name.data ? site->server_name.data : "(no ServerName)");
    if (site->server_port) fprintf(to, ":%u", site->server_port);
    for (size_t i = 0; i < site->server_aliases.count; i++)
        fprintf(to, " %s", ((const struct text_rule *)site->server_aliases.items[i])->text.data);
    if (site->place.file) fprintf(to, "  (%s:%u)", site->place.file, site->place.line);
    fprintf(to, "\n           %s\n", site->document_root.data ? site->document_root.data : "(no DocumentRoot)");
}

static void print_sites_at(const struct config *config, const struct site_address *address, FILE *to)
{
    const char *what = "default";
    fprintf(to, "%s\n", address->text.data);
    for (size_t i = 1; i < config->site_count; i++) {
        const struct config_list *list = &config->sites[i]->addresses;
        bool is_met = false;
        for (size_t j = 0; j < list->count; j++) is_met |= is_same_address(list->items[j], address);
        if (!is_met) continue;
        print_names(config->sites[i], what, to);
        what = "";
    }
}

void config_print_sites(const struct config *config, FILE *to)
{
    for (size_t i = 1; i < config->site_count; i++) {
        const struct config_list *list = &config->sites[i]->addresses;
        for (size_t j = 0; j < list->count; j++) {
            if (!was_met(config, list->items[j])) print_sites_at(config, list->items[j], to);
        }
    }
    fprintf(to, "%s\n", config->site_count > 1 ? "every other address" : "every address");
    print_names(config->sites[0], "main", to);
}
