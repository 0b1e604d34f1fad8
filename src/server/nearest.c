#include "server/nearest.h"

#include <stdint.h>

#include "base/compiler.h"

enum { WORD_BYTES_MAX = 64 };

/* Levenshtein's distance, letters' case ignored; names are short. */
static unsigned distance(struct span a, struct span b)
{
    unsigned row[WORD_BYTES_MAX];
    if (a.size >= WORD_BYTES_MAX || b.size >= WORD_BYTES_MAX) return UINT32_MAX;
    for (unsigned j = 0; j <= b.size; j++) row[j] = j;
    for (unsigned i = 1; i <= a.size; i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.size; j++) {
            unsigned changed = corner + (ascii_lower(a.data[i - 1]) != ascii_lower(b.data[j - 1]));
            corner = row[j];
            unsigned shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = changed < shorter ? changed : shorter;
        }
    }
    return row[b.size];
}

void nearest_try(struct nearest *nearest, struct span known)
{
    unsigned d = distance(nearest->word, known);
    if (d >= nearest->distance) return;
    nearest->distance = d;
    nearest->best = known;
}

struct span nearest_end(const struct nearest *nearest)
{
    return nearest->best.data && nearest->distance <= 1 + nearest->word.size / 4 ? nearest->best : SPAN_NONE;
}

struct span nearest_choice(struct span word, const char *choices)
{
    struct nearest nearest = nearest_begin(word);
    for (const char *at = choices; *at;) {
        size_t size = strcspn(at, "|");
        nearest_try(&nearest, span_of(at, size));
        at += size + (at[size] == '|');
    }
    return nearest_end(&nearest);
}
