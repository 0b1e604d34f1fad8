/* nearest.h - what may have been meant by a word that is not known.
 *
 * Role:   of the known words, the one with the fewest letters to change. Thread: any; a value.
 */
#ifndef FOLIO_SERVER_NEAREST_H
#define FOLIO_SERVER_NEAREST_H

#include "base/span.h"

struct nearest {
    struct span word, best;
    unsigned distance;
};

static inline struct nearest nearest_begin(struct span word)
{
    return (struct nearest){ .word = word, .distance = ~0u };
}

void nearest_try(struct nearest *nearest, struct span known);

/* data is NULL: none is near enough to be named. */
struct span nearest_end(const struct nearest *nearest);

/* One of `choices`, which are separated by '|'. */
struct span nearest_choice(struct span word, const char *choices);

#endif
