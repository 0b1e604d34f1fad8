#include "base/cidr.h"

#include "base/quantity.h"

enum { BITS = 128, V4_PARTS = 4 };

/* "10", "10.1", "10.1.": the front of an IPv4 address, in whole parts; as many bits as are written. */
static bool parse_partial(struct span text, struct ip_address *ret_address, unsigned *ret_bits)
{
    uint8_t bytes[V4_PARTS] = { 0 };
    unsigned parts = 0;
    if (text.size > 0 && text.data[text.size - 1] == '.') text.size--;
    while (parts < V4_PARTS - 1) {
        const char *dot = text.size > 0 ? memchr(text.data, '.', text.size) : NULL;
        struct span part = dot ? span_first(text, (size_t)(dot - text.data)) : text;
        uint64_t number;
        if (part.size > 3 || !quantity_parse_number(part, &number) || number > UINT8_MAX) return false;
        if (part.size > 1 && part.data[0] == '0') return false;
        bytes[parts++] = (uint8_t)number;
        if (dot == NULL) {
            *ret_address = ip_address_of_v4(bytes);
            *ret_bits = IP_V4_PREFIX_BITS + 8 * parts;
            return true;
        }
        text = span_from(text, part.size + 1);
    }
    return false;
}

/* How many bits of an IPv4 mask are set, if those are its first. */
static bool parse_mask(struct span text, unsigned *ret_bits)
{
    struct ip_address mask;
    if (!ip_address_parse_v4(text, &mask)) return false;
    uint32_t bits = 0;
    for (unsigned i = 0; i < V4_PARTS; i++) bits = bits << 8 | mask.bytes[BITS / 8 - V4_PARTS + i];
    uint32_t others = ~bits;
    if ((others & (others + 1)) != 0) return false;
    *ret_bits = IP_V4_PREFIX_BITS + (unsigned)__builtin_popcount(bits);
    return true;
}

static bool parse_prefix(struct span text, bool is_written_v4, unsigned *ret_bits)
{
    uint64_t number;
    unsigned base = is_written_v4 ? IP_V4_PREFIX_BITS : 0;
    if (is_written_v4 && parse_mask(text, ret_bits)) return true;
    if (text.size > 3 || !quantity_parse_number(text, &number) || number > BITS - base) return false;
    if (text.size > 1 && text.data[0] == '0') return false;
    *ret_bits = base + (unsigned)number;
    return true;
}

/* Clear what is behind the prefix; whether any of it was set. */
static bool clear_host_bits(struct ip_address *address, unsigned bits)
{
    bool was_set = false;
    for (unsigned i = 0; i < BITS / 8; i++) {
        unsigned kept_bits = bits > 8 * i ? bits - 8 * i : 0;
        uint8_t kept = kept_bits >= 8 ? UINT8_MAX : (uint8_t)(0xff00 >> kept_bits);
        was_set |= (address->bytes[i] & ~kept) != 0;
        address->bytes[i] &= kept;
    }
    return was_set;
}

bool cidr_parse(struct span text, struct cidr *ret_cidr)
{
    struct ip_address address;
    unsigned bits = BITS;
    const char *slash = text.size > 0 ? memchr(text.data, '/', text.size) : NULL;
    struct span front = slash ? span_first(text, (size_t)(slash - text.data)) : text;
    if (ip_address_parse(front, &address)) {
        bool is_written_v4 = memchr(front.data, ':', front.size) == NULL;
        if (slash && !parse_prefix(span_from(text, front.size + 1), is_written_v4, &bits)) return false;
    } else if (slash || !parse_partial(front, &address, &bits)) {
        return false;
    }
    bool has_host_bits = clear_host_bits(&address, bits);
    *ret_cidr = (struct cidr){ address, (uint8_t)bits, has_host_bits };
    return true;
}

bool cidr_has(const struct cidr *cidr, const struct ip_address *address)
{
    if (cidr->prefix_bits < IP_V4_PREFIX_BITS && ip_address_is_v4(address)) return false;
    unsigned whole = cidr->prefix_bits / 8, rest = cidr->prefix_bits % 8;
    if (memcmp(cidr->network.bytes, address->bytes, whole) != 0) return false;
    if (rest == 0) return true;
    uint8_t kept = (uint8_t)(0xff00 >> rest);
    return (address->bytes[whole] & kept) == cidr->network.bytes[whole];
}

bool cidr_list_has(const struct cidr *list, size_t count, const struct ip_address *address)
{
    for (size_t i = 0; i < count; i++) {
        if (cidr_has(&list[i], address)) return true;
    }
    return false;
}
