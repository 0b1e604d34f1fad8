#include "server/directive_print.h"

#include <inttypes.h>
#include <stdlib.h>

#include "server/directive_set.h"

void printing_indent(const struct printing *printing)
{
    for (unsigned i = 0; i < printing->indent; i++) fputs("    ", printing->to);
}

static void begin(const struct printing *printing)
{
    printing_indent(printing);
    fputs(printing->directive->name, printing->to);
}

static void end(const struct printing *printing)
{
    putc('\n', printing->to);
}

/* A word that is read as the same again (config_words.h). */
void printing_put_word(const struct printing *printing, struct span word)
{
    bool is_quoted = word.size == 0 || word.data[word.size - 1] == '\\';
    for (size_t i = 0; i < word.size; i++) is_quoted |= (unsigned char)word.data[i] <= ' ' || word.data[i] == '"';
    is_quoted |= word.size > 0 && word.data[0] == '\'';
    fputs(is_quoted ? " \"" : " ", printing->to);
    for (size_t i = 0; i < word.size; i++) {
        char c = word.data[i];
        bool names_variable = c == '$' && i + 1 < word.size && word.data[i + 1] == '{';
        if (names_variable || (is_quoted && (c == '"' || c == '\\'))) putc('\\', printing->to);
        putc(c, printing->to);
    }
    if (is_quoted) putc('"', printing->to);
}

static void put_string(const struct printing *printing, const char *text)
{
    printing_put_word(printing, span_of_string(text));
}

static void put_number(const struct printing *printing, uint64_t number)
{
    fprintf(printing->to, " %" PRIu64, number);
}

static void put_ms(const struct printing *printing, uint64_t ms)
{
    if (ms % 1000 == 0)
        fprintf(printing->to, " %" PRIu64 "s", ms / 1000);
    else
        fprintf(printing->to, " %" PRIu64 "ms", ms);
}

static const void *value_of(const struct printing *printing)
{
    const void *homes[] = { NULL, printing->config, printing->site, printing->rules };
    return (const char *)homes[printing->directive->home] + printing->directive->offset;
}

static const struct config_list *list_of(const struct printing *printing)
{
    return value_of(printing);
}

static uint64_t number_of(const struct printing *printing)
{
    return *(const uint64_t *)value_of(printing);
}

static unsigned choice_of(const struct printing *printing)
{
    return *(const unsigned *)value_of(printing);
}

static struct span text_of(const struct printing *printing)
{
    return *(const struct span *)value_of(printing);
}

static void print_line(const struct printing *printing, struct span word)
{
    begin(printing);
    printing_put_word(printing, word);
    end(printing);
}

/* 0 is no value of what has no default and must not be 0. */
static bool is_worked_out_later(const struct printing *printing)
{
    return number_of(printing) < printing->directive->least;
}

static void print_number(const struct printing *printing)
{
    if (is_worked_out_later(printing)) return;
    begin(printing);
    put_number(printing, number_of(printing));
    end(printing);
}

static void print_duration(const struct printing *printing)
{
    begin(printing);
    put_ms(printing, number_of(printing));
    end(printing);
}

static struct span choice_name(const char *choices, unsigned index)
{
    for (; index > 0; index--) choices += strcspn(choices, "|") + 1;
    return span_of(choices, strcspn(choices, "|"));
}

static void print_choice(const struct printing *printing)
{
    print_line(printing, choice_name(printing->directive->choices, choice_of(printing)));
}

static void print_path(const struct printing *printing)
{
    const char *path = value_of(printing);
    if (path[0]) print_line(printing, span_of_string(path));
}

static void print_text(const struct printing *printing)
{
    if (text_of(printing).data) print_line(printing, text_of(printing));
}

static void print_listens(const struct printing *printing)
{
    for (uint32_t i = 0; i < printing->config->listen_count; i++) {
        const struct config_listen *listen = &printing->config->listens[i];
        char text[sizeof listen->address + 8];
        bool is_unix = strncmp(listen->address, "unix:", 5) == 0;
        if (is_unix)
            snprintf(text, sizeof text, "%s", listen->address);
        else
            snprintf(text, sizeof text, "%s%s%u", listen->address, listen->address[0] ? ":" : "", listen->port);
        print_line(printing, span_of_string(text));
    }
}

/* The three kinds in one order, so that the list is the same again: with the first of them. */
static void print_pins(const struct printing *printing)
{
    static const char *const names[] = {
        [PIN_FILE] = "MMapFile", [PIN_FOLDER] = "MMapDir", [PIN_DESCRIPTOR] = "CacheFile"
    };
    if (printing->directive->least != PIN_FILE) return;
    for (size_t i = 0; i < printing->config->pin_count; i++) {
        printing_indent(printing);
        fputs(names[printing->config->pins[i].kind], printing->to);
        put_string(printing, printing->config->pins[i].path);
        end(printing);
    }
}

static void print_send_rate(const struct printing *printing)
{
    begin(printing);
    put_number(printing, printing->config->send_min_bytes_s);
    put_ms(printing, printing->config->send_min_window_ms);
    end(printing);
}

static void print_trusted_proxies(const struct printing *printing)
{
    const struct config_list *list = &printing->config->remote_proxies;
    for (size_t i = 0; i < list->count; i++) print_line(printing, ((const struct proxy_rule *)list->items[i])->text);
}

static void print_server_name(const struct printing *printing)
{
    const struct site_config *site = printing->site;
    if (!site->server_name.data) return;
    begin(printing);
    fprintf(printing->to, " %s", site->server_name.data);
    if (site->server_port) fprintf(printing->to, ":%u", site->server_port);
    end(printing);
}

/* One word a line; the list may be of any kind that begins as a text_rule does. */
static void print_texts(const struct printing *printing, const struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++) print_line(printing, ((const struct text_rule *)list->items[i])->text);
}

static void print_server_aliases(const struct printing *printing)
{
    print_texts(printing, &printing->site->server_aliases);
}

/* All four kinds in one order, with the first of them. */
static void print_url_maps(const struct printing *printing)
{
    static const char *const names[] = { [URL_REDIRECT] = "Redirect",
                                         [URL_REDIRECT_MATCH] = "RedirectMatch",
                                         [URL_ALIAS] = "Alias",
                                         [URL_ALIAS_MATCH] = "AliasMatch" };
    for (size_t i = 0; i < printing->site->own_url_maps.count; i++) {
        const struct url_map *map = printing->site->own_url_maps.items[i];
        printing_indent(printing);
        fputs(names[map->kind], printing->to);
        if (map->status) fprintf(printing->to, " %u", map->status);
        printing_put_word(printing, map->pattern ? map->pattern_text : map->prefix);
        if (map->target.data) printing_put_word(printing, map->target);
        end(printing);
    }
}

static void print_logs(const struct printing *printing)
{
    for (size_t i = 0; i < printing->site->own_logs.count; i++) {
        const struct log_config *log = printing->site->own_logs.items[i];
        begin(printing);
        printing_put_word(printing, log->target);
        if (log->format.data) printing_put_word(printing, log->format);
        end(printing);
    }
}

static void print_log_formats(const struct printing *printing)
{
    const struct site_config *site = printing->site;
    for (size_t i = 0; i < site->log_names.count; i++) {
        const struct log_name *name = site->log_names.items[i];
        begin(printing);
        printing_put_word(printing, name->text);
        printing_put_word(printing, name->name);
        end(printing);
    }
    if (site == printing->config->sites[0] || site_says(site, SITE_LOG_FORMAT)) print_choice(printing);
}

static void print_throttles(const struct printing *printing)
{
    for (size_t i = 0; i < printing->site->own_throttles.count; i++) {
        const struct throttle_rule *rule = printing->site->own_throttles.items[i];
        begin(printing);
        printing_put_word(printing, rule->pattern);
        put_number(printing, rule->bytes_s);
        if (rule->min_bytes_s) put_number(printing, rule->min_bytes_s);
        end(printing);
    }
}

/* One a line: they add up. */
static void print_directory_index(const struct printing *printing)
{
    const struct config_list *list = list_of(printing);
    print_texts(printing, list);
    if (list->count == 0) print_line(printing, SPAN("disabled"));
}

static void print_fallback_resource(const struct printing *printing)
{
    print_line(printing, text_of(printing).data ? text_of(printing) : SPAN("disabled"));
}

static void print_default_charset(const struct printing *printing)
{
    print_line(printing, text_of(printing).data ? text_of(printing) : SPAN("off"));
}

static void print_error_documents(const struct printing *printing)
{
    const struct config_list *list = list_of(printing);
    for (size_t i = 0; i < list->count; i++) {
        const struct error_document_rule *rule = list->items[i];
        begin(printing);
        put_number(printing, rule->status);
        printing_put_word(printing, rule->value);
        end(printing);
    }
}

static void print_flags(const struct printing *printing)
{
    const struct rule_flags *flags = value_of(printing);
    const char *choices = printing->directive->choices;
    begin(printing);
    for (unsigned i = 0; *choices; i++) {
        size_t size = strcspn(choices, "|");
        const char *sign = flags->is_whole ? " " : " +";
        if (flags->added >> i & 1) fprintf(printing->to, "%s%.*s", sign, (int)size, choices);
        if (!flags->is_whole && flags->removed >> i & 1) fprintf(printing->to, " -%.*s", (int)size, choices);
        choices += size + (choices[size] == '|');
    }
    if (flags->is_whole && flags->added == 0) fputs(" None", printing->to);
    end(printing);
}

static void print_index_ignore(const struct printing *printing)
{
    print_texts(printing, list_of(printing));
}

static void print_max_ranges(const struct printing *printing)
{
    if (number_of(printing) == 0)
        print_line(printing, SPAN("none"));
    else
        print_number(printing);
}

static void print_require(const struct printing *printing)
{
    static const char *const kinds[] = { [REQUIRE_GRANTED] = " all granted",
                                         [REQUIRE_DENIED] = " all denied",
                                         [REQUIRE_IP] = " ip",
                                         [REQUIRE_VALID_USER] = " valid-user",
                                         [REQUIRE_USER] = " user" };
    const struct config_list *list = list_of(printing);
    for (size_t i = 0; i < list->count; i++) {
        const struct require_rule *rule = list->items[i];
        begin(printing);
        fputs(kinds[rule->kind], printing->to);
        if (rule->text.data) printing_put_word(printing, rule->text);
        end(printing);
    }
}

static void print_added(const struct printing *printing)
{
    const struct config_list *list = list_of(printing);
    for (size_t i = 0; i < list->count; i++) {
        const struct extension_rule *rule = list->items[i];
        begin(printing);
        printing_put_word(printing, rule->value);
        printing_put_word(printing, rule->extension);
        end(printing);
    }
}

static void print_cache_control(const struct printing *printing)
{
    const struct config_list *list = list_of(printing);
    for (size_t i = 0; i < list->count; i++) {
        const struct cache_control_rule *rule = list->items[i];
        begin(printing);
        printing_put_word(printing, rule->value);
        for (size_t j = 0; j < rule->matches.count; j++)
            printing_put_word(printing, *(const struct span *)rule->matches.items[j]);
        end(printing);
    }
}

static void print_expires(const struct printing *printing)
{
    const struct config_list *list = list_of(printing);
    for (size_t i = 0; i < list->count; i++) {
        const struct expires_rule *rule = list->items[i];
        begin(printing);
        printing_put_word(printing, rule->type);
        fprintf(printing->to, " %c%" PRId64, rule->is_from_modification ? 'M' : 'A', rule->seconds);
        end(printing);
    }
}

static void print_etag(const struct printing *printing)
{
    print_line(printing, choice_of(printing) == ETAG_NONE ? SPAN("None") : SPAN("Digest"));
}

/* A value's % stands doubled. */
static void put_header_value(const struct printing *printing, struct span value)
{
    char *doubled = malloc(2 * value.size + 1);
    size_t size = 0;
    if (!doubled) return;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == '%') doubled[size++] = '%';
        doubled[size++] = value.data[i];
    }
    printing_put_word(printing, span_of(doubled, size));
    free(doubled);
}

static void print_headers(const struct printing *printing)
{
    static const char *const actions[] = {
        [HEADER_SET] = "set", [HEADER_APPEND] = "append", [HEADER_ADD] = "add", [HEADER_UNSET] = "unset"
    };
    const struct config_list *list = list_of(printing);
    for (size_t i = 0; i < list->count; i++) {
        const struct header_rule *rule = list->items[i];
        begin(printing);
        fprintf(printing->to, " %s%s", rule->is_always ? "always " : "", actions[rule->action]);
        printing_put_word(printing, rule->name);
        if (rule->action != HEADER_UNSET) put_header_value(printing, rule->value);
        end(printing);
    }
}

/* Beside how each is read. What is only an instruction to the reader leaves nothing to write. */
static const struct {
    bool (*set)(struct directive_call *call);
    void (*print)(const struct printing *printing);
} printers[] = {
    { set_number, print_number },
    { set_bytes, print_number },
    { set_duration, print_duration },
    { set_choice, print_choice },
    { set_path, print_path },
    { set_types, print_path },
    { set_file, print_text },
    { set_socket, print_text },
    { set_error_log, print_text },
    { set_text, print_text },
    { set_listen, print_listens },
    { set_pins, print_pins },
    { set_send_rate, print_send_rate },
    { set_owner, print_text },
    { set_field_name, print_text },
    { set_trusted_proxy, print_trusted_proxies },
    { set_server_name, print_server_name },
    { set_server_alias, print_server_aliases },
    { set_document_root, print_text },
    { set_alias, print_url_maps },
    { set_custom_log, print_logs },
    { set_log_format, print_log_formats },
    { set_throttle, print_throttles },
    { set_directory_index, print_directory_index },
    { set_fallback_resource, print_fallback_resource },
    { set_error_document, print_error_documents },
    { set_options, print_flags },
    { set_index_ignore, print_index_ignore },
    { set_max_ranges, print_max_ranges },
    { set_require, print_require },
    { set_add_extension, print_added },
    { set_default_charset, print_default_charset },
    { set_cache_control, print_cache_control },
    { set_expires_by_type, print_expires },
    { set_file_etag, print_etag },
    { set_header, print_headers },
};

void directive_print(const struct printing *printing)
{
    for (size_t i = 0; i < ARRAY_COUNT(printers); i++) {
        if (printers[i].set == printing->directive->set) printers[i].print(printing);
    }
}
