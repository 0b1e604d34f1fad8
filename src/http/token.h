/* token.h - the bytes of a token: methods, field names, codings (RFC 9110, section 5.6.2).
 *
 * Thread: any; constants.
 */
#ifndef FOLIO_HTTP_TOKEN_H
#define FOLIO_HTTP_TOKEN_H

#include <stdbool.h>

#include "base/span.h"

extern const bool token_bytes[256];

static inline bool token_has(char c)
{
    return token_bytes[(unsigned char)c];
}

/* The first byte in [at, end) that is not a token's; `end` if none. */
static inline const char *token_end(const char *at, const char *end)
{
    while (at < end && token_has(*at)) at++;
    return at;
}

static inline bool token_is(struct span s)
{
    return s.size > 0 && token_end(s.data, s.data + s.size) == s.data + s.size;
}

#endif
