/* config_words.h - a line of the configuration to its words.
 *
 * Role:   puts the values of variables in place of ${NAME}, and splits what comes of it as Apache does: words between
 *         blanks, or "quoted" or 'quoted' ones in which a backslash before the quotation mark or a backslash is left out.
 * Owns:   the room for both, within struct config_words. Thread: any, each with its own.
 * Limits: CONFIG_LINE_BYTES a line, CONFIG_WORDS_MAX words.
 */
#ifndef FOLIO_SERVER_CONFIG_WORDS_H
#define FOLIO_SERVER_CONFIG_WORDS_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/span.h"
#include "server/config_variables.h"

enum { CONFIG_LINE_BYTES = 8192, CONFIG_WORDS_MAX = 257, CONFIG_EXPANSIONS_MAX = 64 };

struct config_word {
    struct span text;
    size_t at, size; /* where it is in `line`, with its quotation marks */
};

struct config_words {
    struct span line; /* with the variables' values */
    struct config_word words[CONFIG_WORDS_MAX];
    size_t count;
    /* Where values were put: what is at `at` in the line, and behind, came from `origin` in what was written. */
    struct {
        size_t at, origin;
        bool is_value; /* all of it came from the one place */
    } parts[2 * CONFIG_EXPANSIONS_MAX + 1];
    size_t part_count;
    char expanded[CONFIG_LINE_BYTES], room[CONFIG_LINE_BYTES];
};

/* What is wrong with a line: from `at` on, `size` bytes, in what was written. */
struct config_words_error {
    size_t at, size;
    char text[256];
};

/* Replace ${NAME} in `written`; \${ stands for ${ itself. False: *ret_error says why. */
NODISCARD bool config_words_expand(struct config_words *words, const struct config_variables *variables,
                                   struct span written, struct config_words_error *ret_error);

/* Split words->line from byte `at` to before `end`. False: *ret_error says why. */
NODISCARD bool config_words_split(struct config_words *words, size_t at, size_t end,
                                  struct config_words_error *ret_error);

/* Where the byte at `at` of words->line was written. */
size_t config_words_origin(const struct config_words *words, size_t at);

#endif
