#include "server/log_line.h"

#include <time.h>

#include "base/text_write.h"
#include "base/utf8.h"
#include "platform/scan.h"

/* How much of a line each value may take, escaped. The line's other parts need less than a KiB. */
enum {
    LINE_ROOM = 12 * 1024, /* a request line of LimitRequestLine's default, and then some; a target */
    VALUE_ROOM = 8 * 1024,
    NAME_ROOM = 512, /* client, user, method, outcome */
    ESCAPE_BYTES_MAX = 6,
};
_Static_assert(LINE_ROOM + 2 * VALUE_ROOM + 4 * NAME_ROOM + 1024 <= LOG_LINE_BYTES_MAX, "a line must hold its values");

static const char digits_hex[] = "0123456789abcdef";

/* Exactly `width` digits; what is above is left out. */
static char *put_padded(char *out, int64_t number, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        out[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return out + width;
}

static char *put_zone(char *out, long offset_s, struct span separator)
{
    long minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
    *out++ = offset_s < 0 ? '-' : '+';
    out = put_padded(out, minutes / 60, 2);
    out = text_append(out, separator);
    return put_padded(out, minutes % 60, 2);
}

static char *put_clock(char *out, const struct tm *tm)
{
    out = put_padded(out, tm->tm_hour, 2);
    *out++ = ':';
    out = put_padded(out, tm->tm_min, 2);
    *out++ = ':';
    return put_padded(out, tm->tm_sec, 2);
}

static void clock_set(struct log_clock *clock, int64_t second)
{
    static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    time_t time = second > 0 ? (time_t)second : 0;
    struct tm tm = { .tm_mday = 1, .tm_year = 70 };
    (void)localtime_r(&time, &tm); /* fails only for years beyond an int, and then leaves the first day */

    char *out = clock->common;
    *out++ = '[';
    out = put_padded(out, tm.tm_mday, 2);
    *out++ = '/';
    out = text_append(out, span_of(months[tm.tm_mon], 3));
    *out++ = '/';
    out = put_padded(out, tm.tm_year + 1900, 4);
    *out++ = ':';
    out = put_clock(out, &tm);
    *out++ = ' ';
    out = put_zone(out, tm.tm_gmtoff, SPAN(""));
    *out++ = ']';
    clock->common_size = (unsigned char)(out - clock->common);

    out = clock->iso;
    out = put_padded(out, tm.tm_year + 1900, 4);
    *out++ = '-';
    out = put_padded(out, tm.tm_mon + 1, 2);
    *out++ = '-';
    out = put_padded(out, tm.tm_mday, 2);
    *out++ = 'T';
    out = put_clock(out, &tm);
    out = put_zone(out, tm.tm_gmtoff, SPAN(":"));
    clock->iso_size = (unsigned char)(out - clock->iso);
    clock->second = second;
}

/* The size of the UTF-8 character at the start of `s`, if it is one above ASCII; else 0. The controls U+0080 to U+009F are not
 * taken: a terminal may obey them. */
static size_t utf8_size(struct span s)
{
    size_t size = utf8_character_size(s);
    bool is_control = size == 2 && (unsigned char)s.data[0] == 0xc2 && (unsigned char)s.data[1] < 0xa0;
    return size < 2 || is_control ? 0 : size;
}

/* The letter that stands for a control character behind a backslash; 0: there is none. */
static char control_letter(char c)
{
    switch (c) {
    case '\b': return 'b';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return '\0';
    }
}

/* Write what stands for the first byte of `rest`, which scan_plain_end() stopped at. Returns how many bytes of `rest` are
 * dealt with; *ret_size is how many were written, at most ESCAPE_BYTES_MAX. */
static size_t escape(char *out, struct span rest, bool is_json, size_t *ret_size)
{
    char c = rest.data[0];
    char letter = c == '"' || c == '\\' ? c : control_letter(c);
    if (c == '\v' && !is_json) letter = 'v';
    if (letter != '\0') {
        out[0] = '\\';
        out[1] = letter;
        *ret_size = 2;
        return 1;
    }
    size_t character = is_json ? utf8_size(rest) : 0;
    if (character > 0) {
        memcpy(out, rest.data, character);
        *ret_size = character;
        return character;
    }
    char *to = text_append(out, is_json ? SPAN("\\u00") : SPAN("\\x"));
    *to++ = digits_hex[(unsigned char)c >> 4];
    *to++ = digits_hex[(unsigned char)c & 15];
    *ret_size = (size_t)(to - out);
    return 1;
}

char *log_value_put(char *out, size_t room, struct span value, bool is_json)
{
    static const struct span cut = { "...", 3 };
    size_t left = room - cut.size;
    const char *at = value.data;
    const char *end = value.data + value.size;
    while (at < end) {
        size_t plain = (size_t)(scan_plain_end(at, end) - at);
        size_t taken = plain < left ? plain : left;
        out = text_append(out, span_of(at, taken));
        at += taken;
        left -= taken;
        if (at == end) break;
        if (left < ESCAPE_BYTES_MAX) return text_append(out, cut);
        size_t size;
        at += escape(out, span_of(at, (size_t)(end - at)), is_json, &size);
        out += size;
        left -= size;
    }
    return out;
}

static char *put_quoted(char *out, size_t room, struct span value, struct span absent)
{
    *out++ = '"';
    out = value.data == NULL ? text_append(out, absent) : log_value_put(out, room, value, false);
    *out++ = '"';
    return out;
}

/* "%h %l %u %t \"%r\" %>s %b", and with the combined format " \"%{Referer}i\" \"%{User-Agent}i\"" */
static char *put_common(char *out, enum log_format format, const struct log_clock *clock,
                        const struct log_record *record)
{
    static const struct span dash = { "-", 1 };
    out = record->client.size > 0 ? log_value_put(out, NAME_ROOM, record->client, false) : text_append(out, dash);
    out = text_append(out, SPAN(" - "));
    out = record->user.size > 0 ? log_value_put(out, NAME_ROOM, record->user, false) : text_append(out, dash);
    *out++ = ' ';
    out = text_append(out, span_of(clock->common, clock->common_size));
    *out++ = ' ';
    out = put_quoted(out, LINE_ROOM, record->line.size > 0 ? record->line : dash, dash);
    *out++ = ' ';
    out = text_append_decimal(out, record->status);
    *out++ = ' ';
    out = record->bytes > 0 ? text_append_decimal(out, record->bytes) : text_append(out, dash);
    if (format == LOG_FORMAT_COMBINED) {
        *out++ = ' ';
        out = put_quoted(out, VALUE_ROOM, record->referer, dash);
        *out++ = ' ';
        out = put_quoted(out, VALUE_ROOM, record->agent, dash);
    }
    return out;
}

static char *put_member(char *out, struct span key, size_t room, struct span value)
{
    out = text_append(out, key);
    if (value.data == NULL) return text_append(out, SPAN("null"));
    *out++ = '"';
    out = log_value_put(out, room, value, true);
    *out++ = '"';
    return out;
}

static char *put_json(char *out, const struct log_clock *clock, const struct log_record *record)
{
    uint64_t duration_us = record->duration_us > 0 ? (uint64_t)record->duration_us : 0;
    out = put_member(out, SPAN("{\"time\":"), NAME_ROOM, span_of(clock->iso, clock->iso_size));
    out = put_member(out, SPAN(",\"client\":"), NAME_ROOM, record->client);
    if (record->user.size > 0) out = put_member(out, SPAN(",\"user\":"), NAME_ROOM, record->user);
    out = put_member(out, SPAN(",\"method\":"), NAME_ROOM, record->method);
    out = put_member(out, SPAN(",\"target\":"), LINE_ROOM, record->target);
    out = text_append(out, SPAN(",\"status\":"));
    out = text_append_decimal(out, record->status);
    out = text_append(out, SPAN(",\"bytes\":"));
    out = text_append_decimal(out, record->bytes);
    out = text_append(out, SPAN(",\"duration\":"));
    out = text_append_decimal(out, duration_us / 1000000);
    *out++ = '.';
    out = put_padded(out, (int64_t)(duration_us % 1000000), 6);
    out = put_member(out, SPAN(",\"referer\":"), VALUE_ROOM, record->referer);
    out = put_member(out, SPAN(",\"agent\":"), VALUE_ROOM, record->agent);
    out = put_member(out, SPAN(",\"cache\":"), NAME_ROOM, record->outcome);
    *out++ = '}';
    return out;
}

struct span log_clock_text(struct log_clock *clock, int64_t second)
{
    if (clock->common_size == 0 || clock->second != second) clock_set(clock, second);
    return span_of(clock->common, clock->common_size);
}

size_t log_line_format(enum log_format format, struct log_clock *clock, const struct log_record *record, char *out)
{
    (void)log_clock_text(clock, record->time_s);
    char *end = format == LOG_FORMAT_JSON ? put_json(out, clock, record) : put_common(out, format, clock, record);
    *end++ = '\n';
    return (size_t)(end - out);
}
