/* date.h - HTTP dates (RFC 9110, section 5.6.7), and those of RFC 3339.
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

enum { HTTP_DATE_BYTES = 29, RFC_3339_BYTES = 20 };

/* "Sun, 06 Nov 1994 08:49:37 GMT": exactly HTTP_DATE_BYTES bytes, no NUL. seconds: from year 1 to year 9999. */
void http_date_format(int64_t seconds, char out[HTTP_DATE_BYTES]);

/* "1994-11-06T08:49:37Z" (RFC 3339): exactly RFC_3339_BYTES bytes, no NUL. seconds: from year 1 to year 9999. */
void rfc_3339_format(int64_t seconds, char out[RFC_3339_BYTES]);

/* The three formats of the section; now_s places the two digits of an RFC 850 year. False: not a date. */
NODISCARD bool http_date_parse(struct span text, int64_t now_s, int64_t *ret_seconds);

#endif
