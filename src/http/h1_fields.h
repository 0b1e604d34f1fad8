/* h1_fields.h - what the fields of a complete HTTP/1 head say about the connection and the content.
 *
 * Role:   one part of h1_parse: Host (RFC 9112, 3.2), message body length (6.3), persistence (9.3), Expect (RFC 9110, 10.1.1).
 * Owns:   nothing. Thread: any; a pure function.
 */
#ifndef FOLIO_HTTP_H1_FIELDS_H
#define FOLIO_HTTP_H1_FIELDS_H

#include <stdbool.h>

#include "base/compiler.h"
#include "http/request.h"
#include "http/status.h"

/* Judge the fields of `request`, and fill in authority, framing, content_length, is_persistent and expects_continue.
 * repeated_mask has a bit for each field id that is on more than one line. False: ret_status says why. */
NODISCARD bool h1_fields_judge(struct request *request, uint32_t repeated_mask, enum http_status *ret_status);

#endif
