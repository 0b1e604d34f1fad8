/* require.h - what a fuzzer holds to be true of every input. */
#ifndef FOLIO_TESTS_SUPPORT_REQUIRE_H
#define FOLIO_TESTS_SUPPORT_REQUIRE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                                 \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                       \
        }                                                                                  \
    } while (0)

/* A copy of exactly `size` bytes on the heap, whose ends the address sanitizer watches. To be freed. */
static inline char *exact_copy(const void *bytes, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    REQUIRE(copy != NULL);
    if (size > 0) memcpy(copy, bytes, size);
    return copy;
}

/* A number that depends on all of the input, to choose by. */
static inline uint32_t number_of(const uint8_t *bytes, size_t size)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 16777619u;
    return hash ^ hash >> 15;
}

/* What libFuzzer calls. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#endif
