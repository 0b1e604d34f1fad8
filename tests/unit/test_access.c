#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/config_rig.h"
#include "server/access.h"

#define BASIC "AuthType Basic\nAuthName a\nAuthUserFile /etc/users\n"

/* "Basic anna:right", "Basic bert:right". */
#define ANNA "Basic YW5uYTpyaWdodA=="
#define BERT "Basic YmVydDpyaWdodA=="

/* One whose name is what another Require says. */
#define NETWORK "Basic MTAuMC4wLjAvODpyaWdodA=="

/* The authenticator says what the test wants. */
static enum status verdict;
static unsigned asked;
static const struct asking *asking_now;

enum status __wrap_authenticator_ask(struct authenticator *authenticator, struct span path,
                                     const struct credentials *credentials, const struct mail *mails,
                                     struct mailbox *mailbox, uint64_t cookie);

enum status __wrap_authenticator_ask(struct authenticator *authenticator, struct span path,
                                     const struct credentials *credentials, const struct mail *mails,
                                     struct mailbox *mailbox, uint64_t cookie)
{
    (void)authenticator;
    asked++;
    assert_string_equal(path.data, "/etc/users");
    assert_true(span_equal(credentials->password, SPAN("right")));
    assert_ptr_equal(mails, asking_now->mails);
    assert_ptr_equal(mailbox, asking_now->mailbox);
    assert_int_equal(cookie, asking_now->cookie);
    return verdict;
}

/* What `rules` say to a request from `client` (NULL: a Unix socket) with that Authorization field (NULL: without one). */
static enum access decide(const struct policy *policy, const char *client, const char *field, char ret_user[80])
{
    struct mail mail = { .cookie = 1 };
    struct mailbox mailbox;
    struct asking asking = { .mailbox = &mailbox, .mails = &mail, .cookie = 42 };
    struct request request = { .field_count = 0 };
    struct question_room room;
    struct peer_address peer = { .is_unix = !client };
    struct question question = { .asking = &asking, .peer = &peer, .room = &room, .to.request = &request };
    struct ip_address address;
    if (client && ip_address_parse(span_of_string(client), &address))
        memcpy(peer.bytes, address.bytes, sizeof peer.bytes);
    if (field) {
        request.fields[0] = (struct field){ SPAN("Authorization"), span_of_string(field), FIELD_AUTHORIZATION };
        request.field_count = 1;
        request.known_mask = 1u << FIELD_AUTHORIZATION;
    }
    asking_now = &asking;
    asked = 0;
    enum access access = access_decide(&question, policy);
    memcpy(ret_user, room.user, question.user_size);
    ret_user[question.user_size] = '\0';
    return access;
}

static const struct {
    const char *config, *client, *field;
    enum status verdict;
    enum access wanted;
    unsigned asked;
    const char *user;
} rows[] = {
    /* by address */
    { "Require ip 10.0.0.0/8", "10.1.2.3", NULL, STATUS_FAILED, ACCESS_GRANTED, 0, "" },
    { "Require ip 10.0.0.0/8", "11.1.2.3", NULL, STATUS_FAILED, ACCESS_DENIED, 0, "" },
    { "Require ip 10.0.0.0/8 192.0.2.1", "192.0.2.1", NULL, STATUS_FAILED, ACCESS_GRANTED, 0, "" },
    { "Require ip 10.0.0.0/8\nRequire ip 192.0.2.1", "192.0.2.1", NULL, STATUS_FAILED, ACCESS_GRANTED, 0, "" },
    { "Require ip 2001:db8::/32", "2001:db8::1", NULL, STATUS_FAILED, ACCESS_GRANTED, 0, "" },
    { "Require ip ::/0", NULL, NULL, STATUS_FAILED, ACCESS_DENIED, 0, "" }, /* it has none */
    { "Require all denied", "10.1.2.3", NULL, STATUS_FAILED, ACCESS_DENIED, 0, "" },
    { "Require all denied\nRequire ip 10.0.0.0/8", "10.1.2.3", NULL, STATUS_FAILED, ACCESS_GRANTED, 0, "" },
    { "Require ip 10.0.0.0/8\nRequire all granted", NULL, NULL, STATUS_FAILED, ACCESS_GRANTED, 0, "" },
    { "", NULL, NULL, STATUS_FAILED, ACCESS_GRANTED, 0, "" }, /* nothing is said */
    /* by name, if the address does not let him in */
    { BASIC "Require valid-user", "10.1.2.3", NULL, STATUS_FAILED, ACCESS_ASKS, 0, "" },
    { BASIC "Require valid-user", "10.1.2.3", ANNA, STATUS_OK, ACCESS_GRANTED, 1, "anna" },
    { BASIC "Require valid-user", NULL, ANNA, STATUS_OK, ACCESS_GRANTED, 1, "anna" },
    { BASIC "Require valid-user\nRequire ip 10.0.0.0/8", "10.1.2.3", ANNA, STATUS_FAILED, ACCESS_GRANTED, 0, "" },
    { BASIC "Require valid-user\nRequire ip 10.0.0.0/8", "11.1.2.3", ANNA, STATUS_OK, ACCESS_GRANTED, 1, "anna" },
    { BASIC "Require user anna", "10.1.2.3", ANNA, STATUS_OK, ACCESS_GRANTED, 1, "anna" },
    { BASIC "Require user carl anna", "10.1.2.3", ANNA, STATUS_OK, ACCESS_GRANTED, 1, "anna" },
    { BASIC "Require user carl\nRequire user anna", "10.1.2.3", ANNA, STATUS_OK, ACCESS_GRANTED, 1, "anna" },
    { BASIC "Require user carl\nRequire valid-user", "10.1.2.3", ANNA, STATUS_OK, ACCESS_GRANTED, 1, "anna" },
    { BASIC "Require user anna", "10.1.2.3", BERT, STATUS_OK, ACCESS_DENIED, 1, "bert" },
    { BASIC "Require user ann annabel Anna", "10.1.2.3", ANNA, STATUS_OK, ACCESS_DENIED, 1, "anna" },
    { BASIC "Require user anna\nRequire ip 10.0.0.0/8", "11.1.2.3", NETWORK, STATUS_OK, ACCESS_DENIED, 1,
      "10.0.0.0/8" },
    { BASIC "Require user anna", "10.1.2.3", ANNA, STATUS_REFUSED, ACCESS_ASKS, 1, "" },
    { BASIC "Require valid-user", "10.1.2.3", "Bearer abc", STATUS_OK, ACCESS_ASKS, 0, "" },
    { BASIC "Require valid-user", "10.1.2.3", "Basic !", STATUS_OK, ACCESS_ASKS, 0, "" },
    /* when it cannot be told */
    { BASIC "Require valid-user", "10.1.2.3", ANNA, STATUS_WOULD_BLOCK, ACCESS_WAITS, 1, "" },
    { BASIC "Require valid-user", "10.1.2.3", ANNA, STATUS_BUSY, ACCESS_OVERWHELMED, 1, "" },
    { BASIC "Require valid-user", "10.1.2.3", ANNA, STATUS_EXHAUSTED, ACCESS_OVERWHELMED, 1, "" },
    { BASIC "Require valid-user", "10.1.2.3", ANNA, STATUS_FAILED, ACCESS_BROKEN, 1, "" },
    /* Nobody is asked for a name where none would help, or where there is no file of names. */
    { BASIC "Require ip 10.0.0.0/8", "11.1.2.3", ANNA, STATUS_OK, ACCESS_DENIED, 0, "" },
    { BASIC "Require all denied", "11.1.2.3", ANNA, STATUS_OK, ACCESS_DENIED, 0, "" },
    { "AuthUserFile /etc/users\nRequire valid-user", "10.1.2.3", ANNA, STATUS_OK, ACCESS_DENIED, 0, "" },
    { "AuthType Basic\nAuthName a\nRequire valid-user", "10.1.2.3", ANNA, STATUS_OK, ACCESS_DENIED, 0, "" },
};

static void one_requirement_that_is_met_suffices(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct config_rig rig;
        char user[80];
        if (!rig_read(&rig, rows[i].config)) fail_msg("%s: %s", rows[i].config, rig.error);
        struct policy policy = { .rules = &rig.config.sites[0]->rules, .is_restricted = true };
        verdict = rows[i].verdict;
        enum access access = decide(&policy, rows[i].client, rows[i].field, user);
        if (access != rows[i].wanted || asked != rows[i].asked || strcmp(user, rows[i].user) != 0)
            fail_msg("%s, %s: %d, asked %u times, %s", rows[i].config, rows[i].client ? rows[i].client : "unix",
                     (int)access, asked, user);
        rig_close(&rig);
    }
}

static void what_nothing_is_said_of_is_everybodys(void **state)
{
    (void)state;
    struct rules nothing = { .set = 0 };
    struct policy open = { .rules = NULL }, silent = { .rules = &nothing, .is_restricted = true };
    char user[80];
    assert_int_equal(decide(&open, "10.1.2.3", ANNA, user), ACCESS_GRANTED);
    assert_string_equal(user, "");
    assert_int_equal(decide(&silent, NULL, NULL, user), ACCESS_GRANTED);
}

static void of_a_long_name_the_beginning_is_noted(void **state)
{
    (void)state;
    static const struct require_rule anybody = { .kind = REQUIRE_VALID_USER };
    const void *all[] = { &anybody };
    struct rules rules = { .auth_type = AUTH_BASIC, .auth_user_file = SPAN("/etc/users"), .require = { all, 1, 1 } };
    struct policy policy = { .rules = &rules, .is_restricted = true };
    char user[80], field[256] = "Basic ", wanted[EXCHANGE_USER_BYTES + 1] = "";
    for (unsigned i = 0; i < 30; i++) strcat(field, "YWFh"); /* "aaa" */
    strcat(field, "OnJpZ2h0");                               /* ":right" */
    memset(wanted, 'a', EXCHANGE_USER_BYTES);
    verdict = STATUS_OK;
    assert_int_equal(decide(&policy, "10.1.2.3", field, user), ACCESS_GRANTED);
    assert_string_equal(user, wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_requirement_that_is_met_suffices),
        cmocka_unit_test(what_nothing_is_said_of_is_everybodys),
        cmocka_unit_test(of_a_long_name_the_beginning_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
