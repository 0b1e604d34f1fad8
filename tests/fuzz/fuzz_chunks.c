/* The input is a chunked body and what follows it. However it is cut into pieces, the same comes of it; and where it is said
 * to end, a plain reader that has all of it at once says so too. */
#include "../support/require.h"
#include "http/h1_parse.h"

static const struct h1_limits limits = { .line_bytes = 64, .field_bytes = 64, .fields = 4, .head_bytes = 4096 };

struct outcome {
    enum h1_result result;
    size_t used;
    uint64_t data;
};

/* `first` bytes, and then `step` at a time, each piece where the address sanitizer watches its ends. */
static struct outcome feed(const uint8_t *bytes, size_t size, size_t first, size_t step)
{
    struct h1_chunks chunks = { 0 };
    struct outcome outcome = { .result = H1_MORE };
    size_t piece = first;
    for (size_t at = 0; at < size && outcome.result == H1_MORE; at += piece, piece = step) {
        size_t used = 0;
        uint64_t data = 0;
        if (piece > size - at) piece = size - at;
        char *copy = exact_copy(bytes + at, piece);
        outcome.result = h1_chunks_skip(&chunks, &limits, span_of(copy, piece), &used, &data);
        free(copy);
        REQUIRE(used <= piece && data <= used);
        if (outcome.result == H1_MORE) REQUIRE(used == piece);
        outcome.used += used;
        outcome.data += data;
    }
    return outcome;
}

/* The line at *at, without its CRLF, for the plain reader. */
static struct span take_line(const char **at, const char *end)
{
    const char *crlf = memmem(*at, (size_t)(end - *at), "\r\n", 2);
    REQUIRE(crlf != NULL);
    struct span line = span_of(*at, (size_t)(crlf - *at));
    for (size_t i = 0; i < line.size; i++) {
        unsigned char c = (unsigned char)line.data[i];
        REQUIRE((c >= 0x20 && c != 0x7f) || c == '\t');
    }
    REQUIRE(line.size <= limits.field_bytes);
    *at = crlf + 2;
    return line;
}

/* RFC 9112, 7.1.3, on a body that is there as a whole; returns where it ends. */
static const char *read_plainly(const char *at, const char *end, uint64_t *ret_data)
{
    *ret_data = 0;
    for (;;) {
        struct span line = take_line(&at, end);
        char digits[80] = { 0 };
        char *digits_end;
        memcpy(digits, line.data, line.size);
        REQUIRE(strchr("0123456789abcdefABCDEF", digits[0]) != NULL && digits[0] != '\0');
        uint64_t size = strtoull(digits, &digits_end, 16);
        const char *tail = digits_end + strspn(digits_end, " \t");
        REQUIRE(*digits_end == '\0' || *tail == ';');
        if (size == 0) break;
        REQUIRE(size <= (uint64_t)(end - at) && (uint64_t)(end - at) - size >= 2);
        at += size;
        REQUIRE(memcmp(at, "\r\n", 2) == 0);
        at += 2;
        *ret_data += size;
    }
    for (unsigned trailers = 0;; trailers++) {
        struct span line = take_line(&at, end);
        if (line.size == 0) return at;
        REQUIRE(trailers < limits.fields);
        REQUIRE(line.data[0] != ':' && line.data[0] != ' ' && memchr(line.data, ':', line.size) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint32_t number = number_of(bytes, size);
    struct outcome whole = feed(bytes, size, size, 1);
    size_t firsts[] = { 1, number % (size + 1), 1 + number % 7 };
    size_t steps[] = { 1, size + 1, 1 + number % 5 };
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        struct outcome other = feed(bytes, size, firsts[i], steps[i]);
        REQUIRE(other.result == whole.result);
        REQUIRE(whole.result == H1_BAD || (other.used == whole.used && other.data == whole.data));
    }
    if (whole.result == H1_DONE) {
        uint64_t data;
        char *copy = exact_copy(bytes, size);
        REQUIRE(read_plainly(copy, copy + size, &data) == copy + whole.used);
        REQUIRE(data == whole.data);
        free(copy);
    }
    return 0;
}
