#include "http/status.h"

struct span http_status_text(enum http_status status)
{
    switch (status) {
    case HTTP_NONE: return SPAN_NONE;
    case HTTP_CONTINUE: return SPAN("100 Continue");
    case HTTP_OK: return SPAN("200 OK");
    case HTTP_NO_CONTENT: return SPAN("204 No Content");
    case HTTP_PARTIAL_CONTENT: return SPAN("206 Partial Content");
    case HTTP_MOVED_PERMANENTLY: return SPAN("301 Moved Permanently");
    case HTTP_FOUND: return SPAN("302 Found");
    case HTTP_SEE_OTHER: return SPAN("303 See Other");
    case HTTP_NOT_MODIFIED: return SPAN("304 Not Modified");
    case HTTP_TEMPORARY_REDIRECT: return SPAN("307 Temporary Redirect");
    case HTTP_PERMANENT_REDIRECT: return SPAN("308 Permanent Redirect");
    case HTTP_BAD_REQUEST: return SPAN("400 Bad Request");
    case HTTP_UNAUTHORIZED: return SPAN("401 Unauthorized");
    case HTTP_FORBIDDEN: return SPAN("403 Forbidden");
    case HTTP_NOT_FOUND: return SPAN("404 Not Found");
    case HTTP_METHOD_NOT_ALLOWED: return SPAN("405 Method Not Allowed");
    case HTTP_REQUEST_TIMEOUT: return SPAN("408 Request Timeout");
    case HTTP_GONE: return SPAN("410 Gone");
    case HTTP_PRECONDITION_FAILED: return SPAN("412 Precondition Failed");
    case HTTP_CONTENT_TOO_LARGE: return SPAN("413 Content Too Large");
    case HTTP_URI_TOO_LONG: return SPAN("414 URI Too Long");
    case HTTP_RANGE_NOT_SATISFIABLE: return SPAN("416 Range Not Satisfiable");
    case HTTP_EXPECTATION_FAILED: return SPAN("417 Expectation Failed");
    case HTTP_MISDIRECTED_REQUEST: return SPAN("421 Misdirected Request");
    case HTTP_HEADER_FIELDS_TOO_LARGE: return SPAN("431 Request Header Fields Too Large");
    case HTTP_UNAVAILABLE_FOR_LEGAL_REASONS: return SPAN("451 Unavailable For Legal Reasons");
    case HTTP_INTERNAL_SERVER_ERROR: return SPAN("500 Internal Server Error");
    case HTTP_NOT_IMPLEMENTED: return SPAN("501 Not Implemented");
    case HTTP_SERVICE_UNAVAILABLE: return SPAN("503 Service Unavailable");
    case HTTP_VERSION_NOT_SUPPORTED: return SPAN("505 HTTP Version Not Supported");
    }
    return SPAN_NONE;
}
