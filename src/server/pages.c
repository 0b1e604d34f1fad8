#include "server/pages.h"

#define PAGE(title, text)                                                                                           \
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"                                             \
    "<meta name=\"viewport\" content=\"width=device-width\"><title>" title "</title>"                               \
    "<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:34em;margin:15vh auto;" \
    "padding:0 1em}h1{font-size:1.4em;font-weight:600}</style></head><body><h1>" title "</h1><p>" text              \
    "</p></body></html>\n"

struct span page_of(enum http_status status)
{
    switch (status) {
    case HTTP_MOVED_PERMANENTLY: return SPAN(PAGE("301 Moved Permanently", "This has another address now."));
    case HTTP_FOUND: return SPAN(PAGE("302 Found", "This is at another address just now."));
    case HTTP_SEE_OTHER: return SPAN(PAGE("303 See Other", "The answer is at another address."));
    case HTTP_TEMPORARY_REDIRECT: return SPAN(PAGE("307 Temporary Redirect", "This is at another address just now."));
    case HTTP_PERMANENT_REDIRECT: return SPAN(PAGE("308 Permanent Redirect", "This has another address now."));
    case HTTP_UNAUTHORIZED: return SPAN(PAGE("401 Unauthorized", "A name and a password are wanted here."));
    case HTTP_GONE: return SPAN(PAGE("410 Gone", "What was at this address is gone for good."));
    case HTTP_MISDIRECTED_REQUEST: return SPAN(PAGE("421 Misdirected Request", "There is no site of this name here."));
    case HTTP_UNAVAILABLE_FOR_LEGAL_REASONS:
        return SPAN(PAGE("451 Unavailable For Legal Reasons", "This may not be shown, by law."));
    case HTTP_BAD_REQUEST: return SPAN(PAGE("400 Bad Request", "The request is not valid HTTP."));
    case HTTP_FORBIDDEN: return SPAN(PAGE("403 Forbidden", "This is not to be read."));
    case HTTP_NOT_FOUND: return SPAN(PAGE("404 Not Found", "There is nothing at this address."));
    case HTTP_METHOD_NOT_ALLOWED:
        return SPAN(PAGE("405 Method Not Allowed", "Files can be read here, and nothing else."));
    case HTTP_REQUEST_TIMEOUT: return SPAN(PAGE("408 Request Timeout", "The request took too long to arrive."));
    case HTTP_PRECONDITION_FAILED:
        return SPAN(PAGE("412 Precondition Failed", "The file is not in the state that the request asks for."));
    case HTTP_CONTENT_TOO_LARGE:
        return SPAN(PAGE("413 Content Too Large", "The content of the request is larger than is taken here."));
    case HTTP_URI_TOO_LONG: return SPAN(PAGE("414 URI Too Long", "The address is longer than is taken here."));
    case HTTP_RANGE_NOT_SATISFIABLE:
        return SPAN(PAGE("416 Range Not Satisfiable", "The file ends before the part that was asked for."));
    case HTTP_EXPECTATION_FAILED:
        return SPAN(PAGE("417 Expectation Failed", "The only expectation that can be met is 100-continue."));
    case HTTP_HEADER_FIELDS_TOO_LARGE:
        return SPAN(PAGE("431 Request Header Fields Too Large", "The request has too many or too long header fields."));
    case HTTP_INTERNAL_SERVER_ERROR: return SPAN(PAGE("500 Internal Server Error", "The file could not be read."));
    case HTTP_NOT_IMPLEMENTED: return SPAN(PAGE("501 Not Implemented", "The server does not know this method."));
    case HTTP_SERVICE_UNAVAILABLE:
        return SPAN(PAGE("503 Service Unavailable", "The server has no room just now. Please try again."));
    case HTTP_VERSION_NOT_SUPPORTED:
        return SPAN(PAGE("505 HTTP Version Not Supported", "The server speaks HTTP/1.1 and HTTP/1.0."));
    case HTTP_NONE:
    case HTTP_CONTINUE:
    case HTTP_OK:
    case HTTP_NO_CONTENT:
    case HTTP_PARTIAL_CONTENT:
    case HTTP_NOT_MODIFIED: break;
    }
    return SPAN("");
}
