#include <stdio.h>
#include <stdlib.h>

#include "base/glob.h"
#include "base/quantity.h"
#include "cache/load.h"
#include "server/config_reader.h"
#include "server/directive_set.h"
#include "server/nearest.h"

static bool add_text(struct directive_call *call, struct config_list *list, struct span text)
{
    struct text_rule rule = { .place = call->place, .text = directive_keep(call, text) };
    return rule.text.data && directive_list_add(call, list, &rule, sizeof rule);
}

bool set_directory_index(struct directive_call *call)
{
    struct config_list names = call->rules->directory_index;
    bool is_disabled = span_equal_nocase(directive_argument(call, 1), SPAN("disabled"));
    if (is_disabled && directive_argument_count(call) > 1) return directive_mistake(call, 2, "disabled stands alone");
    if (is_disabled) names = (struct config_list){ 0 };
    for (size_t i = 1; i <= directive_argument_count(call) && !is_disabled; i++) {
        struct span name = directive_argument(call, i);
        if (name.size == 0 || name.size > 255 || memchr(name.data, '/', name.size) || !is_field_value(name))
            return directive_wrong(call, i, "the name of a file, such as index.html", SPAN_NONE);
        if (names.count == LOAD_INDEXES_MAX)
            return directive_mistake(call, i, "more than %d names cannot stand for a folder", LOAD_INDEXES_MAX);
        if (!add_text(call, &names, name)) return false;
    }
    call->rules->directory_index = names;
    return true;
}

bool set_fallback_resource(struct directive_call *call)
{
    struct span text = directive_argument(call, 1), kept = SPAN_NONE;
    if (!span_equal_nocase(text, SPAN("disabled"))) {
        if (text.size == 0 || text.data[0] != '/' || !is_field_value(text))
            return directive_wrong(call, 1, "a path of a URL, such as /index.html, or disabled", SPAN_NONE);
        kept = directive_keep(call, text);
        if (!kept.data) return false;
    }
    call->rules->fallback_resource = kept;
    return true;
}

static bool has_scheme(struct span text)
{
    return span_starts_with(text, SPAN("http://")) || span_starts_with(text, SPAN("https://"));
}

bool set_error_document(struct directive_call *call)
{
    struct error_document_rule rule = { .place = call->place };
    struct span value = directive_argument(call, 2);
    uint64_t status;
    if (!quantity_parse_number(directive_argument(call, 1), &status) || status < 400 || status > 599)
        return directive_wrong(call, 1, "a status of 400 to 599", SPAN_NONE);
    if (value.size == 0)
        return directive_wrong(call, 2, "a text, a path that begins with /, a URL, or default", SPAN_NONE);
    rule.status = (unsigned)status;
    rule.kind = span_equal_nocase(value, SPAN("default")) ? ERROR_DOCUMENT_DEFAULT
                : value.data[0] == '/'                    ? ERROR_DOCUMENT_PATH
                : has_scheme(value)                       ? ERROR_DOCUMENT_URL
                                                          : ERROR_DOCUMENT_TEXT;
    if (rule.kind != ERROR_DOCUMENT_TEXT && !is_field_value(value))
        return directive_wrong(call, 2, "a path or URL without control characters", SPAN_NONE);
    rule.value = directive_keep(call, value);
    return rule.value.data && directive_list_add(call, &call->rules->error_documents, &rule, sizeof rule);
}

/* Words of `choices`, each a bit in its order, with + and - or without; "All" and "None" as well. */
bool set_options(struct directive_call *call)
{
    const struct directive *directive = call->directive;
    struct rule_flags flags = { 0 };
    bool has_signs = false, has_none = false;
    memcpy(&flags, directive_home(call), sizeof flags);
    for (size_t i = 1; i <= directive_argument_count(call); i++) {
        struct span word = directive_argument(call, i);
        char sign = word.size > 0 && (word.data[0] == '+' || word.data[0] == '-') ? word.data[0] : '\0';
        unsigned bit = 1, bits = 0;
        has_signs |= sign != '\0';
        has_none |= sign == '\0';
        if (has_signs && has_none) return directive_mistake(call, i, "either all words have + or -, or none has");
        if (sign == '\0' && i == 1) flags = (struct rule_flags){ .is_whole = true };
        word = span_from(word, sign != '\0');
        for (const char *at = directive->choices; *at; bit <<= 1) {
            size_t size = strcspn(at, "|");
            if (span_equal_nocase(word, span_of(at, size))) bits = bit;
            at += size + (at[size] == '|');
        }
        if (span_equal_nocase(word, SPAN("All")) && directive->least) bits = (unsigned)directive->least;
        bool is_none = sign == '\0' && span_equal_nocase(word, SPAN("None"));
        if (bits == 0 && !is_none) {
            char wanted[160];
            snprintf(wanted, sizeof wanted, "one of %s%s|None", directive->choices, directive->least ? "|All" : "");
            return directive_wrong(call, i, wanted, nearest_choice(word, directive->choices));
        }
        flags.added = sign == '-' ? flags.added & ~bits : flags.added | bits;
        flags.removed = sign == '-' ? flags.removed | bits : flags.removed & ~bits;
    }
    memcpy(directive_home(call), &flags, sizeof flags);
    return true;
}

bool set_index_ignore(struct directive_call *call)
{
    for (size_t i = 1; i <= directive_argument_count(call); i++) {
        struct span glob = directive_argument(call, i);
        size_t at;
        if (glob.size == 0 || memchr(glob.data, '/', glob.size) || !glob_check(glob, &at))
            return directive_wrong(call, i, "a pattern of names, such as *.bak", SPAN_NONE);
        if (!add_text(call, &call->rules->index_ignore, glob)) return false;
    }
    return true;
}

bool set_max_ranges(struct directive_call *call)
{
    struct span text = directive_argument(call, 1);
    if (span_equal_nocase(text, SPAN("none"))) {
        call->rules->max_ranges = 0;
        return true;
    }
    if (span_equal_nocase(text, SPAN("default"))) {
        call->rules->max_ranges = strtoull(call->directive->fallback, NULL, 10);
        return true;
    }
    if (span_equal_nocase(text, SPAN("unlimited")))
        return directive_mistake(call, 1, "nothing is unlimited here; at most %llu",
                                 (unsigned long long)call->directive->most);
    return set_number(call);
}

static bool add_require(struct directive_call *call, struct require_rule rule)
{
    rule.place = call->place;
    return directive_list_add(call, &call->rules->require, &rule, sizeof rule);
}

static bool require_ip(struct directive_call *call)
{
    for (size_t i = 2; i <= directive_argument_count(call); i++) {
        struct require_rule rule = { .kind = REQUIRE_IP };
        if (!cidr_parse(directive_argument(call, i), &rule.network))
            return directive_wrong(call, i, "an address, or a network such as 192.0.2.0/24 or 2001:db8::/32",
                                   SPAN_NONE);
        rule.text = directive_keep(call, directive_argument(call, i));
        if (!rule.text.data || !add_require(call, rule)) return false;
    }
    return true;
}

static bool require_user(struct directive_call *call)
{
    for (size_t i = 2; i <= directive_argument_count(call); i++) {
        struct require_rule rule = { .kind = REQUIRE_USER };
        struct span name = directive_argument(call, i);
        /* RFC 7617, section 2: a colon ends the name. */
        if (name.size == 0 || memchr(name.data, ':', name.size) || !is_field_value(name))
            return directive_wrong(call, i, "a user's name", SPAN_NONE);
        rule.text = directive_keep(call, name);
        if (!rule.text.data || !add_require(call, rule)) return false;
    }
    return true;
}

bool set_require(struct directive_call *call)
{
    struct span what = directive_argument(call, 1);
    size_t count = directive_argument_count(call);
    struct span second = count > 1 ? directive_argument(call, 2) : SPAN_NONE;
    if (count == 1 && span_equal_nocase(what, SPAN("valid-user")))
        return add_require(call, (struct require_rule){ .kind = REQUIRE_VALID_USER });
    if (count == 2 && span_equal_nocase(what, SPAN("all"))) {
        bool is_granted = span_equal_nocase(second, SPAN("granted"));
        if (!is_granted && !span_equal_nocase(second, SPAN("denied")))
            return directive_wrong(call, 2, "granted or denied", nearest_choice(second, "granted|denied"));
        return add_require(call, (struct require_rule){ .kind = is_granted ? REQUIRE_GRANTED : REQUIRE_DENIED });
    }
    if (count > 1 && span_equal_nocase(what, SPAN("ip"))) return require_ip(call);
    if (count > 1 && span_equal_nocase(what, SPAN("user"))) return require_user(call);
    if (span_equal_nocase(what, SPAN("not")))
        return directive_mistake(call, 1, "one line suffices of several, so none can take away what another gives");
    return directive_wrong(call, 1, "the beginning of: all granted, all denied, ip NETWORK, valid-user, user NAME",
                           nearest_choice(what, "all|ip|valid-user|user"));
}
