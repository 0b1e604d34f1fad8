/* config_variables.h - what Define defined, and behind it the environment.
 *
 * Role:   names to values. Owns: nothing; names and values are an arena's. Thread: one.
 */
#ifndef FOLIO_SERVER_CONFIG_VARIABLES_H
#define FOLIO_SERVER_CONFIG_VARIABLES_H

#include <stdint.h>

#include "base/arena.h"

/* Zeroed memory knows the environment only. */
struct config_variables {
    struct config_variable **buckets; /* a power of two of them */
    size_t bucket_count, count;
    bool ignores_environment;
};

/* Letters, digits, '_', '-' and '.'. */
bool config_variables_name_is_valid(struct span name);

/* Define, or define again. False: no memory. */
NODISCARD bool config_variables_define(struct config_variables *variables, struct arena *arena, struct span name,
                                       struct span value);

/* data is NULL: it is not defined. */
struct span config_variables_find(const struct config_variables *variables, struct span name);

#endif
