#include <stdio.h>

#include "base/quantity.h"
#include "platform/socket.h"
#include "server/config_reader.h"
#include "server/directive_set.h"

enum { DAY_MS = 86400000 };

bool set_define(struct directive_call *call)
{
    struct span name = directive_argument(call, 1);
    struct span value = directive_argument_count(call) > 1 ? directive_argument(call, 2) : SPAN("");
    if (!config_variables_name_is_valid(name))
        return directive_wrong(call, 1, "a name of letters, digits, '_', '-' and '.'", SPAN_NONE);
    if (config_variables_define(&call->reader->variables, &call->config->arena, name, value)) return true;
    return directive_mistake(call, 0, "no memory");
}

bool set_include(struct directive_call *call)
{
    struct span pattern = directive_argument(call, 1);
    if (pattern.size == 0 || pattern.size >= CONFIG_PATH_BYTES || memchr(pattern.data, '\0', pattern.size))
        return directive_mistake(call, 1, "a path of 1 to %d bytes is wanted", CONFIG_PATH_BYTES - 1);
    return config_reader_include(call->reader, pattern, call->directive->least == 1);
}

bool set_listen(struct directive_call *call)
{
    static const char wanted[] = "PORT, ADDRESS:PORT, [IPV6-ADDRESS]:PORT or unix:PATH";
    struct config *config = call->config;
    struct span text = directive_argument(call, 1), address = SPAN_NONE, port = text;
    struct config_listen listen = { .address = "" };
    uint64_t number = 0;
    if (span_starts_with(text, SPAN("unix:"))) {
        address = text;
        port = SPAN("0");
    } else {
        for (size_t i = text.size; i-- > 0;) {
            if (text.data[i] != ':') continue;
            address = span_first(text, i);
            port = span_from(text, i + 1);
            break;
        }
    }
    if (!quantity_parse_number(port, &number) || number > 65535 || address.size >= sizeof listen.address)
        return directive_wrong(call, 1, wanted, SPAN_NONE);
    if (address.size > 0) memcpy(listen.address, address.data, address.size);
    listen.port = (uint16_t)number;
    struct socket_address parsed;
    if (listen.address[0] && !socket_address_parse(listen.address, listen.port, &parsed))
        return directive_wrong(call, 1, wanted, SPAN_NONE);
    if (config->listen_count == CONFIG_LISTENS_MAX)
        return directive_mistake(call, 0, "at most %d may be given", CONFIG_LISTENS_MAX);
    config->listens[config->listen_count++] = listen;
    return true;
}

bool set_send_rate(struct directive_call *call)
{
    uint64_t bytes_s, window_ms = 30000;
    if (!quantity_parse_bytes(directive_argument(call, 1), &bytes_s))
        return directive_wrong(call, 1, "an amount of bytes, such as 500 or 1K", SPAN_NONE);
    bool has_window = directive_argument_count(call) > 1;
    if (has_window &&
        (!quantity_parse_ms(directive_argument(call, 2), &window_ms) || window_ms == 0 || window_ms > DAY_MS))
        return directive_wrong(call, 2, "a time of 1ms to 1d, such as 30s", SPAN_NONE);
    call->config->send_min_bytes_s = bytes_s;
    call->config->send_min_window_ms = window_ms;
    return true;
}

static bool exists(const struct directive_call *call, struct span path)
{
    const struct config_files *files = call->reader->files;
    return files->exists(files->context, path.data);
}

/* While a pattern is followed. */
struct pinning {
    struct directive_call *call;
    bool has_failed;
};

static bool pin(struct directive_call *call, struct span path)
{
    return config_pin(call->config, (enum pin_kind)call->directive->least, path, call->place) ||
           directive_mistake(call, 0, "no memory");
}

static bool pin_found(void *of, const char *path)
{
    struct pinning *pinning = of;
    struct span kept = directive_keep(pinning->call, span_of_string(path));
    pinning->has_failed = !kept.data || !pin(pinning->call, kept);
    return !pinning->has_failed;
}

/* One path, or all that a pattern matches. What is not there is found out, and told, when it is loaded. */
static bool pin_one(struct directive_call *call, struct span path)
{
    const struct config_files *files = call->reader->files;
    struct pinning pinning = { .call = call };
    bool has_pattern = false;
    for (size_t i = 0; i < path.size; i++) has_pattern |= memchr("*?[", path.data[i], 3) != NULL;
    if (has_pattern && !exists(call, path) && files->match(files->context, path.data, pin_found, &pinning))
        return !pinning.has_failed;
    return pin(call, path);
}

/* `find | sed` quotes nothing: a path with blanks is taken whole when the rest of the line is one existing file. */
bool set_pins(struct directive_call *call)
{
    const struct config_words *words = call->words;
    struct span rest = span_from(words->line, words->words[1].at);
    bool is_plain = rest.data[0] != '"' && rest.data[0] != '\'';
    if (directive_argument_count(call) > 1 && is_plain && !memchr(rest.data, '\0', rest.size)) {
        struct span whole = directive_path(call, rest);
        if (whole.data && exists(call, whole)) return pin_one(call, whole);
    }
    for (size_t i = 1; i <= directive_argument_count(call); i++) {
        struct span path = directive_argument(call, i);
        if (path.size == 0 || memchr(path.data, '\0', path.size)) return directive_wrong(call, i, "a path", SPAN_NONE);
        struct span whole = directive_path(call, path);
        if (!whole.data) return directive_wrong(call, i, "a path that is short enough", SPAN_NONE);
        if (!pin_one(call, whole)) return false;
    }
    return true;
}

bool set_owner(struct directive_call *call)
{
    struct span text = directive_argument(call, 1);
    uint64_t number;
    bool is_number = text.size > 0 && text.data[0] == '#';
    if (is_number ? !quantity_parse_number(span_from(text, 1), &number) || number > UINT32_MAX - 1 : !is_token(text))
        return directive_wrong(call, 1, "a name, or # and a number", SPAN_NONE);
    return set_text(call);
}

bool set_field_name(struct directive_call *call)
{
    if (!is_token(directive_argument(call, 1)))
        return directive_wrong(call, 1, "the name of a header field, such as X-Forwarded-For", SPAN_NONE);
    return set_text(call);
}

bool set_trusted_proxy(struct directive_call *call)
{
    for (size_t i = 1; i <= directive_argument_count(call); i++) {
        struct proxy_rule rule = { .place = call->place };
        if (!cidr_parse(directive_argument(call, i), &rule.network))
            return directive_wrong(call, i, "an address, or a network such as 10.0.0.0/8 or fd00::/8", SPAN_NONE);
        rule.text = directive_keep(call, directive_argument(call, i));
        if (!rule.text.data || !directive_list_add(call, &call->config->remote_proxies, &rule, sizeof rule))
            return false;
    }
    return true;
}
