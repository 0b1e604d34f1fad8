/* text_escape.h - names and other foreign bytes, in HTML and in JSON.
 *
 * Role:   writes bytes so that they mean themselves where they are put, whatever they are. What is no UTF-8 becomes U+FFFD.
 *         Each writes at `at`, where there is room for TEXT_ESCAPED_FACTOR * text.size bytes, and returns where the next goes.
 * Owns:   nothing. Thread: any; pure functions.
 */
#ifndef FOLIO_BASE_TEXT_ESCAPE_H
#define FOLIO_BASE_TEXT_ESCAPE_H

#include "base/span.h"

enum { TEXT_ESCAPED_FACTOR = 6 };

/* For the content of an HTML element, and for an attribute's value in quotes of either kind. Control characters become their pictures (U+2400 to
 * U+2421), and the characters that turn the direction of what follows become U+FFFD, so that a name cannot look like another one. */
char *text_append_html(char *at, struct span text);

/* For the inside of a JSON string (RFC 8259, section 7); the quotes are the caller's. */
char *text_append_json(char *at, struct span text);

#endif
