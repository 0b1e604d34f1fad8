#include <stdio.h>

#include "base/glob.h"
#include "base/path_parts.h"
#include "base/quantity.h"
#include "net/throttle.h"
#include "server/config_reader.h"
#include "server/directive_set.h"
#include "server/log_format.h"
#include "server/nearest.h"

/* A host as it may be asked for (RFC 3986, section 3.2.2; underscores are met, too). */
static bool is_host(struct span text, bool may_have_wildcards)
{
    struct ip_address address;
    if (text.size > 2 && text.data[0] == '[')
        return text.data[text.size - 1] == ']' && ip_address_parse_v6(span_of(text.data + 1, text.size - 2), &address);
    for (size_t i = 0; i < text.size; i++) {
        char lower = ascii_lower(text.data[i]);
        bool is_word = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        bool is_wild = may_have_wildcards && (lower == '*' || lower == '?');
        if (!is_word && !is_wild && lower != '-' && lower != '.' && lower != '_') return false;
    }
    return text.size > 0 && text.size < 254;
}

static struct span keep_lower(struct directive_call *call, struct span text)
{
    char *copy = arena_take(&call->config->arena, text.size + 1);
    if (!copy) {
        (void)directive_mistake(call, 0, "no memory");
        return SPAN_NONE;
    }
    for (size_t i = 0; i < text.size; i++) copy[i] = ascii_lower(text.data[i]);
    return span_of(copy, text.size);
}

bool set_server_name(struct directive_call *call)
{
    struct span text = directive_argument(call, 1), host = text;
    uint64_t port = 0;
    for (size_t i = text.size; i-- > 0 && text.data[i] != ']';) {
        if (text.data[i] != ':') continue;
        host = span_first(text, i);
        if (!quantity_parse_number(span_from(text, i + 1), &port) || port == 0 || port > 65535) host = SPAN("");
        break;
    }
    if (!is_host(host, false))
        return directive_wrong(call, 1, "a name such as www.example.org, with or without :PORT", SPAN_NONE);
    host = keep_lower(call, host);
    if (!host.data) return false;
    call->site->server_name = host;
    call->site->server_port = (uint16_t)port;
    return true;
}

bool set_server_alias(struct directive_call *call)
{
    for (size_t i = 1; i <= directive_argument_count(call); i++) {
        if (!is_host(directive_argument(call, i), true))
            return directive_wrong(call, i, "a name such as example.org or *.example.org", SPAN_NONE);
        struct text_rule rule = { .place = call->place, .text = keep_lower(call, directive_argument(call, i)) };
        if (!rule.text.data || !directive_list_add(call, &call->site->server_aliases, &rule, sizeof rule)) return false;
    }
    return true;
}

bool set_document_root(struct directive_call *call)
{
    struct span before = call->site->document_root;
    if (!set_file(call)) return false;
    /* The arena's own copy: its end may be moved forward. */
    struct span shorter = directive_keep(call, path_without_slashes(call->site->document_root, 1));
    call->site->document_root = shorter.data ? shorter : before;
    return shorter.data != NULL;
}

/* The path of a URL, as it is compared: it begins with a slash, and nothing in it is encoded. */
static bool is_url_path(struct directive_call *call, size_t argument)
{
    struct span text = directive_argument(call, argument);
    bool is_path = text.size > 0 && text.data[0] == '/' && is_field_value(text) && !memchr(text.data, '?', text.size) &&
                   !memchr(text.data, '#', text.size);
    return is_path ||
           directive_wrong(call, argument, "a path of a URL, which begins with / and is not encoded", SPAN_NONE);
}

static const struct pattern *compile(struct directive_call *call, size_t argument)
{
    char error[PATTERN_ERROR_BYTES];
    size_t at;
    struct span text = directive_argument(call, argument);
    const struct pattern *pattern = config_pattern(call->config, text, error, &at);
    if (!pattern)
        (void)directive_mistake(call, argument, "the expression is wrong after \"%.*s\": %s",
                                (int)(at < 100 ? at : 100), text.data, error);
    return pattern;
}

static bool add_map(struct directive_call *call, const struct url_map *map)
{
    return directive_list_add(call, &call->site->own_url_maps, map, sizeof *map);
}

static bool keep_target_path(struct directive_call *call, struct url_map *map)
{
    struct span text = directive_argument(call, 2);
    if (text.size == 0 || memchr(text.data, '\0', text.size)) return directive_wrong(call, 2, "a path", SPAN_NONE);
    map->target = directive_path(call, text);
    return map->target.data != NULL || directive_wrong(call, 2, "a path that is short enough", SPAN_NONE);
}

bool set_alias(struct directive_call *call)
{
    struct url_map map = { .place = call->place, .kind = URL_ALIAS };
    if (!is_url_path(call, 1) || !keep_target_path(call, &map)) return false;
    /* As Apache says, the slash belongs to both or to none; else a name would be glued to the folder's. */
    struct span prefix = directive_argument(call, 1);
    bool has_slash = prefix.data[prefix.size - 1] == '/';
    if (has_slash != (map.target.data[map.target.size - 1] == '/'))
        return directive_mistake(call, has_slash ? 2 : 1, "%.*s and %.*s must both end with a slash, or neither",
                                 (int)prefix.size, prefix.data, (int)map.target.size, map.target.data);
    map.prefix = directive_keep(call, prefix);
    return map.prefix.data && add_map(call, &map);
}

bool set_alias_match(struct directive_call *call)
{
    struct url_map map = { .place = call->place, .kind = URL_ALIAS_MATCH };
    if (!keep_target_path(call, &map) || !(map.pattern = compile(call, 1))) return false;
    map.pattern_text = directive_keep(call, directive_argument(call, 1));
    return map.pattern_text.data && add_map(call, &map);
}

/* The status of a redirect, if the first argument is one. */
static bool redirect_status(struct span text, unsigned *ret_status)
{
    static const struct {
        const char *name;
        unsigned status;
    } names[] = { { "permanent", 301 }, { "temp", 302 }, { "seeother", 303 }, { "gone", 410 } };
    uint64_t number;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (!span_equal_nocase(text, span_of_string(names[i].name))) continue;
        *ret_status = names[i].status;
        return true;
    }
    if (!quantity_parse_number(text, &number)) return false;
    *ret_status = number < 1000 ? (unsigned)number : 0;
    return true;
}

static bool status_is_known(unsigned status, bool *ret_has_target)
{
    bool is_redirect = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    *ret_has_target = is_redirect;
    return is_redirect || (status >= 400 && status <= 599);
}

/* [STATUS] WHAT [URL]: what all redirects have in common. *ret_what is the argument that says what is redirected. */
static bool read_redirect(struct directive_call *call, struct url_map *map, size_t *ret_what)
{
    size_t count = directive_argument_count(call), what = 1;
    bool has_target = true;
    map->status = 302;
    if (redirect_status(directive_argument(call, 1), &map->status)) what = 2;
    if (!status_is_known(map->status, &has_target))
        return directive_wrong(call, 1, "301, 302, 303, 307, 308, or a status of 400 to 599", SPAN_NONE);
    if (what == 1 && count == 3)
        return directive_wrong(call, 1, "permanent, temp, seeother, gone or a status",
                               nearest_choice(directive_argument(call, 1), "permanent|temp|seeother|gone"));
    if (count != what + (has_target ? 1 : 0))
        return directive_mistake(call, 0, "a redirect with status %u has %s", map->status,
                                 has_target ? "a path and a URL to go to" : "a path, and no URL to go to");
    if (has_target) {
        struct span target = directive_argument(call, what + 1);
        bool is_url = target.size > 0 && is_field_value(target) && !memchr(target.data, ' ', target.size) &&
                      (target.data[0] == '/' || target.data[0] == '$' || memmem(target.data, target.size, "://", 3));
        if (!is_url) return directive_wrong(call, what + 1, "a URL, or a path that begins with /", SPAN_NONE);
        map->target = directive_keep(call, target);
        if (!map->target.data) return false;
    }
    *ret_what = what;
    return true;
}

bool set_redirect(struct directive_call *call)
{
    struct url_map map = { .place = call->place, .kind = URL_REDIRECT };
    size_t what;
    if (!read_redirect(call, &map, &what) || !is_url_path(call, what)) return false;
    map.prefix = directive_keep(call, directive_argument(call, what));
    return map.prefix.data && add_map(call, &map);
}

bool set_redirect_match(struct directive_call *call)
{
    struct url_map map = { .place = call->place, .kind = URL_REDIRECT_MATCH };
    size_t what;
    if (!read_redirect(call, &map, &what) || !(map.pattern = compile(call, what))) return false;
    map.pattern_text = directive_keep(call, directive_argument(call, what));
    return map.pattern_text.data && add_map(call, &map);
}

static bool is_known_format(struct span name)
{
    enum log_format format;
    return log_format_named(name, &format);
}

/* An argument as a format with % directives. What all formats want together is checked when all are known. */
static bool is_format(struct directive_call *call, size_t argument)
{
    struct log_program program;
    struct log_wishes wishes = { 0 };
    char error[LOG_ERROR_BYTES];
    size_t at, size;
    struct span text = directive_argument(call, argument);
    if (log_program_compile(text, &wishes, &program, error, &at, &size)) return true;
    return directive_mistake(call, argument, "after \"%.*s\": %s", (int)(at < 60 ? at : 60), text.data, error);
}

bool set_custom_log(struct directive_call *call)
{
    struct log_config log = { .place = call->place };
    if (directive_argument_count(call) > 1) {
        struct span format = directive_argument(call, 2);
        if (memchr(format.data, '%', format.size) && !is_format(call, 2)) return false;
        log.format = directive_keep(call, format);
        if (!log.format.data) return false;
    }
    if (!directive_output(call, LOG_TO_STANDARD_OUTPUT, &log.target)) return false;
    return directive_list_add(call, &call->site->own_logs, &log, sizeof log);
}

bool set_log_format(struct directive_call *call)
{
    if (directive_argument_count(call) == 1) {
        if (!set_choice(call)) return false;
        call->site->set |= 1u << SITE_LOG_FORMAT;
        call->site->places[SITE_LOG_FORMAT] = call->place;
        return true;
    }
    if (!is_format(call, 1)) return false;
    struct log_name name = { .place = call->place, .name = directive_argument(call, 2) };
    if (!is_token(name.name) || is_known_format(name.name))
        return directive_wrong(call, 2, "a name of its own, which is not combined, common or json", SPAN_NONE);
    name.name = directive_keep(call, name.name);
    name.text = directive_keep(call, directive_argument(call, 1));
    return name.name.data && name.text.data && directive_list_add(call, &call->site->log_names, &name, sizeof name);
}

bool set_throttle(struct directive_call *call)
{
    struct throttle_rule rule = { .place = call->place };
    struct span pattern = directive_argument(call, 1);
    bool has_least = directive_argument_count(call) > 2;
    const struct config_list *before = &call->site->own_throttles;
    rule.is_per_client = span_equal_nocase(pattern, SPAN("client"));
    size_t at;
    bool is_rooted = pattern.size > 0 && (pattern.data[0] == '/' || pattern.data[0] == '*');
    if (!rule.is_per_client && (!is_rooted || !glob_check(pattern, &at)))
        return directive_wrong(call, 1, "a pattern of paths, such as /video/*, or client", SPAN_NONE);
    for (size_t i = 0; rule.is_per_client && i < before->count; i++) {
        const struct throttle_rule *other = before->items[i];
        if (other->is_per_client) return directive_mistake(call, 1, "client has a rate here already");
    }
    if (!quantity_parse_bytes(directive_argument(call, 2), &rule.bytes_s) || rule.bytes_s == 0)
        return directive_wrong(call, 2, "an amount of bytes a second, such as 500K", SPAN_NONE);
    if (rule.bytes_s > THROTTLE_BYTES_S_MAX)
        return directive_wrong(call, 2, "an amount of bytes a second of at most 32G", SPAN_NONE);
    if (has_least &&
        (!quantity_parse_bytes(directive_argument(call, 3), &rule.min_bytes_s) || rule.min_bytes_s > rule.bytes_s))
        return directive_wrong(call, 3, "an amount of bytes a second that is not above the other", SPAN_NONE);
    rule.pattern = directive_keep(call, pattern);
    return rule.pattern.data && directive_list_add(call, &call->site->own_throttles, &rule, sizeof rule);
}
