#include "server/directive.h"

#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/quantity.h"
#include "platform/socket.h"
#include "server/config_file.h"

enum { ARGUMENTS_MAX = 256 };

#define AT(member) offsetof(struct config, member)
#define UNBOUNDED  UINT64_MAX
#define DAY_MS     86400000
#define TEXT(name, arguments, fallback, member, summary)                           \
    {                                                                              \
        name, arguments, fallback, summary, DIRECTIVE_TEXT, AT(member), 0, 0, NULL \
    }
#define AMOUNT(kind, name, arguments, fallback, member, least, most, summary)   \
    {                                                                           \
        name, arguments, fallback, summary, kind, AT(member), least, most, NULL \
    }

static const struct directive table[] = {
    { "CacheFile", "FILE...", NULL, "Keep these files open, to be sent from their descriptors; they are never evicted.",
      DIRECTIVE_PINS, 0, PIN_DESCRIPTOR, 0, NULL },
    TEXT("CustomLog", "FILE|-", NULL, access_log, "Write the access log to FILE, or to standard output."),
    TEXT("DocumentRoot", "DIR", NULL, document_root, "The folder that is served."),
    { "Include", "FILE|GLOB", NULL, "Read the directives in these files, in the order of their names.",
      DIRECTIVE_INCLUDE, 0, 0, 0, NULL },
    { "IncludeOptional", "FILE|GLOB", NULL, "The same, and it does not matter if there are none.", DIRECTIVE_INCLUDE, 0,
      1, 0, NULL },
    AMOUNT(DIRECTIVE_DURATION, "KeepAliveTimeout", "TIME", "75s", keepalive_timeout_ms, 1, DAY_MS,
           "How long a connection may wait for its next request."),
    AMOUNT(DIRECTIVE_NUMBER, "LimitRequestFields", "NUMBER", "100", limit_fields, 1, 100,
           "The most header fields in a request; more are answered 431."),
    AMOUNT(DIRECTIVE_BYTES, "LimitRequestFieldSize", "BYTES", "8190", limit_field_bytes, 64, LIMIT_LINE_BYTES_MAX,
           "The longest header field line; a longer one is answered 431."),
    AMOUNT(DIRECTIVE_BYTES, "LimitRequestLine", "BYTES", "8190", limit_line_bytes, 64, LIMIT_LINE_BYTES_MAX,
           "The longest request line; a longer one is answered 414."),
    { "Listen", "[ADDRESS:]PORT|unix:PATH", NULL,
      "Where to accept connections; may be given several times. Without it: port 8080 of every address.",
      DIRECTIVE_LISTEN, 0, 0, 0, NULL },
    AMOUNT(DIRECTIVE_DURATION, "LoadTimeout", "TIME", "30s", load_timeout_ms, 1, DAY_MS,
           "How long a request waits for a disk; then it is answered 503, and nobody else is concerned."),
    { "LogFormat", "combined|common|json", "combined", "How a line of the access log is written.", DIRECTIVE_CHOICE,
      AT(log_format), 0, 0, "combined|common|json" },
    AMOUNT(DIRECTIVE_NUMBER, "MaxConnections", "NUMBER", NULL, connections_max, 1, 1 << 24,
           "The most connections at a time; without it, what the limit of descriptors allows."),
    { "MMapDir", "DIR...", NULL,
      "Keep everything in these folders in memory, new files too, as they appear; it is never evicted.", DIRECTIVE_PINS,
      0, PIN_FOLDER, 0, NULL },
    AMOUNT(DIRECTIVE_DURATION, "MMapExpire", "TIME", "1h", expire_ms, 0, 365ull * DAY_MS,
           "Files that were not asked for in so long leave the memory; 0: only for room."),
    { "MMapFile", "FILE...", NULL,
      "Keep these files in memory: they are loaded before the server is ready, and never evicted.", DIRECTIVE_PINS, 0,
      PIN_FILE, 0, NULL },
    { "MMapLock", "on|off", "off", "Lock big pinned files in memory (RLIMIT_MEMLOCK must allow it).", DIRECTIVE_CHOICE,
      AT(pins_are_locked), 0, 0, "off|on" },
    AMOUNT(DIRECTIVE_BYTES, "MMapMaxBytes", "BYTES", NULL, cache_bytes, 1 << 20, UNBOUNDED,
           "The most memory for files; without it, a quarter of what the machine or the cgroup allows."),
    AMOUNT(DIRECTIVE_NUMBER, "MMapMaxFiles", "NUMBER", "1048576", cache_files, 1, 1u << 30,
           "The most files that are kept, big ones by their descriptors included."),
    AMOUNT(DIRECTIVE_BYTES, "MMapMaxFileSize", "BYTES", "64K", snapshot_bytes, 0, 1u << 30,
           "Files up to this size are kept in memory; bigger ones are sent from their descriptors."),
    AMOUNT(DIRECTIVE_DURATION, "MMapRevalidate", "TIME", "1s", revalidate_ms, 0, DAY_MS,
           "Where the system does not tell of changes: how long a file may be served without looking."),
    AMOUNT(DIRECTIVE_DURATION, "MMapSettle", "TIME", "2s", settle_ms, 0, DAY_MS,
           "How long the old version of a file is served while somebody writes it in place."),
    { "MMapStrict", "on|off", "off",
      "Do not start, or reload, if something cannot be pinned; else it is told and skipped.", DIRECTIVE_CHOICE,
      AT(pins_are_strict), 0, 0, "off|on" },
    AMOUNT(DIRECTIVE_DURATION, "RequestTimeout", "TIME", "20s", request_timeout_ms, 1, DAY_MS,
           "How long the head of a request may take to arrive."),
    { "SendMinRate", "BYTES [TIME]", "500 30s",
      "A client that takes fewer bytes a second than this, over TIME, is disconnected; 0: never.", DIRECTIVE_SEND_RATE,
      AT(send_min_bytes_s), 0, 0, NULL },
    TEXT("ServerRoot", "DIR", NULL, server_root,
         "What relative paths of files to include and to pin are under; without it, the folder of the configuration "
         "file."),
    AMOUNT(DIRECTIVE_DURATION, "StatsInterval", "TIME", "0", stats_interval_ms, 0, DAY_MS,
           "How often a line of counts is written to standard error; 0: never."),
    AMOUNT(DIRECTIVE_NUMBER, "Threads", "NUMBER", NULL, threads, 1, THREADS_MAX,
           "Worker threads; without it, one for each CPU that the process may use."),
    TEXT("TypesConfig", "FILE", "/etc/mime.types", types_path,
         "The media types by file name extension, over a built-in table; the file may be missing."),
};

const struct directive *directives(size_t *ret_count)
{
    *ret_count = ARRAY_COUNT(table);
    return table;
}

struct arguments {
    struct span items[ARGUMENTS_MAX];
    size_t count;
};

/* Words, or "quoted ones" in which \" and \\ stand for themselves. The quoted are unescaped into `room`. */
static bool split(struct span line, char *room, struct arguments *ret, char error[DIRECTIVE_ERROR_BYTES])
{
    size_t at = 0;
    ret->count = 0;
    for (;;) {
        while (at < line.size && (line.data[at] == ' ' || line.data[at] == '\t')) at++;
        if (at == line.size) return true;
        if (ret->count == ARGUMENTS_MAX) {
            snprintf(error, DIRECTIVE_ERROR_BYTES, "too many arguments");
            return false;
        }
        bool is_quoted = line.data[at] == '"';
        char *begin = room;
        for (at += is_quoted; at < line.size; at++) {
            char c = line.data[at];
            if (is_quoted ? c == '"' : c == ' ' || c == '\t') break;
            if (is_quoted && c == '\\' && at + 1 < line.size && (line.data[at + 1] == '"' || line.data[at + 1] == '\\'))
                c = line.data[++at];
            *room++ = c;
        }
        if (is_quoted && at == line.size) {
            snprintf(error, DIRECTIVE_ERROR_BYTES, "a quotation mark is not closed");
            return false;
        }
        at += is_quoted;
        ret->items[ret->count++] = span_of(begin, (size_t)(room - begin));
    }
}

/* Levenshtein's distance, letters' case ignored; names are short. */
static unsigned distance(struct span a, struct span b)
{
    unsigned row[64];
    if (b.size >= ARRAY_COUNT(row)) return UINT32_MAX;
    for (unsigned j = 0; j <= b.size; j++) row[j] = j;
    for (unsigned i = 1; i <= a.size; i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.size; j++) {
            unsigned changed = corner + (ascii_lower(a.data[i - 1]) != ascii_lower(b.data[j - 1]));
            corner = row[j];
            unsigned shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = changed < shorter ? changed : shorter;
        }
    }
    return row[b.size];
}

static const struct directive *find(struct span name, char error[DIRECTIVE_ERROR_BYTES])
{
    const struct directive *nearest = NULL;
    unsigned least = UINT32_MAX;
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        struct span known = span_of_string(table[i].name);
        if (span_equal_nocase(known, name)) return &table[i];
        unsigned d = distance(name, known);
        if (d < least) {
            least = d;
            nearest = &table[i];
        }
    }
    bool is_near = nearest && least <= 1 + name.size / 3;
    snprintf(error, DIRECTIVE_ERROR_BYTES, "there is no directive %.*s%s%s%s", (int)(name.size < 100 ? name.size : 100),
             name.data, is_near ? "; did you mean " : "", is_near ? nearest->name : "", is_near ? "?" : "");
    return NULL;
}

static void *value_of(const struct directive *directive, struct config *config)
{
    return (char *)config + directive->offset;
}

static bool wrong(const struct directive *directive, struct span got, const char *wanted,
                  char error[DIRECTIVE_ERROR_BYTES])
{
    snprintf(error, DIRECTIVE_ERROR_BYTES, "%s: \"%.*s\" is not %s", directive->name,
             (int)(got.size < 200 ? got.size : 200), got.data, wanted);
    return false;
}

static bool set_amount(const struct directive *directive, struct config *config, struct span text,
                       char error[DIRECTIVE_ERROR_BYTES])
{
    static const struct {
        bool (*parse)(struct span, uint64_t *);
        const char *wanted, *unit;
    } kinds[] = {
        [DIRECTIVE_NUMBER] = { quantity_parse_number, "a number", "" },
        [DIRECTIVE_BYTES] = { quantity_parse_bytes, "an amount of bytes, such as 65536, 64K, 512M or 2G", " bytes" },
        [DIRECTIVE_DURATION] = { quantity_parse_ms, "a time, such as 500ms, 20s, 5m or 1h", " ms" },
    };
    uint64_t amount;
    if (!kinds[directive->kind].parse(text, &amount))
        return wrong(directive, text, kinds[directive->kind].wanted, error);
    if (amount < directive->least || amount > directive->most) {
        const char *unit = kinds[directive->kind].unit;
        char most[48] = "";
        if (directive->most != UNBOUNDED)
            snprintf(most, sizeof most, " and at most %llu%s", (unsigned long long)directive->most, unit);
        snprintf(error, DIRECTIVE_ERROR_BYTES, "%s: %.*s is out of range; at least %llu%s%s", directive->name,
                 (int)text.size, text.data, (unsigned long long)directive->least, unit, most);
        return false;
    }
    *(uint64_t *)value_of(directive, config) = amount;
    return true;
}

static bool set_text(const struct directive *directive, struct config *config, struct span text,
                     char error[DIRECTIVE_ERROR_BYTES])
{
    char *value = value_of(directive, config);
    if (text.size == 0 || text.size >= CONFIG_PATH_BYTES || memchr(text.data, '\0', text.size)) {
        snprintf(error, DIRECTIVE_ERROR_BYTES, "%s: a path of 1 to %d bytes is wanted", directive->name,
                 CONFIG_PATH_BYTES - 1);
        return false;
    }
    /* In a file, a relative path is under ServerRoot; on the command line, under the present folder. */
    bool is_relative = text.data[0] != '/' && !span_equal(text, SPAN("-")) && config->reading_file;
    int size = snprintf(value, CONFIG_PATH_BYTES, "%s%s%.*s", is_relative ? config->server_root : "",
                        is_relative ? "/" : "", (int)text.size, text.data);
    if (size < CONFIG_PATH_BYTES) return true;
    return wrong(directive, text, "a path that is short enough", error);
}

static bool set_choice(const struct directive *directive, struct config *config, struct span text,
                       char error[DIRECTIVE_ERROR_BYTES])
{
    unsigned index = 0;
    for (const char *at = directive->choices; *at; index++) {
        size_t size = strcspn(at, "|");
        if (span_equal_nocase(text, span_of(at, size))) {
            *(unsigned *)value_of(directive, config) = index;
            return true;
        }
        at += size + (at[size] == '|');
    }
    char wanted[128];
    snprintf(wanted, sizeof wanted, "one of %s", directive->choices);
    return wrong(directive, text, wanted, error);
}

static bool set_listen(const struct directive *directive, struct config *config, struct span text,
                       char error[DIRECTIVE_ERROR_BYTES])
{
    static const char wanted[] = "PORT, ADDRESS:PORT, [IPV6-ADDRESS]:PORT or unix:PATH";
    struct config_listen listen = { .address = "" };
    struct span address = SPAN_NONE, port = text;
    uint64_t number = 0;
    if (span_starts_with(text, SPAN("unix:"))) {
        address = text;
        port = SPAN("0");
    } else {
        for (size_t i = text.size; i-- > 0;) {
            if (text.data[i] != ':') continue;
            address = span_first(text, i);
            port = span_from(text, i + 1);
            break;
        }
    }
    if (!quantity_parse_number(port, &number) || number > 65535 || address.size >= sizeof listen.address)
        return wrong(directive, text, wanted, error);
    if (address.size > 0) memcpy(listen.address, address.data, address.size);
    listen.port = (uint16_t)number;
    struct socket_address parsed;
    if (listen.address[0] && !socket_address_parse(listen.address, listen.port, &parsed))
        return wrong(directive, text, wanted, error);
    if (config->listen_count == CONFIG_LISTENS_MAX) {
        snprintf(error, DIRECTIVE_ERROR_BYTES, "Listen: at most %d may be given", CONFIG_LISTENS_MAX);
        return false;
    }
    config->listens[config->listen_count++] = listen;
    return true;
}

static bool set_send_rate(const struct directive *directive, struct config *config, const struct arguments *arguments,
                          char error[DIRECTIVE_ERROR_BYTES])
{
    uint64_t bytes_s, window_ms = 30000;
    struct span rate = arguments->items[1];
    if (!quantity_parse_bytes(rate, &bytes_s))
        return wrong(directive, rate, "an amount of bytes, such as 500 or 1K", error);
    if (arguments->count > 2 &&
        (!quantity_parse_ms(arguments->items[2], &window_ms) || window_ms == 0 || window_ms > DAY_MS))
        return wrong(directive, arguments->items[2], "a time of 1ms to 1d, such as 30s", error);
    config->send_min_bytes_s = bytes_s;
    config->send_min_window_ms = window_ms;
    return true;
}

static bool is_there(const struct config *config, struct span path, char *room, size_t room_size)
{
    struct stat st;
    bool is_absolute = path.size > 0 && path.data[0] == '/';
    snprintf(room, room_size, "%s%s%.*s", is_absolute ? "" : config->server_root, is_absolute ? "" : "/",
             (int)path.size, path.data);
    return stat(room, &st) == 0;
}

/* One path, or all that a pattern matches. What is not there is found out, and told, when it is loaded. */
static bool pin_one(const struct directive *directive, struct config *config, struct span path)
{
    char whole[2 * CONFIG_PATH_BYTES + 2];
    const char *file = config->reading_file ? config->reading_file : "-c";
    bool exists = is_there(config, path, whole, sizeof whole);
    glob_t found = { 0 };
    bool has_pattern = false;
    for (size_t i = 0; i < path.size; i++) has_pattern |= strchr("*?[", path.data[i]) != NULL;
    if (exists || !has_pattern || glob(whole, GLOB_NOESCAPE, NULL, &found) != 0) {
        globfree(&found);
        return config_pin(config, (enum pin_kind)directive->least, whole, file, config->reading_line);
    }
    bool pinned = true;
    for (size_t i = 0; i < found.gl_pathc && pinned; i++)
        pinned = config_pin(config, (enum pin_kind)directive->least, found.gl_pathv[i], file, config->reading_line);
    globfree(&found);
    return pinned;
}

/* The recipe "find | sed" quotes nothing: a rest of the line that is one existing file is taken whole. */
static bool set_pins(const struct directive *directive, struct config *config, struct span line,
                     const struct arguments *arguments, char error[DIRECTIVE_ERROR_BYTES])
{
    char whole[2 * CONFIG_PATH_BYTES + 2];
    struct span rest = span_from(line, arguments->items[0].size);
    while (rest.size > 0 && (rest.data[0] == ' ' || rest.data[0] == '\t')) rest = span_from(rest, 1);
    bool is_plain = rest.size > 0 && rest.data[0] != '"';
    bool pinned = true;
    if (arguments->count > 2 && is_plain && is_there(config, rest, whole, sizeof whole)) {
        pinned = pin_one(directive, config, rest);
    } else {
        for (size_t i = 1; i < arguments->count && pinned; i++) {
            if (arguments->items[i].size == 0 || arguments->items[i].size >= CONFIG_PATH_BYTES)
                return wrong(directive, arguments->items[i], "a path", error);
            pinned = pin_one(directive, config, arguments->items[i]);
        }
    }
    if (!pinned) snprintf(error, DIRECTIVE_ERROR_BYTES, "%s: no memory", directive->name);
    return pinned;
}

bool directive_apply(struct config *config, struct span line, char error[DIRECTIVE_ERROR_BYTES])
{
    char room[CONFIG_PATH_BYTES * 2];
    struct arguments arguments;
    if (line.size > sizeof room) {
        snprintf(error, DIRECTIVE_ERROR_BYTES, "the line is longer than %zu bytes", sizeof room);
        return false;
    }
    if (!split(line, room, &arguments, error)) return false;
    if (arguments.count == 0) {
        snprintf(error, DIRECTIVE_ERROR_BYTES, "a directive is wanted, such as \"MMapMaxBytes 512M\"");
        return false;
    }
    const struct directive *directive = find(arguments.items[0], error);
    if (!directive) return false;
    size_t most = directive->kind == DIRECTIVE_SEND_RATE ? 3 : directive->kind == DIRECTIVE_PINS ? ARGUMENTS_MAX : 2;
    if (arguments.count < 2 || arguments.count > most) {
        static const char *const counts[] = { "one argument", "one or two arguments", "one argument or more" };
        snprintf(error, DIRECTIVE_ERROR_BYTES, "%s takes %s: %s %s", directive->name,
                 counts[most == 2   ? 0
                        : most == 3 ? 1
                                    : 2],
                 directive->name, directive->arguments);
        return false;
    }
    switch (directive->kind) {
    case DIRECTIVE_NUMBER:
    case DIRECTIVE_BYTES:
    case DIRECTIVE_DURATION: return set_amount(directive, config, arguments.items[1], error);
    case DIRECTIVE_TEXT: return set_text(directive, config, arguments.items[1], error);
    case DIRECTIVE_CHOICE: return set_choice(directive, config, arguments.items[1], error);
    case DIRECTIVE_LISTEN: return set_listen(directive, config, arguments.items[1], error);
    case DIRECTIVE_INCLUDE:
        return config_file_include(config, arguments.items[1], directive->least == 1, error, DIRECTIVE_ERROR_BYTES);
    case DIRECTIVE_PINS: return set_pins(directive, config, line, &arguments, error);
    case DIRECTIVE_SEND_RATE: break;
    }
    return set_send_rate(directive, config, &arguments, error);
}

void directive_defaults(struct config *config)
{
    *config = (struct config){ 0 };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        if (!table[i].fallback) continue;
        char line[256], error[DIRECTIVE_ERROR_BYTES];
        int size = snprintf(line, sizeof line, "%s %s", table[i].name, table[i].fallback);
        bool applied = directive_apply(config, span_of(line, (size_t)size), error);
        ASSERT(applied);
    }
}
