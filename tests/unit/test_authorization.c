#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "http/authorization.h"

static const struct {
    const char *value;
    enum authorization authorization;
    const char *user;
    const char *password;
} rows[] = {
    { NULL, AUTHORIZATION_NONE, NULL, NULL },
    { "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", AUTHORIZATION_BASIC, "Aladdin", "open sesame" }, /* RFC 7617, 2 */
    { "basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", AUTHORIZATION_BASIC, "Aladdin", "open sesame" },
    { "Basic   QWxhZGRpbjpvcGVuIHNlc2FtZQ==", AUTHORIZATION_BASIC, "Aladdin", "open sesame" },
    { "Basic dGVzdDoxMjPCow==", AUTHORIZATION_BASIC, "test", "123\xc2\xa3" }, /* RFC 7617, 2.1 */
    { "Basic Og==", AUTHORIZATION_BASIC, "", "" },
    { "Basic YTo=", AUTHORIZATION_BASIC, "a", "" },
    { "Basic OmI=", AUTHORIZATION_BASIC, "", "b" },
    { "Basic YTpiOmM=", AUTHORIZATION_BASIC, "a", "b:c" },
    { "Basic YTpi", AUTHORIZATION_BASIC, "a", "b" },
    { "", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic ", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic YQ==", AUTHORIZATION_REFUSED, NULL, NULL }, /* no colon */
    { "BasicQWxhZGRpbjpvcGVuIHNlc2FtZQ==", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic\tYTpi", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Bearer YTpi", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Digest username=\"a\"", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basicx YTpi", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic YTpi YTpi", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic YTpi,", AUTHORIZATION_REFUSED, NULL, NULL },
    /* base 64, but not the one form of it */
    { "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ===", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic QWxhZGRpbjpvcGVuIHNlc2FtZR==", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic Oh==", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic YTp=", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic O===", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic ====", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic YT==YTpi", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic YTp-", AUTHORIZATION_REFUSED, NULL, NULL },
    { "Basic YTp_", AUTHORIZATION_REFUSED, NULL, NULL },
    /* what it stands for */
    { "Basic YToA", AUTHORIZATION_REFUSED, NULL, NULL },         /* NUL */
    { "Basic YToK", AUTHORIZATION_REFUSED, NULL, NULL },         /* LF */
    { "Basic YTp/", AUTHORIZATION_REFUSED, NULL, NULL },         /* DEL */
    { "Basic YTr/", AUTHORIZATION_REFUSED, NULL, NULL },         /* no UTF-8 */
    { "Basic dGVzdDoxMjOj", AUTHORIZATION_REFUSED, NULL, NULL }, /* the pound sign in Latin-1 */
};

static void basic_credentials_are_read(void **state)
{
    (void)state;
    struct guarded guarded = guarded_open(4096);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct credentials credentials;
        struct span value = SPAN_NONE;
        if (rows[i].value) {
            size_t size = strlen(rows[i].value);
            value = span_of(guarded_copy(&guarded, rows[i].value, size), size);
        }
        enum authorization authorization = authorization_parse(value, &credentials);
        if (authorization != rows[i].authorization) fail_msg("%s: %d", rows[i].value, (int)authorization);
        if (authorization != AUTHORIZATION_BASIC) continue;
        if (!span_equal(credentials.user, span_of_string(rows[i].user))) fail_msg("%s: user", rows[i].value);
        if (!span_equal(credentials.password, span_of_string(rows[i].password)))
            fail_msg("%s: password", rows[i].value);
    }
    guarded_close(&guarded);
}

static void credentials_are_bounded(void **state)
{
    (void)state;
    struct credentials credentials;
    char value[1024];
    size_t most = CREDENTIALS_BYTES_MAX / 3 * 4;
    memset(value, 'a', sizeof value);
    memcpy(value, "Basic YTpi", 10);
    assert_int_equal(authorization_parse(span_of(value, 6 + most + 4), &credentials), AUTHORIZATION_REFUSED);
    /* "aaaa" is no UTF-8: of what fits, let it be "abc". */
    for (size_t i = 10; i < 6 + most; i += 4) memcpy(value + i, "YWJj", 4);
    assert_int_equal(authorization_parse(span_of(value, 6 + most), &credentials), AUTHORIZATION_BASIC);
    assert_int_equal(credentials.user.size + 1 + credentials.password.size, CREDENTIALS_BYTES_MAX / 3 * 3);
    memcpy(value + 6 + most, "YWJj", 4);
    assert_int_equal(authorization_parse(span_of(value, 6 + most + 4), &credentials), AUTHORIZATION_REFUSED);
}

static void two_fields_are_refused(void **state)
{
    (void)state;
    struct credentials credentials;
    struct request request = { .field_count = 0 };
    assert_int_equal(authorization_of(&request, &credentials), AUTHORIZATION_NONE);
    request.known_mask = 1u << FIELD_AUTHORIZATION;
    request.fields[request.field_count++] = (struct field){ SPAN(""), SPAN("Basic YTpi"), FIELD_AUTHORIZATION };
    assert_int_equal(authorization_of(&request, &credentials), AUTHORIZATION_BASIC);
    request.fields[request.field_count++] = (struct field){ SPAN(""), SPAN("Basic YTpi"), FIELD_AUTHORIZATION };
    assert_int_equal(authorization_of(&request, &credentials), AUTHORIZATION_REFUSED);
}

static void what_was_read_is_forgotten(void **state)
{
    (void)state;
    struct credentials credentials, zero;
    assert_int_equal(authorization_parse(SPAN("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), &credentials),
                     AUTHORIZATION_BASIC);
    credentials_forget(&credentials);
    memset(&zero, 0, sizeof zero);
    assert_memory_equal(credentials.room, zero.room, sizeof zero.room);
    assert_null(credentials.user.data);
}

static void a_challenge_quotes_its_realm(void **state)
{
    (void)state;
    static const struct {
        struct span realm;
        const char *quoted;
    } realms[] = {
        { { "Members", 7 }, "Members" },
        { { "", 0 }, "" },
        { { "a \"b\" \\c", 8 }, "a \\\"b\\\" \\\\c" },
        { { "a\r\nX: y\0\x7f", 9 }, "a??X: y??" },
        { { "M\xc3\xbcller", 7 }, "M\xc3\xbcller" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(realms); i++) {
        char line[CHALLENGE_BYTES_MAX + 1], wanted[CHALLENGE_BYTES_MAX + 1] = "WWW-Authenticate: Basic realm=\"";
        strcat(strcat(wanted, realms[i].quoted), "\", charset=\"UTF-8\"\r\n");
        *authorization_append_challenge(line, realms[i].realm) = '\0';
        assert_string_equal(line, wanted);
    }
    char realm[REALM_BYTES_MAX + 1], line[CHALLENGE_BYTES_MAX];
    memset(realm, '"', sizeof realm);
    size_t most = (size_t)(authorization_append_challenge(line, span_of(realm, REALM_BYTES_MAX)) - line);
    assert_true(most <= CHALLENGE_BYTES_MAX);
    assert_int_equal(authorization_append_challenge(line, span_of(realm, sizeof realm)) - line, most);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(basic_credentials_are_read),   cmocka_unit_test(credentials_are_bounded),
        cmocka_unit_test(two_fields_are_refused),       cmocka_unit_test(what_was_read_is_forgotten),
        cmocka_unit_test(a_challenge_quotes_its_realm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
