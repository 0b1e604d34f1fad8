#include "server/message.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

enum { MESSAGE_BYTES = 2048 };

/* log and level are set while nobody else tells. */
static struct {
    struct error_log *log; /* NULL: standard error */
    enum log_level level;
    _Atomic bool is_serving; /* relaxed: it orders nothing */
} voice = { .level = LOG_LEVEL_DEBUG };

static void tell(enum log_level level, bool is_wanted, const char *text)
{
    bool is_serving = atomic_load_explicit(&voice.is_serving, memory_order_relaxed);
    bool is_logged = voice.log && is_wanted && error_log_tell(voice.log, level, span_of_string(text));
    bool was_said = is_logged && (is_serving || error_log_is_standard_error(voice.log));
    if (was_said || (is_serving && !is_wanted)) return;
    fprintf(stderr, "folio: %s\n", text); /* at once, so that lines of two processes do not mix */
}

void message_tell(enum log_level level, const char *format, ...)
{
    char text[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tell(level, level <= voice.level, text);
}

void message_answer(const char *format, ...)
{
    char text[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tell(LOG_LEVEL_NOTICE, true, text);
}

void message_go_to(struct error_log *log, enum log_level level)
{
    voice.log = log;
    voice.level = level;
}

void message_set_serving(bool is_serving)
{
    atomic_store_explicit(&voice.is_serving, is_serving, memory_order_relaxed);
}

bool message_is_logged(void)
{
    return voice.log != NULL;
}
