/* date.h - HTTP dates (RFC 9110, section 5.6.7).
 *
 * Role:   seconds since 1970 to and from text, UTC, without locale or time zone tables.
 * Thread: any; pure functions.
 */
#ifndef FOLIO_HTTP_DATE_H
#define FOLIO_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/span.h"

enum { HTTP_DATE_BYTES = 29 };

/* "Sun, 06 Nov 1994 08:49:37 GMT": exactly HTTP_DATE_BYTES bytes, no NUL. seconds: from year 1 to year 9999. */
void http_date_format(int64_t seconds, char out[HTTP_DATE_BYTES]);

/* The three formats of the section; now_s places the two digits of an RFC 850 year. False: not a date. */
NODISCARD bool http_date_parse(struct span text, int64_t now_s, int64_t *ret_seconds);

#endif
