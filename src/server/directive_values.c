#include <stdio.h>
#include <sys/un.h>

#include "base/quantity.h"
#include "platform/socket.h"
#include "server/config_reader.h"
#include "server/directive_set.h"
#include "server/nearest.h"

void *directive_home(struct directive_call *call)
{
    const struct directive *directive = call->directive;
    void *homes[] = {
        [HOME_NONE] = NULL, [HOME_CONFIG] = call->config, [HOME_SITE] = call->site, [HOME_RULES] = call->rules
    };
    return (char *)homes[directive->home] + directive->offset;
}

struct span directive_path(struct directive_call *call, struct span text)
{
    return config_path(call->config, config_reader_folder(call->reader), text);
}

struct span directive_keep(struct directive_call *call, struct span text)
{
    struct span kept = arena_text(&call->config->arena, text);
    if (!kept.data) (void)directive_mistake(call, 0, "no memory");
    return kept;
}

bool directive_list_add(struct directive_call *call, struct config_list *list, const void *item, size_t size)
{
    void *kept = arena_take(&call->config->arena, size);
    if (!kept || !config_list_add(&call->config->arena, list, kept)) return directive_mistake(call, 0, "no memory");
    memcpy(kept, item, size);
    return true;
}

bool is_field_value(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

bool is_token(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        char lower = ascii_lower(text.data[i]);
        bool is_word = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        if (!is_word && !memchr("!#$%&'*+-.^_`|~", text.data[i], 15)) return false;
    }
    return text.size > 0;
}

static bool set_amount(struct directive_call *call, bool (*parse)(struct span, uint64_t *), const char *wanted,
                       const char *unit)
{
    const struct directive *directive = call->directive;
    struct span text = directive_argument(call, 1);
    uint64_t amount;
    if (!parse(text, &amount)) return directive_wrong(call, 1, wanted, SPAN_NONE);
    if (amount < directive->least || amount > directive->most) {
        char most[48] = "";
        if (directive->most != UINT64_MAX)
            snprintf(most, sizeof most, " and at most %llu%s", (unsigned long long)directive->most, unit);
        return directive_mistake(call, 1, "%.*s is out of range; at least %llu%s%s", (int)text.size, text.data,
                                 (unsigned long long)directive->least, unit, most);
    }
    memcpy(directive_home(call), &amount, sizeof amount);
    return true;
}

bool set_number(struct directive_call *call)
{
    return set_amount(call, quantity_parse_number, "a number", "");
}

bool set_bytes(struct directive_call *call)
{
    return set_amount(call, quantity_parse_bytes, "an amount of bytes, such as 65536, 64K, 512M or 2G", " bytes");
}

bool set_duration(struct directive_call *call)
{
    return set_amount(call, quantity_parse_ms, "a time, such as 500ms, 20s, 5m or 1h", " ms");
}

bool set_choice(struct directive_call *call)
{
    const char *choices = call->directive->choices;
    struct span text = directive_argument(call, 1);
    unsigned index = 0;
    for (const char *at = choices; *at; index++) {
        size_t size = strcspn(at, "|");
        if (span_equal_nocase(text, span_of(at, size))) {
            memcpy(directive_home(call), &index, sizeof index);
            return true;
        }
        at += size + (at[size] == '|');
    }
    char wanted[128];
    snprintf(wanted, sizeof wanted, "one of %s", choices);
    return directive_wrong(call, 1, wanted, nearest_choice(text, choices));
}

static bool is_path(struct directive_call *call, struct span text)
{
    if (text.size > 0 && text.size < CONFIG_PATH_BYTES && !memchr(text.data, '\0', text.size)) return true;
    return directive_mistake(call, 1, "a path of 1 to %d bytes is wanted", CONFIG_PATH_BYTES - 1);
}

/* The first argument as a path, absolute. data is NULL: a mistake was told. */
static struct span path_argument(struct directive_call *call)
{
    struct span text = directive_argument(call, 1);
    if (!is_path(call, text)) return SPAN_NONE;
    struct span whole = directive_path(call, text);
    if (!whole.data) (void)directive_wrong(call, 1, "a path that is short enough", SPAN_NONE);
    return whole;
}

static bool put_text(struct directive_call *call, struct span kept)
{
    if (kept.data) memcpy(directive_home(call), &kept, sizeof kept);
    return kept.data != NULL;
}

bool set_file(struct directive_call *call)
{
    return put_text(call, path_argument(call));
}

bool set_socket(struct directive_call *call)
{
    char address[CONFIG_PATH_BYTES + sizeof "unix:"];
    struct socket_address parsed;
    struct span path = path_argument(call);
    if (!path.data) return false;
    snprintf(address, sizeof address, "unix:%s", path.data);
    if (!socket_address_parse(address, 0, &parsed))
        return directive_mistake(call, 1, "the path of a socket has at most %zu bytes; this is %s",
                                 sizeof((struct sockaddr_un *)0)->sun_path - 1, path.data);
    return put_text(call, path);
}

bool set_path(struct directive_call *call)
{
    struct span whole = path_argument(call);
    if (whole.data) memcpy(directive_home(call), whole.data, whole.size + 1);
    return whole.data != NULL;
}

bool set_types(struct directive_call *call)
{
    const struct config_files *files = call->reader->files;
    struct span whole = path_argument(call);
    if (!whole.data) return false;
    /* That which is there without a word need not be. */
    if (strcmp(whole.data, call->directive->fallback) != 0 && !files->exists(files->context, whole.data))
        return directive_mistake(call, 1, "there is no file %s", whole.data);
    memcpy(directive_home(call), whole.data, whole.size + 1);
    return true;
}

bool directive_output(struct directive_call *call, enum log_target_kind stream, struct span *ret_target)
{
    struct span text = directive_argument(call, 1);
    const char *name = stream == LOG_TO_STANDARD_ERROR ? "stderr" : "-", *wanted;
    struct log_target target;
    size_t at;
    if (text.size > 0 && text.data[0] == '|')
        return directive_mistake(call, 1, "logs are not piped to programs; a file, %s or syslog is wanted", name);
    if (!log_target_parse(text, &target, &wanted, &at))
        return directive_mistake(call, 1, "%.*s is not %s", (int)(text.size - at), text.data + at, wanted);
    if (stream == LOG_TO_STANDARD_ERROR && target.kind == LOG_TO_STANDARD_OUTPUT)
        return directive_mistake(call, 1, "errors do not go to standard output; stderr is standard error");
    bool is_kept = target.kind == LOG_TO_SYSTEM || target.kind == stream;
    struct span kept = is_kept ? directive_keep(call, text) : path_argument(call);
    if (kept.data) *ret_target = kept;
    return kept.data != NULL;
}

bool set_error_log(struct directive_call *call)
{
    struct span target;
    return directive_output(call, LOG_TO_STANDARD_ERROR, &target) && put_text(call, target);
}

bool set_text(struct directive_call *call)
{
    struct span text = directive_argument(call, 1);
    if (text.size == 0 || !is_field_value(text))
        return directive_mistake(call, 1, "a text is wanted, without control characters");
    return put_text(call, directive_keep(call, text));
}
