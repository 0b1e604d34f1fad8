/* The input is what a peer sends. However it is cut into pieces, the same comes of it; and of what is taken, all that the
 * parser promises holds. */
#include <sanitizer/asan_interface.h>

#include "../support/request_text.h"
#include "../support/require.h"
#include "http/authority.h"
#include "http/h1_parse.h"

static const struct h1_limits all_limits[] = {
    { .line_bytes = 8190, .field_bytes = 8190, .fields = 100, .head_bytes = 65536 },
    { .line_bytes = 32, .field_bytes = 24, .fields = 3, .head_bytes = 90 },
};

struct outcome {
    enum h1_result result;
    enum http_status status;
    size_t size; /* bytes that were there when it was decided */
    char *text;  /* on H1_DONE; to be freed */
};

static struct request request;

/* `first` bytes of the `size` at `bytes`, and `step` more each time; what has not come yet may not be touched. */
static struct outcome feed(const struct h1_limits *limits, const char *bytes, size_t size, size_t first, size_t step)
{
    struct h1_parser parser = { 0 };
    struct outcome outcome = { .result = H1_MORE };
    for (size_t at = first < size ? first : size;; at = size - at < step ? size : at + step) {
        ASAN_POISON_MEMORY_REGION(bytes + at, size - at);
        outcome.result = h1_parse(&parser, limits, bytes, at, &request, &outcome.status);
        ASAN_UNPOISON_MEMORY_REGION(bytes + at, size - at);
        outcome.size = at;
        if (outcome.result == H1_MORE) REQUIRE(parser.line_at <= parser.scanned && parser.scanned <= at);
        if (outcome.result != H1_MORE || at == size) break;
    }
    if (outcome.result == H1_DONE) outcome.text = request_text(&request);
    return outcome;
}

static void require_same(struct outcome whole, struct outcome other)
{
    REQUIRE(whole.result == other.result);
    REQUIRE(whole.result != H1_BAD || whole.status == other.status);
    REQUIRE(whole.result != H1_DONE || strcmp(whole.text, other.text) == 0);
    free(other.text);
}

static void require_within(struct span span, const char *bytes, size_t size)
{
    REQUIRE(span.data >= bytes && span.data + span.size <= bytes + size);
}

static bool has_control(struct span span)
{
    for (size_t i = 0; i < span.size; i++) {
        unsigned char c = (unsigned char)span.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return true;
    }
    return false;
}

static void require_fields(const char *bytes)
{
    unsigned hosts = 0;
    unsigned lines = 0;
    for (unsigned i = 0; i < request.field_count; i++) {
        struct field field = request.fields[i];
        require_within(field.name, bytes, request.head_size);
        require_within(field.value, bytes, request.head_size);
        REQUIRE(field.name.size > 0 && memchr(field.name.data, ' ', field.name.size) == NULL);
        REQUIRE(!has_control(field.name) && !has_control(field.value));
        REQUIRE(field.name.data[-1] == '\n' && field.name.data[field.name.size] == ':');
        if (field.value.size > 0) {
            REQUIRE(strchr(" \t", field.value.data[0]) == NULL);
            REQUIRE(strchr(" \t", field.value.data[field.value.size - 1]) == NULL);
        }
        hosts += span_equal_nocase(field.name, SPAN("host"));
    }
    for (size_t i = 0; i < request.head_size; i++) {
        REQUIRE((bytes[i] == '\n') == (i > 0 && bytes[i - 1] == '\r'));
        lines += bytes[i] == '\n';
    }
    REQUIRE(lines == request.field_count + 2u + (bytes[0] == '\r'));
    REQUIRE(hosts == request_has(&request, FIELD_HOST) && (hosts == 1 || request.minor_version == 0));
}

static void require_promises(const struct h1_limits *limits, const char *bytes)
{
    struct span host;
    struct span port;
    REQUIRE(request.head_size <= limits->head_bytes && request.field_count <= limits->fields);
    REQUIRE(memcmp(bytes + request.head_size - 4, "\r\n\r\n", 4) == 0);
    require_within(request.line, bytes, request.head_size);
    REQUIRE(request.line.size <= limits->line_bytes);
    REQUIRE(request.method_text.size + request.target.size + strlen("  HTTP/1.x") == request.line.size);
    for (size_t i = 0; i < request.target.size; i++) {
        REQUIRE(request.target.data[i] > 0x20 && request.target.data[i] < 0x7f && request.target.data[i] != '#');
    }
    bool has_path = request.form == TARGET_ORIGIN || request.form == TARGET_ABSOLUTE;
    REQUIRE(has_path == (request.path.data != NULL));
    REQUIRE(!has_path || (request.path.data[0] == '/' && memchr(request.path.data, '?', request.path.size) == NULL));
    REQUIRE(request.authority.size == 0 || authority_split(request.authority, &host, &port));
    REQUIRE(request.framing != CONTENT_CHUNKED ||
            (request.minor_version == 1 && !request_has(&request, FIELD_CONTENT_LENGTH)));
    REQUIRE((request.framing == CONTENT_NONE) ==
            (!request_has(&request, FIELD_CONTENT_LENGTH) && !request_has(&request, FIELD_TRANSFER_ENCODING)));
    require_fields(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    char *bytes = exact_copy(input, size);
    uint32_t number = number_of(input, size);
    for (size_t i = 0; i < sizeof all_limits / sizeof all_limits[0]; i++) {
        const struct h1_limits *limits = &all_limits[i];
        struct outcome whole = feed(limits, bytes, size, size, 1);
        require_same(whole, feed(limits, bytes, size, 0, 1));
        require_same(whole, feed(limits, bytes, size, 0, 2 + number % 60));
        require_same(whole, feed(limits, bytes, size, number % (size + 1), size));
        /* Once more, so that `request` is what came of it at once. */
        require_same(whole, feed(limits, bytes, size, size, 1));
        if (whole.result == H1_DONE) {
            require_promises(limits, bytes);
            size_t head_size = request.head_size;
            REQUIRE(feed(limits, bytes, head_size - 1, head_size, 1).result == H1_MORE);
            require_same(whole, feed(limits, bytes, head_size, head_size, 1));
        } else if (whole.result == H1_BAD) {
            REQUIRE(http_status_text(whole.status).size > 0 && (unsigned)whole.status >= 400);
            require_within(request.line, bytes, size);
            REQUIRE(request.line.size <= limits->line_bytes);
        } else {
            REQUIRE(size < limits->head_bytes);
        }
        free(whole.text);
    }
    free(bytes);
    return 0;
}
