/* The input is all that a client can put into the log. The line stays one line, nothing in it is a control character, and from
 * what is written what was sent can be told again. */
#include "../support/require.h"
#include "server/log_line.h"

enum { VALUES_MAX = 8 };

/* The values of a line, read back. */
struct reading {
    char *at;
    char *end;
    struct span values[VALUES_MAX]; /* unescaped, in place */
    bool is_null[VALUES_MAX];
    size_t count;
};

static int hex(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    REQUIRE(found != NULL);
    return (int)(found - digits);
}

static void expect(struct reading *reading, const char *text)
{
    size_t size = strlen(text);
    REQUIRE((size_t)(reading->end - reading->at) >= size && memcmp(reading->at, text, size) == 0);
    reading->at += size;
}

/* One escape of the common formats (\" \\ \b \n \r \t \v \xhh) or of JSON (RFC 8259, section 7: no \v, and \uhhhh). */
static char read_escape(struct reading *reading, bool is_json)
{
    static const char letters[] = "\"\\bnrtv";
    static const char meant[] = "\"\\\b\n\r\t\v";
    char c = *reading->at++;
    REQUIRE(reading->end - reading->at >= 2);
    if (c == (is_json ? 'u' : 'x')) {
        if (is_json) expect(reading, "00");
        REQUIRE(reading->end - reading->at >= 4);
        int high = hex(*reading->at++);
        return (char)(high << 4 | hex(*reading->at++));
    }
    const char *letter = c != '\0' ? strchr(letters, c) : NULL;
    REQUIRE(letter != NULL && (c != 'v' || !is_json));
    return meant[letter - letters];
}

/* A quoted string; JSON's must be UTF-8 but for what is escaped, which the caller compares byte by byte. */
static void read_string(struct reading *reading, bool is_json)
{
    expect(reading, "\"");
    char *to = reading->at;
    size_t size = 0;
    while (*reading->at != '"') {
        char c = *reading->at++;
        REQUIRE(reading->at < reading->end);
        REQUIRE((unsigned char)c >= 0x20 && c != 0x7f && (is_json || (unsigned char)c < 0x80));
        to[size++] = c == '\\' ? read_escape(reading, is_json) : c;
    }
    reading->at++;
    REQUIRE(reading->count < VALUES_MAX);
    reading->is_null[reading->count] = false;
    reading->values[reading->count++] = span_of(to, size);
}

static void read_number(struct reading *reading)
{
    char *begin = reading->at;
    while (*reading->at >= '0' && *reading->at <= '9') reading->at++;
    REQUIRE(reading->at > begin && (*begin != '0' || reading->at == begin + 1));
    if (*reading->at != '.') return;
    begin = ++reading->at;
    while (*reading->at >= '0' && *reading->at <= '9') reading->at++;
    REQUIRE(reading->at > begin);
}

/* RFC 8259, as much of it as a line of the log may use. */
static void read_json(struct reading *reading)
{
    static const char *const keys[] = { "time",  "client",   "method",  "target", "status",
                                        "bytes", "duration", "referer", "agent",  "cache" };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        expect(reading, i == 0 ? "{\"" : ",\"");
        expect(reading, keys[i]);
        expect(reading, "\":");
        if (*reading->at == '"') {
            read_string(reading, true);
        } else if (*reading->at == 'n') {
            expect(reading, "null");
            REQUIRE(reading->count < VALUES_MAX);
            reading->values[reading->count] = SPAN_NONE;
            reading->is_null[reading->count++] = true;
        } else {
            read_number(reading);
        }
    }
    expect(reading, "}\n");
}

static void read_common(struct reading *reading, bool is_combined)
{
    /* The client may hold anything here; the line goes on behind it. */
    char *dashes = memmem(reading->at, (size_t)(reading->end - reading->at), " - - [", 6);
    REQUIRE(dashes != NULL);
    char *bracket = memmem(dashes, (size_t)(reading->end - dashes), "] \"", 3);
    REQUIRE(bracket != NULL && bracket - dashes == 6 + 26);
    reading->at = bracket + 2;
    read_string(reading, false);
    expect(reading, " 200 7");
    if (is_combined) {
        expect(reading, " ");
        read_string(reading, false);
        expect(reading, " ");
        read_string(reading, false);
    }
    expect(reading, "\n");
}

/* Raw bytes above ASCII must be UTF-8: the standard C library is the judge of what is not. */
static void require_utf8(struct span line)
{
    for (size_t i = 0; i < line.size;) {
        unsigned char c = (unsigned char)line.data[i];
        size_t size = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        REQUIRE(c < 0x80 || (c >= 0xc2 && c <= 0xf4));
        REQUIRE(size <= line.size - i);
        uint32_t point = size == 1 ? c : c & (0xffu >> (size + 1));
        for (size_t k = 1; k < size; k++) {
            unsigned char next = (unsigned char)line.data[i + k];
            REQUIRE((next & 0xc0) == 0x80);
            point = point << 6 | (next & 0x3f);
        }
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        REQUIRE(point >= least[size] && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff));
        REQUIRE(point < 0x80 || point >= 0xa0);
        i += size;
    }
}

static void require_value(const struct reading *reading, size_t index, struct span sent)
{
    struct span read = reading->values[index];
    if (sent.data == NULL) {
        REQUIRE(reading->is_null[index] || span_equal(read, SPAN("-")));
    } else if (!span_equal(read, sent)) {
        /* It was cut. */
        REQUIRE(span_ends_with(read, SPAN("...")) && read.size - 3 < sent.size);
        REQUIRE(span_starts_with(sent, span_first(read, read.size - 3)));
    }
}

static void require_line(enum log_format format, const struct log_record *record)
{
    static struct log_clock clock;
    char *line = malloc(LOG_LINE_BYTES_MAX);
    REQUIRE(line != NULL);
    size_t size = log_line_format(format, &clock, record, line);
    REQUIRE(size <= LOG_LINE_BYTES_MAX && memchr(line, '\n', size) == line + size - 1);
    require_utf8(span_of(line, size - 1));
    struct reading reading = { .at = line, .end = line + size };
    if (format == LOG_FORMAT_JSON) {
        read_json(&reading);
        struct span sent[] = { record->client,  record->method, record->target,
                               record->referer, record->agent,  record->outcome };
        REQUIRE(reading.count == 7);
        for (size_t i = 0; i < 6; i++) require_value(&reading, i + 1, sent[i]);
    } else {
        read_common(&reading, format == LOG_FORMAT_COMBINED);
        require_value(&reading, 0, record->line.size > 0 ? record->line : SPAN_NONE);
        if (format == LOG_FORMAT_COMBINED) {
            require_value(&reading, 1, record->referer);
            require_value(&reading, 2, record->agent);
        }
    }
    REQUIRE(reading.at == reading.end);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint32_t number = number_of(bytes, size);
    char *copy = exact_copy(bytes, size);
    struct span value = span_of(copy, size);
    size_t middle = number % (size + 1);
    struct log_record record = {
        .time_s = 1795293041 + (number & 3),
        .duration_us = number,
        .bytes = 7,
        .status = 200,
        .client = SPAN("127.0.0.1"),
        .line = value,
        .method = span_first(value, middle),
        .target = span_from(value, middle),
        .referer = number & 4 ? span_from(value, middle) : SPAN_NONE,
        .agent = number & 8 ? value : SPAN_NONE,
        .outcome = SPAN("hit"),
    };
    char *longer = NULL;
    if (size > 0 && (number & 0x70) == 0) {
        /* Now and then so often over that it must be cut. */
        size_t times = 1 + 20000 / size;
        longer = malloc(times * size);
        REQUIRE(longer != NULL);
        for (size_t i = 0; i < times; i++) memcpy(longer + i * size, copy, size);
        record.line = record.target = record.agent = record.referer = record.method = record.outcome =
            span_of(longer, times * size);
    }
    for (int format = LOG_FORMAT_COMBINED; format <= LOG_FORMAT_JSON; format++)
        require_line((enum log_format)format, &record);
    free(longer);
    free(copy);
    return 0;
}
