/* pages.h - the small pages that say what went wrong, or where something went.
 *
 * Role:   made once at the start, one for each status that has one. Thread: read by all, changed by none.
 */
#ifndef FOLIO_SERVER_PAGES_H
#define FOLIO_SERVER_PAGES_H

#include "http/status.h"

/* The page for `status`; empty for those without one (100, 200, 204, 206, 304). It lives for good. */
struct span page_of(enum http_status status);

#endif
