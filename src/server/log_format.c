#include "server/log_format.h"

#include <stdarg.h>
#include <stdio.h>

/* Directives that take no {argument}. */
static const struct {
    char letter;
    enum log_piece_kind kind;
    uint32_t divisor;
} plain[] = {
    { 'B', LOG_PIECE_BYTES, 0 },    { 'D', LOG_PIECE_DURATION, 1 }, { 'H', LOG_PIECE_PROTOCOL, 0 },
    { 'I', LOG_PIECE_RECEIVED, 0 }, { 'O', LOG_PIECE_SENT, 0 },     { 'T', LOG_PIECE_DURATION, 1000000 },
    { 'P', LOG_PIECE_PROCESS, 0 },  { 'U', LOG_PIECE_PATH, 0 },     { 'V', LOG_PIECE_HOST, 0 },
    { 'X', LOG_PIECE_CLOSING, 0 },  { 'a', LOG_PIECE_CLIENT, 0 },   { 'b', LOG_PIECE_BYTES_OR_DASH, 0 },
    { 'h', LOG_PIECE_CLIENT, 0 },   { 'l', LOG_PIECE_NOBODY, 0 },   { 'm', LOG_PIECE_METHOD, 0 },
    { 'p', LOG_PIECE_PORT, 0 },     { 'q', LOG_PIECE_QUERY, 0 },    { 'r', LOG_PIECE_LINE, 0 },
    { 's', LOG_PIECE_STATUS, 0 },   { 't', LOG_PIECE_TIME, 0 },     { 'u', LOG_PIECE_USER, 0 },
    { 'v', LOG_PIECE_SITE, 0 },
};

/* Apache's that are refused, and why; rather than to write something else in their place. */
static const struct {
    char letter;
    const char *why;
} refused[] = {
    { 'A', "the address that was connected to is not kept" },
    { 'C', "cookies are not told apart; %{Cookie}i has all of them" },
    { 'L', "there are no ids of errors" },
    { 'R', "there are no handlers" },
    { 'S', "it is not counted; %I and %O are" },
    { 'e', "there are no variables of requests" },
    { 'f', "the file is not kept; %U is the path that was asked for" },
    { 'k', "requests of a connection are not counted" },
    { 'n', "there are no notes" },
};

struct compiling {
    struct span text;
    struct log_program *program;
    struct log_wishes *wishes;
    char *error;
    size_t at, size; /* what is to blame */
};

PRINTF_LIKE(2, 3) static bool blame(struct compiling *compiling, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(compiling->error, LOG_ERROR_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

static bool add(struct compiling *compiling, struct log_piece piece)
{
    struct log_program *program = compiling->program;
    if (program->count == LOG_PIECES_MAX) return blame(compiling, "more than %d parts", LOG_PIECES_MAX);
    if (piece.kind == LOG_PIECE_LITERAL) program->literal_bytes += piece.text.size;
    if (program->literal_bytes > LOG_LITERAL_BYTES_MAX)
        return blame(compiling, "more than %d bytes beside directives", LOG_LITERAL_BYTES_MAX);
    program->pieces[program->count++] = piece;
    return true;
}

static bool add_literal(struct compiling *compiling, struct span text)
{
    return text.size == 0 || add(compiling, (struct log_piece){ .kind = LOG_PIECE_LITERAL, .text = text });
}

/* A piece that shows a field: every program's wishes share the slots. */
static bool add_wish(struct compiling *compiling, enum log_piece_kind kind, struct log_wish wish)
{
    struct log_wishes *wishes = compiling->wishes;
    unsigned slot = 0;
    for (; slot < wishes->count; slot++) {
        const struct log_wish *known = &wishes->at[slot];
        if (known->is_of_answer == wish.is_of_answer && span_equal_nocase(known->name, wish.name)) break;
    }
    if (slot == EXCHANGE_FIELDS_MAX)
        return blame(compiling, "more than %d fields are wanted by all logs together", EXCHANGE_FIELDS_MAX);
    if (slot == wishes->count) wishes->at[wishes->count++] = wish;
    return add(compiling, (struct log_piece){ .kind = (uint8_t)kind, .slot = (uint8_t)slot });
}

static bool add_duration(struct compiling *compiling, struct span unit)
{
    static const struct {
        const char *name;
        uint32_t us;
    } units[] = { { "s", 1000000 }, { "ms", 1000 }, { "us", 1 } };
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (span_equal(unit, span_of_string(units[i].name)))
            return add(compiling, (struct log_piece){ .kind = LOG_PIECE_DURATION, .divisor = units[i].us });
    }
    return blame(compiling, "%%{UNIT}T takes s, ms or us");
}

static bool add_time(struct compiling *compiling, struct span format)
{
    static const struct span fractions[] = { { "msec", 4 }, { "usec", 4 }, { "msec_frac", 9 }, { "usec_frac", 9 } };
    char tried[LOG_TIME_BYTES];
    if (span_starts_with(format, SPAN("begin:"))) format = span_from(format, 6);
    if (span_starts_with(format, SPAN("end:")))
        return blame(compiling, "times are those at which requests came, not end:");
    for (size_t i = 0; i < ARRAY_COUNT(fractions); i++) {
        if (span_equal(format, fractions[i])) return blame(compiling, "times are kept in whole seconds");
    }
    if (span_equal(format, SPAN("sec"))) format = SPAN("%s");
    if (format.size == 0) return add(compiling, (struct log_piece){ .kind = LOG_PIECE_TIME });
    /* A Wednesday in September: no other text is longer. */
    size_t size = format.size < LOG_TIME_BYTES ? log_time_text(format, 1600869599, tried) : 0;
    for (size_t i = 0; i < size; i++) {
        if (tried[i] == '\n') return blame(compiling, "a line of the log is one line: %%n may not stand in it");
    }
    if (size == 0)
        return blame(compiling, "%%{FORMAT}t takes what strftime(3) does, for at most %d bytes", LOG_TIME_BYTES - 1);
    if (compiling->program->time_count == LOG_TIMES_MAX)
        return blame(compiling, "at most %d times with a format", LOG_TIMES_MAX);
    uint8_t slot = (uint8_t)compiling->program->time_count++;
    return add(compiling, (struct log_piece){ .kind = LOG_PIECE_TIME_TEXT, .slot = slot, .text = format });
}

static bool add_with_argument(struct compiling *compiling, char letter, struct span argument)
{
    switch (letter) {
    case 'T': return add_duration(compiling, argument);
    case 't': return add_time(compiling, argument);
    case 'i':
    case 'o':
        if (argument.size == 0) break;
        return add_wish(compiling, LOG_PIECE_FIELD,
                        (struct log_wish){ .name = argument, .is_of_answer = letter == 'o' });
    case 'p':
        if (!span_equal(argument, SPAN("canonical"))) break;
        return add_wish(compiling, LOG_PIECE_PORT, (struct log_wish){ .name = SPAN("") });
    case 'P':
        if (!span_equal(argument, SPAN("pid"))) break;
        return add(compiling, (struct log_piece){ .kind = LOG_PIECE_PROCESS });
    default: break;
    }
    return blame(compiling, "%.*s is no directive of LogFormat", (int)(compiling->size < 60 ? compiling->size : 60),
                 compiling->text.data + compiling->at);
}

static bool add_plain(struct compiling *compiling, char letter)
{
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        if (plain[i].letter != letter) continue;
        if (letter == 'V' || letter == 'p')
            return add_wish(compiling, plain[i].kind, (struct log_wish){ .name = SPAN("") });
        return add(compiling, (struct log_piece){ .kind = (uint8_t)plain[i].kind, .divisor = plain[i].divisor });
    }
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        if (refused[i].letter == letter) return blame(compiling, "%%%c: %s", letter, refused[i].why);
    }
    if (letter == 'i' || letter == 'o') return blame(compiling, "%%%c wants a field: %%{NAME}%c", letter, letter);
    return blame(compiling, "%.*s is no directive of LogFormat", (int)compiling->size,
                 compiling->text.data + compiling->at);
}

/* The directive at text.data[at], which is a '%'. Its end is at + size afterwards. */
static bool add_directive(struct compiling *compiling)
{
    struct span rest = span_from(compiling->text, compiling->at), argument = SPAN_NONE;
    size_t i = 1;
    /* Which of several requests within is meant: there is only one here. */
    if (i < rest.size && (rest.data[i] == '<' || rest.data[i] == '>')) i++;
    if (i < rest.size && rest.data[i] == '{') {
        const char *end = memchr(rest.data + i, '}', rest.size - i);
        compiling->size = rest.size;
        if (!end) return blame(compiling, "%%{ without }");
        argument = span_of(rest.data + i + 1, (size_t)(end - rest.data) - i - 1);
        i = (size_t)(end - rest.data) + 1;
    }
    compiling->size = i < rest.size ? i + 1 : rest.size;
    if (i == rest.size) return blame(compiling, "a directive without its letter; %%%% stands for %%");
    if (rest.data[i] == '%' && i == 1) return add_literal(compiling, span_of(rest.data, 1));
    return argument.data ? add_with_argument(compiling, rest.data[i], argument) : add_plain(compiling, rest.data[i]);
}

/* What stands at text.data[at], which is a backslash, as in Apache: \n and \t; before anything else it stands for itself. */
static bool add_escape(struct compiling *compiling)
{
    struct span rest = span_from(compiling->text, compiling->at);
    char next = rest.size > 1 ? rest.data[1] : '\0';
    compiling->size = 2;
    if (next == 'n') return blame(compiling, "a line of the log is one line: \\n may not stand in it");
    if (next == 't') return add_literal(compiling, SPAN("\t"));
    if (next == '\\' || next == '"') return add_literal(compiling, span_of(rest.data + 1, 1));
    compiling->size = 1;
    return add_literal(compiling, span_first(rest, 1));
}

bool log_program_compile(struct span text, struct log_wishes *wishes, struct log_program *ret_program,
                         char error[LOG_ERROR_BYTES], size_t *ret_at, size_t *ret_size)
{
    struct log_program program = { 0 };
    struct log_wishes wanted = *wishes;
    struct compiling compiling = { .text = text, .program = &program, .wishes = &wanted, .error = error };
    bool is_well = true;
    while (is_well && compiling.at < text.size) {
        const char *at = text.data + compiling.at;
        if (*at == '%') {
            is_well = add_directive(&compiling);
        } else if (*at == '\\') {
            is_well = add_escape(&compiling);
        } else {
            for (compiling.size = 0; compiling.at + compiling.size < text.size; compiling.size++) {
                char c = at[compiling.size];
                if (c == '%' || c == '\\' || c == '\n') break;
            }
            is_well = compiling.size > 0 ? add_literal(&compiling, span_of(at, compiling.size))
                                         : blame(&compiling, "a line of the log is one line");
        }
        if (is_well) compiling.at += compiling.size;
    }
    if (!is_well) {
        *ret_at = compiling.at;
        *ret_size = compiling.size;
        return false;
    }
    *ret_program = program;
    *wishes = wanted;
    return true;
}
