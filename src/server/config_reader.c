#include "server/config_reader.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "server/config_limits.h"
#include "server/config_section.h"
#include "server/log_format.h"

static FILE *system_open(void *context, const char *path)
{
    (void)context;
    return fopen(path, "re");
}

static bool system_exists(void *context, const char *path)
{
    (void)context;
    return access(path, F_OK) == 0;
}

static bool system_match(void *context, const char *pattern, bool (*found)(void *of, const char *path), void *of)
{
    glob_t paths = { 0 };
    (void)context;
    bool is_there = glob(pattern, GLOB_NOESCAPE, NULL, &paths) == 0;
    for (size_t i = 0; is_there && i < paths.gl_pathc; i++) {
        if (!found(of, paths.gl_pathv[i])) break;
    }
    globfree(&paths);
    return is_there;
}

const struct config_files config_files_of_system = { NULL, system_open, system_exists, system_match };

void config_reader_mistake(struct config_reader *reader, size_t word, struct span suggestion, const char *format, ...)
{
    char text[CONFIG_REMARK_BYTES];
    struct config_spot spot = { .place = reader->place, .line = reader->text };
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (word < reader->words.count) {
        const struct config_word *at = &reader->words.words[word];
        size_t end = config_words_origin(&reader->words, at->at + at->size);
        spot.column = config_words_origin(&reader->words, at->at);
        spot.size = end > spot.column ? end - spot.column : 1;
    }
    config_report_add(reader->report, false, &spot, suggestion, "%s", text);
}

static void tell_error(struct config_reader *reader, const struct config_words_error *error)
{
    struct config_spot spot = { reader->place, reader->text, error->at, error->size };
    config_report_add(reader->report, false, &spot, SPAN_NONE, "%s", error->text);
}

static void tell_no_memory(struct config_reader *reader)
{
    struct config_spot spot = { .place = reader->place };
    config_report_add(reader->report, false, &spot, SPAN_NONE, "no memory");
}

static void tell_unknown(struct config_reader *reader, struct span name)
{
    config_reader_mistake(reader, 0, directive_nearest(name), "there is no directive %.*s",
                          (int)(name.size < 100 ? name.size : 100), name.data);
}

static void tell_misplaced(struct config_reader *reader, const struct directive *directive)
{
    char text[CONTEXTS_TEXT_BYTES];
    const struct config_frame *frame = reader->frame_count > 0 ? &reader->frames[reader->frame_count - 1] : NULL;
    config_reader_mistake(reader, 0, SPAN_NONE, "%s may not stand %s%.*s%s; it may stand %s", directive->name,
                          frame ? "in <" : "outside of all sections", frame ? (int)frame->name.size : 0,
                          frame ? frame->name.data : "", frame ? ">" : "",
                          directive_contexts_text(directive->contexts, text));
}

/* "one or two arguments" */
static void write_counts(const struct directive *directive, char *out, size_t room)
{
    static const char *const numbers[] = { "no", "one", "two", "three", "four", "five", "six" };
    unsigned least = directive->least_arguments, most = directive->most_arguments;
    ASSERT(least < ARRAY_COUNT(numbers) && (most < ARRAY_COUNT(numbers) || most == ARGUMENTS_ANY));
    if (most == ARGUMENTS_ANY)
        snprintf(out, room, "%s argument%s or more", numbers[least], least == 1 ? "" : "s");
    else if (most == least)
        snprintf(out, room, "%s argument%s", numbers[least], least == 1 ? "" : "s");
    else
        snprintf(out, room, "%s %s %s arguments", numbers[least], most == least + 1 ? "or" : "to", numbers[most]);
}

static bool counts_are_right(struct config_reader *reader, const struct directive *directive)
{
    size_t given = reader->words.count - 1;
    if (given >= directive->least_arguments && given <= directive->most_arguments) return true;
    char wanted[64];
    bool is_section = directive->name[0] == '<';
    write_counts(directive, wanted, sizeof wanted);
    config_reader_mistake(reader, given > directive->most_arguments ? directive->most_arguments + 1 : 0, SPAN_NONE,
                          "%s takes %s: %.*s%s%s%s", directive->name, wanted,
                          (int)strlen(directive->name) - (is_section ? 1 : 0), directive->name,
                          directive->arguments[0] ? " " : "", directive->arguments, is_section ? ">" : "");
    return false;
}

bool config_reader_obey(struct config_reader *reader, const struct directive *directive)
{
    if (!(directive->contexts & reader->context)) {
        tell_misplaced(reader, directive);
        return false;
    }
    if (!counts_are_right(reader, directive)) return false;
    struct directive_call call = {
        .directive = directive,
        .reader = reader,
        .config = reader->config,
        .site = reader->site,
        .rules = reader->rules,
        .place = reader->place,
        .words = &reader->words,
    };
    if (!directive->set(&call)) return false;
    if (directive->home == HOME_RULES) {
        call.rules->set |= 1u << directive->id;
        call.rules->places[directive->id] = call.place;
    } else if (directive->home == HOME_SITE && directive->id < SITE_SETTING_COUNT) {
        call.site->set |= 1u << directive->id;
        call.site->places[directive->id] = call.place;
    }
    return true;
}

static struct span trim(struct span line)
{
    while (line.size > 0 && (line.data[0] == ' ' || line.data[0] == '\t')) line = span_from(line, 1);
    while (line.size > 0 && memchr(" \t\r\n", line.data[line.size - 1], 4)) line.size--;
    return line;
}

/* One line, trimmed and not empty. */
static void read_line(struct config_reader *reader, struct span line)
{
    struct config_words_error error;
    struct config_words *words = &reader->words;
    reader->text = line;
    if (!config_words_expand(words, &reader->variables, line, &error)) {
        tell_error(reader, &error);
    } else if (line.data[0] == '<') {
        config_section_line(reader);
    } else if (!config_words_split(words, 0, words->line.size, &error)) {
        tell_error(reader, &error);
    } else if (words->count > 0) {
        struct span name = words->words[0].text;
        const struct directive *directive = directive_find(name);
        if (!directive || directive->name[0] == '<')
            tell_unknown(reader, name);
        else
            (void)config_reader_obey(reader, directive);
    }
}

void config_reader_line(struct config_reader *reader, struct span line, const char *from)
{
    line = trim(line);
    reader->place = (struct config_place){ from, 0 };
    reader->file_frames = reader->frame_count;
    reader->words.count = 0;
    reader->text = line;
    if (line.size == 0)
        config_reader_mistake(reader, 0, SPAN_NONE, "a directive is wanted, such as \"MMapMaxBytes 512M\"");
    else
        read_line(reader, line);
    config_section_close_all(reader);
}

/* One logical line: a backslash at the end of a line joins the next to it. False: the file is over. */
struct line_room {
    char *text, *more;
    size_t room, more_room, size;
    uint32_t physical_line;
};

static bool next_line(FILE *file, struct config_reader *reader, struct line_room *line)
{
    ssize_t got = getline(&line->text, &line->room, file);
    if (got < 0) return false;
    reader->place.line = ++line->physical_line;
    line->size = (size_t)got;
    while (line->size >= 2 && line->text[line->size - 1] == '\n' && line->text[line->size - 2] == '\\') {
        line->size -= 2;
        got = getline(&line->more, &line->more_room, file);
        if (got < 0) break;
        ++line->physical_line;
        if (line->size + (size_t)got + 1 > line->room) {
            char *wider = realloc(line->text, 2 * (line->size + (size_t)got + 1));
            if (!wider) {
                tell_no_memory(reader);
                break;
            }
            line->text = wider;
            line->room = 2 * (line->size + (size_t)got + 1);
        }
        memcpy(line->text + line->size, line->more, (size_t)got);
        line->size += (size_t)got;
    }
    return true;
}

static void read_lines(struct config_reader *reader, FILE *file)
{
    struct line_room room = { 0 };
    while (next_line(file, reader, &room)) {
        struct span line = trim(span_of(room.text, room.size));
        if (line.size > 0 && line.data[0] != '#') read_line(reader, line);
    }
    if (ferror(file)) {
        struct config_spot spot = { .place = reader->place };
        config_report_add(reader->report, false, &spot, SPAN_NONE, "it cannot be read: %s", strerror(errno));
    }
    free(room.text);
    free(room.more);
}

/* Read one file; the place that is being read is put back afterwards. False: it cannot be opened. */
static bool read_file(struct config_reader *reader, const char *path)
{
    FILE *file = reader->files->open(reader->files->context, path);
    if (!file) return false;
    struct config_place outer_place = reader->place;
    struct span outer_text = reader->text;
    unsigned outer_frames = reader->file_frames;
    const char *name = arena_text(&reader->config->arena, span_of_string(path)).data;
    reader->place = (struct config_place){ name ? name : "the configuration", 0 };
    reader->file_frames = reader->frame_count;
    reader->file_depth++;
    read_lines(reader, file);
    config_section_close_all(reader);
    reader->file_depth--;
    reader->file_frames = outer_frames;
    reader->text = outer_text;
    reader->place = outer_place;
    reader->words.count = 0; /* they were of the last line of that file */
    fclose(file);
    return true;
}

void config_reader_file(struct config_reader *reader, const char *path)
{
    struct config *config = reader->config;
    struct config_spot nowhere = { 0 };
    char *whole = realpath(path, NULL);
    int error = whole ? ENAMETOOLONG : errno;
    if (whole && strlen(whole) < sizeof config->server_root) {
        char *slash = strrchr(whole, '/');
        memcpy(config->server_root, whole, (size_t)(slash - whole));
        config->server_root[slash - whole] = '\0';
        error = read_file(reader, path) ? 0 : errno;
    }
    if (error != 0)
        config_report_add(reader->report, false, &nowhere, SPAN_NONE, "cannot read the configuration %s: %s", path,
                          strerror(error));
    free(whole);
}

/* While a pattern is followed. */
struct inclusion {
    struct config_reader *reader;
    bool has_failed;
};

static bool include_one(void *of, const char *path)
{
    struct inclusion *inclusion = of;
    if (read_file(inclusion->reader, path)) return true;
    config_reader_mistake(inclusion->reader, 1, SPAN_NONE, "Include: cannot read %.300s: %s", path, strerror(errno));
    inclusion->has_failed = true;
    return false;
}

const char *config_reader_folder(const struct config_reader *reader)
{
    return reader->place.line > 0 ? reader->config->server_root : reader->present_folder;
}

bool config_reader_include(struct config_reader *reader, struct span pattern, bool is_optional)
{
    char path[2 * CONFIG_PATH_BYTES + 2];
    struct inclusion inclusion = { .reader = reader };
    bool is_absolute = pattern.size > 0 && pattern.data[0] == '/';
    if (reader->file_depth >= CONFIG_DEPTH_MAX) {
        config_reader_mistake(reader, 1, SPAN_NONE, "Include: files include each other more than %d deep",
                              CONFIG_DEPTH_MAX);
        return false;
    }
    snprintf(path, sizeof path, "%s%s%.*s", is_absolute ? "" : config_reader_folder(reader), is_absolute ? "" : "/",
             (int)pattern.size, pattern.data);
    bool is_there = reader->files->match(reader->files->context, path, include_one, &inclusion);
    if (is_there || is_optional) return !inclusion.has_failed;
    config_reader_mistake(reader, 1, SPAN_NONE, "Include: there is no file %.300s; IncludeOptional does not mind",
                          path);
    return false;
}

/* Every default, through the same door as what people write. Those of rules are the outermost rules. */
static void read_defaults(struct config_reader *reader)
{
    size_t count;
    const struct directive *all = directives(&count);
    reader->rules = &reader->config->default_rules;
    for (size_t i = 0; i < count; i++) {
        if (!all[i].fallback) continue;
        char line[256];
        int size = snprintf(line, sizeof line, "%s %s", all[i].name, all[i].fallback);
        config_reader_line(reader, span_of(line, (size_t)size), NULL);
    }
    reader->site->set = 0;
    reader->rules = &reader->site->own_rules;
}

struct config_reader *config_reader_new(struct config *config, struct config_report *report,
                                        const struct config_files *files)
{
    struct config_reader *reader = calloc(1, sizeof *reader);
    if (!config_init(config) || !reader || !getcwd(reader->present_folder, sizeof reader->present_folder)) {
        config_done(config);
        free(reader);
        return NULL;
    }
    struct config_report mistakes = { 0 };
    snprintf(config->server_root, sizeof config->server_root, "%s", reader->present_folder);
    reader->config = config;
    reader->files = files;
    reader->context = CONTEXT_SERVER;
    reader->site = config->sites[0];
    reader->report = &mistakes;
    read_defaults(reader);
    ASSERT(mistakes.mistakes == 0);
    config_report_done(&mistakes);
    reader->report = report;
    return reader;
}

void config_reader_free(struct config_reader *reader)
{
    free(reader);
}

/* The text of a format that a LogFormat of the site, or of the main server, gave a name. */
static struct span named_format(const struct config *config, const struct site_config *site, struct span name)
{
    const struct site_config *sites[] = { site, config->sites[0] };
    for (size_t i = 0; i < ARRAY_COUNT(sites); i++) {
        const struct config_list *names = &sites[i]->log_names;
        for (size_t j = names->count; j-- > 0;) {
            const struct log_name *known = names->items[j];
            if (span_equal(known->name, name)) return known->text;
        }
    }
    return SPAN_NONE;
}

/* What the format of a log means can be said only now: a LogFormat may stand behind it. */
static bool complete_logs(struct config_reader *reader, struct log_wishes *wishes, struct site_config *site)
{
    struct arena *arena = &reader->config->arena;
    for (size_t i = 0; i < site->own_logs.count; i++) {
        struct log_config *log = arena_take(arena, sizeof *log);
        if (!log || !config_list_add(arena, &site->logs, log)) return false;
        *log = *(const struct log_config *)site->own_logs.items[i];
        log->known = site_says(site, SITE_LOG_FORMAT) ? site->log_format : reader->config->sites[0]->log_format;
        if (!log->format.data || log_format_named(log->format, &log->known)) continue;
        log->format_text = named_format(reader->config, site, log->format);
        if (!log->format_text.data && memchr(log->format.data, '%', log->format.size)) log->format_text = log->format;
        struct config_spot spot = { .place = log->place };
        char error[LOG_ERROR_BYTES];
        size_t at, size;
        struct log_program program;
        if (!log->format_text.data)
            config_report_add(reader->report, false, &spot, SPAN_NONE, "CustomLog: no LogFormat is called %.*s",
                              (int)log->format.size, log->format.data);
        else if (!log_program_compile(log->format_text, wishes, &program, error, &at, &size))
            config_report_add(reader->report, false, &spot, SPAN_NONE, "CustomLog: %s", error);
    }
    return true;
}

void config_reader_finish(struct config_reader *reader)
{
    struct config *config = reader->config;
    struct log_wishes wishes = { 0 }; /* of all logs together */
    reader->place = (struct config_place){ 0 };
    for (size_t i = 0; i < config->site_count; i++) {
        if (!complete_logs(reader, &wishes, config->sites[i]) ||
            !site_config_complete(&config->arena, &config->default_rules, config->sites[0], config->sites[i]))
            tell_no_memory(reader);
    }
    config_limits_check(config, reader->report);
}
