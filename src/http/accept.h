/* accept.h - how much a client wants a media type (RFC 9110, section 12.5.1).
 *
 * Thread: any; a pure function.
 */
#ifndef FOLIO_HTTP_ACCEPT_H
#define FOLIO_HTTP_ACCEPT_H

#include "http/request.h"

/* The weight of `type` ("text/html", in lower case) in thousandths (http/weight.h), by the most specific range that has it; 0: it is not wanted. Without
 * the field everything is. Parameters of ranges but the weight are overlooked. */
unsigned accept_weight(const struct request *request, struct span type);

#endif
