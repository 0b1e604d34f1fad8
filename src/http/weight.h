/* weight.h - how much something is wanted: the q of Accept and its kin.
 *
 * Thread: any; a pure function.
 */
#ifndef FOLIO_HTTP_WEIGHT_H
#define FOLIO_HTTP_WEIGHT_H

#include "base/compiler.h"
#include "base/span.h"

enum { WEIGHT_MAX = 1000 };

/* RFC 9110, 12.4.2: `text` (what stands behind "q=") in thousandths. False: malformed. */
NODISCARD bool weight_parse(struct span text, int *ret_weight);

#endif
