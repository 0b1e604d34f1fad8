/* sha256.h - SHA-256 (FIPS 180-4) in base 64, as policies name what they allow: for what a test must not take from the server itself. */
#ifndef FOLIO_TESTS_SUPPORT_SHA256_H
#define FOLIO_TESTS_SUPPORT_SHA256_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SHA256_BASE64_BYTES = 44 };

static inline uint32_t sha256_turn(uint32_t word, unsigned bits)
{
    return word >> bits | word << (32 - bits);
}

/* The first 32 bits of the fractional part of the square (2) or cube (3) root of the n-th prime. */
static inline uint32_t sha256_root(unsigned n, unsigned power)
{
    unsigned prime = 1;
    for (unsigned found = 0; found <= n;) {
        bool is_prime = ++prime > 1;
        for (unsigned i = 2; i * i <= prime; i++) is_prime &= prime % i != 0;
        found += is_prime;
    }
    /* The highest number whose power is not above the prime times 2 to the 32 for each factor. */
    unsigned __int128 low = 0, high = (unsigned __int128)1 << 37;
    unsigned __int128 wanted = (unsigned __int128)prime << (power == 2 ? 64 : 96);
    while (high - low > 1) {
        unsigned __int128 middle = (low + high) / 2;
        unsigned __int128 raised = power == 2 ? middle * middle : middle * middle * middle;
        if (raised > wanted)
            high = middle;
        else
            low = middle;
    }
    return (uint32_t)low;
}

static inline void sha256_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t words[64], v[8];
    for (unsigned i = 0; i < 16; i++) {
        words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
                   block[4 * i + 3];
    }
    for (unsigned i = 16; i < 64; i++) {
        uint32_t a = words[i - 15], b = words[i - 2];
        words[i] = words[i - 16] + (sha256_turn(a, 7) ^ sha256_turn(a, 18) ^ a >> 3) + words[i - 7] +
                   (sha256_turn(b, 17) ^ sha256_turn(b, 19) ^ b >> 10);
    }
    memcpy(v, state, sizeof v);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t first = v[7] + (sha256_turn(v[4], 6) ^ sha256_turn(v[4], 11) ^ sha256_turn(v[4], 25)) +
                         ((v[4] & v[5]) ^ (~v[4] & v[6])) + sha256_root(i, 3) + words[i];
        uint32_t second = (sha256_turn(v[0], 2) ^ sha256_turn(v[0], 13) ^ sha256_turn(v[0], 22)) +
                          ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += first;
        v[0] = first + second;
    }
    for (unsigned i = 0; i < 8; i++) state[i] += v[i];
}

static inline void sha256_base64(const char *text, size_t size, char out[SHA256_BASE64_BYTES + 1])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t state[8];
    size_t padded = (size + 9 + 63) / 64 * 64;
    uint8_t *bytes = calloc(padded, 1), sum[33] = { 0 };
    if (bytes == NULL) abort();
    memcpy(bytes, text, size);
    bytes[size] = 0x80;
    for (unsigned i = 0; i < 8; i++) bytes[padded - 1 - i] = (uint8_t)((uint64_t)size * 8 >> 8 * i);
    for (unsigned i = 0; i < 8; i++) state[i] = sha256_root(i, 2);
    for (size_t at = 0; at < padded; at += 64) sha256_block(state, bytes + at);
    free(bytes);
    for (unsigned i = 0; i < 32; i++) sum[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
    for (unsigned i = 0; i < 44; i++) {
        unsigned bit = 6 * i, pair = (unsigned)sum[bit / 8] << 8 | (bit / 8 + 1 < 33 ? sum[bit / 8 + 1] : 0);
        out[i] = digits[pair >> (10 - bit % 8) & 63];
    }
    out[43] = '=';
    out[44] = '\0';
}

#endif
