/* field_name.h - which of the fields that Folio reads a name stands for.
 *
 * Thread: any; a pure function.
 */
#ifndef FOLIO_HTTP_FIELD_NAME_H
#define FOLIO_HTTP_FIELD_NAME_H

#include "base/span.h"
#include "http/request.h"

/* `name` is a token, in any case of letters; FIELD_OTHER if it is none of them. */
enum field_id field_name_id(struct span name);

#endif
