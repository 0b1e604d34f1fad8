/* fallbacks.h - what is answered where there is no file: RewriteClean, FallbackResource, ErrorDocument, the nearest 404.html.
 *
 * Role:   each is a further look-up in the cache, so that all of it is as fresh as any file.
 * Owns:   nothing. Thread: a worker's.
 */
#ifndef FOLIO_SERVER_FALLBACKS_H
#define FOLIO_SERVER_FALLBACKS_H

#include "server/question.h"

/* A file that stands in for `entry`, which has none. STATUS_WOULD_BLOCK: return HANDLER_WAITS. STATUS_OK: *ret_other is the file, whose
 * policy holds from now on, or NULL. *ret_fields: further field lines of the answer. */
NODISCARD enum status fallbacks_find(struct question *question, const struct entry *entry, struct entry **ret_other,
                                     struct span *ret_fields);

/* Answer `status` (400 or above) as the configuration wants it. fields: further field lines, each with CRLF. entry: what the URL leads to;
 * NULL: it does not matter. */
NODISCARD enum handler_verdict fallbacks_answer_error(struct question *question, enum http_status status,
                                                      struct span fields, const struct entry *entry);

#endif
