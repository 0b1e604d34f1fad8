/* check.h - ASSERT: our own mistakes, caught in every build.
 *
 * Role:   stops the process where an invariant of the program does not hold. Never for what a peer sends, a file holds
 *         or the system refuses: those are `enum status` and `enum http_status`.
 * Thread: any.
 */
#ifndef FOLIO_BASE_CHECK_H
#define FOLIO_BASE_CHECK_H

#include "base/compiler.h"

#define ASSERT(condition) (LIKELY(condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

/* Writes one line to standard error and aborts. */
NORETURN void check_failed(const char *condition, const char *file, int line);

#endif
