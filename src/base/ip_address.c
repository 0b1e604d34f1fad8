#include "base/ip_address.h"

#include <arpa/inet.h>

enum { PORT_DIGITS_MAX = 5 };

static const uint8_t v4_prefix[IP_V4_PREFIX_BITS / 8] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

struct ip_address ip_address_of_v4(const uint8_t bytes[4])
{
    struct ip_address address;
    memcpy(address.bytes, v4_prefix, sizeof v4_prefix);
    memcpy(address.bytes + sizeof v4_prefix, bytes, 4);
    return address;
}

bool ip_address_is_v4(const struct ip_address *address)
{
    return memcmp(address->bytes, v4_prefix, sizeof v4_prefix) == 0;
}

/* inet_pton() reads exactly these forms, but wants a string. */
static bool parse(int family, struct span text, void *ret_bytes)
{
    char string[INET6_ADDRSTRLEN];
    if (text.size == 0 || text.size >= sizeof string || memchr(text.data, '\0', text.size) != NULL) return false;
    memcpy(string, text.data, text.size);
    string[text.size] = '\0';
    return inet_pton(family, string, ret_bytes) == 1;
}

bool ip_address_parse_v4(struct span text, struct ip_address *ret_address)
{
    uint8_t bytes[4];
    if (!parse(AF_INET, text, bytes)) return false;
    *ret_address = ip_address_of_v4(bytes);
    return true;
}

bool ip_address_parse_v6(struct span text, struct ip_address *ret_address)
{
    uint8_t bytes[sizeof ret_address->bytes];
    if (!parse(AF_INET6, text, bytes)) return false;
    memcpy(ret_address->bytes, bytes, sizeof bytes);
    return true;
}

bool ip_address_parse(struct span text, struct ip_address *ret_address)
{
    return ip_address_parse_v4(text, ret_address) || ip_address_parse_v6(text, ret_address);
}

/* Nothing, or ':' and digits. */
static bool is_port(struct span text)
{
    if (text.size == 0) return true;
    if (text.data[0] != ':' || text.size < 2 || text.size > 1 + PORT_DIGITS_MAX) return false;
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
    }
    return true;
}

bool ip_address_parse_node(struct span text, struct ip_address *ret_address)
{
    if (text.size == 0) return false;
    if (text.data[0] == '[') {
        const char *bracket = memchr(text.data, ']', text.size);
        if (bracket == NULL) return false;
        size_t size = (size_t)(bracket - text.data);
        return is_port(span_from(text, size + 1)) && ip_address_parse_v6(span_of(text.data + 1, size - 1), ret_address);
    }
    const char *colon = memchr(text.data, ':', text.size);
    size_t size = colon ? (size_t)(colon - text.data) : text.size;
    if (is_port(span_from(text, size)) && ip_address_parse_v4(span_first(text, size), ret_address)) return true;
    return ip_address_parse_v6(text, ret_address);
}
