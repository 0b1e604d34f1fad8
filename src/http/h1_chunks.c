#include "http/h1_parse.h"

#include "http/hex_digit.h"
#include "http/token.h"
#include "platform/scan.h"

/* Where in a chunked body the next byte stands (RFC 9112, section 7.1). */
enum phase {
    PHASE_SIZE_FIRST = 0, /* the first digit of chunk-size */
    PHASE_SIZE,
    PHASE_SIZE_BLANK, /* white space, which only an extension may follow */
    PHASE_EXTENSION,  /* after ';' */
    PHASE_SIZE_LF,    /* after the CR of a chunk-size line */
    PHASE_DATA,
    PHASE_DATA_CR,
    PHASE_DATA_LF,
    PHASE_TRAILER, /* the first byte of a trailer line, or of the empty line */
    PHASE_TRAILER_NAME,
    PHASE_TRAILER_VALUE,
    PHASE_TRAILER_LF,
    PHASE_END_LF, /* the last byte of all */
    PHASE_DONE,
    PHASE_BAD,
};

/* One byte of a chunk-size line. White space before an extension is allowed to be bad (BWS); at the end of the line it is not. */
static uint32_t size_step(struct h1_chunks *chunks, char c)
{
    if (chunks->phase == PHASE_SIZE_FIRST || chunks->phase == PHASE_SIZE) {
        int digit = hex_digit_value(c);
        if (digit >= 0) {
            if (chunks->left > UINT64_MAX >> 4) return PHASE_BAD;
            chunks->left = chunks->left << 4 | (unsigned)digit;
            return PHASE_SIZE;
        }
        if (chunks->phase == PHASE_SIZE_FIRST) return PHASE_BAD;
        if (c == '\r') return PHASE_SIZE_LF;
    }
    if (c == ';') return PHASE_EXTENSION;
    return c == ' ' || c == '\t' ? PHASE_SIZE_BLANK : PHASE_BAD;
}

/* The last byte of a line. */
static uint32_t end_line(struct h1_chunks *chunks, char c, uint32_t next_phase)
{
    chunks->line_bytes = 0;
    return c == '\n' ? next_phase : PHASE_BAD;
}

/* The byte `c`, in every phase that is not gone through in bulk. */
static uint32_t step(struct h1_chunks *chunks, char c, const struct h1_limits *limits)
{
    switch ((enum phase)chunks->phase) {
    case PHASE_SIZE_FIRST:
    case PHASE_SIZE:
    case PHASE_SIZE_BLANK: return size_step(chunks, c);
    /* The grammar of extensions is not looked into: CR LF cannot be part of one, not even quoted. */
    case PHASE_EXTENSION: return c == '\r' ? PHASE_SIZE_LF : PHASE_BAD;
    case PHASE_SIZE_LF: return end_line(chunks, c, chunks->left > 0 ? PHASE_DATA : PHASE_TRAILER);
    case PHASE_DATA_CR: return c == '\r' ? PHASE_DATA_LF : PHASE_BAD;
    case PHASE_DATA_LF: return end_line(chunks, c, PHASE_SIZE_FIRST);
    case PHASE_TRAILER:
        if (c == '\r') return PHASE_END_LF;
        return token_has(c) && chunks->trailers++ < limits->fields ? PHASE_TRAILER_NAME : PHASE_BAD;
    case PHASE_TRAILER_NAME:
        if (c == ':') return PHASE_TRAILER_VALUE;
        return token_has(c) ? PHASE_TRAILER_NAME : PHASE_BAD;
    case PHASE_TRAILER_VALUE: return c == '\r' ? PHASE_TRAILER_LF : PHASE_BAD;
    case PHASE_TRAILER_LF: return end_line(chunks, c, PHASE_TRAILER);
    case PHASE_END_LF: return c == '\n' ? PHASE_DONE : PHASE_BAD;
    case PHASE_DATA:
    case PHASE_DONE:
    case PHASE_BAD: break;
    }
    return PHASE_BAD;
}

/* Go through the inside of an extension or a trailer's value at once, as far as the limit lets it. */
static size_t skip_text(struct h1_chunks *chunks, size_t line_bytes_max, const char *at, size_t size)
{
    if (chunks->phase != PHASE_EXTENSION && chunks->phase != PHASE_TRAILER_VALUE) return 0;
    size_t room = line_bytes_max - chunks->line_bytes;
    size_t skipped = (size_t)(scan_value_end(at, at + (size < room ? size : room)) - at);
    chunks->line_bytes += (uint32_t)skipped;
    return skipped;
}

enum h1_result h1_chunks_skip(struct h1_chunks *chunks, const struct h1_limits *limits, struct span bytes,
                              size_t *ret_used, uint64_t *ret_data)
{
    size_t line_bytes_max = (size_t)limits->field_bytes + 2; /* with its CRLF */
    size_t used = 0;
    uint64_t data = 0;
    while (used < bytes.size && chunks->phase != PHASE_DONE) {
        size_t size = bytes.size - used;
        if (chunks->phase == PHASE_DATA) {
            if (size > chunks->left) size = (size_t)chunks->left;
            chunks->left -= size;
            if (chunks->left == 0) chunks->phase = PHASE_DATA_CR;
            data += size;
            used += size;
            continue;
        }
        used += skip_text(chunks, line_bytes_max, bytes.data + used, size);
        if (used == bytes.size) break;
        bool is_too_long = chunks->line_bytes++ == line_bytes_max;
        chunks->phase = is_too_long ? PHASE_BAD : step(chunks, bytes.data[used++], limits);
        if (chunks->phase == PHASE_BAD) return H1_BAD;
    }
    *ret_used = used;
    *ret_data = data;
    if (chunks->phase != PHASE_DONE) return H1_MORE;
    *chunks = (struct h1_chunks){ 0 };
    return H1_DONE;
}
