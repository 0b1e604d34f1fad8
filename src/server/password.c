#include "server/password.h"

#include <string.h>

static const struct span apr1 = { "$apr1$", 6 };

bool password_hash_is_known(struct span hash)
{
    static const struct span forms[] = { { "$2y$", 4 }, { "$2b$", 4 }, { "$2a$", 4 }, { "$5$", 3 }, { "$6$", 3 } };
    if (hash.size >= PASSWORD_HASH_BYTES_MAX || memchr(hash.data, '\0', hash.size)) return false;
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        if (span_starts_with(hash, forms[i])) return true;
    }
    return span_starts_with(hash, apr1);
}

static bool equals(const char *a, const char *b)
{
    size_t size = strlen(a);
    unsigned char differs = 0;
    if (strlen(b) != size) return false; /* the length is the form's, and no secret */
    for (size_t i = 0; i < size; i++) differs |= (unsigned char)(a[i] ^ b[i]);
    return differs == 0;
}

bool password_matches(const char *password, const char *hash, struct crypt_data *room)
{
    struct span text = span_of_string(hash);
    if (!password_hash_is_known(text)) return false;
    if (span_starts_with(text, apr1)) {
        char made[PASSWORD_HASH_BYTES_MAX];
        struct span salt = span_from(text, apr1.size);
        const char *end = memchr(salt.data, '$', salt.size);
        if (end) salt.size = (size_t)(end - salt.data);
        password_apr1(span_of_string(password), salt, made);
        return equals(made, hash);
    }
    memset(room, 0, sizeof *room);
    const char *made = crypt_r(password, hash, room);
    bool is_equal = made && made[0] != '*' && equals(made, hash);
    explicit_bzero(room, sizeof *room);
    return is_equal;
}
