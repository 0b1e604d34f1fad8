#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>

#include "../support/worker_rig.h"
#include "base/text_write.h"

/* Answers are no HTTP here: "<TARGET>", and of /long a megabyte after it. */
enum { LONG_BYTES = 1 << 20 };

static struct worker_rig rig;
static struct entry *body;
static _Atomic unsigned long waiting;
static _Atomic(struct mailbox *) mailbox;
static _Atomic uint64_t cookie;

/* /block holds the worker up until the gate is open. */
static _Atomic unsigned long blocked;
static _Atomic int gate_is_open;

/* A cache that says what the test wants. */
static int signal_of_cache;
static _Atomic bool is_obeying;
static _Atomic unsigned turns;

/* There is no cache that pages could be borrowed from. */
void __wrap_cache_enlist(struct cache *cache, struct lease_borrower *borrower);
void __wrap_cache_enlist(struct cache *cache, struct lease_borrower *borrower)
{
    (void)cache, (void)borrower;
}

void __wrap_cache_dismiss(struct cache *cache, struct lease_borrower *borrower);
void __wrap_cache_dismiss(struct cache *cache, struct lease_borrower *borrower)
{
    (void)cache, (void)borrower;
}

/* Nor one that has descriptors put aside. */
int __wrap_cache_keep_off_spares(const struct cache *cache, int fd);
int __wrap_cache_keep_off_spares(const struct cache *cache, int fd)
{
    (void)cache;
    return fd;
}

int __wrap_cache_spares_end(const struct cache *cache);
int __wrap_cache_spares_end(const struct cache *cache)
{
    (void)cache;
    return 0;
}

int __wrap_cache_signal(const struct cache *cache);
bool __wrap_cache_is_obeying(const struct cache *cache);

int __wrap_cache_signal(const struct cache *cache)
{
    (void)cache;
    return signal_of_cache;
}

bool __wrap_cache_is_obeying(const struct cache *cache)
{
    (void)cache;
    turns++;
    return is_obeying;
}

static enum handler_verdict answer(void *self, const struct request *request, struct asking *asking, struct turn *turn)
{
    (void)self;
    if (span_equal(request->path, SPAN("/block"))) {
        blocked++;
        while (!gate_is_open) poll(NULL, 0, 1);
    }
    if (span_equal(request->path, SPAN("/wait")) && !asking->mails) {
        cookie = asking->cookie;
        mailbox = asking->mailbox;
        waiting++;
        return HANDLER_WAITS;
    }
    struct exchange *exchange = turn_exchange(turn, request);
    char *at = turn_room(turn), *end = text_append(at, SPAN("<"));
    end = text_append(text_append(end, request->path), turn->doubt_us != 0 ? SPAN("?") : SPAN_NONE);
    end = text_append(end, asking->closes ? SPAN("!>") : SPAN(">"));
    turn_wrote(turn, (size_t)(end - at));
    if (asking->mails && asking->mails->entry) {
        entry_ref(asking->mails->entry);
        turn_hold(turn, asking->mails->entry);
    }
    if (span_equal(request->path, SPAN("/long"))) turn_body(turn, body, 0, LONG_BYTES);
    exchange->starts_at = exchange->ends_at = turn->bytes;
    return HANDLER_ANSWERED;
}

static void refuse(void *self, enum http_status status, const struct request *request, const struct peer_address *peer,
                   struct turn *turn)
{
    (void)self, (void)request, (void)peer;
    struct exchange *exchange = turn_exchange(turn, NULL);
    char *at = turn_room(turn), *end = text_append(at, SPAN("refused "));
    turn_wrote(turn, (size_t)(text_append_decimal(end, (uint64_t)status) - at));
    exchange->starts_at = exchange->ends_at = turn->bytes;
}

static void give_up(void *self, const struct request *request, struct asking *asking, struct turn *turn)
{
    (void)self;
    struct exchange *exchange = turn_exchange(turn, request);
    char *at = turn_room(turn), *end = text_append(at, asking->closes ? SPAN("gave up ") : SPAN("goes on "));
    turn_wrote(turn, (size_t)(text_append(end, request->path) - at));
    exchange->starts_at = exchange->ends_at = turn->bytes;
}

/* The worker is to be started by the test. */
static int with_a_worker(void **state)
{
    (void)state;
    waiting = blocked = 0;
    gate_is_open = 0;
    body = entry_new(ENTRY_SNAPSHOT, SPAN("/long"), 0, 0, LONG_BYTES);
    memset(entry_body(body), 'l', LONG_BYTES);
    worker_rig_open(&rig, answer);
    rig.options.handler.refuse = refuse;
    rig.options.handler.give_up = give_up;
    return 0;
}

static int without_a_worker(void **state)
{
    (void)state;
    if (rig.worker) worker_rig_end(&rig, WORKER_STOP);
    bool is_clean = rig.connections == 0 && body->references == 1;
    entry_unref(body);
    return is_clean ? 0 : 1;
}

static void ask(int fd, const char *path)
{
    char text[128];
    rig_send(fd, span_of(text, (size_t)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path)));
}

static void post(struct entry *entry)
{
    struct mail *mail = malloc(sizeof *mail);
    *mail = (struct mail){ .cookie = cookie, .entry = entry, .status = STATUS_FAILED, .to = mailbox };
    mailbox_post(mail);
}

static void await_connections(uint32_t count)
{
    for (int tries = 0; rig.connections != count; tries++) {
        assert_in_range(tries, 0, RIG_PATIENCE_MS);
        poll(NULL, 0, 1);
    }
}

/* A change that is told before a request comes puts its turn in doubt, until it is certainly obeyed. */
static void what_the_cache_is_told_is_known_in_the_turn_of_the_next_request(void **state)
{
    (void)state;
    static int cache;
    signal_of_cache = wakeup_open();
    rig.options.cache = (struct cache *)(void *)&cache;
    worker_rig_start(&rig);
    int client = rig_connect(&rig, 0);
    for (int round = 0; round < 20; round++) {
        ask(client, "/calm");
        assert_true(rig_receives(client, "</calm>"));
        wakeup_ring(signal_of_cache);
        ask(client, "/told");
        assert_true(rig_receives(client, "</told?>"));
        ask(client, "/still");
        assert_true(rig_receives(client, "</still?>"));
        wakeup_clear(signal_of_cache);
        for (int i = 0; i < 2; i++) { /* it is listened to again in the one, and said no more in the next */
            ask(client, "/perhaps");
            char got[16] = "";
            assert_true(rig_receive(client, got, 10) == 10);
            if (got[9] == '?') assert_true(rig_receives(client, ">"));
        }
        is_obeying = true;
        ask(client, "/obeying");
        assert_true(rig_receives(client, "</obeying?>"));
        is_obeying = false;
    }
    /* Nobody asks: it is not woken by each change. */
    unsigned before = turns;
    wakeup_ring(signal_of_cache);
    poll(NULL, 0, 50);
    assert_in_range(turns - before, 0, 3);
    close(client);
    worker_rig_end(&rig, WORKER_STOP);
    rig.worker = NULL;
    close(signal_of_cache);
}

static void a_head_that_does_not_come_in_time_is_refused(void **state)
{
    (void)state;
    rig.options.request_timeout_ms = 100;
    worker_rig_start(&rig);
    int silent = rig_connect(&rig, 0), slow = rig_connect(&rig, 0), again = rig_connect(&rig, 0);
    rig_send(slow, SPAN("GET /slow HTTP/1.1\r\nHo"));
    ask(again, "/once");
    rig_send(again, SPAN("GET /again"));
    assert_true(rig_receives(slow, "refused 408"));
    assert_true(rig_is_ended(slow));
    assert_true(rig_receives(again, "</once>refused 408"));
    assert_true(rig_is_ended(again));
    assert_true(rig_is_ended(silent)); /* nothing was asked: nothing is answered */
    close(silent);
    close(slow);
    close(again);
}

/* The time is for all of it: a byte now and then buys none. */
static void drops_buy_no_time(void **state)
{
    (void)state;
    rig.options.request_timeout_ms = 100;
    worker_rig_start(&rig);
    int fd = rig_connect(&rig, 0);
    rig_send(fd, SPAN("GET / HTTP/1.1\r\nX: "));
    unsigned drops = 0;
    while (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 10) == 0 && drops < 1000) {
        rig_send(fd, SPAN("x"));
        drops++;
    }
    assert_in_range(drops, 1, 999);
    assert_true(rig_receives(fd, "refused 408"));
    close(fd);
}

static void an_idle_connection_is_closed_in_the_end(void **state)
{
    (void)state;
    rig.options.keepalive_timeout_ms = 100;
    worker_rig_start(&rig);
    int fd = rig_connect(&rig, 0);
    for (int i = 0; i < 3; i++) {
        ask(fd, "/a");
        assert_true(rig_receives(fd, "</a>"));
    }
    assert_true(rig_is_ended(fd));
    await_connections(0);
    close(fd);
}

static void who_waits_for_a_loader_is_not_timed_out(void **state)
{
    (void)state;
    rig.options.request_timeout_ms = rig.options.keepalive_timeout_ms = rig.options.send_min_window_ms = 50;
    worker_rig_start(&rig);
    int fd = rig_connect(&rig, 0), other = rig_connect(&rig, 0);
    ask(fd, "/wait");
    rig_await(&waiting, 1);
    ask(other, "/other");
    assert_true(rig_receives(other, "</other>"));
    assert_true(rig_is_ended(other)); /* so long it took */
    poll(NULL, 0, 200);
    post(NULL);
    assert_true(rig_receives(fd, "</wait>"));
    close(fd);
    close(other);
}

static void who_waits_too_long_for_a_loader_is_told(void **state)
{
    (void)state;
    rig.options.load_timeout_ms = 100;
    worker_rig_start(&rig);
    int fd = rig_connect(&rig, 0);
    ask(fd, "/wait");
    assert_true(rig_receives(fd, "gave up /wait"));
    struct entry *late = entry_new(ENTRY_ABSENT, SPAN("/wait"), 0, 0, 0);
    entry_ref(late);
    post(late);
    assert_true(rig_is_ended(fd));
    for (int tries = 0; late->references > 1; tries++) {
        assert_in_range(tries, 0, RIG_PATIENCE_MS);
        poll(NULL, 0, 1);
    }
    entry_unref(late);
    close(fd);
}

static void who_takes_too_little_is_disconnected(void **state)
{
    (void)state;
    rig.options.send_min_bytes_s = 1000000;
    rig.options.send_min_window_ms = 150;
    rig.send_buffer_bytes = 16384;
    worker_rig_start(&rig);
    int fd = rig_connect(&rig, 4096);
    ask(fd, "/long");
    await_connections(1);
    await_connections(0);
    static char got[LONG_BYTES];
    assert_true(rig_receive(fd, got, sizeof got) < LONG_BYTES); /* and it is not taken for all of it */
    close(fd);
}

static void who_stops_taking_is_disconnected(void **state)
{
    (void)state;
    rig.options.send_min_bytes_s = 100000;
    rig.options.send_min_window_ms = 100;
    rig.send_buffer_bytes = 16384;
    worker_rig_start(&rig);
    int fd = rig_connect(&rig, 4096);
    ask(fd, "/long");
    static char got[LONG_BYTES / 2];
    assert_int_equal(rig_receive(fd, got, sizeof got), sizeof got);
    await_connections(0);
    close(fd);
}

static void who_takes_enough_is_not(void **state)
{
    (void)state;
    rig.options.send_min_bytes_s = 1000;
    rig.options.send_min_window_ms = 50;
    rig.send_buffer_bytes = 16384;
    worker_rig_start(&rig);
    int fd = rig_connect(&rig, 4096);
    ask(fd, "/long");
    assert_true(rig_receives(fd, "</long>"));
    static char got[LONG_BYTES];
    size_t slowly = 0;
    for (int i = 0; i < 30; i++) { /* over several windows */
        slowly += rig_receive(fd, got, 2000);
        poll(NULL, 0, 10);
    }
    assert_int_equal(rig_receive(fd, got, LONG_BYTES - slowly), LONG_BYTES - slowly);
    close(fd);
}

static void the_longest_idle_makes_room_for_the_next(void **state)
{
    (void)state;
    rig.options.connections_max = 2;
    worker_rig_start(&rig);
    int first = rig_connect(&rig, 0), second = rig_connect(&rig, 0);
    ask(first, "/first");
    assert_true(rig_receives(first, "</first>"));
    poll(NULL, 0, 20);
    ask(second, "/second");
    assert_true(rig_receives(second, "</second>"));
    poll(NULL, 0, 150); /* who asked so lately is not idle */
    int third = rig_connect(&rig, 0);
    ask(third, "/third");
    assert_true(rig_receives(third, "</third>"));
    assert_true(rig_is_ended(first));
    ask(second, "/again");
    assert_true(rig_receives(second, "</again>"));
    assert_int_equal(rig.connections, 2);
    close(first);
    close(second);
    close(third);
}

/* Nobody idle: whoever comes waits in the kernel's queue until somebody has gone. */
static void without_room_the_next_waits_for_his_turn(void **state)
{
    (void)state;
    rig.options.connections_max = 2;
    worker_rig_start(&rig);
    int busy[2] = { rig_connect(&rig, 0), rig_connect(&rig, 0) };
    ask(busy[0], "/wait");
    rig_await(&waiting, 1);
    ask(busy[1], "/wait");
    rig_await(&waiting, 2);
    int third = rig_connect(&rig, 0);
    ask(third, "/third");
    assert_int_equal(poll(&(struct pollfd){ .fd = third, .events = POLLIN }, 1, 30), 0);
    post(NULL);                                     /* busy[1]'s */
    assert_true(rig_receives(busy[1], "</wait!>")); /* connections are short: this one ends */
    assert_true(rig_is_ended(busy[1]));
    assert_true(rig_receives(third, "</third>"));
    socket_reset_on_close(busy[0]); /* it would be waited for */
    close(busy[0]);
    close(busy[1]);
    close(third);
}

static bool is_refused(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused = connect(fd, &rig.address.at.any, rig.address.size) != 0;
    close(fd);
    return refused;
}

static void told_to_finish_it_answers_what_was_begun(void **state)
{
    (void)state;
    worker_rig_start(&rig);
    int waits = rig_connect(&rig, 0), idle = rig_connect(&rig, 0), let_in = rig_connect(&rig, 0);
    ask(idle, "/idle");
    assert_true(rig_receives(idle, "</idle>"));
    ask(waits, "/wait");
    rig_await(&waiting, 1);
    worker_command(rig.worker, WORKER_FINISH);
    ask(idle, "/once-more");
    assert_true(rig_receives(idle, "</once-more"));
    ask(let_in, "/let-in");
    assert_true(rig_receives(let_in, "</let-in"));
    poll(NULL, 0, 200); /* idle ones have gone by then */
    assert_false(worker_has_ended(rig.worker));
    post(NULL);
    assert_true(rig_receives(waits, "</wait!>"));
    assert_true(rig_is_ended(waits));
    pthread_join(rig.worker->thread, NULL);
    assert_true(worker_has_ended(rig.worker));
    assert_int_equal(rig.connections, 0);
    assert_true(is_refused());
    worker_free(rig.worker);
    rig.worker = NULL;
    close(rig.options.ended);
    close(waits);
    close(idle);
    close(let_in);
}

/* They were let in by the kernel, before it was told. */
static void whoever_was_let_in_is_served_before_it_ends(void **state)
{
    (void)state;
    worker_rig_start(&rig);
    int busy = rig_connect(&rig, 0);
    ask(busy, "/block");
    rig_await(&blocked, 1);
    int let_in[5];
    for (int i = 0; i < 5; i++) {
        let_in[i] = rig_connect(&rig, 0);
        ask(let_in[i], "/let-in");
    }
    worker_command(rig.worker, WORKER_FINISH);
    gate_is_open = 1;
    assert_true(rig_receives(busy, "</block"));
    for (int i = 0; i < 5; i++) assert_true(rig_receives(let_in[i], "</let-in"));
    for (int i = 0; i < 5; i++) close(let_in[i]);
    close(busy);
}

/* Another process serves the same sockets; but not one that was given up for good. */
static void handing_over_it_serves_whoever_was_let_in_where_nobody_else_will(void **state)
{
    (void)state;
    rig.options.hand_over_grace_ms = 100;
    worker_rig_start(&rig);
    int busy = rig_connect(&rig, 0), let_in[5];
    ask(busy, "/block");
    rig_await(&blocked, 1);
    for (int i = 0; i < 5; i++) {
        let_in[i] = rig_connect(&rig, 0);
        ask(let_in[i], "/let-in");
    }
    socket_refuse_new(rig.worker->listeners[0].fd);
    worker_command(rig.worker, WORKER_HAND_OVER);
    gate_is_open = 1;
    assert_true(rig_receives(busy, "</block"));
    for (int i = 0; i < 5; i++) assert_true(rig_receives(let_in[i], "</let-in"));
    for (int i = 0; i < 5; i++) close(let_in[i]);
    close(busy);
}

static void handing_over_it_leaves_whoever_waits_to_the_others(void **state)
{
    (void)state;
    worker_rig_start(&rig);
    int busy = rig_connect(&rig, 0), other = fcntl(rig.worker->listeners[0].fd, F_DUPFD_CLOEXEC, 0);
    ask(busy, "/block");
    rig_await(&blocked, 1);
    int waits = rig_connect(&rig, 0);
    worker_command(rig.worker, WORKER_HAND_OVER);
    gate_is_open = 1;
    assert_true(rig_receives(busy, "</block"));
    pthread_join(rig.worker->thread, NULL);
    struct peer_address peer;
    int fd = socket_accept(other, &peer);
    assert_true(fd >= 0);
    worker_free(rig.worker);
    rig.worker = NULL;
    close(rig.options.ended);
    close(fd);
    close(other);
    close(waits);
    close(busy);
}

static void told_to_stop_it_waits_for_nobody_who_is_silent(void **state)
{
    (void)state;
    worker_rig_start(&rig);
    int idle = rig_connect(&rig, 0), silent = rig_connect(&rig, 0);
    ask(idle, "/idle");
    assert_true(rig_receives(idle, "</idle>"));
    await_connections(2);
    worker_rig_end(&rig, WORKER_STOP);
    rig.worker = NULL;
    assert_true(rig_is_ended(idle));
    assert_true(rig_is_ended(silent));
    close(idle);
    close(silent);
}

static void a_stronger_command_replaces_a_weaker_one(void **state)
{
    (void)state;
    rig.options.quit_grace_ms = 10 * RIG_PATIENCE_MS;
    worker_rig_start(&rig);
    int idle = rig_connect(&rig, 0);
    ask(idle, "/idle");
    assert_true(rig_receives(idle, "</idle"));
    worker_command(rig.worker, WORKER_FINISH);
    poll(NULL, 0, 20);
    assert_false(worker_has_ended(rig.worker));
    worker_rig_end(&rig, WORKER_STOP);
    rig.worker = NULL;
    close(idle);
}

static void a_worker_that_never_ran_can_be_freed(void **state)
{
    (void)state;
    struct worker *worker = worker_new(3, &rig.options, NULL, 0);
    assert_non_null(worker);
    assert_false(worker_has_ended(worker));
    worker_free(worker);
    worker_free(NULL);
    close(rig.options.ended);
}

static void many_connections_come_and_go(void **state)
{
    (void)state;
    enum { ROUNDS = 3, CONNECTIONS = 300 };
    static int fds[CONNECTIONS];
    worker_rig_start(&rig);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CONNECTIONS; i++) fds[i] = rig_connect(&rig, 0);
        for (int i = 0; i < CONNECTIONS; i++) ask(fds[i], "/a");
        for (int i = 0; i < CONNECTIONS; i++) assert_true(rig_receives(fds[i], "</a>"));
        assert_int_equal(rig.connections, CONNECTIONS);
        for (int i = 0; i < CONNECTIONS; i++) close(fds[i]);
        await_connections(0);
    }
    assert_int_equal(rig.worker->counts.accepted, ROUNDS * CONNECTIONS);
    assert_int_equal(rig.worker->counts.requests, ROUNDS * CONNECTIONS);
}

#define WITH_A_WORKER(test) cmocka_unit_test_setup_teardown(test, with_a_worker, without_a_worker)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_WORKER(what_the_cache_is_told_is_known_in_the_turn_of_the_next_request),
        WITH_A_WORKER(a_head_that_does_not_come_in_time_is_refused),
        WITH_A_WORKER(drops_buy_no_time),
        WITH_A_WORKER(an_idle_connection_is_closed_in_the_end),
        WITH_A_WORKER(who_waits_for_a_loader_is_not_timed_out),
        WITH_A_WORKER(who_waits_too_long_for_a_loader_is_told),
        WITH_A_WORKER(who_takes_too_little_is_disconnected),
        WITH_A_WORKER(who_stops_taking_is_disconnected),
        WITH_A_WORKER(who_takes_enough_is_not),
        WITH_A_WORKER(the_longest_idle_makes_room_for_the_next),
        WITH_A_WORKER(without_room_the_next_waits_for_his_turn),
        WITH_A_WORKER(told_to_finish_it_answers_what_was_begun),
        WITH_A_WORKER(whoever_was_let_in_is_served_before_it_ends),
        WITH_A_WORKER(handing_over_it_serves_whoever_was_let_in_where_nobody_else_will),
        WITH_A_WORKER(handing_over_it_leaves_whoever_waits_to_the_others),
        WITH_A_WORKER(told_to_stop_it_waits_for_nobody_who_is_silent),
        WITH_A_WORKER(a_stronger_command_replaces_a_weaker_one),
        WITH_A_WORKER(a_worker_that_never_ran_can_be_freed),
        WITH_A_WORKER(many_connections_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
