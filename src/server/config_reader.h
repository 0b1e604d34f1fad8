/* config_reader.h - reads a configuration: files of lines, their sections, and what they include.
 *
 * Role:   lines to directives (server/directive.h), which put their values into the configuration; every mistake goes to
 *         the report, with its place, and reading goes on.
 * Owns:   nothing; the configuration keeps what outlives the reading.
 * Thread: the first.
 * Limits: CONFIG_DEPTH_MAX files deep, CONFIG_SECTIONS_DEEP_MAX sections in each other.
 */
#ifndef FOLIO_SERVER_CONFIG_READER_H
#define FOLIO_SERVER_CONFIG_READER_H

#include <stdio.h>

#include "server/config.h"
#include "server/config_report.h"
#include "server/config_words.h"
#include "server/directive.h"

enum { CONFIG_DEPTH_MAX = 16, CONFIG_SECTIONS_DEEP_MAX = 16 };

/* How files are reached; a test or a fuzzer has its own. */
struct config_files {
    void *context;
    FILE *(*open)(void *context, const char *path); /* NULL with errno */
    bool (*exists)(void *context, const char *path);
    /* Call `found` for each path that matches `pattern`, by name, until it returns false. False: none matches. */
    bool (*match)(void *context, const char *pattern, bool (*found)(void *of, const char *path), void *of);
};

/* Those of the system. */
extern const struct config_files config_files_of_system;

/* A section that is open, and what was before it. */
struct config_frame {
    struct span name; /* as it was written */
    struct config_spot spot;
    unsigned outer_context;
    struct site_config *outer_site;
    struct section *outer_section;
    struct rules *outer_rules;
};

struct config_reader {
    struct config *config;
    struct config_report *report;
    const struct config_files *files;
    char present_folder[CONFIG_PATH_BYTES]; /* what relative paths on the command line are under */
    struct config_place place;
    struct span text; /* the present line, as written */
    unsigned file_depth;
    unsigned context; /* CONTEXT_..., of the innermost section */
    struct site_config *site;
    struct section *section; /* NULL: outside of <Directory>, <Location>, <Files> */
    struct rules *rules;
    struct config_frame frames[CONFIG_SECTIONS_DEEP_MAX];
    unsigned frame_count, file_frames; /* file_frames: how many were open when the present file began */
    struct config_variables variables;
    struct config_words words;
};

/* A new reader, and an empty configuration with every default. NULL: no memory, or no present folder. */
NODISCARD struct config_reader *config_reader_new(struct config *config, struct config_report *report,
                                                  const struct config_files *files);
void config_reader_free(struct config_reader *reader); /* takes NULL */

/* Read the file at `path`; relative paths in it are under its folder, unless ServerRoot says otherwise. */
void config_reader_file(struct config_reader *reader, const char *path);

/* Read one line from elsewhere; `from` says whence, and lives as long as the configuration. */
void config_reader_line(struct config_reader *reader, struct span line, const char *from);

/* All was read: work out what sites have from each other. */
void config_reader_finish(struct config_reader *reader);

/* What relative paths in the present line are under: ServerRoot, or, on the command line, the present folder. */
const char *config_reader_folder(const struct config_reader *reader);

/* For directives: include what `pattern` names, a path or a glob. False: a mistake was told. */
bool config_reader_include(struct config_reader *reader, struct span pattern, bool is_optional);

/* For directives: begin the section of the present line; what follows is of `context`. */
void config_reader_enter(struct config_reader *reader, unsigned context, struct site_config *site,
                         struct section *section, struct rules *rules);

/* Tell a mistake about a word of the present line (0: its name). */
PRINTF_LIKE(4, 5)
void config_reader_mistake(struct config_reader *reader, size_t word, struct span suggestion, const char *format, ...);

#endif
