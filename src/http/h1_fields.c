#include "http/h1_fields.h"

#include "http/authority.h"
#include "http/field_list.h"
#include "http/token.h"

/* What h1_fields_judge has to look at beside Host; the fields of nearly all requests are others. */
enum {
    FRAMING_MASK = 1u << FIELD_CONTENT_LENGTH | 1u << FIELD_TRANSFER_ENCODING,
    RARE_MASK = FRAMING_MASK | 1u << FIELD_EXPECT,
};

/* RFC 9112, 3.2: exactly one valid Host, but for HTTP/1.0, which may lack it. It may be empty, where the target has no
 * authority to repeat; that of an absolute target counts more. */
static bool judge_host(struct request *request, uint32_t repeated_mask)
{
    if (!request_has(request, FIELD_HOST)) return request->minor_version == 0;
    if ((repeated_mask >> FIELD_HOST & 1) != 0) return false;
    struct span value = request_value(request, FIELD_HOST);
    struct span host;
    struct span port;
    if (value.size > 0 && !authority_split(value, &host, &port)) return false;
    if (request->form != TARGET_ABSOLUTE) request->authority = value;
    return true;
}

static bool parse_length(struct span value, uint64_t *ret_length)
{
    uint64_t length = 0;
    if (value.size == 0) return false;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') return false;
        if (__builtin_mul_overflow(length, 10, &length)) return false;
        if (__builtin_add_overflow(length, (unsigned)(value.data[i] - '0'), &length)) return false;
    }
    *ret_length = length;
    return true;
}

/* RFC 9112, 6.1 and 7. A coding that is not known can be refused as such only if chunked follows it, once and last:
 * otherwise the length of the message is in doubt. HTTP_NONE: exactly one chunked. */
static enum http_status judge_codings(const struct request *request)
{
    bool has_chunked = false;
    bool has_unknown = false;
    uint16_t cursor = 0;
    struct span value;
    while (request_next_value(request, FIELD_TRANSFER_ENCODING, &cursor, &value)) {
        struct span coding;
        while (field_list_next(&value, &coding)) {
            size_t name_size = (size_t)(token_end(coding.data, coding.data + coding.size) - coding.data);
            if (has_chunked || name_size == 0) return HTTP_BAD_REQUEST;
            if (span_equal_nocase(span_first(coding, name_size), SPAN("chunked"))) {
                if (name_size != coding.size) return HTTP_BAD_REQUEST; /* it has no parameters */
                has_chunked = true;
            } else {
                has_unknown = true;
            }
        }
    }
    if (!has_chunked) return HTTP_BAD_REQUEST;
    return has_unknown ? HTTP_NOT_IMPLEMENTED : HTTP_NONE;
}

/* RFC 9112, 6.3, at its strictest: what two readers could measure differently is refused. */
static enum http_status judge_framing(struct request *request, uint32_t repeated_mask)
{
    if (request_has(request, FIELD_TRANSFER_ENCODING)) {
        if (request_has(request, FIELD_CONTENT_LENGTH) || request->minor_version == 0) return HTTP_BAD_REQUEST;
        request->framing = CONTENT_CHUNKED;
        return judge_codings(request);
    }
    if (request_has(request, FIELD_CONTENT_LENGTH)) {
        if ((repeated_mask >> FIELD_CONTENT_LENGTH & 1) != 0) return HTTP_BAD_REQUEST;
        if (!parse_length(request_value(request, FIELD_CONTENT_LENGTH), &request->content_length)) {
            return HTTP_BAD_REQUEST;
        }
        request->framing = CONTENT_LENGTH;
    }
    return HTTP_NONE;
}

/* RFC 9112, 9.3 */
static bool judge_persistence(const struct request *request)
{
    bool is_kept = request->minor_version > 0;
    uint16_t cursor = 0;
    struct span value;
    while (request_next_value(request, FIELD_CONNECTION, &cursor, &value)) {
        struct span option;
        while (field_list_next(&value, &option)) {
            if (span_equal_nocase(option, SPAN("close"))) return false;
            if (span_equal_nocase(option, SPAN("keep-alive"))) is_kept = true;
        }
    }
    return is_kept;
}

/* RFC 9110, 10.1.1: there is one expectation, and HTTP/1.0 does not know it. */
static bool judge_expectations(struct request *request)
{
    bool has_content = request->framing == CONTENT_CHUNKED || request->content_length > 0;
    uint16_t cursor = 0;
    struct span value;
    while (request_next_value(request, FIELD_EXPECT, &cursor, &value)) {
        struct span expectation;
        while (field_list_next(&value, &expectation)) {
            if (expectation.size == 0) continue;
            if (!span_equal_nocase(expectation, SPAN("100-continue"))) return false;
            request->expects_continue = has_content && request->minor_version > 0;
        }
    }
    return true;
}

bool h1_fields_judge(struct request *request, uint32_t repeated_mask, enum http_status *ret_status)
{
    request->framing = CONTENT_NONE;
    request->content_length = 0;
    request->expects_continue = false;
    request->is_persistent = request->minor_version > 0;
    if (!judge_host(request, repeated_mask)) {
        *ret_status = HTTP_BAD_REQUEST;
        return false;
    }
    if (request_has(request, FIELD_CONNECTION)) request->is_persistent = judge_persistence(request);
    if ((request->known_mask & RARE_MASK) == 0) return true;
    enum http_status status = judge_framing(request, repeated_mask);
    if (status == HTTP_NONE && !judge_expectations(request)) status = HTTP_EXPECTATION_FAILED;
    if (status == HTTP_NONE) return true;
    *ret_status = status;
    return false;
}
