#include "server/config_report.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/text_escape.h"
#include "server/message.h"

enum { SHOWN_BYTES = 100, SHOWN_BEFORE_BYTES = 40 };

void config_report_add(struct config_report *report, bool is_warning, const struct config_spot *spot,
                       struct span suggestion, const char *format, ...)
{
    char text[CONFIG_REMARK_BYTES];
    va_list arguments;
    *(is_warning ? &report->warnings : &report->mistakes) += 1;
    if (report->remarks.count == CONFIG_REMARKS_KEPT_MAX) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct config_remark *remark = arena_take(&report->arena, sizeof *remark);
    if (!remark) return;
    remark->spot = *spot;
    remark->is_warning = is_warning;
    remark->text = arena_text(&report->arena, span_of_string(text));
    remark->spot.line = spot->line.data ? arena_text(&report->arena, spot->line) : SPAN_NONE;
    /* The name of the file belongs to the configuration, which may not live as long. */
    if (spot->place.file) remark->spot.place.file = arena_text(&report->arena, span_of_string(spot->place.file)).data;
    remark->suggestion = suggestion.data ? arena_text(&report->arena, suggestion) : SPAN_NONE;
    if (!remark->text.data || !config_list_add(&report->arena, &report->remarks, remark)) return;
}

/* A byte of a line as a terminal can show it. */
static int shown(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f ? ' ' : (unsigned char)c;
}

/* The line, or what of a long one is around the place, and a caret with a tail as long as the word. */
static void print_spot(const struct config_spot *spot, FILE *to)
{
    size_t from =
        spot->column > SHOWN_BEFORE_BYTES && spot->line.size > SHOWN_BYTES ? spot->column - SHOWN_BEFORE_BYTES : 0;
    /* Not in the middle of a character. */
    while (from > 0 && ((unsigned char)spot->line.data[from] & 0xc0) == 0x80) from--;
    size_t until = spot->line.size - from > SHOWN_BYTES ? from + SHOWN_BYTES : spot->line.size;
    fprintf(to, "    %s", from > 0 ? "..." : "");
    for (size_t i = from; i < until; i++) putc(shown(spot->line.data[i]), to);
    fprintf(to, "%s\n", until < spot->line.size ? "..." : "");
    if (spot->size == 0 || spot->column > spot->line.size) return;
    fprintf(to, "    %s", from > 0 ? "   " : "");
    size_t end = spot->column + spot->size < until ? spot->column + spot->size : until;
    for (size_t i = from; i < spot->column; i++) {
        if (((unsigned char)spot->line.data[i] & 0xc0) != 0x80) putc(' ', to);
    }
    putc('^', to);
    for (size_t i = spot->column + 1; i < end; i++) {
        if (((unsigned char)spot->line.data[i] & 0xc0) != 0x80) putc('~', to);
    }
    putc('\n', to);
}

static void print_remark(const struct config_remark *remark, FILE *to)
{
    const struct config_place *place = &remark->spot.place;
    fputs("folio: ", to);
    if (place->file && place->line > 0)
        fprintf(to, "%s:%u: ", place->file, place->line);
    else if (place->file)
        fprintf(to, "%s: ", place->file);
    fprintf(to, "%s%s", remark->is_warning ? "warning: " : "", remark->text.data);
    if (remark->suggestion.data) fprintf(to, "; did you mean %s?", remark->suggestion.data);
    putc('\n', to);
    if (remark->spot.line.data) print_spot(&remark->spot, to);
}

void config_report_print(const struct config_report *report, FILE *to)
{
    for (size_t i = 0; i < report->remarks.count; i++) print_remark(report->remarks.items[i], to);
    if (report->mistakes + report->warnings > report->remarks.count) fputs("folio: there is more\n", to);
}

void config_report_tell(const struct config_report *report)
{
    for (size_t i = 0; i < report->remarks.count; i++) {
        const struct config_remark *remark = report->remarks.items[i];
        const struct config_place *place = &remark->spot.place;
        char line[16] = "";
        if (place->line > 0) snprintf(line, sizeof line, ":%u", place->line);
        message_tell(remark->is_warning ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "%s%s%s%s%s%s%s",
                     place->file ? place->file : "", line, place->file ? ": " : "", remark->text.data,
                     remark->suggestion.data ? "; did you mean " : "",
                     remark->suggestion.data ? remark->suggestion.data : "", remark->suggestion.data ? "?" : "");
    }
    if (report->mistakes + report->warnings > report->remarks.count) message_tell(LOG_LEVEL_ERROR, "there is more");
}

static void print_json_text(struct span text, FILE *to)
{
    char *escaped = text.data ? malloc(TEXT_ESCAPED_FACTOR * text.size + 1) : NULL;
    if (!escaped) {
        fputs("null", to);
        return;
    }
    *text_append_json(escaped, text) = '\0';
    fprintf(to, "\"%s\"", escaped);
    free(escaped);
}

static void print_json_remark(const struct config_remark *remark, FILE *to)
{
    const struct config_spot *spot = &remark->spot;
    fputs("{\"file\": ", to);
    print_json_text(spot->place.file ? span_of_string(spot->place.file) : SPAN_NONE, to);
    fprintf(to, ", \"line\": %u, \"column\": %zu, \"text\": ", spot->place.line,
            spot->line.data && spot->size > 0 ? spot->column + 1 : 0);
    print_json_text(spot->line, to);
    fputs(", \"message\": ", to);
    print_json_text(remark->text, to);
    fputs(", \"suggestion\": ", to);
    print_json_text(remark->suggestion, to);
    putc('}', to);
}

static void print_json_list(const struct config_report *report, bool are_warnings, FILE *to)
{
    const char *between = "";
    putc('[', to);
    for (size_t i = 0; i < report->remarks.count; i++) {
        const struct config_remark *remark = report->remarks.items[i];
        if (remark->is_warning != are_warnings) continue;
        fprintf(to, "%s\n  ", between);
        print_json_remark(remark, to);
        between = ",";
    }
    putc(']', to);
}

void config_report_print_json(const struct config_report *report, FILE *to)
{
    fprintf(to, "{\"mistakes_count\": %zu, \"warnings_count\": %zu,\n \"mistakes\": ", report->mistakes,
            report->warnings);
    print_json_list(report, false, to);
    fputs(",\n \"warnings\": ", to);
    print_json_list(report, true, to);
    fputs("}\n", to);
}

void config_report_done(struct config_report *report)
{
    arena_done(&report->arena);
    *report = (struct config_report){ 0 };
}
