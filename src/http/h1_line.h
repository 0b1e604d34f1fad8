/* h1_line.h - the request line of HTTP/1 (RFC 9112, section 3): method, target, version.
 *
 * Role:   one part of h1_parse; which see.
 * Owns:   nothing. Thread: any; pure functions.
 */
#ifndef FOLIO_HTTP_H1_LINE_H
#define FOLIO_HTTP_H1_LINE_H

#include "base/compiler.h"
#include "http/h1_parse.h"

/* Parse the request line that begins at `at`, of which what is before `end` is there.
 *
 * H1_DONE  line, method, method_text, target, form, path, query, minor_version and (absolute form; else data NULL) authority are
 *          filled in; *ret_next is behind the CRLF
 * H1_MORE  valid so far
 * H1_BAD   400, 414 or 505
 */
NODISCARD enum h1_result h1_line_parse(const char *at, const char *end, uint32_t line_bytes, struct request *request,
                                       const char **ret_next, enum http_status *ret_status);

/* Tell what can be told of the request line of a bad request, for the log. */
void h1_line_describe(const char *bytes, const char *end, uint32_t line_bytes, struct request *request);

/* The first byte in [at, end) that may not stand in a target: not visible ASCII, or '#'; `end` if none. */
const char *h1_line_target_end(const char *at, const char *end);

#endif
