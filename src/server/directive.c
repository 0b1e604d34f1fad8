#include "server/directive.h"

#include <stdarg.h>
#include <stdio.h>

#include "server/config_reader.h"
#include "server/nearest.h"

static int compare_nocase(struct span a, struct span b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    for (size_t i = 0; i < size; i++) {
        int difference = (unsigned char)ascii_lower(a.data[i]) - (unsigned char)ascii_lower(b.data[i]);
        if (difference != 0) return difference;
    }
    return (a.size > b.size) - (a.size < b.size);
}

const struct directive *directive_find(struct span name)
{
    size_t count, first = 0;
    const struct directive *all = directives(&count);
    for (size_t end = count; first < end;) {
        size_t middle = first + (end - first) / 2;
        int order = compare_nocase(name, span_of_string(all[middle].name));
        if (order == 0) return &all[middle];
        if (order < 0)
            end = middle;
        else
            first = middle + 1;
    }
    return NULL;
}

struct span directive_nearest(struct span name)
{
    size_t count;
    const struct directive *all = directives(&count);
    struct nearest nearest = nearest_begin(name);
    for (size_t i = 0; i < count; i++) nearest_try(&nearest, span_of_string(all[i].name));
    return nearest_end(&nearest);
}

const char *directive_contexts_text(unsigned contexts, char out[CONTEXTS_TEXT_BYTES])
{
    static const char *const names[] = { "outside of all sections", "in <VirtualHost>", "in <Directory>",
                                         "in <Location>", "in <Files>" };
    size_t size = 0;
    snprintf(out, CONTEXTS_TEXT_BYTES, "%s", contexts == CONTEXT_ANY ? "anywhere" : "");
    for (unsigned i = 0; i < ARRAY_COUNT(names) && contexts != CONTEXT_ANY; i++) {
        if (!(contexts >> i & 1)) continue;
        bool is_last = contexts >> (i + 1) == 0;
        size += (size_t)snprintf(out + size, CONTEXTS_TEXT_BYTES - size, "%s%s",
                                 size == 0 ? ""
                                 : is_last ? " and "
                                           : ", ",
                                 names[i]);
    }
    return out;
}

bool directive_mistake(struct directive_call *call, size_t argument, const char *format, ...)
{
    char text[CONFIG_REMARK_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    config_reader_mistake(call->reader, argument, SPAN_NONE, "%s: %s", call->directive->name, text);
    return false;
}

bool directive_wrong(struct directive_call *call, size_t argument, const char *wanted, struct span near)
{
    struct span got = directive_argument(call, argument);
    config_reader_mistake(call->reader, argument, near, "%s: \"%.*s\" is not %s", call->directive->name,
                          (int)(got.size < 200 ? got.size : 200), got.data, wanted);
    return false;
}
