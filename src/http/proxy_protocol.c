#include "http/proxy_protocol.h"

#include "base/quantity.h"

enum {
    LINE_BYTES_MIN = sizeof "PROXY UNKNOWN\r\n" - 1,
    LINE_BYTES_MAX = 107, /* section 2.1: the longest line, "PROXY UNKNOWN ffff:... ffff:... 65535 65535" with CRLF */
    PREFIX_BYTES = 16,    /* section 2.2: signature, version and command, family, length */
    PORT_DIGITS_MAX = 5,
};

static const struct span line_front = { "PROXY ", 6 };
static const struct span signature = { "\r\n\r\n\0\r\nQUIT\n", 12 };

/* Digits without leading zeros, up to 65535. */
static bool parse_port(struct span text, uint16_t *ret_port)
{
    uint64_t number;
    if (text.size > PORT_DIGITS_MAX || (text.size > 1 && text.data[0] == '0')) return false;
    if (!quantity_parse_number(text, &number) || number > UINT16_MAX) return false;
    *ret_port = (uint16_t)number;
    return true;
}

/* What stands before the next space; the last word ends with the line. */
static struct span take_word(struct span *line)
{
    const char *space = line->size > 0 ? memchr(line->data, ' ', line->size) : NULL;
    struct span word = space ? span_first(*line, (size_t)(space - line->data)) : *line;
    *line = span_from(*line, space ? word.size + 1 : word.size);
    return word;
}

/* `line` is what is between "PROXY " and CRLF. Single spaces, and nothing behind the last word. */
static bool parse_line(struct span line, struct proxy_header *header)
{
    bool (*parse_address)(struct span, struct ip_address *) = ip_address_parse_v4;
    struct span family = take_word(&line);
    /* Whatever follows is not for us. */
    if (span_equal(family, SPAN("UNKNOWN"))) return true;
    if (span_equal(family, SPAN("TCP6")))
        parse_address = ip_address_parse_v6;
    else if (!span_equal(family, SPAN("TCP4")))
        return false;
    header->has_addresses = true;
    if (!parse_address(take_word(&line), &header->source)) return false;
    if (!parse_address(take_word(&line), &header->destination)) return false;
    if (!parse_port(take_word(&line), &header->source_port)) return false;
    return parse_port(line, &header->destination_port);
}

/* Section 2.1: a line of text. */
static enum proxy_result parse_version_1(struct span seen, size_t *ret_needed, struct proxy_header *ret_header)
{
    size_t end = 0;
    while (end < seen.size && (unsigned char)seen.data[end] >= ' ' && seen.data[end] != 0x7f) end++;
    if (end > LINE_BYTES_MAX - 2) return PROXY_REFUSED;
    if (end < seen.size && seen.data[end] != '\r') return PROXY_REFUSED;
    if (end + 1 >= seen.size) {
        size_t missing = end + 2 - seen.size;
        bool may_end_sooner = end + 2 >= LINE_BYTES_MIN;
        *ret_needed = may_end_sooner || end < seen.size ? missing : LINE_BYTES_MIN - seen.size;
        return PROXY_MORE;
    }
    struct proxy_header header = { .size = end + 2 };
    struct span line = span_first(seen, end);
    if (seen.data[end + 1] != '\n' || !span_starts_with(line, line_front)) return PROXY_REFUSED;
    if (!parse_line(span_from(line, line_front.size), &header)) return PROXY_REFUSED;
    *ret_header = header;
    return PROXY_DONE;
}

static uint16_t big_endian(const char *at)
{
    return (uint16_t)((unsigned char)at[0] << 8 | (unsigned char)at[1]);
}

/* Family and protocol, in a nibble each (section 2.2). */
enum endpoints {
    ENDPOINTS_UNKNOWN = 0x00,
    ENDPOINTS_TCP4 = 0x11,
    ENDPOINTS_UDP4 = 0x12,
    ENDPOINTS_TCP6 = 0x21,
    ENDPOINTS_UDP6 = 0x22,
    ENDPOINTS_UNIX_STREAM = 0x31,
    ENDPOINTS_UNIX_DATAGRAM = 0x32,
};

static struct ip_address address_at(const char *at, bool is_v6)
{
    struct ip_address address;
    if (is_v6)
        memcpy(address.bytes, at, sizeof address.bytes);
    else
        address = ip_address_of_v4((const uint8_t *)at);
    return address;
}

/* The address block, of which `block` is what the header says that it has, with extensions behind it. */
static bool parse_addresses(unsigned char endpoints, struct span block, struct proxy_header *header)
{
    static const size_t sizes[] = { 0, 12, 36, 216 };
    bool is_v6 = false;
    switch (endpoints) {
    case ENDPOINTS_UNKNOWN:
    case ENDPOINTS_UDP4:
    case ENDPOINTS_UDP6:
    case ENDPOINTS_UNIX_STREAM:
    case ENDPOINTS_UNIX_DATAGRAM: return block.size >= sizes[endpoints >> 4];
    case ENDPOINTS_TCP4: break;
    case ENDPOINTS_TCP6: is_v6 = true; break;
    default: return false;
    }
    if (block.size < sizes[endpoints >> 4]) return false;
    size_t size = is_v6 ? 16 : 4;
    header->has_addresses = true;
    header->source = address_at(block.data, is_v6);
    header->destination = address_at(block.data + size, is_v6);
    header->source_port = big_endian(block.data + 2 * size);
    header->destination_port = big_endian(block.data + 2 * size + 2);
    return true;
}

/* Section 2.2: binary. */
static enum proxy_result parse_version_2(struct span seen, size_t *ret_needed, struct proxy_header *ret_header)
{
    enum { LOCAL = 0x20, PROXY = 0x21 };
    if (seen.size < PREFIX_BYTES) {
        *ret_needed = PREFIX_BYTES - seen.size;
        return PROXY_MORE;
    }
    unsigned char command = (unsigned char)seen.data[12];
    if (command != LOCAL && command != PROXY) return PROXY_REFUSED;
    struct proxy_header header = { .size = (size_t)PREFIX_BYTES + big_endian(seen.data + 14) };
    if (header.size > PROXY_HEADER_BYTES_MAX) return PROXY_REFUSED;
    if (seen.size < header.size) {
        *ret_needed = header.size - seen.size;
        return PROXY_MORE;
    }
    struct span block = span_of(seen.data + PREFIX_BYTES, header.size - PREFIX_BYTES);
    /* Of LOCAL all of it is discarded, "including the family which is ignored". */
    if (command == PROXY && !parse_addresses((unsigned char)seen.data[13], block, &header)) return PROXY_REFUSED;
    *ret_header = header;
    return PROXY_DONE;
}

enum proxy_result proxy_protocol_parse(const char *bytes, size_t size, size_t *ret_needed,
                                       struct proxy_header *ret_header)
{
    struct span seen = span_of(bytes, size);
    size_t front = size < line_front.size ? size : line_front.size;
    if (span_equal(span_first(seen, front), span_first(line_front, front))) {
        return parse_version_1(seen, ret_needed, ret_header);
    }
    front = size < signature.size ? size : signature.size;
    if (!span_equal(span_first(seen, front), span_first(signature, front))) return PROXY_REFUSED;
    return parse_version_2(seen, ret_needed, ret_header);
}
