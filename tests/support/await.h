/* await.h - waiting in a test for what another thread does.
 *
 * It comes, or the test fails after AWAIT_PATIENCE_MS: far longer than anything takes on a machine that others load.
 */
#ifndef FOLIO_TESTS_SUPPORT_AWAIT_H
#define FOLIO_TESTS_SUPPORT_AWAIT_H

#include <poll.h>

enum { AWAIT_PATIENCE_MS = 20000 };

/* Wait until `condition`, which is asked again and again, is true. */
#define AWAIT(condition)                                  \
    do {                                                  \
        for (int tries = 0; !(condition); tries++) {      \
            assert_in_range(tries, 0, AWAIT_PATIENCE_MS); \
            poll(NULL, 0, 1);                             \
        }                                                 \
    } while (0)

#endif
