/* directive.h - the directives: the one table from which parser, checker, defaults and documentation come.
 *
 * Role:   turns a line such as "MMapMaxBytes 512M" into a value of the configuration, or into an error that names the remedy.
 * Owns:   nothing. Thread: at the start.
 */
#ifndef FOLIO_SERVER_DIRECTIVE_H
#define FOLIO_SERVER_DIRECTIVE_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/span.h"
#include "server/config.h"

enum { DIRECTIVE_ERROR_BYTES = 512 };

enum directive_kind {
    DIRECTIVE_NUMBER,
    DIRECTIVE_BYTES,
    DIRECTIVE_DURATION,
    DIRECTIVE_TEXT, /* a path, or a text of its own */
    DIRECTIVE_CHOICE,
    DIRECTIVE_LISTEN,
    DIRECTIVE_INCLUDE,
    DIRECTIVE_PINS,      /* paths; least is the enum pin_kind */
    DIRECTIVE_SEND_RATE, /* bytes a second, and optionally over how long */
};

struct directive {
    const char *name;      /* letters' case is ignored */
    const char *arguments; /* as documentation writes them */
    const char *fallback;  /* what holds where it is not given, as it would be written; NULL: nothing, or "computed" */
    const char *summary;   /* one sentence or two */
    enum directive_kind kind;
    size_t offset;        /* of its value in struct config */
    uint64_t least, most; /* of numbers, bytes and milliseconds */
    const char *choices;  /* of DIRECTIVE_CHOICE: in the order of its enum, separated by '|' */
};

/* All of them, by name; ret_count says how many. */
const struct directive *directives(size_t *ret_count);

/* Every directive's default. */
void directive_defaults(struct config *config);

/* Apply one line. False: `error` says what is wrong and what would be right. A Listen adds to those before it. */
NODISCARD bool directive_apply(struct config *config, struct span line, char error[DIRECTIVE_ERROR_BYTES]);

#endif
