#include <stdio.h>

#include "base/glob.h"
#include "base/quantity.h"
#include "server/config_reader.h"
#include "server/directive_set.h"
#include "server/nearest.h"

static struct span keep_lower(struct directive_call *call, struct span text)
{
    char *copy = arena_take(&call->config->arena, text.size + 1);
    for (size_t i = 0; copy && i < text.size; i++) copy[i] = ascii_lower(text.data[i]);
    if (!copy) (void)directive_mistake(call, 0, "no memory");
    return copy ? span_of(copy, text.size) : SPAN_NONE;
}

/* TYPE/SUBTYPE, with parameters if `may_have_parameters` (RFC 9110, section 8.3.1). */
static bool is_media_type(struct span text, bool may_have_parameters)
{
    const char *semicolon = text.size > 0 ? memchr(text.data, ';', text.size) : NULL;
    if (semicolon && (!may_have_parameters || !is_field_value(text))) return false;
    struct span essence = semicolon ? span_first(text, (size_t)(semicolon - text.data)) : text;
    while (essence.size > 0 && essence.data[essence.size - 1] == ' ') essence.size--;
    const char *slash = essence.size > 0 ? memchr(essence.data, '/', essence.size) : NULL;
    if (!slash) return false;
    size_t at = (size_t)(slash - essence.data);
    return is_token(span_first(essence, at)) && is_token(span_from(essence, at + 1));
}

bool set_add_extension(struct directive_call *call)
{
    static const char *const wanted[] = {
        [ADDED_TYPE] = "a media type, such as text/html",
        [ADDED_CHARSET] = "a charset, such as utf-8",
        [ADDED_ENCODING] = "a content coding, such as gzip",
    };
    enum added_kind kind = (enum added_kind)call->directive->least;
    struct span value = directive_argument(call, 1);
    if (kind == ADDED_TYPE ? !is_media_type(value, true) : !is_token(value))
        return directive_wrong(call, 1, wanted[kind], SPAN_NONE);
    value = directive_keep(call, value);
    if (!value.data) return false;
    for (size_t i = 2; i <= directive_argument_count(call); i++) {
        struct span extension = directive_argument(call, i);
        if (span_starts_with(extension, SPAN("."))) extension = span_from(extension, 1);
        if (extension.size == 0 || memchr(extension.data, '/', extension.size))
            return directive_wrong(call, i, "an extension, such as .html", SPAN_NONE);
        struct extension_rule rule = { call->place, keep_lower(call, extension), value };
        if (!rule.extension.data || !directive_list_add(call, directive_home(call), &rule, sizeof rule)) return false;
    }
    return true;
}

bool set_default_charset(struct directive_call *call)
{
    struct span text = directive_argument(call, 1), kept = SPAN_NONE;
    if (span_equal_nocase(text, SPAN("on"))) text = SPAN("iso-8859-1"); /* as Apache */
    if (!is_token(text)) return directive_wrong(call, 1, "a charset, on or off", SPAN_NONE);
    if (!span_equal_nocase(text, SPAN("off")) && !(kept = directive_keep(call, text)).data) return false;
    call->rules->default_charset = kept;
    return true;
}

bool set_cache_control(struct directive_call *call)
{
    struct cache_control_rule rule = { .place = call->place };
    struct span value = directive_argument(call, 1);
    if (value.size == 0 || !is_field_value(value))
        return directive_wrong(call, 1, "the value of a Cache-Control field, such as \"public, max-age=3600\"",
                               SPAN_NONE);
    rule.value = directive_keep(call, value);
    for (size_t i = 2; i <= directive_argument_count(call); i++) {
        struct span match = directive_argument(call, i);
        bool has_slash = match.size > 0 && memchr(match.data, '/', match.size);
        size_t at;
        if (match.size == 0 || (has_slash ? !is_media_type(match, false) : !glob_check(match, &at)))
            return directive_wrong(
                call, i, "a media type, such as text/html or image/*, or a pattern of names, such as *.js", SPAN_NONE);
        match = has_slash ? keep_lower(call, match) : directive_keep(call, match);
        if (!match.data || !directive_list_add(call, &rule.matches, &match, sizeof match)) return false;
    }
    return rule.value.data && directive_list_add(call, &call->rules->cache_control, &rule, sizeof rule);
}

/* The seconds of Apache's unit, singular or plural; 0: there is none of that name. */
static uint64_t unit_seconds(struct span word)
{
    static const struct {
        const char *name;
        uint64_t seconds;
    } units[] = { { "year", 31536000 }, { "month", 2592000 }, { "week", 604800 }, { "day", 86400 },
                  { "hour", 3600 },     { "minute", 60 },     { "second", 1 } };
    if (word.size > 1 && ascii_lower(word.data[word.size - 1]) == 's') word.size--;
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (span_equal_nocase(word, span_of_string(units[i].name))) return units[i].seconds;
    }
    return 0;
}

static struct span next_word(struct span *rest)
{
    while (rest->size > 0 && rest->data[0] == ' ') *rest = span_from(*rest, 1);
    size_t size = 0;
    while (size < rest->size && rest->data[size] != ' ') size++;
    struct span word = span_first(*rest, size);
    *rest = span_from(*rest, size);
    return word;
}

/* "access plus 1 month 15 days", "modification 1 hour", "A3600", "M3600". A year at most some thousand times. */
static bool parse_expiry(struct span text, struct expires_rule *rule)
{
    uint64_t number, seconds = 0;
    char letter = text.size > 0 ? ascii_lower(text.data[0]) : '\0';
    if ((letter == 'a' || letter == 'm') && quantity_parse_number(span_from(text, 1), &number)) {
        rule->is_from_modification = letter == 'm';
        rule->seconds = (int64_t)number;
        return number <= INT32_MAX;
    }
    struct span rest = text, base = next_word(&rest), word = next_word(&rest);
    rule->is_from_modification = span_equal_nocase(base, SPAN("modification"));
    if (!rule->is_from_modification && !span_equal_nocase(base, SPAN("access")) &&
        !span_equal_nocase(base, SPAN("now")))
        return false;
    if (span_equal_nocase(word, SPAN("plus"))) word = next_word(&rest);
    if (word.size == 0) return false;
    for (; word.size > 0; word = next_word(&rest)) {
        uint64_t unit = unit_seconds(next_word(&rest));
        if (unit == 0 || !quantity_parse_number(word, &number) || number > INT32_MAX) return false;
        seconds += number * unit;
        if (seconds > INT32_MAX) return false;
    }
    rule->seconds = (int64_t)seconds;
    return true;
}

bool set_expires_by_type(struct directive_call *call)
{
    struct expires_rule rule = { .place = call->place };
    if (!is_media_type(directive_argument(call, 1), false))
        return directive_wrong(call, 1, "a media type, such as text/html or image/*", SPAN_NONE);
    if (!parse_expiry(directive_argument(call, 2), &rule))
        return directive_wrong(
            call, 2, "a time such as \"access plus 1 month\", \"modification plus 2 hours\" or A3600", SPAN_NONE);
    rule.type = keep_lower(call, directive_argument(call, 1));
    return rule.type.data && directive_list_add(call, &call->rules->expires_by_type, &rule, sizeof rule);
}

/* Apache makes a tag of the file's number, time and size; ours is of the content, whatever is asked for but None. */
bool set_file_etag(struct directive_call *call)
{
    static const char choices[] = "Digest|None|All|INode|MTime|Size";
    bool is_none = false;
    for (size_t i = 1; i <= directive_argument_count(call); i++) {
        struct span word = directive_argument(call, i), name = word;
        bool is_known = false;
        if (word.size > 0 && (word.data[0] == '+' || word.data[0] == '-')) name = span_from(word, 1);
        for (const char *at = choices; *at && !is_known;) {
            size_t size = strcspn(at, "|");
            is_known = span_equal_nocase(name, span_of(at, size));
            at += size + (at[size] == '|');
        }
        if (!is_known) {
            char wanted[64];
            snprintf(wanted, sizeof wanted, "one of %s", choices);
            return directive_wrong(call, i, wanted, nearest_choice(name, choices));
        }
        is_none = span_equal_nocase(word, SPAN("None"));
    }
    call->rules->file_etag = is_none ? ETAG_NONE : ETAG_DIGEST;
    return true;
}

/* Fields that the server makes of the answer itself: another value would break its framing or be a lie. */
static bool is_ours(struct span name)
{
    static const char *const ours[] = { "Connection", "Content-Length", "Content-Range",     "Date",
                                        "Keep-Alive", "Trailer",        "Transfer-Encoding", "Upgrade" };
    for (size_t i = 0; i < ARRAY_COUNT(ours); i++) {
        if (span_equal_nocase(name, span_of_string(ours[i]))) return true;
    }
    return false;
}

/* Apache's %t, %{NAME}e and the like vary by request; here a value is fixed when an entry is made. %% stands for %. */
static struct span keep_header_value(struct directive_call *call, size_t argument)
{
    struct span text = directive_argument(call, argument);
    char value[CONFIG_LINE_BYTES];
    size_t size = 0;
    if (!is_field_value(text)) {
        (void)directive_wrong(call, argument, "a value of a field: it holds control characters", SPAN_NONE);
        return SPAN_NONE;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '%' && (++i == text.size || text.data[i] != '%')) {
            (void)directive_mistake(call, argument, "%%%% stands for %%; formats such as %%t are not known");
            return SPAN_NONE;
        }
        value[size++] = text.data[i];
    }
    return directive_keep(call, span_of(value, size));
}

bool set_header(struct directive_call *call)
{
    static const char actions[] = "set|append|add|unset";
    struct header_rule rule = { .place = call->place };
    size_t count = directive_argument_count(call), at = 1;
    if (span_equal_nocase(directive_argument(call, 1), SPAN("always"))) {
        rule.is_always = true;
        at = 2;
    } else if (span_equal_nocase(directive_argument(call, 1), SPAN("onsuccess"))) {
        at = 2;
    }
    struct span action = directive_argument(call, at);
    unsigned index = 0;
    const char *choice = actions;
    while (*choice && !span_equal_nocase(action, span_of(choice, strcspn(choice, "|")))) {
        size_t size = strcspn(choice, "|");
        choice += size + (choice[size] == '|');
        index++;
    }
    if (!*choice) return directive_wrong(call, at, "one of set|append|add|unset", nearest_choice(action, actions));
    rule.action = (enum header_action)index;
    size_t wanted = at + (rule.action == HEADER_UNSET ? 1 : 2);
    if (count != wanted)
        return directive_mistake(call, count > wanted ? wanted + 1 : 0, "%.*s takes a name%s", (int)action.size,
                                 action.data, rule.action == HEADER_UNSET ? "" : " and a value");
    struct span name = directive_argument(call, at + 1);
    if (name.size > 1 && name.data[name.size - 1] == ':') name.size--; /* as Apache lets it */
    if (!is_token(name)) return directive_wrong(call, at + 1, "the name of a header field", SPAN_NONE);
    if (is_ours(name))
        return directive_mistake(call, at + 1, "%.*s is made by the server itself", (int)name.size, name.data);
    rule.name = directive_keep(call, name);
    if (rule.action != HEADER_UNSET && !(rule.value = keep_header_value(call, at + 2)).data) return false;
    return rule.name.data && directive_list_add(call, &call->rules->headers, &rule, sizeof rule);
}
