#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "net/throttle.h"

enum { SECOND_US = 1000000, NOW_US = 100 * SECOND_US };

static void a_bucket_holds_a_moments_worth_and_a_piece(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes_s, piece, most;
    } rows[] = {
        { 1, 1, 4 },
        { 1000, 1000, 4000 },
        { 1460, 1460, 5840 },
        { 5000, 1460, 5840 },
        { 1000000, 1460, 256000 },
        { THROTTLE_BYTES_S_MAX, 1460, THROTTLE_BYTES_S_MAX / 1000 * 256 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct throttle throttle;
        throttle_init(&throttle, rows[i].bytes_s, 0);
        assert_int_equal(throttle_piece(&throttle), rows[i].piece);
        uint64_t credit = throttle_credit(&throttle, NOW_US);
        assert_in_range(credit, rows[i].most, rows[i].most + rows[i].most / 100);
        throttle_take(&throttle, credit, NOW_US);
        assert_in_range(throttle_credit(&throttle, NOW_US), 0, rows[i].bytes_s / 1000000); /* of a microsecond */
        /* Four seconds later it is full again, and no fuller. */
        assert_int_equal(throttle_credit(&throttle, NOW_US + 4 * SECOND_US), credit);
        assert_int_equal(throttle_credit(&throttle, NOW_US + 1000 * SECOND_US), credit);
    }
}

static void what_was_taken_ahead_is_earned_first(void **state)
{
    (void)state;
    struct throttle throttle;
    throttle_init(&throttle, 1000000, 0);
    throttle_take(&throttle, 256000 + 500000, NOW_US);
    assert_int_equal(throttle_credit(&throttle, NOW_US + 499999), 0);
    assert_int_equal(throttle_credit(&throttle, NOW_US + 600000), 100000);
    throttle_give_back(&throttle, 50000);
    assert_int_equal(throttle_credit(&throttle, NOW_US + 600000), 150000);
}

static void answers_are_begun_as_long_as_each_gets_enough(void **state)
{
    (void)state;
    struct throttle throttle;
    static const struct {
        uint64_t bytes_s, least;
        unsigned answers;
        bool has_room;
    } rows[] = {
        { 1000, 0, 5000, true }, { 1000, 1000, 0, true }, { 1000, 1000, 1, false },
        { 1000, 250, 3, true },  { 1000, 250, 4, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        throttle_init(&throttle, rows[i].bytes_s, rows[i].least);
        atomic_store(&throttle.answers, rows[i].answers);
        assert_int_equal(throttle_has_room(&throttle), rows[i].has_room);
    }
}

static struct ip_address address_of(const char *text)
{
    struct ip_address address;
    assert_true(ip_address_parse(span_of(text, strlen(text)), &address));
    return address;
}

static void a_client_is_an_address_or_a_network_of_ipv6(void **state)
{
    (void)state;
    static const struct {
        const char *one, *other;
        bool are_same;
    } rows[] = {
        { "192.0.2.1", "192.0.2.1", true },          { "192.0.2.1", "192.0.2.2", false },
        { "2001:db8::1", "2001:db8::2", true },      { "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true },
        { "2001:db8::1", "2001:db8:0:1::1", false }, { "::1", "127.0.0.1", false },
    };
    struct throttle_clients *clients = throttle_clients_new(1000, 0);
    assert_non_null(clients);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct ip_address one = address_of(rows[i].one), other = address_of(rows[i].other);
        struct throttle_client *first = throttle_clients_hold(clients, &one);
        struct throttle_client *second = throttle_clients_hold(clients, &other);
        assert_int_equal(first == second, rows[i].are_same);
        assert_int_equal(throttle_client_is_of(first, &other), rows[i].are_same);
        assert_true(throttle_client_is_of(second, &other));
        throttle_client_give_back(first);
        throttle_client_give_back(second);
    }
    throttle_clients_free(clients);
}

static void who_comes_back_finds_what_he_took(void **state)
{
    (void)state;
    struct throttle_clients *clients = throttle_clients_new(1000, 0);
    struct ip_address address = address_of("192.0.2.1");
    struct throttle_client *client = throttle_clients_hold(clients, &address);
    throttle_take(&client->throttle, throttle_credit(&client->throttle, NOW_US), NOW_US);
    throttle_client_give_back(client);
    client = throttle_clients_hold(clients, &address);
    assert_int_equal(throttle_credit(&client->throttle, NOW_US), 0);
    throttle_client_give_back(client);
    throttle_clients_free(clients);
}

/* More clients than there are buckets: those in use stay whose they are, and nobody is left without one. */
static void there_is_a_bucket_for_everybody(void **state)
{
    (void)state;
    enum { HELD = 1000 };
    static struct throttle_client *held[HELD];
    struct throttle_clients *clients = throttle_clients_new(1000, 0);
    for (uint32_t i = 0; i < HELD; i++) {
        struct ip_address address = ip_address_of_v4((const uint8_t[4]){ 10, 0, (uint8_t)(i >> 8), (uint8_t)i });
        held[i] = throttle_clients_hold(clients, &address);
        for (uint32_t j = 0; j < i; j++) assert_ptr_not_equal(held[i], held[j]);
    }
    for (uint32_t i = 0; i < 3 * THROTTLE_CLIENTS; i++) {
        struct ip_address address =
            ip_address_of_v4((const uint8_t[4]){ 11, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i });
        struct throttle_client *client = throttle_clients_hold(clients, &address);
        assert_true(throttle_client_is_of(client, &address));
        throttle_client_give_back(client);
    }
    for (uint32_t i = 0; i < HELD; i++) {
        struct ip_address address = ip_address_of_v4((const uint8_t[4]){ 10, 0, (uint8_t)(i >> 8), (uint8_t)i });
        assert_ptr_equal(throttle_clients_hold(clients, &address), held[i]);
        throttle_client_give_back(held[i]);
        throttle_client_give_back(held[i]);
    }
    throttle_clients_free(clients);
}

static void when_all_are_in_use_they_are_shared(void **state)
{
    (void)state;
    struct throttle_clients *clients = throttle_clients_new(1000, 0);
    for (uint32_t i = 0; i < 3 * THROTTLE_CLIENTS; i++) {
        struct ip_address address =
            ip_address_of_v4((const uint8_t[4]){ 11, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i });
        struct throttle_client *client = throttle_clients_hold(clients, &address);
        assert_non_null(client);
        assert_int_equal(client->throttle.bytes_s, 1000);
    }
    throttle_clients_free(clients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_holds_a_moments_worth_and_a_piece),
        cmocka_unit_test(what_was_taken_ahead_is_earned_first),
        cmocka_unit_test(answers_are_begun_as_long_as_each_gets_enough),
        cmocka_unit_test(a_client_is_an_address_or_a_network_of_ipv6),
        cmocka_unit_test(who_comes_back_finds_what_he_took),
        cmocka_unit_test(there_is_a_bucket_for_everybody),
        cmocka_unit_test(when_all_are_in_use_they_are_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
