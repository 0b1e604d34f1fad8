#include "http/h1_line.h"

#include "http/authority.h"
#include "http/token.h"
#include "platform/scan.h"

static enum method method_of(struct span text)
{
    static const struct {
        struct span text;
        enum method method;
    } methods[] = {
        { SPAN("GET"), METHOD_GET },     { SPAN("HEAD"), METHOD_HEAD },   { SPAN("OPTIONS"), METHOD_OPTIONS },
        { SPAN("POST"), METHOD_POST },   { SPAN("PUT"), METHOD_PUT },     { SPAN("DELETE"), METHOD_DELETE },
        { SPAN("PATCH"), METHOD_PATCH }, { SPAN("TRACE"), METHOD_TRACE }, { SPAN("CONNECT"), METHOD_CONNECT },
    };
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
        if (span_equal(text, methods[i].text)) return methods[i].method;
    }
    return METHOD_UNKNOWN;
}

/* Split path and query off `rest`, which is the target but for scheme and authority. */
static void split_query(struct span rest, struct request *request)
{
    const char *end = rest.data + rest.size;
    const char *mark = scan_path_end(rest.data, end);
    request->path = span_of(rest.data, (size_t)(mark - rest.data));
    request->query = mark < end ? span_of(mark + 1, (size_t)(end - mark - 1)) : SPAN_NONE;
}

/* RFC 9112, 3.2.2, of the schemes that a server of files can be asked for. */
static bool parse_absolute(struct span target, struct request *request)
{
    static const struct span schemes[] = { SPAN("http://"), SPAN("https://") };
    for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
        size_t size = schemes[i].size;
        if (target.size < size || !span_equal_nocase(span_first(target, size), schemes[i])) continue;
        struct span rest = span_from(target, size);
        size_t authority_size = 0;
        while (authority_size < rest.size && rest.data[authority_size] != '/' && rest.data[authority_size] != '?') {
            authority_size++;
        }
        struct span host;
        struct span port;
        request->authority = span_first(rest, authority_size);
        if (!authority_split(request->authority, &host, &port)) return false;
        split_query(span_from(rest, authority_size), request);
        /* RFC 9110, 4.2.3: an empty path is the same as "/". */
        if (request->path.size == 0) request->path = SPAN("/");
        request->form = TARGET_ABSOLUTE;
        request->is_https = i == 1;
        return true;
    }
    return false;
}

/* The forms other than the origin form; RFC 9112, 3.2. */
static bool parse_other_form(struct request *request)
{
    struct span host;
    struct span port;
    request->path = SPAN_NONE;
    request->query = SPAN_NONE;
    if (request->method == METHOD_CONNECT) {
        request->form = TARGET_AUTHORITY;
        return authority_split(request->target, &host, &port) && port.size > 0;
    }
    if (span_equal(request->target, SPAN("*"))) {
        request->form = TARGET_ASTERISK;
        return request->method == METHOD_OPTIONS;
    }
    return parse_absolute(request->target, request);
}

/* The bytes of the line ran out at its limit, or because there are no more yet. */
static enum h1_result out_of_bytes(const char *at, const char *end, enum http_status *ret_status)
{
    if (at == end) return H1_MORE;
    *ret_status = HTTP_URI_TOO_LONG;
    return H1_BAD;
}

static enum h1_result bad(enum http_status status, enum http_status *ret_status)
{
    *ret_status = status;
    return H1_BAD;
}

/* The version and CRLF, at `at`; the line's bytes end at `stop` at the latest. RFC 9112, 2.3. */
static enum h1_result parse_version(const char *at, const char *stop, const char *end, struct request *request,
                                    const char **ret_next, enum http_status *ret_status)
{
    static const char common[] = "HTTP/1.1\r\n";
    enum { MAJOR = 5, MINOR = 7, SIZE = 8 };
    if (end - at >= SIZE + 2 && stop - at >= SIZE && memcmp(at, common, SIZE + 2) == 0) {
        request->minor_version = 1;
        *ret_next = at + SIZE + 2;
        return H1_DONE;
    }
    for (int i = 0; i < SIZE; i++) {
        if (at + i == stop) return out_of_bytes(stop, end, ret_status);
        bool is_right = i == MAJOR || i == MINOR ? at[i] >= '0' && at[i] <= '9' : at[i] == common[i];
        if (!is_right) return bad(HTTP_BAD_REQUEST, ret_status);
    }
    for (int i = SIZE; i < SIZE + 2; i++) {
        if (at + i == end) return H1_MORE;
        if (at[i] != common[i]) return bad(HTTP_BAD_REQUEST, ret_status);
    }
    if (at[MAJOR] != '1') return bad(HTTP_VERSION_NOT_SUPPORTED, ret_status);
    /* RFC 9110, 2.5: a higher minor version is answered as the highest that is known. */
    request->minor_version = at[MINOR] == '0' ? 0 : 1;
    *ret_next = at + SIZE + 2;
    return H1_DONE;
}

const char *h1_line_target_end(const char *at, const char *end)
{
    at = scan_path_end(at, end);
    while (at < end && *at == '?') at = scan_path_end(at + 1, end);
    return at;
}

enum h1_result h1_line_parse(const char *at, const char *end, uint32_t line_bytes, struct request *request,
                             const char **ret_next, enum http_status *ret_status)
{
    const char *stop = end - at > (ptrdiff_t)line_bytes ? at + line_bytes : end;
    const char *method_end;
    if (stop - at >= 4 && memcmp(at, "GET ", 4) == 0) {
        method_end = at + 3;
        request->method = METHOD_GET;
    } else {
        method_end = token_end(at, stop);
        if (method_end == stop) return out_of_bytes(stop, end, ret_status);
        if (*method_end != ' ' || method_end == at) return bad(HTTP_BAD_REQUEST, ret_status);
        request->method = method_of(span_of(at, (size_t)(method_end - at)));
    }
    const char *target = method_end + 1;
    const char *path_end = scan_path_end(target, stop);
    const char *target_end = path_end < stop && *path_end == '?' ? h1_line_target_end(path_end, stop) : path_end;
    if (target_end == stop) return out_of_bytes(stop, end, ret_status);
    if (*target_end != ' ' || target_end == target) return bad(HTTP_BAD_REQUEST, ret_status);

    enum h1_result result = parse_version(target_end + 1, stop, end, request, ret_next, ret_status);
    if (result != H1_DONE) return result;
    request->line = span_of(at, (size_t)(*ret_next - 2 - at));
    request->method_text = span_of(at, (size_t)(method_end - at));
    request->target = span_of(target, (size_t)(target_end - target));
    request->authority = SPAN_NONE;
    if (*target == '/' && request->method != METHOD_CONNECT) {
        request->form = TARGET_ORIGIN;
        request->path = span_of(target, (size_t)(path_end - target));
        request->query = path_end < target_end ? span_of(path_end + 1, (size_t)(target_end - path_end - 1)) : SPAN_NONE;
        return H1_DONE;
    }
    return parse_other_form(request) ? H1_DONE : bad(HTTP_BAD_REQUEST, ret_status);
}

void h1_line_describe(const char *bytes, const char *end, uint32_t line_bytes, struct request *request)
{
    const char *at = bytes;
    if (end - at >= 2 && at[0] == '\r' && at[1] == '\n') at += 2;
    if (end - at > (ptrdiff_t)line_bytes) end = at + line_bytes;
    const char *line_end = at;
    while (line_end < end && *line_end != '\r' && *line_end != '\n') line_end++;
    request->line = span_of(at, (size_t)(line_end - at));
    request->method = METHOD_UNKNOWN;
    request->method_text = SPAN_NONE;
    request->target = SPAN_NONE;
    request->minor_version = 1;

    const char *method_end = token_end(at, line_end);
    if (method_end == at || method_end == line_end || *method_end != ' ') return;
    request->method_text = span_of(at, (size_t)(method_end - at));
    request->method = method_of(request->method_text);
    const char *target = method_end + 1;
    const char *target_end = memchr(target, ' ', (size_t)(line_end - target));
    if (target_end == NULL) target_end = line_end;
    if (target_end > target) request->target = span_of(target, (size_t)(target_end - target));
    if (span_equal(span_of(target_end, (size_t)(line_end - target_end)), SPAN(" HTTP/1.0"))) request->minor_version = 0;
}
