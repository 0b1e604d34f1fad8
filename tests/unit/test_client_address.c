#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/config_rig.h"
#include "server/client_address.h"

#define BEHIND "RemoteIPHeader X-Forwarded-For\nRemoteIPTrustedProxy 10.0.0.0/8 2001:db8::/32\n"

static const struct {
    const char *config, *peer, *told; /* peer NULL: a Unix socket's; told NULL: there is no X-Forwarded-For */
    const char *client;               /* NULL: the peer is */
} rows[] = {
    { BEHIND, "10.0.0.1", "203.0.113.5", "203.0.113.5" },
    { BEHIND, "2001:db8::1", "203.0.113.5", "203.0.113.5" },
    { BEHIND, "10.0.0.1", "2001:db9::5", "2001:db9::5" },
    { BEHIND, "10.0.0.1", "198.51.100.7, 203.0.113.5, 10.0.0.2", "203.0.113.5" },
    { BEHIND, "192.0.2.1", "203.0.113.5", NULL },
    { BEHIND, "10.0.0.1", NULL, NULL },
    { BEHIND, "10.0.0.1", "unknown", NULL },
    { BEHIND, "10.0.0.1", "10.0.0.1", NULL },
    /* Who may connect to a Unix socket is a proxy, wherever the others are. */
    { BEHIND, NULL, "203.0.113.5", "203.0.113.5" },
    { BEHIND, NULL, "203.0.113.5, 10.0.0.2", "203.0.113.5" },
    { BEHIND, NULL, NULL, NULL },
    { "RemoteIPHeader X-Forwarded-For\n", NULL, "203.0.113.5, 10.0.0.2", "10.0.0.2" },
    { "RemoteIPHeader X-Forwarded-For\n", "10.0.0.1", "203.0.113.5", NULL },
    { "RemoteIPHeader X-Forwarded-For\n", "127.0.0.1", "203.0.113.5", NULL },
    /* Nobody is asked. */
    { "RemoteIPTrustedProxy 10.0.0.0/8\n", "10.0.0.1", "203.0.113.5", NULL },
    { "", NULL, "203.0.113.5", NULL },
    /* Another field is. */
    { "RemoteIPHeader X-Real-IP\nRemoteIPTrustedProxy 10.0.0.0/8\n", "10.0.0.1", "203.0.113.5", NULL },
};

static struct peer_address peer_of(const char *text)
{
    struct peer_address peer = { .port = 4711 };
    struct ip_address address;
    if (!text) return (struct peer_address){ .is_unix = 1 };
    assert_true(ip_address_parse(span_of_string(text), &address));
    memcpy(peer.bytes, address.bytes, sizeof peer.bytes);
    return peer;
}

static void the_client_is_the_peer_or_whom_a_trusted_one_tells_of(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct config_rig rig;
        struct client_rules rules;
        struct peer_address peer = peer_of(rows[i].peer), client = { .port = 1 };
        struct request request = { .field_count = 0 };
        if (rows[i].told)
            request.fields[request.field_count++] =
                (struct field){ SPAN("X-Forwarded-For"), span_of_string(rows[i].told), FIELD_OTHER };
        if (!rig_read(&rig, rows[i].config)) fail_msg("%s: %s", rows[i].config, rig.error);
        assert_true(client_rules_init(&rules, &rig.config));
        bool is_another = client_address_of(&rules, &request, &peer, &client);
        /* Neither port nor socket is known of whom a proxy tells of; of the peer nothing is said. */
        struct peer_address wanted = { .port = 1 };
        if (rows[i].client) wanted = peer_of(rows[i].client), wanted.port = 0;
        if (is_another != (rows[i].client != NULL) || memcmp(&client, &wanted, sizeof client) != 0)
            fail_msg("row %zu: %s", i, rows[i].told ? rows[i].told : "");
        client_rules_done(&rules);
        rig_close(&rig);
    }
}

static void rules_that_never_were_can_be_given_up(void **state)
{
    (void)state;
    struct client_rules rules = { .networks = NULL };
    client_rules_done(&rules);
    client_rules_done(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_is_the_peer_or_whom_a_trusted_one_tells_of),
        cmocka_unit_test(rules_that_never_were_can_be_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
