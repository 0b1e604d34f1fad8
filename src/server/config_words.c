#include "server/config_words.h"

#include <stdio.h>

static bool wrong(struct config_words_error *ret_error, size_t at, size_t size, const char *text)
{
    ret_error->at = at;
    ret_error->size = size;
    snprintf(ret_error->text, sizeof ret_error->text, "%s", text);
    return false;
}

static bool too_long(struct config_words_error *ret_error)
{
    char text[64];
    snprintf(text, sizeof text, "the line is longer than %d bytes", CONFIG_LINE_BYTES);
    return wrong(ret_error, 0, 0, text);
}

static void add_part(struct config_words *words, size_t at, size_t origin, bool is_value)
{
    words->parts[words->part_count].at = at;
    words->parts[words->part_count].origin = origin;
    words->parts[words->part_count++].is_value = is_value;
}

/* The value of the variable that is written at written[at], where "${" is; *ret_size is how long that is. */
static bool value_at(const struct config_variables *variables, struct span written, size_t at, struct span *ret_value,
                     size_t *ret_size, struct config_words_error *ret_error)
{
    const char *end = memchr(written.data + at, '}', written.size - at);
    if (!end) return wrong(ret_error, at, written.size - at, "\"${\" wants a \"}\"; \"\\${\" stands for itself");
    *ret_size = (size_t)(end - written.data) + 1 - at;
    struct span name = span_of(written.data + at + 2, *ret_size - 3);
    *ret_value = config_variables_find(variables, name);
    if (ret_value->data) return true;
    char text[256];
    snprintf(text, sizeof text, "${%.*s} is not defined, neither by Define nor in the environment",
             (int)(name.size < 100 ? name.size : 100), name.data);
    return wrong(ret_error, at, *ret_size, text);
}

bool config_words_expand(struct config_words *words, const struct config_variables *variables, struct span written,
                         struct config_words_error *ret_error)
{
    words->part_count = 0;
    words->count = 0;
    words->line = written;
    if (written.size > CONFIG_LINE_BYTES) return too_long(ret_error);
    if (!memmem(written.data, written.size, "${", 2)) return true;
    size_t size = 0, at = 0;
    add_part(words, 0, 0, false);
    while (at < written.size) {
        struct span rest = span_from(written, at), text = span_first(rest, 1);
        size_t taken = 1;
        bool is_escape = span_starts_with(rest, SPAN("\\${")), is_value = span_starts_with(rest, SPAN("${"));
        if (is_escape) {
            text = SPAN("${");
            taken = 3;
        } else if (is_value && !value_at(variables, written, at, &text, &taken, ret_error)) {
            return false;
        }
        if (size + text.size > sizeof words->expanded) return too_long(ret_error);
        if ((is_escape || is_value) && words->part_count + 2 > 2 * CONFIG_EXPANSIONS_MAX + 1)
            return wrong(ret_error, at, taken, "there are too many variables in the line");
        if (is_escape || is_value) add_part(words, size, at, true);
        memcpy(words->expanded + size, text.data, text.size);
        size += text.size;
        at += taken;
        if (is_escape || is_value) add_part(words, size, at, false);
    }
    words->line = span_of(words->expanded, size);
    return true;
}

size_t config_words_origin(const struct config_words *words, size_t at)
{
    size_t i = words->part_count;
    while (i > 0 && words->parts[i - 1].at > at) i--;
    if (i == 0) return at;
    return words->parts[i - 1].is_value ? words->parts[i - 1].origin
                                        : words->parts[i - 1].origin + (at - words->parts[i - 1].at);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool config_words_split(struct config_words *words, size_t at, size_t end, struct config_words_error *ret_error)
{
    struct span line = span_first(words->line, end);
    char *room = words->room;
    for (words->count = 0;;) {
        while (at < line.size && is_blank(line.data[at])) at++;
        if (at == line.size) return true;
        if (words->count == CONFIG_WORDS_MAX) return wrong(ret_error, at, 1, "too many arguments");
        size_t first = at;
        char quote = line.data[at] == '"' || line.data[at] == '\'' ? line.data[at] : '\0';
        char *begin = room;
        for (at += quote != '\0'; at < line.size; at++) {
            char c = line.data[at];
            if (quote ? c == quote : is_blank(c)) break;
            if (quote && c == '\\' && at + 1 < line.size && (line.data[at + 1] == quote || line.data[at + 1] == '\\'))
                c = line.data[++at];
            *room++ = c;
        }
        if (quote && at == line.size)
            return wrong(ret_error, config_words_origin(words, first), 1, "a quotation mark is not closed");
        at += quote != '\0';
        words->words[words->count++] =
            (struct config_word){ .text = span_of(begin, (size_t)(room - begin)), .at = first, .size = at - first };
    }
}
