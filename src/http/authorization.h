/* authorization.h - Basic authentication (RFC 9110, section 11; RFC 7617).
 *
 * Role:   reads what a client presents, and writes what it is asked for. Whether a password is right is not known here.
 * Owns:   nothing. Thread: any; pure functions.
 * Limits: CREDENTIALS_BYTES_MAX for name and password together.
 */
#ifndef FOLIO_HTTP_AUTHORIZATION_H
#define FOLIO_HTTP_AUTHORIZATION_H

#include "base/compiler.h"
#include "http/request.h"

enum {
    CREDENTIALS_BYTES_MAX = 512,
    REALM_BYTES_MAX = 200,
    CHALLENGE_BYTES_MAX = 2 * REALM_BYTES_MAX + 64,
};

enum authorization {
    AUTHORIZATION_NONE,  /* there is none: ask for it (401) */
    AUTHORIZATION_BASIC, /* name and password */
    AUTHORIZATION_REFUSED, /* another scheme, malformed, too long, on several lines: the same answer as to a wrong password */
};

/* The room in which a name and a password stand once they are decoded. */
struct credentials {
    struct span user, password; /* UTF-8 without control characters, in `room`; either may be empty; no ':' in `user` */
    char room[CREDENTIALS_BYTES_MAX];
};

/* The value of an Authorization field; data NULL: absent. ret_credentials: set on AUTHORIZATION_BASIC; credentials_forget() it after use. */
NODISCARD enum authorization authorization_parse(struct span value, struct credentials *ret_credentials);

/* The same for a request, which may have one such field only. */
NODISCARD enum authorization authorization_of(const struct request *request, struct credentials *ret_credentials);

/* Overwrite what was decoded, in a way that no compiler leaves out. */
void credentials_forget(struct credentials *credentials);

/* The field line of a 401: "WWW-Authenticate: Basic realm="...", charset="UTF-8"\r\n". What cannot stand in a field (control
 * characters) becomes '?', and what is longer than REALM_BYTES_MAX is cut. At most CHALLENGE_BYTES_MAX bytes; returns where the next goes. */
char *authorization_append_challenge(char *at, struct span realm);

#endif
