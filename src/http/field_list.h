/* field_list.h - the elements of a field value that is a list (RFC 9110, section 5.6.1).
 *
 * Thread: any; a pure function.
 */
#ifndef FOLIO_HTTP_FIELD_LIST_H
#define FOLIO_HTTP_FIELD_LIST_H

#include <stdbool.h>

#include "base/span.h"

/* Take the next element off the front of `list`, without the white space around it; false when none is left. An element may be empty:
 * whether that is overlooked (5.6.1.2) is the caller's to say. For lists of tokens: commas in quoted strings are not understood. */
bool field_list_next(struct span *list, struct span *ret_element);

/* `value` without the spaces and tabs at both its ends. */
struct span field_value_trim(struct span value);

#endif
