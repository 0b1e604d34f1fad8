/* pattern.h - regular expressions, as the configuration has them (PCRE2).
 *
 * Role:   compiles one, and finds what its groups matched. Bounded: a match that takes too many steps is none.
 * Owns:   the compiled expression. Thread: made by one; matched by any number at a time.
 */
#ifndef FOLIO_BASE_PATTERN_H
#define FOLIO_BASE_PATTERN_H

#include "base/compiler.h"
#include "base/span.h"

enum { PATTERN_GROUPS_MAX = 10, PATTERN_ERROR_BYTES = 128 }; /* $0 to $9 */

struct pattern;

/* NULL: `error` says what is wrong with it, ret_at how far it was right. */
NODISCARD struct pattern *pattern_new(struct span text, char error[PATTERN_ERROR_BYTES], size_t *ret_at);
void pattern_free(struct pattern *pattern); /* takes NULL */

/* Whether the expression is found anywhere in `subject`; ret_groups[0] is what it matched as a whole, those after it what
 * its groups did (data is NULL for a group that took no part). */
NODISCARD bool pattern_match(const struct pattern *pattern, struct span subject,
                             struct span ret_groups[PATTERN_GROUPS_MAX]);

#endif
