/* password.h - whether a password is the one that a line of an htpasswd file was made of.
 *
 * Role:   bcrypt and SHA-crypt by libcrypt; APR1, which it does not know, in password_apr1.c. Whatever else a file has (plain text, {SHA},
 *         DES) is nobody's password.
 * Owns:   nothing. Thread: any; it takes as long as the form says, up to seconds: never a worker's.
 */
#ifndef FOLIO_SERVER_PASSWORD_H
#define FOLIO_SERVER_PASSWORD_H

#include <crypt.h>

#include "base/compiler.h"
#include "base/span.h"

enum { PASSWORD_HASH_BYTES_MAX = 128 };

/* Of one of the forms that are understood. */
NODISCARD bool password_hash_is_known(struct span hash);

/* `password` and `hash` end with NUL; room is overwritten. The time that it takes depends on the form, and not on what is equal. */
NODISCARD bool password_matches(const char *password, const char *hash, struct crypt_data *room);

/* APR1: MD5, a thousand times over, as Apache has written it since 1.3. `out` has PASSWORD_HASH_BYTES_MAX bytes. */
void password_apr1(struct span password, struct span salt, char *out);

#endif
