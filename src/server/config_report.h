/* config_report.h - what is wrong with a configuration, all of it, each with its place.
 *
 * Role:   collects mistakes and warnings while a configuration is read and checked, and writes them for people or as JSON.
 * Owns:   texts and list, until config_report_done().
 * Thread: one.
 * Limits: keeps the first CONFIG_REMARKS_KEPT_MAX; counts all.
 */
#ifndef FOLIO_SERVER_CONFIG_REPORT_H
#define FOLIO_SERVER_CONFIG_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "server/config_list.h"

enum { CONFIG_REMARKS_KEPT_MAX = 100, CONFIG_REMARK_BYTES = 768 };

/* What a remark is about: a part of a line. */
struct config_spot {
    struct config_place place;
    struct span line;    /* data NULL: there is none to show */
    size_t column, size; /* in bytes, from 0; size 0: the line as a whole */
};

struct config_remark {
    struct config_spot spot;
    bool is_warning;
    struct span text;
    struct span suggestion; /* what was probably meant; NULL: no idea */
};

/* Zeroed memory is an empty report. */
struct config_report {
    struct arena arena;
    struct config_list remarks; /* of struct config_remark */
    size_t mistakes, warnings;  /* in all */
};

/* Add a remark. `suggestion` may be SPAN_NONE. */
PRINTF_LIKE(5, 6)
void config_report_add(struct config_report *report, bool is_warning, const struct config_spot *spot,
                       struct span suggestion, const char *format, ...);

/* "folio: FILE:LINE: what; did you mean that?", the line, and a caret below the place. */
void config_report_print(const struct config_report *report, FILE *to);

/* The same to the error log, a line each. */
void config_report_tell(const struct config_report *report);

/* One object: mistakes_count, warnings_count, mistakes and warnings; of each: file (null: none), line and column (from 1; 0:
 * none), text (the line, or null), message, suggestion (or null). */
void config_report_print_json(const struct config_report *report, FILE *to);

void config_report_done(struct config_report *report);

#endif
