#include "server/log_format.h"

#include <time.h>

#include "base/text_write.h"
#include "http/authority.h"

enum {
    PIECE_ROOM = 128, /* of a line: what each piece may take in any case; numbers and times need no more */
    VALUE_ROOM =
        LOG_LINE_BYTES_MAX - LOG_LITERAL_BYTES_MAX - LOG_PIECES_MAX * PIECE_ROOM - 1, /* and all together beyond it */
    VALUE_BYTES_MAX = 12 * 1024,                                                      /* of one */
};
_Static_assert(VALUE_ROOM >= VALUE_BYTES_MAX, "a line must hold the longest value");
_Static_assert((int)LOG_TIME_BYTES <= (int)PIECE_ROOM, "a time must fit");

size_t log_time_text(struct span format, int64_t second, char out[LOG_TIME_BYTES])
{
    char terminated[LOG_TIME_BYTES];
    time_t time = second > 0 ? (time_t)second : 0;
    struct tm tm = { .tm_mday = 1, .tm_year = 70 };
    (void)localtime_r(&time, &tm); /* fails only for years beyond an int, and then leaves the first day */
    memcpy(terminated, format.data, format.size);
    terminated[format.size] = '\0';
/* The format is the administrator's, and was tried when it was read. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return strftime(out, LOG_TIME_BYTES, terminated, &tm);
#pragma GCC diagnostic pop
}

/* The value of the field `name` in the lines of `head`, of which the first is not one. */
static struct span answer_field(struct span head, struct span name)
{
    const char *at = head.data, *end = head.data + head.size;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        struct span line = span_of(++at, 0);
        line.size = (size_t)(end - at);
        if (line.size <= name.size || line.data[name.size] != ':') continue;
        if (!span_equal_nocase(span_first(line, name.size), name)) continue;
        struct span value = span_from(line, name.size + 1);
        const char *line_end = memchr(value.data, '\r', value.size);
        if (line_end) value.size = (size_t)(line_end - value.data);
        while (value.size > 0 && value.data[0] == ' ') value = span_from(value, 1);
        return value;
    }
    return SPAN_NONE;
}

static struct span request_field(const struct request *request, struct span name)
{
    if (name.size == 0) return request->authority;
    for (unsigned i = 0; i < request->field_count; i++) {
        if (span_equal_nocase(request->fields[i].name, name)) return request->fields[i].value;
    }
    return SPAN_NONE;
}

void log_wishes_read(const struct log_wishes *wishes, const struct request *request, struct span head,
                     struct span *fields)
{
    for (unsigned i = 0; i < wishes->count; i++) {
        const struct log_wish *wish = &wishes->at[i];
        fields[i] = wish->is_of_answer ? answer_field(head, wish->name) : request_field(request, wish->name);
    }
}

/* While a line is written. */
struct writing {
    struct log_clock *clock;
    struct log_times *times;
    const struct log_record *record;
    char *at;
    size_t left;      /* of VALUE_ROOM */
    uint64_t process; /* its id */
};

static void put_value(struct writing *writing, struct span value)
{
    if (!value.data || value.size == 0) {
        *writing->at++ = '-';
        return;
    }
    size_t room = PIECE_ROOM + writing->left;
    if (room > VALUE_BYTES_MAX) room = VALUE_BYTES_MAX;
    char *end = log_value_put(writing->at, room, value, false);
    size_t size = (size_t)(end - writing->at);
    if (size > PIECE_ROOM) writing->left -= size - PIECE_ROOM;
    writing->at = end;
}

static void put_number(struct writing *writing, uint64_t number)
{
    writing->at = text_append_decimal(writing->at, number);
}

/* The target up to its query, or from there on. */
static struct span part_of_target(struct span target, bool is_query)
{
    const char *mark = target.data ? memchr(target.data, '?', target.size) : NULL;
    size_t path_size = mark ? (size_t)(mark - target.data) : target.size;
    return is_query ? span_from(target, path_size) : span_first(target, path_size);
}

/* The last word of the request line. */
static struct span protocol_of(struct span line)
{
    const char *blank = line.data ? memrchr(line.data, ' ', line.size) : NULL;
    struct span word = blank ? span_from(line, (size_t)(blank + 1 - line.data)) : SPAN_NONE;
    return word.data && span_starts_with(word, SPAN("HTTP/")) ? word : SPAN_NONE;
}

static void put_host(struct writing *writing, struct span authority, bool is_port)
{
    struct span host = SPAN_NONE, port = SPAN_NONE;
    bool is_known = authority.data && authority.size > 0 && authority_split(authority, &host, &port);
    if (!is_known) host = port = SPAN_NONE;
    if (!is_port)
        put_value(writing, host.data ? host : writing->record->site);
    else if (port.data && port.size > 0)
        put_value(writing, port);
    else
        put_number(writing, writing->record->site_port ? writing->record->site_port : 80);
}

static void put_time(struct writing *writing, const struct log_piece *piece)
{
    int64_t second = writing->record->time_s;
    char *text = writing->times->at[piece->slot].text;
    if (writing->times->at[piece->slot].size == 0 || writing->times->at[piece->slot].second != second) {
        size_t size = log_time_text(piece->text, second, text);
        if (size == 0) text[size++] = '-';
        writing->times->at[piece->slot].size = (unsigned char)size;
        writing->times->at[piece->slot].second = second;
    }
    writing->at = text_append(writing->at, span_of(text, writing->times->at[piece->slot].size));
}

/* What became of the connection: it broke, goes on, or was closed in order. */
static char closing_of(const struct log_record *record)
{
    if (record->is_aborted) return 'X';
    return record->closes ? '-' : '+';
}

static struct span field_in(const struct log_record *record, unsigned slot)
{
    return slot < record->field_count ? record->fields[slot] : SPAN_NONE;
}

static void put_piece(struct writing *writing, const struct log_piece *piece)
{
    const struct log_record *record = writing->record;
    switch ((enum log_piece_kind)piece->kind) {
    case LOG_PIECE_LITERAL: writing->at = text_append(writing->at, piece->text); return;
    case LOG_PIECE_NOBODY: *writing->at++ = '-'; return;
    case LOG_PIECE_CLIENT: put_value(writing, record->client); return;
    case LOG_PIECE_USER: put_value(writing, record->user); return;
    case LOG_PIECE_BYTES_OR_DASH:
        if (record->bytes > 0)
            put_number(writing, record->bytes);
        else
            *writing->at++ = '-';
        return;
    case LOG_PIECE_BYTES: put_number(writing, record->bytes); return;
    case LOG_PIECE_DURATION:
        put_number(writing, record->duration_us > 0 ? (uint64_t)record->duration_us / piece->divisor : 0);
        return;
    case LOG_PIECE_PROTOCOL: put_value(writing, protocol_of(record->line)); return;
    case LOG_PIECE_RECEIVED: put_number(writing, record->received_bytes); return;
    case LOG_PIECE_SENT: put_number(writing, record->sent_bytes); return;
    case LOG_PIECE_METHOD: put_value(writing, record->method); return;
    case LOG_PIECE_PORT:
    case LOG_PIECE_HOST: put_host(writing, field_in(record, piece->slot), piece->kind == LOG_PIECE_PORT); return;
    case LOG_PIECE_PROCESS: put_number(writing, writing->process); return;
    case LOG_PIECE_QUERY: {
        struct span query = part_of_target(record->target, true);
        if (query.size > 0) put_value(writing, query); /* "" for none, as in Apache */
        return;
    }
    case LOG_PIECE_LINE: put_value(writing, record->line); return;
    case LOG_PIECE_STATUS: put_number(writing, record->status); return;
    case LOG_PIECE_TIME: writing->at = text_append(writing->at, log_clock_text(writing->clock, record->time_s)); return;
    case LOG_PIECE_TIME_TEXT: put_time(writing, piece); return;
    case LOG_PIECE_PATH: put_value(writing, part_of_target(record->target, false)); return;
    case LOG_PIECE_SITE: put_value(writing, record->site); return;
    case LOG_PIECE_CLOSING: *writing->at++ = closing_of(record); return;
    case LOG_PIECE_FIELD: put_value(writing, field_in(record, piece->slot)); return;
    }
}

size_t log_program_write(const struct log_program *program, struct log_clock *clock, struct log_times *times,
                         const struct log_record *record, char *out)
{
    struct writing writing = {
        .clock = clock, .times = times, .record = record, .at = out, .left = VALUE_ROOM, .process = program->process
    };
    for (unsigned i = 0; i < program->count; i++) put_piece(&writing, &program->pieces[i]);
    *writing.at++ = '\n';
    return (size_t)(writing.at - out);
}
