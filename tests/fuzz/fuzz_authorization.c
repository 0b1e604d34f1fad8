/* The input is an Authorization field, and, behind "Basic ", its credentials. What is taken comes back when it is encoded again. */
#include "../support/require.h"
#include "http/authorization.h"

/* `text` in base 64 behind "Basic ", as a string. */
static void encode(struct span text, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *at = (const uint8_t *)text.data;
    out += sprintf(out, "Basic ");
    for (size_t i = 0; i < text.size; i += 3) {
        size_t left = text.size - i;
        unsigned bits = (unsigned)at[i] << 16 | (left > 1 ? (unsigned)at[i + 1] << 8 : 0) | (left > 2 ? at[i + 2] : 0);
        *out++ = digits[bits >> 18];
        *out++ = digits[bits >> 12 & 63];
        *out++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[bits & 63] : '=';
    }
    *out = '\0';
}

/* Whether it was taken. */
static bool require_survives(struct span value)
{
    struct credentials credentials;
    if (authorization_parse(value, &credentials) != AUTHORIZATION_BASIC) return false;
    REQUIRE(credentials.user.data == credentials.room);
    REQUIRE(credentials.password.data == credentials.room + credentials.user.size + 1);
    size_t size = credentials.user.size + 1 + credentials.password.size;
    REQUIRE(size <= sizeof credentials.room && credentials.room[credentials.user.size] == ':');
    REQUIRE(credentials.user.size == 0 || memchr(credentials.user.data, ':', credentials.user.size) == NULL);
    for (size_t i = 0; i < size; i++) {
        REQUIRE((unsigned char)credentials.room[i] >= ' ' && credentials.room[i] != 0x7f);
    }
    char again[2 * CREDENTIALS_BYTES_MAX];
    encode(span_of(credentials.room, size), again);
    size_t encoded = strlen(again) - 6;
    REQUIRE(value.size >= encoded && memcmp(value.data + value.size - encoded, again + 6, encoded) == 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *copy = exact_copy(bytes, size);
    (void)require_survives(span_of(copy, size));
    if (size <= CREDENTIALS_BYTES_MAX / 3 * 3) {
        char value[2 * CREDENTIALS_BYTES_MAX];
        encode(span_of(copy, size), value);
        bool is_taken = require_survives(span_of_string(value));
        if (is_taken) REQUIRE(memchr(copy, ':', size) != NULL);
    }
    char line[CHALLENGE_BYTES_MAX];
    const char *end = authorization_append_challenge(line, span_of(copy, size));
    REQUIRE(end - line <= CHALLENGE_BYTES_MAX);
    for (const char *at = line; at < end - 2; at++) REQUIRE((unsigned char)*at >= ' ' && *at != 0x7f);
    free(copy);
    return 0;
}
