#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "net/pace.h"

/* Connections that send without end, in a time of the test's own, woken as the workers' timer wheel does. */
enum { CONNS_MAX = 200, TICK_MS = THROTTLE_TICK_US / 1000, BUFFER_BYTES = 64 << 10 };

struct sender {
    struct pace pace;
    const struct throttle_set *set;
    struct ip_address client;
    int64_t begins_ms, wakes_ms;
    uint64_t reader_bytes_s; /* 0: as fast as it gets them */
    uint64_t queued;         /* in its socket */
    uint64_t sent;
};

static struct sender senders[CONNS_MAX];
static unsigned sender_count;
static int64_t now_ms;

static struct throttle throttles[2];
static struct throttle *const both[] = { &throttles[0], &throttles[1] };

static void begin(uint64_t first_bytes_s, uint64_t second_bytes_s)
{
    memset(senders, 0, sizeof senders);
    sender_count = 0;
    now_ms = 1000000;
    throttle_init(&throttles[0], first_bytes_s, 0);
    throttle_init(&throttles[1], second_bytes_s ? second_bytes_s : 1, 0);
}

static struct sender *add(const struct throttle_set *set, int64_t begins_after_ms, uint64_t reader_bytes_s)
{
    struct sender *sender = &senders[sender_count];
    sender->set = set;
    sender->client = ip_address_of_v4((const uint8_t[4]){ 192, 0, 2, (uint8_t)sender_count++ });
    sender->begins_ms = now_ms + begins_after_ms;
    sender->reader_bytes_s = reader_bytes_s;
    return sender;
}

/* What a worker does for a connection of which something is pending. */
static void run(struct sender *sender)
{
    for (;;) {
        uint64_t room = sender->reader_bytes_s ? BUFFER_BYTES - sender->queued : UINT64_MAX;
        if (room == 0) {
            pace_go_on(&sender->pace, false);
            return;
        }
        pace_go_on(&sender->pace, true);
        uint64_t size = pace_take(&sender->pace, (uint64_t)1 << 40, 1000 * now_ms);
        if (size == 0) {
            assert_true(sender->pace.is_paused && sender->pace.until_ms > now_ms);
            sender->wakes_ms = (sender->pace.until_ms + TICK_MS - 1) / TICK_MS * TICK_MS;
            return;
        }
        size = pace_most(&sender->pace, room);
        pace_note_sent(&sender->pace, size);
        sender->sent += size;
        if (sender->reader_bytes_s) sender->queued += size;
    }
}

static void step(struct sender *sender)
{
    uint64_t read = sender->reader_bytes_s / 1000;
    sender->queued -= read < sender->queued ? read : sender->queued;
    if (now_ms < sender->begins_ms) return;
    if (!sender->pace.set) pace_begin(&sender->pace, sender->set, &sender->client);
    if (sender->pace.is_paused && now_ms < sender->wakes_ms) return;
    run(sender);
}

static void pass(int64_t ms)
{
    for (int64_t until_ms = now_ms + ms; now_ms < until_ms; now_ms++) {
        for (unsigned i = 0; i < sender_count; i++) step(&senders[i]);
    }
}

static uint64_t total(void)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < sender_count; i++) bytes += senders[i].sent;
    return bytes;
}

static void end(void)
{
    for (unsigned i = 0; i < sender_count; i++) pace_done(&senders[i].pace);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(atomic_load(&throttles[i].senders), 0);
        assert_int_equal(atomic_load(&throttles[i].answers), 0);
    }
}

static void is_about(uint64_t bytes, uint64_t wanted, unsigned percent)
{
    assert_in_range(bytes, wanted - wanted * percent / 100, wanted + wanted * percent / 100);
}

static void together_they_get_the_rate_and_each_its_share(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes_s;
        unsigned count;
        int64_t seconds;
    } rows[] = {
        { 1000000, 1, 5 }, { 1000000, 2, 5 },
        { 1000000, 7, 5 }, { 1000000, CONNS_MAX, 10 },
        { 10000, 1, 10 },  { 10000, CONNS_MAX, 300 },
        { 100, 1, 60 },    { 100, 3, 60 },
        { 1, 1, 100 },     { THROTTLE_BYTES_S_MAX, 3, 5 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        begin(rows[i].bytes_s, 0);
        const struct throttle_set set = { .count = 1, .at = both };
        for (unsigned j = 0; j < rows[i].count; j++) add(&set, 0, 0);
        pass(1000 * rows[i].seconds);
        uint64_t wanted = rows[i].bytes_s * (uint64_t)rows[i].seconds;
        is_about(total(), wanted, 7);
        /* The very first was alone for a moment. */
        uint64_t before[CONNS_MAX];
        for (unsigned j = 0; j < rows[i].count; j++) before[j] = senders[j].sent;
        pass(1000 * rows[i].seconds);
        for (unsigned j = 0; j < rows[i].count; j++) is_about(senders[j].sent - before[j], wanted / rows[i].count, 25);
        end();
    }
}

static void who_comes_later_gets_as_much_from_then_on(void **state)
{
    (void)state;
    begin(1000000, 0);
    const struct throttle_set set = { .count = 1, .at = both };
    struct sender *first = add(&set, 0, 0), *second = add(&set, 5000, 0);
    pass(5000);
    is_about(first->sent, 5000000, 7);
    uint64_t before = first->sent;
    pass(5000);
    is_about(first->sent - before, 2500000, 10);
    is_about(second->sent, 2500000, 10);
    end();
}

static void what_slow_readers_leave_others_use(void **state)
{
    (void)state;
    begin(1000000, 0);
    const struct throttle_set set = { .count = 1, .at = both };
    for (unsigned i = 0; i < 8; i++) add(&set, 0, 10000);
    struct sender *fast[] = { add(&set, 0, 0), add(&set, 0, 0) };
    pass(2000); /* their sockets are full */
    uint64_t before[] = { fast[0]->sent, fast[1]->sent };
    pass(20000);
    for (unsigned i = 0; i < 2; i++) is_about(fast[i]->sent - before[i], 20 * (1000000 - 8 * 10000) / 2, 10);
    end();
}

static void of_several_the_lowest_holds(void **state)
{
    (void)state;
    begin(1000000, 200000);
    const struct throttle_set wide = { .count = 1, .at = both }, narrow = { .count = 2, .at = both };
    struct sender *slow = add(&narrow, 0, 0), *fast = add(&wide, 0, 0);
    pass(10000);
    is_about(slow->sent, 2000000, 7);
    is_about(fast->sent, 8000000, 10);
    end();
}

static void each_client_has_a_bucket_of_its_own(void **state)
{
    (void)state;
    begin(1000000, 0);
    struct throttle_clients *clients = throttle_clients_new(100000, 0);
    const struct throttle_set set = { .count = 1, .at = both, .client_count = 1, .clients = { clients } };
    struct sender *alone = add(&set, 0, 0), *pair[] = { add(&set, 0, 0), add(&set, 0, 0) };
    pair[1]->client = pair[0]->client;
    pass(10000);
    is_about(alone->sent, 1000000, 7);
    is_about(pair[0]->sent + pair[1]->sent, 1000000, 7);
    is_about(pair[0]->sent, 500000, 15);
    end();
    throttle_clients_free(clients);
}

static void who_is_held_back_by_another_bucket_leaves_the_rest(void **state)
{
    (void)state;
    begin(1000000, 0);
    struct throttle_clients *clients = throttle_clients_new(10000, 0);
    const struct throttle_set held = { .count = 1, .at = both, .client_count = 1, .clients = { clients } };
    const struct throttle_set free_set = { .count = 1, .at = both };
    for (unsigned i = 0; i < 9; i++) add(&held, 0, 0);
    struct sender *fast = add(&free_set, 0, 0);
    pass(20000);
    is_about(fast->sent, 20 * (1000000 - 9 * 10000), 10);
    end();
    throttle_clients_free(clients);
}

static void what_fits_is_let_through_at_once(void **state)
{
    (void)state;
    struct pace pace = { 0 };
    struct ip_address client = { .bytes = { 0 } };
    begin(1000000, 0);
    const struct throttle_set set = { .count = 1, .at = both };
    /* A thousand of 500 bytes in a second are half of the rate; those come in tens. */
    for (unsigned i = 0; i < 1000; i++) {
        if (i % 10 == 0) now_ms += 10;
        pace_begin(&pace, &set, &client);
        assert_int_equal(pace_take(&pace, 500, 1000 * now_ms), 500);
        pace_note_sent(&pace, 500);
        pace_end(&pace);
    }
    pace_done(&pace);
}

static void what_was_taken_and_not_sent_is_given_back(void **state)
{
    (void)state;
    struct pace pace = { 0 };
    struct ip_address client = { .bytes = { 0 } };
    begin(1000000, 1000000);
    const struct throttle_set set = { .count = 2, .at = both };
    uint64_t credit = throttle_credit(&throttles[0], 1000 * now_ms);
    pace_begin(&pace, &set, &client);
    uint64_t taken = pace_take(&pace, 1 << 30, 1000 * now_ms);
    assert_true(taken > 1000);
    pace_note_sent(&pace, 1000);
    pace_go_on(&pace, true);
    pace_done(&pace);
    for (unsigned i = 0; i < 2; i++)
        assert_in_range(throttle_credit(&throttles[i], 1000 * now_ms), credit - 1001, credit - 999);
    end();
}

static void another_client_on_the_same_connection_has_another_bucket(void **state)
{
    (void)state;
    struct pace pace = { 0 };
    struct throttle_clients *clients = throttle_clients_new(100000, 0), *others = throttle_clients_new(1000, 0);
    const struct throttle_set set = { .client_count = 1, .clients = { clients } };
    const struct throttle_set other_set = { .client_count = 1, .clients = { others } };
    struct ip_address one = ip_address_of_v4((const uint8_t[4]){ 192, 0, 2, 1 });
    struct ip_address two = ip_address_of_v4((const uint8_t[4]){ 192, 0, 2, 2 });
    pace_begin(&pace, &set, &one);
    struct throttle_client *first = pace.clients[0];
    pace_end(&pace);
    pace_begin(&pace, &set, &one);
    assert_ptr_equal(pace.clients[0], first);
    assert_int_equal(first->users, 1);
    pace_end(&pace);
    pace_begin(&pace, &set, &two);
    assert_ptr_not_equal(pace.clients[0], first);
    assert_int_equal(first->users, 0);
    pace_end(&pace);
    pace_begin(&pace, &other_set, &two);
    assert_int_equal(pace.clients[0]->throttle.bytes_s, 1000);
    pace_done(&pace);
    throttle_clients_free(clients);
    throttle_clients_free(others);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(together_they_get_the_rate_and_each_its_share),
        cmocka_unit_test(who_comes_later_gets_as_much_from_then_on),
        cmocka_unit_test(what_slow_readers_leave_others_use),
        cmocka_unit_test(of_several_the_lowest_holds),
        cmocka_unit_test(each_client_has_a_bucket_of_its_own),
        cmocka_unit_test(who_is_held_back_by_another_bucket_leaves_the_rest),
        cmocka_unit_test(what_fits_is_let_through_at_once),
        cmocka_unit_test(what_was_taken_and_not_sent_is_given_back),
        cmocka_unit_test(another_client_on_the_same_connection_has_another_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
