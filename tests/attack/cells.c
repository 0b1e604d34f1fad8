#include "cells.h"

#include <stddef.h>
#include <string.h>

static const char magic[8] = "stamped";

struct layout {
    char magic[sizeof magic];
    struct stamp stamp;
    uint64_t noise[(CELL_BYTES - sizeof magic - sizeof(struct stamp) - sizeof(uint64_t)) / sizeof(uint64_t)];
    uint64_t checksum; /* of everything before it */
};
_Static_assert(sizeof(struct layout) == CELL_BYTES, "a cell has no holes");

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t checksum_of(const struct layout *cell)
{
    uint64_t words[offsetof(struct layout, checksum) / sizeof(uint64_t)], sum = 0;
    memcpy(words, cell, sizeof words);
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15u;
    return mix(sum);
}

void cell_write(const struct stamp *stamp, unsigned char out[CELL_BYTES])
{
    struct layout cell = { .stamp = *stamp };
    memcpy(cell.magic, magic, sizeof magic);
    uint64_t seed = mix((uint64_t)stamp->file << 32 | stamp->generation) ^ stamp->index;
    for (unsigned i = 0; i < sizeof cell.noise / sizeof *cell.noise; i++)
        cell.noise[i] = mix(seed += 0x9e3779b97f4a7c15u);
    cell.checksum = checksum_of(&cell);
    memcpy(out, &cell, sizeof cell);
}

bool cell_read(const unsigned char cell[CELL_BYTES], struct stamp *ret_stamp)
{
    struct layout read;
    memcpy(&read, cell, sizeof read);
    if (memcmp(read.magic, magic, sizeof magic) != 0 || read.checksum != checksum_of(&read)) return false;
    *ret_stamp = read.stamp;
    return true;
}
