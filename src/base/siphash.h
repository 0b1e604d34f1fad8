/* siphash.h - SipHash-2-4: a short hash that nobody can foretell, or make collide, who does not know its key.
 *
 * Thread: any; a pure function.
 */
#ifndef FOLIO_BASE_SIPHASH_H
#define FOLIO_BASE_SIPHASH_H

#include <stdint.h>

#include "base/span.h"

uint64_t siphash(const uint64_t key[2], struct span bytes);

#endif
