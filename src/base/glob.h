/* glob.h - patterns of paths, as Apache's sections and thttpd's throttle files write them.
 *
 * Role:   tells whether a path matches. Whole paths only; bytes, not characters; case counts.
 * Owns:   nothing. Thread: any; pure functions.
 * Limits: patterns of GLOB_BYTES_MAX. The time is bounded by path bytes × pattern bytes: no pattern makes it explode.
 *
 *   *      any bytes but '/', or none           ?      one byte but '/'
 *   **     any bytes, or none                   [a-c]  one of these, but '/'; [!a-c] or [^a-c]: one of the others
 *   a|b    one of several patterns              \x     x itself
 */
#ifndef FOLIO_BASE_GLOB_H
#define FOLIO_BASE_GLOB_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/span.h"

enum { GLOB_BYTES_MAX = 1024 };

/* Whether `pattern` is one: at most GLOB_BYTES_MAX, each '[' closed and no range in it backwards, no '\' at the end. ret_at: where in it the
 * mistake is; on false only. */
NODISCARD bool glob_check(struct span pattern, size_t *ret_at);

/* Whether `path` matches `pattern`, which passed glob_check(). An empty pattern matches an empty path. */
bool glob_matches(struct span pattern, struct span path);

/* Whether a path that begins with `c` may match `pattern`, which passed glob_check(). */
bool glob_may_begin(struct span pattern, char c);

/* Whether anything in `pattern` stands for something other than itself. */
bool glob_has_wildcards(struct span pattern);

#endif
