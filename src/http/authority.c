#include "http/authority.h"

#include "http/hex_digit.h"

enum { PORT_MAX = 65535, IPV6_GROUPS = 8, GROUP_DIGITS_MAX = 4 };

/* unreserved and sub-delims: what a reg-name may hold besides percent escapes; IPv4 addresses are made of them too. */
static const bool name_bytes[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['-'] = true, ['.'] = true,  ['_'] = true,
    ['~'] = true,         ['!'] = true,         ['$'] = true,         ['&'] = true, ['\''] = true, ['('] = true,
    [')'] = true,         ['*'] = true,         ['+'] = true,         [','] = true, [';'] = true,  ['='] = true,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* How many bytes of `s` are a reg-name; a broken escape ends it. */
static size_t reg_name_size(struct span s)
{
    size_t i = 0;
    while (i < s.size) {
        if (name_bytes[(unsigned char)s.data[i]]) {
            i++;
        } else if (s.data[i] == '%' && s.size - i >= 3 && hex_digit_value(s.data[i + 1]) >= 0 &&
                   hex_digit_value(s.data[i + 2]) >= 0) {
            i += 3;
        } else {
            break;
        }
    }
    return i;
}

static bool is_ipv4(struct span s)
{
    unsigned octets = 0;
    size_t i = 0;
    for (;;) {
        size_t digits = 0;
        unsigned value = 0;
        while (i < s.size && digits < 4 && is_digit(s.data[i])) {
            value = value * 10 + (unsigned)(s.data[i] - '0');
            i++;
            digits++;
        }
        if (digits == 0 || value > 255 || (digits > 1 && s.data[i - digits] == '0')) return false;
        if (++octets == 4) return i == s.size;
        if (i == s.size || s.data[i++] != '.') return false;
    }
}

/* IPv6address of RFC 3986, without brackets: eight groups, or fewer with one "::" that stands for at least one; the last two may be
 * an IPv4 address. */
static bool is_ipv6(struct span s)
{
    unsigned groups = 0;
    bool has_gap = false;
    size_t i = 0;
    if (s.size >= 2 && s.data[0] == ':' && s.data[1] == ':') {
        has_gap = true;
        i = 2;
    }
    while (i < s.size) {
        size_t begin = i;
        while (i < s.size && i - begin < GROUP_DIGITS_MAX && hex_digit_value(s.data[i]) >= 0) i++;
        if (i == begin) return false;
        if (i < s.size && s.data[i] == '.') {
            if (!is_ipv4(span_from(s, begin))) return false;
            groups += 2;
            break;
        }
        groups++;
        if (i == s.size) break;
        if (s.data[i++] != ':' || i == s.size) return false;
        if (s.data[i] == ':') {
            if (has_gap) return false;
            has_gap = true;
            i++;
        }
    }
    return has_gap ? groups < IPV6_GROUPS : groups == IPV6_GROUPS;
}

static bool is_port(struct span s)
{
    unsigned value = 0;
    for (size_t i = 0; i < s.size; i++) {
        if (!is_digit(s.data[i])) return false;
        value = value * 10 + (unsigned)(s.data[i] - '0');
        if (value > PORT_MAX) return false;
    }
    return true;
}

bool authority_split(struct span authority, struct span *ret_host, struct span *ret_port)
{
    size_t size;
    if (authority.size > 0 && authority.data[0] == '[') {
        const char *bracket = memchr(authority.data, ']', authority.size);
        if (bracket == NULL) return false;
        size = (size_t)(bracket - authority.data) + 1;
        if (!is_ipv6(span_of(authority.data + 1, size - 2))) return false;
    } else {
        size = reg_name_size(authority);
    }
    if (size == 0) return false;
    struct span port = SPAN_NONE;
    if (size < authority.size) {
        port = span_from(authority, size + 1);
        if (authority.data[size] != ':' || !is_port(port)) return false;
    }
    *ret_host = span_first(authority, size);
    *ret_port = port;
    return true;
}
