#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/md5.h"
#include "base/siphash.h"
#include "server/password.h"

static bool matches(const char *password, const char *hash)
{
    struct crypt_data *room = malloc(sizeof *room);
    assert_non_null(room);
    bool is_right = password_matches(password, hash, room);
    free(room);
    return is_right;
}

/* RFC 1321, A.5 */
static void md5_is_that_of_its_standard(void **state)
{
    (void)state;
    static const struct {
        const char *text, *digest;
    } rows[] = {
        { "", "d41d8cd98f00b204e9800998ecf8427e" },
        { "a", "0cc175b9c0f1b6a831c399e269772661" },
        { "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
        { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f" },
        { "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
          "57edf4a22be3c955ac49da2e2107b67a" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct md5 md5;
        uint8_t digest[MD5_BYTES];
        char text[2 * MD5_BYTES + 1];
        md5_begin(&md5);
        md5_add(&md5, span_of_string(rows[i].text));
        md5_end(&md5, digest);
        for (unsigned j = 0; j < MD5_BYTES; j++) snprintf(text + 2 * j, 3, "%02x", digest[j]);
        assert_string_equal(text, rows[i].digest);
    }
}

/* The vectors of its authors: the key is 0 to 15, the text 0 to its length. */
static void siphash_is_that_of_its_authors(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        uint64_t hash;
    } rows[] = {
        { 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd }, { 8, 0x93f5f5799a932462 }, { 15, 0xa129ca6149be45e5 }
    };
    const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
    char text[16];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)i;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        assert_int_equal(siphash(key, span_of(text, rows[i].size)), rows[i].hash);
}

/* Made by openssl passwd -apr1. */
static void apr1_is_that_of_others(void **state)
{
    (void)state;
    assert_true(matches("password1", "$apr1$saltsalt$JpJ.tnO8d1zZMqIWNLYmK0"));
    assert_true(matches("password2", "$apr1$saltsalt$OBC62FN9OngAO6EFruayF0"));
    assert_true(matches("", "$apr1$a$lsAcX0kKaMIVmrCtUuk5b0"));
    char longest[101];
    memset(longest, 'x', 100);
    longest[100] = '\0';
    assert_true(matches(longest, "$apr1$12345678$yiFoyfrrVNwrIepED8sjv0"));
    assert_false(matches("password2", "$apr1$saltsalt$JpJ.tnO8d1zZMqIWNLYmK0"));
    assert_false(matches("password1", "$apr1$saltsalt$JpJ.tnO8d1zZMqIWNLYmK"));
    assert_false(matches("password1", "$apr1$saltsalt$"));
    assert_false(matches("password1", "$apr1$saltsalt"));
    assert_false(matches("password1", "$apr1$"));
}

static void only_known_forms_are_asked_for(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",    "*",  "password", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "$1$saltsalt$x", "$y$j9T$salt$x", "ab01FAX.bQRSU",
        "$2$", "$2y"
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_false(password_hash_is_known(span_of_string(rows[i])));
        assert_false(matches("password", rows[i]));
    }
    char endless[PASSWORD_HASH_BYTES_MAX + 8] = "$6$";
    memset(endless + 3, 'a', sizeof endless - 4);
    assert_false(password_hash_is_known(span_of_string(endless)));
}

static void a_hash_that_is_cut_is_nobodys(void **state)
{
    (void)state;
    static const char *const rows[] = { "$2y$04$abcdefghijklmnopqrstu", "$2y$99$abcdefghijklmnopqrstuu", "$6$", "$5$" };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) assert_false(matches("password", rows[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(md5_is_that_of_its_standard),   cmocka_unit_test(siphash_is_that_of_its_authors),
        cmocka_unit_test(apr1_is_that_of_others),        cmocka_unit_test(only_known_forms_are_asked_for),
        cmocka_unit_test(a_hash_that_is_cut_is_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
