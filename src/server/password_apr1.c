/* Apache's variant of the MD5 passwords of FreeBSD ("$apr1$"): what is hashed in which order is part of the form, and has no other reason. */
#include "base/md5.h"
#include "base/text_write.h"
#include "server/password.h"

enum { ROUNDS = 1000, SALT_BYTES_MAX = 8 };

static struct span span_of_digest(const uint8_t digest[MD5_BYTES])
{
    return span_of((const char *)digest, MD5_BYTES);
}

/* The digest that the rounds begin with. */
static void begin(struct span password, struct span salt, uint8_t out[MD5_BYTES])
{
    struct md5 md5;
    md5_begin(&md5);
    md5_add(&md5, password);
    md5_add(&md5, salt);
    md5_add(&md5, password);
    md5_end(&md5, out);
    uint8_t inner[MD5_BYTES];
    memcpy(inner, out, sizeof inner);
    md5_begin(&md5);
    md5_add(&md5, password);
    md5_add(&md5, SPAN("$apr1$"));
    md5_add(&md5, salt);
    for (size_t left = password.size; left > 0; left -= left < MD5_BYTES ? left : MD5_BYTES)
        md5_add(&md5, span_first(span_of_digest(inner), left < MD5_BYTES ? left : MD5_BYTES));
    for (size_t bits = password.size; bits > 0; bits >>= 1)
        md5_add(&md5, bits & 1 ? SPAN("\0") : span_first(password, 1));
    md5_end(&md5, out);
}

/* The lowest six bits first; its alphabet is that of crypt(3). */
static char *append_letters(char *at, uint32_t bits, unsigned count)
{
    static const char letters[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (; count > 0; count--, bits >>= 6) *at++ = letters[bits & 63];
    return at;
}

void password_apr1(struct span password, struct span salt, char *out)
{
    static const uint8_t order[5][3] = { { 0, 6, 12 }, { 1, 7, 13 }, { 2, 8, 14 }, { 3, 9, 15 }, { 4, 10, 5 } };
    uint8_t digest[MD5_BYTES];
    if (salt.size > SALT_BYTES_MAX) salt.size = SALT_BYTES_MAX;
    begin(password, salt, digest);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct md5 md5;
        struct span before = span_of_digest(digest);
        md5_begin(&md5);
        md5_add(&md5, i & 1 ? password : before);
        if (i % 3 != 0) md5_add(&md5, salt);
        if (i % 7 != 0) md5_add(&md5, password);
        md5_add(&md5, i & 1 ? before : password);
        md5_end(&md5, digest);
    }
    char *at = text_append(text_append(out, SPAN("$apr1$")), salt);
    *at++ = '$';
    for (unsigned i = 0; i < ARRAY_COUNT(order); i++) {
        const uint8_t *from = order[i];
        at = append_letters(at, (uint32_t)digest[from[0]] << 16 | (uint32_t)digest[from[1]] << 8 | digest[from[2]], 4);
    }
    at = append_letters(at, digest[11], 2);
    *at = '\0';
}
