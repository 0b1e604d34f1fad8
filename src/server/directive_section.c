#include "base/glob.h"
#include "base/path_parts.h"
#include "base/quantity.h"
#include "server/config_reader.h"
#include "server/directive_set.h"

/* *, *:80, _default_, _default_:80, 192.0.2.1, 192.0.2.1:80, [2001:db8::1]:80. Names are not looked up. */
static bool parse_address(struct span text, struct site_address *address)
{
    struct span host = text;
    uint64_t port = 0;
    for (size_t i = text.size; i-- > 0 && text.data[i] != ']';) {
        if (text.data[i] != ':') continue;
        host = span_first(text, i);
        struct span digits = span_from(text, i + 1);
        if (!span_equal(digits, SPAN("*")) && (!quantity_parse_number(digits, &port) || port == 0 || port > 65535))
            return false;
        break;
    }
    address->port = (uint16_t)port;
    address->is_any = span_equal(host, SPAN("*")) || span_equal_nocase(host, SPAN("_default_"));
    if (address->is_any) return true;
    if (host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']')
        host = span_of(host.data + 1, host.size - 2);
    return ip_address_parse(host, &address->address);
}

bool begin_virtual_host(struct directive_call *call)
{
    struct config_list addresses = { 0 };
    for (size_t i = 1; i <= directive_argument_count(call); i++) {
        struct site_address address = { .text = directive_argument(call, i) };
        if (!parse_address(address.text, &address))
            return directive_wrong(call, i, "*, _default_ or an IP address, with or without :PORT", SPAN_NONE);
        address.text = directive_keep(call, address.text);
        if (!address.text.data || !directive_list_add(call, &addresses, &address, sizeof address)) return false;
    }
    struct site_config *site = config_add_site(call->config, call->place);
    if (!site) return directive_mistake(call, 0, "no memory");
    site->addresses = addresses;
    config_reader_enter(call->reader, CONTEXT_SITE, site, NULL, &site->own_rules);
    return true;
}

/* A section is for a path without a slash at its end, so that /a and /a/ mean the same folder. */
static struct span section_pattern(struct directive_call *call, enum section_kind kind)
{
    struct span text = directive_argument(call, 1);
    bool has_slash = text.size > 0 && memchr(text.data, '/', text.size);
    if (text.size == 0 || text.size >= CONFIG_PATH_BYTES || !is_field_value(text)) {
        (void)directive_wrong(call, 1, "a pattern", SPAN_NONE);
        return SPAN_NONE;
    }
    if (kind == SECTION_FILES && has_slash) {
        (void)directive_mistake(call, 1, "<Files> is for names, which hold no slash; <Directory> is for paths");
        return SPAN_NONE;
    }
    if (kind == SECTION_LOCATION && text.data[0] != '/') {
        (void)directive_wrong(call, 1, "a path of a URL, which begins with /", SPAN_NONE);
        return SPAN_NONE;
    }
    if (kind == SECTION_DIRECTORY) text = directive_path(call, text);
    if (!text.data) {
        (void)directive_wrong(call, 1, "a path that is short enough", SPAN_NONE);
        return SPAN_NONE;
    }
    size_t at;
    if (!glob_check(text, &at)) {
        (void)directive_wrong(call, 1, "a pattern: its brackets do not close, or it ends with a backslash", SPAN_NONE);
        return SPAN_NONE;
    }
    return directive_keep(call, kind == SECTION_FILES ? text : path_without_slashes(text, 1));
}

bool begin_section(struct directive_call *call)
{
    struct config_reader *reader = call->reader;
    if (span_equal(directive_argument(call, 1), SPAN("~")))
        return directive_mistake(call, 1, "expressions are not taken here; *, ? and [] match within a name");
    if (directive_argument_count(call) > 1)
        return directive_mistake(call, 2, "one pattern is wanted; quote one with blanks");
    enum section_kind kind = (enum section_kind)call->directive->most;
    struct span pattern = section_pattern(call, kind);
    if (!pattern.data) return false;
    struct section *section = arena_take(&call->config->arena, sizeof *section);
    if (!section) return directive_mistake(call, 0, "no memory");
    section->place = call->place;
    section->kind = kind;
    section->pattern = pattern;
    section->parent = reader->section;
    section->has_wildcards = glob_has_wildcards(pattern);
    if (!config_list_add(&call->config->arena, &call->site->own_sections, section))
        return directive_mistake(call, 0, "no memory");
    config_reader_enter(reader, (unsigned)call->directive->least, call->site, section, &section->rules);
    return true;
}
