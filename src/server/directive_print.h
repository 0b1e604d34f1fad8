/* directive_print.h - a directive's value, as a line of a configuration again.
 *
 * Role:   the inverse of directive_set.h: what it writes is read as the same.
 * Owns:   nothing. Thread: any.
 */
#ifndef FOLIO_SERVER_DIRECTIVE_PRINT_H
#define FOLIO_SERVER_DIRECTIVE_PRINT_H

#include <stdio.h>

#include "server/config.h"
#include "server/directive.h"

/* What is being written, and where. */
struct printing {
    FILE *to;
    const struct config *config;
    const struct site_config *site;
    const struct rules *rules; /* of the site or section that is being written */
    unsigned indent;           /* levels */
    const struct directive *directive;
};

/* Write the lines of printing->directive; none, if there is nothing to say. */
void directive_print(const struct printing *printing);

/* For whoever writes brackets around them. */
void printing_indent(const struct printing *printing);
void printing_put_word(const struct printing *printing, struct span word);

#endif
