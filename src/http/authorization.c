#include "http/authorization.h"

#include "base/base64.h"
#include "base/text_write.h"
#include "base/utf8.h"
#include "http/token.h"

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

enum authorization authorization_parse(struct span value, struct credentials *ret_credentials)
{
    if (value.data == NULL) return AUTHORIZATION_NONE;
    /* RFC 9110, 11.4: credentials = auth-scheme 1*SP token68 */
    const char *end = value.data + value.size;
    const char *at = token_end(value.data, end);
    if (!span_equal_nocase(span_of(value.data, (size_t)(at - value.data)), SPAN("Basic"))) return AUTHORIZATION_REFUSED;
    while (at < end && *at == ' ') at++;
    struct span encoded = span_of(at, (size_t)(end - at));
    if (base64_decoded_bytes_max(encoded.size) > sizeof ret_credentials->room) return AUTHORIZATION_REFUSED;
    struct span pair = { .data = ret_credentials->room };
    if (!base64_decode(encoded, ret_credentials->room, &pair.size)) return AUTHORIZATION_REFUSED;
    /* RFC 7617, 2: neither may hold control characters; 2.1: we asked for UTF-8. */
    for (size_t i = 0; i < pair.size; i++) {
        if (is_control(pair.data[i])) return AUTHORIZATION_REFUSED;
    }
    if (!utf8_is_valid(pair)) return AUTHORIZATION_REFUSED;
    const char *colon = pair.size > 0 ? memchr(pair.data, ':', pair.size) : NULL;
    if (colon == NULL) return AUTHORIZATION_REFUSED;
    ret_credentials->user = span_first(pair, (size_t)(colon - pair.data));
    ret_credentials->password = span_from(pair, ret_credentials->user.size + 1);
    return AUTHORIZATION_BASIC;
}

enum authorization authorization_of(const struct request *request, struct credentials *ret_credentials)
{
    uint16_t cursor = 0;
    struct span value = SPAN_NONE, another;
    (void)request_next_value(request, FIELD_AUTHORIZATION, &cursor, &value);
    if (request_next_value(request, FIELD_AUTHORIZATION, &cursor, &another)) return AUTHORIZATION_REFUSED;
    return authorization_parse(value, ret_credentials);
}

void credentials_forget(struct credentials *credentials)
{
    explicit_bzero(credentials, sizeof *credentials);
}

char *authorization_append_challenge(char *at, struct span realm)
{
    if (realm.size > REALM_BYTES_MAX) realm.size = REALM_BYTES_MAX;
    at = text_append(at, SPAN("WWW-Authenticate: Basic realm=\""));
    for (size_t i = 0; i < realm.size; i++) {
        char c = realm.data[i];
        /* RFC 9110, 5.6.4: quoted-pair */
        if (c == '"' || c == '\\') *at++ = '\\';
        *at++ = is_control(c) ? '?' : c;
    }
    return text_append(at, SPAN("\", charset=\"UTF-8\"\r\n"));
}
