#include "base/base64.h"

#include <stdint.h>

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    return c == '/' ? 63 : -1;
}

bool base64_decode(struct span text, char *out, size_t *ret_size)
{
    char *to = out;
    if (text.size % 4 != 0) return false;
    for (size_t at = 0; at < text.size; at += 4) {
        uint32_t bits = 0;
        unsigned padding = 0;
        if (at + 4 == text.size && text.data[at + 3] == '=') padding = text.data[at + 2] == '=' ? 2 : 1;
        for (unsigned i = 0; i < 4; i++) {
            int value = i < 4 - padding ? digit_value(text.data[at + i]) : 0;
            if (value < 0) return false;
            bits = bits << 6 | (unsigned)value;
        }
        if ((bits & ((1u << 8 * padding) - 1)) != 0) return false;
        for (unsigned i = 0; i < 3 - padding; i++) *to++ = (char)(bits >> (16 - 8 * i));
    }
    *ret_size = (size_t)(to - out);
    return true;
}
