#include "base/siphash.h"

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void round_of(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void take_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    round_of(v);
    round_of(v);
    v[0] ^= word;
}

/* Up to eight bytes, the first the lowest. */
static uint64_t word_of(const char *bytes, size_t size)
{
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++) word |= (uint64_t)(uint8_t)bytes[i] << 8 * i;
    return word;
}

uint64_t siphash(const uint64_t key[2], struct span bytes)
{
    uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
                      key[1] ^ 0x7465646279746573 };
    size_t whole = bytes.size - bytes.size % 8;
    for (size_t i = 0; i < whole; i += 8) take_word(v, word_of(bytes.data + i, 8));
    take_word(v, word_of(bytes.data + whole, bytes.size - whole) | (uint64_t)bytes.size << 56);
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 4; i++) round_of(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
