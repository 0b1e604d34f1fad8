/* spares.h - descriptors that are held to be given up for a load that finds none.
 *
 * Role:   a load needs two descriptors for a moment. Where the limit was lowered to what is open, or the system has no more, everybody who
 *         waits for a load would wait for somebody else's; so the loaders have some of their own. They are given up for one
 *         load, and taken again after it. Of one lane of loads only one has any at a time: a device that hangs keeps no more.
 * Owns:   the descriptors. Their numbers are the lowest that were free at the start, so that they are below a limit that is lowered later; what
 *         is to stay open for long does not stay at one of these numbers (spares_keep_off).
 * Thread: any; a lock of its own, held for no call that waits.
 * Limits: SPARES_MAX. Of those as many as a load needs are never given to what stays open.
 */
#ifndef FOLIO_CACHE_SPARES_H
#define FOLIO_CACHE_SPARES_H

#include <stdbool.h>

#include "base/compiler.h"

enum { SPARES_A_LOAD = 2, SPARES_LOADS_MAX = 3, SPARES_MAX = SPARES_A_LOAD * SPARES_LOADS_MAX };

struct spares;

/* NULL: no memory. */
NODISCARD struct spares *spares_new(void);
void spares_free(struct spares *spares); /* takes NULL */

/* Give up what a load needs, for one in `lane`, until spares_take_back(). Waits a moment for those who have some.
 * False: others have them still; or `spares` is NULL. */
NODISCARD bool spares_give_up(struct spares *spares, const void *lane);
void spares_take_back(struct spares *spares, const void *lane);

/* `fd`, which is to stay open, is moved off the numbers of the spares, if it has one of these and there is another. Returns its number. */
int spares_keep_off(const struct spares *spares, int fd);

/* Whether `fd` may stay open where it is: else too few would be left for a load. */
bool spares_can_miss(struct spares *spares, int fd);

/* The numbers of the spares are below this one; 0: `spares` is NULL. */
int spares_end(const struct spares *spares);

#endif
