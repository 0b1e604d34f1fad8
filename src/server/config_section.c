#include "server/config_section.h"

#include <string.h>

/* What people bring along from Apache, and what does it here. */
static const struct {
    const char *name, *instead;
} foreign[] = {
    { "DirectoryMatch", "<Directory> takes a path in which *, ? and [] match within one name" },
    { "FilesMatch", "<Files> takes a name in which *, ? and [] match, and several may be written" },
    { "LocationMatch", "<Location> takes a path in which *, ? and [] match, and several may be written" },
    { "If", "conditions are decided when the configuration is written: use Define and Include" },
    { "IfDefine", "conditions are decided when the configuration is written: use Define and Include" },
    { "IfModule", "there are no modules: everything is built in, so write its lines without it" },
    { "Limit", "only GET, HEAD and OPTIONS are answered, whatever is written" },
    { "LimitExcept", "only GET, HEAD and OPTIONS are answered, whatever is written" },
    { "RequireAll", "of several Require lines one suffices" },
    { "RequireAny", "of several Require lines one suffices, without it" },
};

static void pop(struct config_reader *reader)
{
    const struct config_frame *frame = &reader->frames[--reader->frame_count];
    reader->context = frame->outer_context;
    reader->site = frame->outer_site;
    reader->section = frame->outer_section;
    reader->rules = frame->outer_rules;
}

static void tell_open(struct config_reader *reader, const struct config_frame *frame)
{
    config_report_add(reader->report, false, &frame->spot, SPAN_NONE,
                      "<%.*s> is not closed: </%.*s> is missing in the file in which it began", (int)frame->name.size,
                      frame->name.data, (int)frame->name.size, frame->name.data);
}

void config_section_close_all(struct config_reader *reader)
{
    while (reader->frame_count > reader->file_frames) {
        tell_open(reader, &reader->frames[reader->frame_count - 1]);
        pop(reader);
    }
}

/* </NAME>: of the innermost section. Of another that is open in this file: those within it were forgotten. */
static void close_section(struct config_reader *reader)
{
    struct span name = reader->words.words[0].text;
    bool has_more = reader->words.count > 1;
    name = span_from(name, 1);
    unsigned at = reader->frame_count;
    while (at > reader->file_frames && !span_equal_nocase(reader->frames[at - 1].name, name)) at--;
    if (at == reader->file_frames) {
        bool is_open = reader->frame_count > reader->file_frames;
        const struct config_frame *inner = is_open ? &reader->frames[reader->frame_count - 1] : NULL;
        config_reader_mistake(reader, 0, SPAN_NONE, "</%.*s> closes nothing that began in this file%s%.*s%s",
                              (int)(name.size < 100 ? name.size : 100), name.data, inner ? "; </" : "",
                              inner ? (int)inner->name.size : 0, inner ? inner->name.data : "",
                              inner ? "> is what is open" : "");
        return;
    }
    if (has_more) config_reader_mistake(reader, 1, SPAN_NONE, "</%.*s> takes no argument", (int)name.size, name.data);
    while (reader->frame_count > at) {
        tell_open(reader, &reader->frames[reader->frame_count - 1]);
        pop(reader);
    }
    pop(reader);
}

/* Remember what is outside; the section's own directive goes on from there with config_reader_enter(). */
static bool push(struct config_reader *reader, struct span name)
{
    if (reader->frame_count == CONFIG_SECTIONS_DEEP_MAX) {
        config_reader_mistake(reader, 0, SPAN_NONE, "sections are more than %d deep", CONFIG_SECTIONS_DEEP_MAX);
        return false;
    }
    /* A mistake that comes of it is told at the end of the file, when the line is gone: it is kept with the configuration. */
    reader->frames[reader->frame_count++] = (struct config_frame){
        .name = arena_text(&reader->config->arena, name),
        .spot = { .place = reader->place, .line = arena_text(&reader->config->arena, reader->text) },
        .outer_context = reader->context,
        .outer_site = reader->site,
        .outer_section = reader->section,
        .outer_rules = reader->rules,
    };
    return true;
}

static void tell_unknown(struct config_reader *reader, struct span name, struct span bracketed)
{
    for (size_t i = 0; i < ARRAY_COUNT(foreign); i++) {
        if (!span_equal_nocase(name, span_of_string(foreign[i].name))) continue;
        config_reader_mistake(reader, 0, SPAN_NONE, "there is no section <%s>; %s", foreign[i].name,
                              foreign[i].instead);
        return;
    }
    struct span nearest = directive_nearest(bracketed);
    bool is_section = nearest.data && nearest.data[0] == '<';
    config_reader_mistake(reader, 0, is_section ? nearest : SPAN_NONE, "there is no section <%.*s>",
                          (int)(name.size < 100 ? name.size : 100), name.data);
}

static void open_section(struct config_reader *reader)
{
    char bracketed[64] = "<";
    struct span name = reader->words.words[0].text;
    bool is_short = name.size > 0 && name.size + 2 < sizeof bracketed;
    if (is_short) {
        memcpy(bracketed + 1, name.data, name.size);
        bracketed[name.size + 1] = '>';
    }
    struct span whole = span_of(bracketed, is_short ? name.size + 2 : 1);
    const struct directive *directive = is_short ? directive_find(whole) : NULL;
    unsigned context = reader->context;
    if (!push(reader, name)) return;
    if (!directive) {
        tell_unknown(reader, name, whole); /* what is in it is read as if it were not there */
    } else {
        /* It is judged by where it stands, so the frame that is its own is not there yet. */
        reader->frame_count--;
        bool is_obeyed = config_reader_obey(reader, directive);
        reader->frame_count++;
        if (!is_obeyed) reader->context = directive->least ? (unsigned)directive->least : context;
    }
}

void config_section_line(struct config_reader *reader)
{
    struct config_words *words = &reader->words;
    struct config_words_error error;
    struct span line = words->line;
    if (line.size < 2 || line.data[line.size - 1] != '>') {
        words->count = 0;
        config_reader_mistake(reader, 0, SPAN_NONE,
                              "a section begins with <NAME ...> and ends with </NAME>: \">\" is missing");
        return;
    }
    if (!config_words_split(words, 1, line.size - 1, &error)) {
        struct config_spot spot = { reader->place, reader->text, error.at, error.size };
        config_report_add(reader->report, false, &spot, SPAN_NONE, "%s", error.text);
        return;
    }
    if (words->count == 0)
        config_reader_mistake(reader, 0, SPAN_NONE, "a section has a name, as in <Directory /srv/www>");
    else if (words->words[0].text.size > 0 && words->words[0].text.data[0] == '/')
        close_section(reader);
    else
        open_section(reader);
}

void config_reader_enter(struct config_reader *reader, unsigned context, struct site_config *site,
                         struct section *section, struct rules *rules)
{
    reader->context = context;
    reader->site = site;
    reader->section = section;
    reader->rules = rules;
}
