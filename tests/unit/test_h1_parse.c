#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "../support/request_text.h"
#include "http/h1_parse.h"

static const struct h1_limits defaults = {
    .line_bytes = 8190, .field_bytes = 8190, .fields = 100, .head_bytes = 65536
};

enum { BYTES_MAX = 128 * 1024 };

static struct guarded guarded;
static struct request request;

static int set_up(void **state)
{
    (void)state;
    guarded = guarded_open(BYTES_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guarded_close(&guarded);
    return 0;
}

/* What came of feeding a head in some way. */
struct outcome {
    enum h1_result result;
    enum http_status status;
    size_t size; /* bytes that were there when it was decided */
    char *text;  /* on H1_DONE; to be freed */
};

/* Give the parser the first `size` bytes, in another place than the time before. */
static struct outcome feed(struct h1_parser *parser, const struct h1_limits *limits, struct span bytes, size_t size)
{
    struct outcome outcome = { .size = size };
    const char *at = guarded_copy(&guarded, bytes.data, size);
    memset(&request, 0xa5, sizeof request);
    outcome.result = h1_parse(parser, limits, at, size, &request, &outcome.status);
    if (outcome.result == H1_DONE) outcome.text = request_text(&request);
    if (outcome.result != H1_MORE) {
        const struct h1_parser start = { 0 };
        assert_memory_equal(parser, &start, sizeof start);
    }
    return outcome;
}

static struct outcome feed_whole(const struct h1_limits *limits, struct span bytes)
{
    struct h1_parser parser = { 0 };
    return feed(&parser, limits, bytes, bytes.size);
}

/* `first` bytes, and then `step` more each time. */
static struct outcome feed_in_steps(const struct h1_limits *limits, struct span bytes, size_t first, size_t step)
{
    struct h1_parser parser = { 0 };
    size_t size = first < bytes.size ? first : bytes.size;
    for (;;) {
        struct outcome outcome = feed(&parser, limits, bytes, size);
        if (outcome.result != H1_MORE || size == bytes.size) return outcome;
        size = bytes.size - size < step ? bytes.size : size + step;
    }
}

static void check_same(struct span bytes, struct outcome whole, struct outcome other, const char *how)
{
    bool is_same = whole.result == other.result && (whole.result != H1_BAD || whole.status == other.status) &&
                   (whole.result != H1_DONE || strcmp(whole.text, other.text) == 0);
    if (!is_same) {
        fail_msg("%s: result %d status %d, whole: %d %d, of\n%.*s\n%s\n%s", how, (int)other.result, (int)other.status,
                 (int)whole.result, (int)whole.status, (int)bytes.size, bytes.data, whole.text ? whole.text : "",
                 other.text ? other.text : "");
    }
    free(other.text);
}

/* Feed `bytes` whole, byte by byte and split at every offset, and see that it is all the same. */
static struct outcome feed_every_way(const struct h1_limits *limits, struct span bytes)
{
    struct outcome whole = feed_whole(limits, bytes);
    check_same(bytes, whole, feed_in_steps(limits, bytes, 0, 1), "byte by byte");
    check_same(bytes, whole, feed_in_steps(limits, bytes, 1, 3), "three by three");
    for (size_t at = 0; at < bytes.size; at++) {
        check_same(bytes, whole, feed_in_steps(limits, bytes, at, bytes.size), "split");
    }
    return whole;
}

static void check_refused(const struct h1_limits *limits, struct span bytes, enum http_status status)
{
    struct outcome outcome = feed_every_way(limits, bytes);
    if (outcome.result != H1_BAD || outcome.status != status) {
        fail_msg("result %d, status %d instead of %d:\n%.*s", (int)outcome.result, (int)outcome.status, (int)status,
                 (int)bytes.size, bytes.data);
    }
}

#define HOST "Host: a\r\n"

static const struct {
    const char *head;
    enum method method;
    enum target_form form;
    const char *path;
    const char *query; /* NULL: none */
    const char *authority;
    unsigned minor_version;
    unsigned fields;
    enum content_framing framing;
    bool is_persistent;
    bool expects_continue;
} good[] = {
    { "GET / HTTP/1.1\r\n" HOST "\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL, "a", 1, 1, CONTENT_NONE, true, false },
    { "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL, "a", 1, 1, CONTENT_NONE, true,
      false },
    { "GET / HTTP/1.0\r\n\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL, NULL, 0, 0, CONTENT_NONE, false, false },
    { "GET / HTTP/1.9\r\n" HOST "\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL, "a", 1, 1, CONTENT_NONE, true, false },
    { "HEAD /a?b HTTP/1.1\r\nHOST:a:1\r\n\r\n", METHOD_HEAD, TARGET_ORIGIN, "/a", "b", "a:1", 1, 1, CONTENT_NONE, true,
      false },
    { "GET /a? HTTP/1.1\r\nhost:\r\n\r\n", METHOD_GET, TARGET_ORIGIN, "/a", "", "", 1, 1, CONTENT_NONE, true, false },
    { "GET /?a?b/c HTTP/1.1\r\nhost: \t \r\n\r\n", METHOD_GET, TARGET_ORIGIN, "/", "a?b/c", "", 1, 1, CONTENT_NONE,
      true, false },
    { "GET //x HTTP/1.1\r\n" HOST "\r\n", METHOD_GET, TARGET_ORIGIN, "//x", NULL, "a", 1, 1, CONTENT_NONE, true,
      false },
    { "GET /\"<>\\^`{|}%zz HTTP/1.1\r\n" HOST "\r\n", METHOD_GET, TARGET_ORIGIN, "/\"<>\\^`{|}%zz", NULL, "a", 1, 1,
      CONTENT_NONE, true, false },
    { "GET http://b/c?d HTTP/1.1\r\n" HOST "\r\n", METHOD_GET, TARGET_ABSOLUTE, "/c", "d", "b", 1, 1, CONTENT_NONE,
      true, false },
    { "GET HTTPS://b:443 HTTP/1.1\r\n" HOST "\r\n", METHOD_GET, TARGET_ABSOLUTE, "/", NULL, "b:443", 1, 1, CONTENT_NONE,
      true, false },
    { "GET http://[::1]:8/?q HTTP/1.1\r\nHost: [::1]\r\n\r\n", METHOD_GET, TARGET_ABSOLUTE, "/", "q", "[::1]:8", 1, 1,
      CONTENT_NONE, true, false },
    { "GET http://b?q HTTP/1.0\r\n\r\n", METHOD_GET, TARGET_ABSOLUTE, "/", "q", "b", 0, 0, CONTENT_NONE, false, false },
    { "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", METHOD_OPTIONS, TARGET_ASTERISK, NULL, NULL, "a", 1, 1, CONTENT_NONE, true,
      false },
    { "OPTIONS /* HTTP/1.1\r\n" HOST "\r\n", METHOD_OPTIONS, TARGET_ORIGIN, "/*", NULL, "a", 1, 1, CONTENT_NONE, true,
      false },
    { "CONNECT b:443 HTTP/1.1\r\n" HOST "\r\n", METHOD_CONNECT, TARGET_AUTHORITY, NULL, NULL, "a", 1, 1, CONTENT_NONE,
      true, false },
    { "POST / HTTP/1.1\r\n" HOST "Content-Length: 7\r\n\r\n1234567", METHOD_POST, TARGET_ORIGIN, "/", NULL, "a", 1, 2,
      CONTENT_LENGTH, true, false },
    { "PUT / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551615\r\n\r\n", METHOD_PUT, TARGET_ORIGIN, "/", NULL,
      "a", 1, 2, CONTENT_LENGTH, true, false },
    { "PUT / HTTP/1.1\r\n" HOST "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n", METHOD_PUT, TARGET_ORIGIN, "/",
      NULL, "a", 1, 3, CONTENT_LENGTH, true, false },
    { "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", METHOD_POST, TARGET_ORIGIN, "/", NULL, "a", 1, 2,
      CONTENT_CHUNKED, true, false },
    { "POST / HTTP/1.1\r\n" HOST "TRANSFER-ENCODING:\tChunkeD \r\n\r\n", METHOD_POST, TARGET_ORIGIN, "/", NULL, "a", 1,
      2, CONTENT_CHUNKED, true, false },
    { "POST / HTTP/1.1\r\nExpect: 100-Continue\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", METHOD_POST,
      TARGET_ORIGIN, "/", NULL, "a", 1, 3, CONTENT_CHUNKED, true, true },
    { "POST / HTTP/1.1\r\nExpect: 100-continue\r\n" HOST "Content-Length: 1\r\n\r\n", METHOD_POST, TARGET_ORIGIN, "/",
      NULL, "a", 1, 3, CONTENT_LENGTH, true, true },
    { "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", METHOD_POST, TARGET_ORIGIN, "/", NULL,
      NULL, 0, 2, CONTENT_LENGTH, false, false },
    { "GET / HTTP/1.1\r\n" HOST "Expect: 100-continue, ,100-continue\r\nExpect:\r\n\r\n", METHOD_GET, TARGET_ORIGIN,
      "/", NULL, "a", 1, 3, CONTENT_NONE, true, false },
    { "GET / HTTP/1.1\r\nHost: \ta \t\r\n\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL, "a", 1, 1, CONTENT_NONE, true,
      false },
    { "GET / HTTP/1.0\r\nConnection: x\r\n\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL, NULL, 0, 1, CONTENT_NONE, false,
      false },
    { "GET / HTTP/1.1\r\n" HOST "Connection: close, keep-alive\r\n\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL, "a", 1,
      2, CONTENT_NONE, false, false },
    { "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL, "a", 1, 2,
      CONTENT_NONE, false, false },
    { "GET / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\n\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL, "a", 1, 2,
      CONTENT_NONE, true, false },
    { "GET / HTTP/1.1\r\n" HOST "Connection: Keep-Alive, x , CLOSE\r\n\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL, "a",
      1, 2, CONTENT_NONE, false, false },
    { "GET / HTTP/1.1\r\nConnection: x\r\n" HOST "Connection:,close\r\n\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL, "a",
      1, 3, CONTENT_NONE, false, false },
    { "GET / HTTP/1.1\r\n" HOST "Connection: closed, not-close\r\n\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL, "a", 1,
      2, CONTENT_NONE, true, false },
    { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL, NULL, 0, 1,
      CONTENT_NONE, true, false },
    { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nConnection: close\r\n\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL,
      NULL, 0, 2, CONTENT_NONE, false, false },
    { "GET / HTTP/1.0\r\n" HOST "\r\n", METHOD_GET, TARGET_ORIGIN, "/", NULL, "a", 0, 1, CONTENT_NONE, false, false },
    { "GET / HTTP/1.1\r\n" HOST "X:\x80\xff \t.\r\n!#$%&'*+-.^_`|~0aZ: y\r\nEmpty:\r\n\r\n", METHOD_GET, TARGET_ORIGIN,
      "/", NULL, "a", 1, 4, CONTENT_NONE, true, false },
    { "DELETE / HTTP/1.1\r\n" HOST "\r\n", METHOD_DELETE, TARGET_ORIGIN, "/", NULL, "a", 1, 1, CONTENT_NONE, true,
      false },
    { "PATCH / HTTP/1.1\r\n" HOST "\r\n", METHOD_PATCH, TARGET_ORIGIN, "/", NULL, "a", 1, 1, CONTENT_NONE, true,
      false },
    { "TRACE / HTTP/1.1\r\n" HOST "\r\n", METHOD_TRACE, TARGET_ORIGIN, "/", NULL, "a", 1, 1, CONTENT_NONE, true,
      false },
    { "get / HTTP/1.1\r\n" HOST "\r\n", METHOD_UNKNOWN, TARGET_ORIGIN, "/", NULL, "a", 1, 1, CONTENT_NONE, true,
      false },
    { "GETS / HTTP/1.1\r\n" HOST "\r\n", METHOD_UNKNOWN, TARGET_ORIGIN, "/", NULL, "a", 1, 1, CONTENT_NONE, true,
      false },
    { "M-SEARCH / HTTP/1.1\r\n" HOST "\r\nGET", METHOD_UNKNOWN, TARGET_ORIGIN, "/", NULL, "a", 1, 1, CONTENT_NONE, true,
      false },
};

static bool is_text(struct span span, const char *text)
{
    return text == NULL ? span.data == NULL : span.data != NULL && span_equal(span, span_of_string(text));
}

static void good_heads_are_understood_however_they_come(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        struct span bytes = span_of_string(good[i].head);
        struct outcome outcome = feed_every_way(&defaults, bytes);
        if (outcome.result != H1_DONE) fail_msg("row %zu: %d, status %d", i, (int)outcome.result, (int)outcome.status);
        free(outcome.text);
        outcome = feed_whole(&defaults, bytes);
        bool is_right =
            request.method == good[i].method && request.form == good[i].form && is_text(request.path, good[i].path) &&
            is_text(request.query, good[i].query) && is_text(request.authority, good[i].authority) &&
            (request.form != TARGET_ABSOLUTE || request.is_https == (strstr(good[i].head, "HTTPS://") != NULL)) &&
            request.minor_version == good[i].minor_version && request.field_count == good[i].fields &&
            request.framing == good[i].framing && request.is_persistent == good[i].is_persistent &&
            request.expects_continue == good[i].expects_continue;
        if (!is_right) fail_msg("row %zu is\n%s", i, outcome.text);
        const char *end = strstr(good[i].head + 2, "\r\n\r\n");
        assert_int_equal(request.head_size, end + 4 - good[i].head);
        free(outcome.text);
    }
}

static void every_part_of_a_browsers_request_is_where_it_belongs(void **state)
{
    (void)state;
    static const char head[] = "GET /a/b.css?v=1 HTTP/1.1\r\n"
                               "host: www.example.org\r\n"
                               "CONNECTION: keep-alive\r\n"
                               "Content-Length: 12\r\n"
                               "expect: 100-continue\r\n"
                               "Range: bytes=0-1\r\n"
                               "If-Range: \"a\"\r\n"
                               "If-Match: *\r\n"
                               "If-None-Match: \"b\"\r\n"
                               "If-Modified-Since: then\r\n"
                               "If-Unmodified-Since: now\r\n"
                               "Referer: http://x/\r\n"
                               "User-Agent: me (really)\r\n"
                               "Accept: */*\r\n"
                               "Accept-Encoding: gzip, br\r\n"
                               "Authorization: Basic eA==\r\n"
                               "Cookie: a=b\r\n"
                               "If-None-Match: \"c\"\r\n"
                               "\r\n";
    static const struct {
        enum field_id id;
        const char *value;
    } rows[] = {
        { FIELD_HOST, "www.example.org" },
        { FIELD_CONNECTION, "keep-alive" },
        { FIELD_CONTENT_LENGTH, "12" },
        { FIELD_EXPECT, "100-continue" },
        { FIELD_RANGE, "bytes=0-1" },
        { FIELD_IF_RANGE, "\"a\"" },
        { FIELD_IF_MATCH, "*" },
        { FIELD_IF_NONE_MATCH, "\"b\"" },
        { FIELD_IF_MODIFIED_SINCE, "then" },
        { FIELD_IF_UNMODIFIED_SINCE, "now" },
        { FIELD_REFERER, "http://x/" },
        { FIELD_USER_AGENT, "me (really)" },
        { FIELD_ACCEPT, "*/*" },
        { FIELD_ACCEPT_ENCODING, "gzip, br" },
        { FIELD_AUTHORIZATION, "Basic eA==" },
    };
    struct outcome outcome = feed_whole(&defaults, SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    free(outcome.text);
    outcome = feed_every_way(&defaults, span_of(head, sizeof head - 1));
    assert_int_equal(outcome.result, H1_DONE);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (!is_text(request_value(&request, rows[i].id), rows[i].value)) fail_msg("field %d", (int)rows[i].id);
    }
    assert_null(request_value(&request, FIELD_TRANSFER_ENCODING).data);
    assert_true(is_text(request.line, "GET /a/b.css?v=1 HTTP/1.1"));
    assert_true(is_text(request.method_text, "GET"));
    assert_true(is_text(request.target, "/a/b.css?v=1"));
    assert_true(is_text(request.fields[15].name, "Cookie"));
    assert_int_equal(request.fields[15].id, FIELD_OTHER);
    assert_int_equal(request.content_length, 12);
    uint16_t cursor = 0;
    struct span value;
    assert_true(request_next_value(&request, FIELD_IF_NONE_MATCH, &cursor, &value) && is_text(value, "\"b\""));
    assert_true(request_next_value(&request, FIELD_IF_NONE_MATCH, &cursor, &value) && is_text(value, "\"c\""));
    assert_false(request_next_value(&request, FIELD_IF_NONE_MATCH, &cursor, &value));
    free(outcome.text);
}

/* Names that differ from a known one by a letter are others. */
static void a_name_is_known_only_when_every_letter_is_right(void **state)
{
    (void)state;
    static const char *const names[] = {
        "Host",
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
        "Expect",
        "Range",
        "If-Range",
        "If-Match",
        "If-None-Match",
        "If-Modified-Since",
        "If-Unmodified-Since",
        "Referer",
        "User-Agent",
        "Accept",
        "Accept-Encoding",
        "Authorization",
    };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        for (size_t place = 0; place < strlen(names[i]); place++) {
            char head[128];
            int size = snprintf(head, sizeof head, "GET / HTTP/1.0\r\n%s: 1\r\n\r\n", names[i]);
            char *letter = head + strlen("GET / HTTP/1.0\r\n") + place;
            *letter = *letter == '-' ? '_' : 'q';
            struct outcome outcome = feed_whole(&defaults, span_of(head, (size_t)size));
            assert_int_equal(outcome.result, H1_DONE);
            if (request.known_mask != 0) fail_msg("known: %s", head);
            free(outcome.text);
        }
    }
}

#define GET "GET / HTTP/1.1\r\n"

static const struct {
    const char *head;
    enum http_status status;
} refused[] = {
    /* the request line */
    { "\r\n\r\n" GET HOST "\r\n", HTTP_BAD_REQUEST },
    { "\n" GET HOST "\r\n", HTTP_BAD_REQUEST },
    { " " GET HOST "\r\n", HTTP_BAD_REQUEST },
    { " / HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET  / HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET /  HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET\t/ HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET /\tHTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET / HTTP/1.1 \r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET / HTTP/1.1\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET / HTTP/1.1\r" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET / HTTP/1.1\r\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET /\r\n", HTTP_BAD_REQUEST },
    { "GET / \r\n", HTTP_BAD_REQUEST },
    { "GET\r\n\r\n", HTTP_BAD_REQUEST },
    { "G@T / HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "G\xc3\x89T / HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET /\x01 HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET /\x7f HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET /a#b HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET /a?b#c HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET /?\x80 HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET a HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET ?a HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET * HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "OPTIONS ** HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET a:80 HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET http:/a HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET http:// HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET http:///a HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET http://:80/a HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET http://u@b/ HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET http://b:x/ HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET http://b\\c/ HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET ftp://b/ HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET httpx://b/ HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "CONNECT / HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "CONNECT b HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "CONNECT b: HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "CONNECT http://b:1/ HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET / HTTP/2.0\r\n" HOST "\r\n", HTTP_VERSION_NOT_SUPPORTED },
    { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_VERSION_NOT_SUPPORTED },
    { "GET / HTTP/0.9\r\n" HOST "\r\n", HTTP_VERSION_NOT_SUPPORTED },
    { "GET / HTTP/9.9\r\n" HOST "\r\n", HTTP_VERSION_NOT_SUPPORTED },
    { "GET / HTTP/2.0 \r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET / http/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET / HTTP/1.10\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET / HTTP/11.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET / HTTP/1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET / HTTP/1,1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET / HTTP/a.b\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET / HTTP/-1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET / JUNK/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { "\x16\x03\x01\x02\x00\x01", HTTP_BAD_REQUEST },
    /* field lines */
    { GET HOST "X : y\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "X\t: y\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST ": y\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "X\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "X y\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "X\x80: y\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "X(: y\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "X: y\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "X: y\r\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "X: y\rz\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "X: y\x01\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "X: y\x7f\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "X: y\r\n z\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "X: y\r\n\tz\r\n\r\n", HTTP_BAD_REQUEST },
    { GET " X: y\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
    { GET HOST "X: y\r\n\n", HTTP_BAD_REQUEST },
    { GET HOST "X: y\r\n\rX", HTTP_BAD_REQUEST },
    { GET HOST "\n", HTTP_BAD_REQUEST },
    /* Host */
    { GET "\r\n", HTTP_BAD_REQUEST },
    { "GET http://a/ HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST HOST "\r\n", HTTP_BAD_REQUEST },
    { GET "Host: a, b\r\n\r\n", HTTP_BAD_REQUEST },
    { GET "Host: u@a\r\n\r\n", HTTP_BAD_REQUEST },
    { GET "Host: a/b\r\n\r\n", HTTP_BAD_REQUEST },
    { GET "Host: :80\r\n\r\n", HTTP_BAD_REQUEST },
    { GET "Host: [::1\r\n\r\n", HTTP_BAD_REQUEST },
    { "GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n", HTTP_BAD_REQUEST },
    { "GET / HTTP/1.0\r\n" HOST HOST "\r\n", HTTP_BAD_REQUEST },
    { "GET / HTTP/1.0\r\nHost: a b\r\n\r\n", HTTP_BAD_REQUEST },
    /* Content-Length */
    { GET HOST "Content-Length:\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Content-Length: -1\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Content-Length: +1\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Content-Length: 1, 1\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Content-Length: 0x1\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Content-Length: 1 1\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Content-Length: 18446744073709551616\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Content-Length: 99999999999999999999\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", HTTP_BAD_REQUEST },
    /* Transfer-Encoding */
    { GET HOST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Content-Length: 1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", HTTP_BAD_REQUEST },
    { "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Transfer-Encoding:\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Transfer-Encoding: ,chunked\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Transfer-Encoding: chunked,\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Transfer-Encoding: chunked, chunked\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Transfer-Encoding: chunked, gzip\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Transfer-Encoding: chunked;q=1\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Transfer-Encoding: \"chunked\"\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Transfer-Encoding: gzip\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Transfer-Encoding: identity\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Transfer-Encoding: xchunked\r\n\r\n", HTTP_BAD_REQUEST },
    { GET HOST "Transfer-Encoding: \x0b"
               "chunked\r\n\r\n",
      HTTP_BAD_REQUEST },
    { GET HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", HTTP_NOT_IMPLEMENTED },
    { GET HOST "Transfer-Encoding: identity, chunked\r\n\r\n", HTTP_NOT_IMPLEMENTED },
    { GET HOST "Transfer-Encoding: x;a=b\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_NOT_IMPLEMENTED },
    /* Expect */
    { GET HOST "Expect: 200-ok\r\n\r\n", HTTP_EXPECTATION_FAILED },
    { GET HOST "Expect: 100-continue, x\r\n\r\n", HTTP_EXPECTATION_FAILED },
    { GET HOST "Expect: 100-continue\r\nExpect: x\r\n\r\n", HTTP_EXPECTATION_FAILED },
};

static void bad_heads_get_the_same_status_however_they_come(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        check_refused(&defaults, span_of_string(refused[i].head), refused[i].status);
    }
}

static void no_byte_but_the_allowed_ones_passes_anywhere(void **state)
{
    (void)state;
    static const char name_marks[] = "!#$%&'*+-.^_`|~";
    for (int byte = 0; byte < 256; byte++) {
        char head[] = "GxT /x HTTP/1.1\r\nHost: a\r\nAxB: c\xb7"
                      "d\r\n\r\n";
        static const struct {
            size_t place;
            bool is_token;
        } rows[] = { { 1, true }, { 5, false }, { 27, true }, { 31, false } };
        bool is_letter =
            (byte >= '0' && byte <= '9') || (ascii_lower((char)byte) >= 'a' && ascii_lower((char)byte) <= 'z');
        bool is_token = is_letter || (byte != 0 && strchr(name_marks, byte) != NULL);
        bool is_target = byte > 0x20 && byte < 0x7f && byte != '#';
        bool is_value = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
        bool allowed[] = { is_token, is_target, is_token || byte == ':', is_value };
        for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
            char changed[sizeof head];
            memcpy(changed, head, sizeof head);
            changed[rows[i].place] = (char)byte;
            struct outcome outcome = feed_every_way(&defaults, span_of(changed, sizeof changed - 1));
            if ((outcome.result == H1_DONE) != allowed[i]) fail_msg("byte %d at %zu", byte, rows[i].place);
            free(outcome.text);
        }
    }
}

static void an_unfinished_head_asks_for_more(void **state)
{
    (void)state;
    static const char *const heads[] = { "",       "\r",          "\r\n",           "G", "GET",
                                         "GET ",   "GET /",       "GET / HTTP/1.1", GET, GET "H",
                                         GET HOST, GET HOST "\r", GET HOST "X: y\r" };
    for (size_t i = 0; i < ARRAY_COUNT(heads); i++) {
        struct outcome outcome = feed_every_way(&defaults, span_of_string(heads[i]));
        if (outcome.result != H1_MORE) fail_msg("%s: %d", heads[i], (int)outcome.result);
    }
}

static void what_cannot_become_a_head_is_refused_at_the_first_wrong_byte(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size; /* of the beginning that is refused */
    } rows[] = {
        { "\x16\x03\x01\x02", 1 }, { "\x80\x80", 1 },           { "{\"a\":1}", 1 },       { "\r\n\r\n", 3 },
        { "GET(/ HTTP/1.1", 4 },   { " / HTTP/1.1", 1 },        { "GET  / HTTP/1.1", 5 }, { "GET /\x01 HTTP/1.1", 6 },
        { "GET /#a HTTP/1.1", 6 }, { "GET /a?#a HTTP/1.1", 8 }, { "GET / HXTP/1.1", 8 },  { "GET / HTTP/1.1\n", 15 },
        { GET "A@B: c", 18 },      { GET "A: c\x02", 21 },      { GET "A: c\r\n b", 23 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct outcome outcome = feed_in_steps(&defaults, span_of_string(rows[i].bytes), 0, 1);
        assert_int_equal(outcome.result, H1_BAD);
        if (outcome.size != rows[i].size) fail_msg("row %zu: after %zu bytes", i, outcome.size);
    }
}

/* A head with a target and a field of these sizes, and so many small fields. To be freed. */
static char *head_of(size_t target_bytes, size_t value_bytes, size_t fields)
{
    char *head = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&head, &size);
    assert_non_null(out);
    fprintf(out, "GET /%0*d HTTP/1.1\r\nHost: a\r\nX: %0*d\r\n", (int)target_bytes - 1, 0, (int)value_bytes, 0);
    for (size_t i = 2; i < fields; i++) fputs("Y: z\r\n", out);
    fputs("\r\n", out);
    assert_int_equal(fclose(out), 0);
    return head;
}

static void limits_are_met_to_the_byte(void **state)
{
    (void)state;
    /* "GET " and " HTTP/1.1" are 13 bytes, "X: " is 3. */
    static const struct h1_limits limits = { .line_bytes = 40, .field_bytes = 30, .fields = 5, .head_bytes = 100 };
    static const struct {
        size_t target_bytes;
        size_t value_bytes;
        size_t fields;
        enum http_status status; /* HTTP_NONE: good */
    } rows[] = {
        { 27, 27, 2, HTTP_NONE },
        { 28, 27, 2, HTTP_URI_TOO_LONG },
        { 300, 27, 2, HTTP_URI_TOO_LONG },
        { 27, 28, 2, HTTP_HEADER_FIELDS_TOO_LARGE },
        { 27, 300, 2, HTTP_HEADER_FIELDS_TOO_LARGE },
        { 10, 10, 5, HTTP_NONE },
        { 10, 10, 6, HTTP_HEADER_FIELDS_TOO_LARGE },
        { 10, 27, 5, HTTP_NONE },                    /* 25 + 9 + 32 + 18 + 2 = 86 bytes */
        { 24, 27, 5, HTTP_NONE },                    /* 100 bytes */
        { 25, 27, 5, HTTP_HEADER_FIELDS_TOO_LARGE }, /* 101 bytes */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char *head = head_of(rows[i].target_bytes, rows[i].value_bytes, rows[i].fields);
        if (rows[i].status != HTTP_NONE) {
            check_refused(&limits, span_of_string(head), rows[i].status);
        } else {
            struct outcome outcome = feed_every_way(&limits, span_of_string(head));
            if (outcome.result != H1_DONE) fail_msg("row %zu: status %d", i, (int)outcome.status);
            free(outcome.text);
        }
        free(head);
    }
}

static void what_is_too_long_is_refused_as_soon_as_it_is(void **state)
{
    (void)state;
    static const struct h1_limits limits = { .line_bytes = 40, .field_bytes = 30, .fields = 5, .head_bytes = 100 };
    char *line = head_of(300, 10, 2);
    char *field = head_of(10, 300, 2);
    struct outcome outcome = feed_in_steps(&limits, span_of_string(line), 0, 1);
    assert_int_equal(outcome.status, HTTP_URI_TOO_LONG);
    assert_int_equal(outcome.size, 41);
    outcome = feed_in_steps(&limits, span_of_string(field), 0, 1);
    assert_int_equal(outcome.status, HTTP_HEADER_FIELDS_TOO_LARGE);
    assert_int_equal(outcome.size, 25 + 9 + 31);
    free(line);
    free(field);
}

static void a_head_that_cannot_end_in_its_room_is_refused_when_the_room_is_full(void **state)
{
    (void)state;
    static const struct h1_limits tight = { .line_bytes = 40, .field_bytes = 30, .fields = 5, .head_bytes = 20 };
    struct outcome outcome = feed_in_steps(&tight, SPAN("GET /0123456789012345 HTTP/1.1\r\n"), 0, 1);
    assert_int_equal(outcome.status, HTTP_URI_TOO_LONG);
    assert_int_equal(outcome.size, 20);
    outcome = feed_in_steps(&tight, SPAN(GET HOST "\r\n"), 0, 1);
    assert_int_equal(outcome.status, HTTP_HEADER_FIELDS_TOO_LARGE);
    assert_int_equal(outcome.size, 20);
}

static void the_content_does_not_count_against_the_head(void **state)
{
    (void)state;
    static const struct h1_limits tight = { .line_bytes = 40, .field_bytes = 30, .fields = 5, .head_bytes = 60 };
    struct outcome outcome =
        feed_every_way(&tight, SPAN("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: "
                                    "99\r\n\r\n\x01\x02\r\n\x01\x02\x01\x02\x01\x02\x01\x02\x01\x02"));
    assert_int_equal(outcome.result, H1_DONE);
    free(outcome.text);
}

static void the_longest_head_of_the_defaults_is_taken(void **state)
{
    (void)state;
    char *head = head_of(8190 - 13, 8190 - 3, 100);
    struct span bytes = span_of_string(head);
    struct outcome whole = feed_whole(&defaults, bytes);
    assert_int_equal(whole.result, H1_DONE);
    assert_int_equal(request.field_count, 100);
    check_same(bytes, whole, feed_in_steps(&defaults, bytes, 0, 1), "byte by byte");
    check_same(bytes, whole, feed_in_steps(&defaults, bytes, 0, 1000), "in thousands");
    free(whole.text);
    free(head);
}

static void a_bad_request_is_described_as_far_as_can_be(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        const char *line;
        const char *method;
        const char *target;
        unsigned minor_version;
    } rows[] = {
        { "GET /a HTTP/1.1\r\nX Y\r\n", "GET /a HTTP/1.1", "GET", "/a", 1 },
        { "\r\nHEAD /a HTTP/1.0\r\nX Y\r\n", "HEAD /a HTTP/1.0", "HEAD", "/a", 0 },
        { "GET /a b HTTP/1.1\r\n", "GET /a b HTTP/1.1", "GET", "/a", 1 },
        { "GET /a\n", "GET /a", "GET", "/a", 1 },
        { "GET /a HTTP/2.0\r\n", "GET /a HTTP/2.0", "GET", "/a", 1 },
        { "GET  HTTP/1.1\r\n", "GET  HTTP/1.1", "GET", NULL, 1 },
        { "GET \r\n", "GET ", "GET", NULL, 1 },
        { "(x) /\r\n", "(x) /", NULL, NULL, 1 },
        { "\x16\x03\x01", "\x16\x03\x01", NULL, NULL, 1 },
        { "\n", "", NULL, NULL, 1 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct span bytes = span_of_string(rows[i].head);
        assert_int_equal(feed_whole(&defaults, bytes).result, H1_BAD);
        bool is_right = is_text(request.line, rows[i].line) && is_text(request.method_text, rows[i].method) &&
                        is_text(request.target, rows[i].target) && request.minor_version == rows[i].minor_version;
        if (!is_right) fail_msg("row %zu: line [%.*s]", i, (int)request.line.size, request.line.data);
        bool is_head = rows[i].method != NULL && strcmp(rows[i].method, "HEAD") == 0;
        assert_int_equal(request.method == METHOD_HEAD, is_head);
    }
    static const struct h1_limits tight = { .line_bytes = 8, .field_bytes = 30, .fields = 5, .head_bytes = 100 };
    assert_int_equal(feed_whole(&tight, SPAN("GET /abcdef HTTP/1.1\r\n")).status, HTTP_URI_TOO_LONG);
    assert_true(is_text(request.line, "GET /abc"));
}

static void pipelined_requests_are_taken_one_by_one(void **state)
{
    (void)state;
    struct span rest =
        SPAN("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n\r\nGET /3 HTTP/1.0\r\n\r\n");
    static const char *const paths[] = { "/1", "/2", "/3" };
    struct h1_parser parser = { 0 };
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        struct outcome outcome = feed(&parser, &defaults, rest, rest.size);
        assert_int_equal(outcome.result, H1_DONE);
        assert_true(is_text(request.path, paths[i]));
        rest = span_from(rest, request.head_size);
        free(outcome.text);
    }
    assert_int_equal(rest.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_heads_are_understood_however_they_come),
        cmocka_unit_test(every_part_of_a_browsers_request_is_where_it_belongs),
        cmocka_unit_test(a_name_is_known_only_when_every_letter_is_right),
        cmocka_unit_test(bad_heads_get_the_same_status_however_they_come),
        cmocka_unit_test(no_byte_but_the_allowed_ones_passes_anywhere),
        cmocka_unit_test(an_unfinished_head_asks_for_more),
        cmocka_unit_test(what_cannot_become_a_head_is_refused_at_the_first_wrong_byte),
        cmocka_unit_test(limits_are_met_to_the_byte),
        cmocka_unit_test(what_is_too_long_is_refused_as_soon_as_it_is),
        cmocka_unit_test(a_head_that_cannot_end_in_its_room_is_refused_when_the_room_is_full),
        cmocka_unit_test(the_content_does_not_count_against_the_head),
        cmocka_unit_test(the_longest_head_of_the_defaults_is_taken),
        cmocka_unit_test(a_bad_request_is_described_as_far_as_can_be),
        cmocka_unit_test(pipelined_requests_are_taken_one_by_one),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
