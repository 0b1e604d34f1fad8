/* status.h - the status codes that Folio sends (RFC 9110, section 15), and their words.
 *
 * Role:   `enum http_status` is what a peer is answered; used above the cache only.
 * Thread: any; constants.
 */
#ifndef FOLIO_HTTP_STATUS_H
#define FOLIO_HTTP_STATUS_H

#include "base/span.h"

enum http_status {
    HTTP_NONE = 0, /* none yet */
    HTTP_CONTINUE = 100,
    HTTP_OK = 200,
    HTTP_NO_CONTENT = 204,
    HTTP_PARTIAL_CONTENT = 206,
    HTTP_MOVED_PERMANENTLY = 301,
    HTTP_FOUND = 302,
    HTTP_SEE_OTHER = 303,
    HTTP_NOT_MODIFIED = 304,
    HTTP_TEMPORARY_REDIRECT = 307,
    HTTP_PERMANENT_REDIRECT = 308,
    HTTP_BAD_REQUEST = 400,
    HTTP_UNAUTHORIZED = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_METHOD_NOT_ALLOWED = 405,
    HTTP_REQUEST_TIMEOUT = 408,
    HTTP_GONE = 410,
    HTTP_PRECONDITION_FAILED = 412,
    HTTP_CONTENT_TOO_LARGE = 413,
    HTTP_URI_TOO_LONG = 414,
    HTTP_RANGE_NOT_SATISFIABLE = 416,
    HTTP_EXPECTATION_FAILED = 417,
    HTTP_MISDIRECTED_REQUEST = 421,
    HTTP_HEADER_FIELDS_TOO_LARGE = 431,
    HTTP_UNAVAILABLE_FOR_LEGAL_REASONS = 451, /* RFC 7725 */
    HTTP_INTERNAL_SERVER_ERROR = 500,
    HTTP_NOT_IMPLEMENTED = 501,
    HTTP_SERVICE_UNAVAILABLE = 503,
    HTTP_VERSION_NOT_SUPPORTED = 505,
};

/* "404 Not Found" for HTTP_NOT_FOUND; every member but HTTP_NONE has one. data NULL: it is no member. */
struct span http_status_text(enum http_status status);

#endif
