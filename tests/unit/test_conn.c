#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "../support/worker_rig.h"
#include "base/text_write.h"
#include "platform/clock.h"

/* Answers are no HTTP here: "<TARGET>" before each content, and the content of entries. */
enum { BODY_BYTES = 200000, PARTS_MAX = 40 };

static struct worker_rig rig;
static struct entry *body; /* snapshots of BODY_BYTES */
static _Atomic unsigned long asked, waiting, starved;
static _Atomic(struct mailbox *) mailbox;
static _Atomic uint64_t cookie;

static void write_head(struct turn *turn, const struct request *request)
{
    struct exchange *exchange = turn_exchange(turn, request);
    char *at = turn_room(turn), *end = text_append(at, SPAN("<"));
    end = text_append(text_append(end, request->path), SPAN(">"));
    turn_wrote(turn, (size_t)(end - at));
    exchange->starts_at = exchange->ends_at = turn->bytes;
}

static void write_content(struct turn *turn, struct entry *entry)
{
    turn_body(turn, entry, 0, (size_t)entry->body_size);
    turn->exchanges[turn->exchange_count - 1].ends_at = turn->bytes;
}

/* What is asked for says how it is to be answered. */
static enum handler_verdict answer(void *self, const struct request *request, struct asking *asking, struct turn *turn)
{
    struct worker_rig *of = self;
    asked++;
    of->mistakes += asking->mails && !span_equal(request->path, SPAN("/wait"));
    if (span_equal(request->path, SPAN("/starve")) && asking->waited_ms == 0 && starved++ < 3) return HANDLER_STARVES;
    if (span_equal(request->path, SPAN("/wait")) && !asking->mails && waiting < 1000) {
        cookie = asking->cookie;
        mailbox = asking->mailbox;
        waiting++;
        return HANDLER_WAITS;
    }
    write_head(turn, request);
    if (asking->mails && asking->mails->entry) {
        write_content(turn, asking->mails->entry);
        entry_ref(asking->mails->entry);
        turn_hold(turn, asking->mails->entry);
    }
    if (span_equal(request->path, SPAN("/body"))) write_content(turn, body);
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

static void finished(void *self, unsigned worker, const struct exchange *exchange, const struct peer_address *peer,
                     uint64_t sent)
{
    struct worker_rig *of = self;
    char text[PEER_TEXT_BYTES];
    of->mistakes += worker != 0 || peer_address_text(peer, text) != 9 || exchange->began_us == 0;
    of->mistakes += exchange->line.data && !span_starts_with(exchange->line, exchange->method);
    of->content_bytes += exchange_content_sent(exchange, sent);
    of->finished++;
}

static char byte_of(size_t at)
{
    return (char)('a' + at * 7 % 26);
}

static int with_a_worker(void **state)
{
    (void)state;
    asked = waiting = starved = 0;
    mailbox = NULL;
    body = entry_new(ENTRY_SNAPSHOT, SPAN("/body"), 0, 0, BODY_BYTES);
    for (size_t i = 0; i < BODY_BYTES; i++) entry_body(body)[i] = byte_of(i);
    worker_rig_open(&rig, answer);
    rig.send_buffer_bytes = 16384;
    rig.options.handler.wants_log = true;
    rig.options.handler.refuse = refuse;
    rig.options.handler.finished = finished;
    worker_rig_start(&rig);
    return 0;
}

static int without_a_worker(void **state)
{
    (void)state;
    worker_rig_end(&rig, WORKER_STOP);
    bool is_clean = rig.mistakes == 0 && rig.connections == 0 && body->references == 1;
    entry_unref(body);
    return is_clean ? 0 : 1;
}

static struct span get(const char *path)
{
    static char text[4096];
    return span_of(text, (size_t)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path));
}

static bool receives_body(int fd)
{
    static char got[BODY_BYTES];
    if (!rig_receives(fd, "</body>") || rig_receive(fd, got, BODY_BYTES) != BODY_BYTES) return false;
    for (size_t i = 0; i < BODY_BYTES; i++) {
        if (got[i] != byte_of(i)) return false;
    }
    return true;
}

/* Answer who waits, as a loader would; `entry` is a reference or NULL. */
static void post(struct entry *entry)
{
    struct mail *mail = malloc(sizeof *mail);
    *mail = (struct mail){ .cookie = cookie, .entry = entry, .status = STATUS_FAILED, .to = mailbox };
    mailbox_post(mail);
}

static void requests_are_answered_in_order(void **state)
{
    (void)state;
    int fd = rig_connect(&rig, 0);
    rig_send(fd, get("/one"));
    assert_true(rig_receives(fd, "</one>"));
    rig_send(
        fd,
        SPAN("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(rig_receives(fd, "</a></b></c>"));
    rig_await(&rig.finished, 4);
    close(fd);
}

static void a_request_may_come_in_drops(void **state)
{
    (void)state;
    int fd = rig_connect(&rig, 0);
    struct span text = get("/drops");
    for (size_t i = 0; i < text.size; i++) {
        rig_send(fd, span_of(text.data + i, 1));
        if (i % 8 == 0) poll(NULL, 0, 1);
    }
    assert_true(rig_receives(fd, "</drops>"));
    close(fd);
}

/* Longer than what is kept of an unfinished request at first. */
static void a_long_request_may_come_in_pieces(void **state)
{
    (void)state;
    static char text[8000];
    memset(text, 'x', sizeof text);
    struct span begin = SPAN("GET /pieces HTTP/1.1\r\nHost: a\r\nX: ");
    memcpy(text, begin.data, begin.size);
    memcpy(text + sizeof text - 4, "\r\n\r\n", 4);
    for (size_t piece = 300; piece < sizeof text; piece = piece * 2 + 1) {
        int fd = rig_connect(&rig, 0);
        for (size_t at = 0; at < sizeof text; at += piece) {
            rig_send(fd, span_of(text + at, sizeof text - at < piece ? sizeof text - at : piece));
            poll(NULL, 0, 1);
        }
        assert_true(rig_receives(fd, "</pieces>"));
        close(fd);
    }
}

static void many_pipelined_requests_take_several_turns(void **state)
{
    (void)state;
    enum { REQUESTS = 1000 };
    int fd = rig_connect(&rig, 0);
    char *text = malloc(REQUESTS * 64), *at = text;
    for (int i = 0; i < REQUESTS; i++) at += sprintf(at, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
    rig_send(fd, span_of(text, (size_t)(at - text)));
    for (int i = 0; i < REQUESTS; i++) {
        char wanted[16];
        snprintf(wanted, sizeof wanted, "</%d>", i);
        if (!rig_receives(fd, wanted)) fail_msg("request %d is not answered", i);
    }
    free(text);
    close(fd);
}

static void what_the_socket_does_not_take_is_sent_later(void **state)
{
    (void)state;
    int fd = rig_connect(&rig, 4096);
    for (int i = 0; i < PARTS_MAX; i++) rig_send(fd, get("/body"));
    poll(NULL, 0, 20); /* so that it fills up */
    for (int i = 0; i < PARTS_MAX; i++) assert_true(receives_body(fd));
    rig_send(fd, get("/end"));
    assert_true(rig_receives(fd, "</end>"));
    rig_await(&rig.finished, PARTS_MAX + 1);
    assert_int_equal(rig.content_bytes, (unsigned long)PARTS_MAX * BODY_BYTES);
    close(fd);
}

/* The client goes away in the middle: what it took is told, and every reference given back. */
static void a_client_that_goes_away_costs_nothing(void **state)
{
    (void)state;
    int fd = rig_connect(&rig, 4096);
    for (int i = 0; i < PARTS_MAX; i++) rig_send(fd, get("/body"));
    static char got[100000];
    assert_int_equal(rig_receive(fd, got, sizeof got), sizeof got);
    socket_reset_on_close(fd);
    close(fd);
    fd = rig_connect(&rig, 0);
    rig_send(fd, get("/other"));
    assert_true(rig_receives(fd, "</other>"));
    close(fd);
    rig_await(&rig.finished, 2);
    assert_true(rig.content_bytes >= sizeof got - PARTS_MAX * 7);
    assert_true(rig.content_bytes < (unsigned long)PARTS_MAX * BODY_BYTES);
}

static void who_waits_for_a_loader_is_answered_with_what_it_found(void **state)
{
    (void)state;
    int fd = rig_connect(&rig, 0), other = rig_connect(&rig, 0);
    rig_send(fd, SPAN("GET /before HTTP/1.1\r\nHost: a\r\n\r\nGET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /after "
                      "HTTP/1.1\r\nHost: a\r\n\r\n"));
    rig_await(&waiting, 1);
    assert_true(rig_receives(fd, "</before>"));
    rig_send(other, get("/other"));
    assert_true(rig_receives(other, "</other>"));
    struct entry *entry = entry_new(ENTRY_SNAPSHOT, SPAN("/wait"), 0, 0, 5000);
    memset(entry_body(entry), 'l', 5000);
    entry_ref(entry);
    post(entry);
    char got[5000];
    assert_true(rig_receives(fd, "</wait>"));
    assert_int_equal(rig_receive(fd, got, sizeof got), sizeof got);
    assert_int_equal(got[4999], 'l');
    assert_true(rig_receives(fd, "</after>"));
    assert_int_equal(asked, 5); /* the one that waited, twice */
    for (int tries = 0; entry->references > 1 && tries < RIG_PATIENCE_MS; tries++) poll(NULL, 0, 1);
    assert_int_equal(entry->references, 1);
    entry_unref(entry);
    close(fd);
    close(other);
}

static void a_loader_that_failed_is_told_too(void **state)
{
    (void)state;
    int fd = rig_connect(&rig, 0);
    rig_send(fd, get("/wait"));
    rig_await(&waiting, 1);
    post(NULL);
    assert_true(rig_receives(fd, "</wait>"));
    close(fd);
}

/* Its slot may be another's by then. */
static void mail_for_a_connection_that_ended_is_thrown_away(void **state)
{
    (void)state;
    int fd = rig_connect(&rig, 0);
    rig_send(fd, get("/wait"));
    rig_await(&waiting, 1);
    socket_reset_on_close(fd);
    close(fd);
    for (int tries = 0; rig.connections > 0 && tries < RIG_PATIENCE_MS; tries++) poll(NULL, 0, 1);
    uint64_t old_cookie = cookie;
    fd = rig_connect(&rig, 0);
    rig_send(fd, get("/wait"));
    rig_await(&waiting, 2);
    assert_int_equal((uint32_t)cookie, (uint32_t)old_cookie); /* the same slot */
    uint64_t new_cookie = cookie;
    cookie = old_cookie;
    struct entry *entry = entry_new(ENTRY_SNAPSHOT, SPAN("/wait"), 0, 0, 10);
    entry_ref(entry);
    post(entry);
    for (int tries = 0; entry->references > 1 && tries < RIG_PATIENCE_MS; tries++) poll(NULL, 0, 1);
    assert_int_equal(entry->references, 1);
    assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 10), 0);
    entry_unref(entry);
    cookie = new_cookie;
    post(NULL);
    assert_true(rig_receives(fd, "</wait>"));
    close(fd);
}

/* One turn has both: an answer that the socket does not take, and a request that waits for a loader. */
static int connect_to_be_sent_to_and_wait(void)
{
    int fd = rig_connect(&rig, 4096);
    rig_send(fd, SPAN("GET /body HTTP/1.1\r\nHost: a\r\n\r\nGET /wait HTTP/1.1\r\nHost: a\r\n\r\n"
                      "GET /after HTTP/1.1\r\nHost: a\r\n\r\n"));
    rig_await(&waiting, 1);
    return fd;
}

static void what_is_to_be_sent_does_not_wait_for_a_loader(void **state)
{
    (void)state;
    int fd = connect_to_be_sent_to_and_wait();
    assert_true(receives_body(fd));
    post(NULL);
    assert_true(rig_receives(fd, "</wait></after>"));
    close(fd);
}

static bool has_mail(void)
{
    struct mailbox *of = mailbox;
    pthread_mutex_lock(&of->lock);
    bool has = of->first != NULL;
    pthread_mutex_unlock(&of->lock);
    return has;
}

static void a_loaders_answer_is_not_forgotten_over_what_is_to_be_sent(void **state)
{
    (void)state;
    int fd = connect_to_be_sent_to_and_wait();
    waiting = 1000; /* asked again, it is answered */
    struct entry *entry = entry_new(ENTRY_SNAPSHOT, SPAN("/wait"), 0, 0, 0);
    entry_ref(entry);
    post(entry);
    for (int tries = 0; has_mail() && tries < RIG_PATIENCE_MS; tries++) poll(NULL, 0, 1);
    assert_true(receives_body(fd));
    assert_true(rig_receives(fd, "</wait></after>"));
    close(fd);
    for (int tries = 0; entry->references > 1 && tries < RIG_PATIENCE_MS; tries++) poll(NULL, 0, 1);
    assert_int_equal(entry->references, 1);
    entry_unref(entry);
}

static void who_starves_is_asked_again_until_there_is_something(void **state)
{
    (void)state;
    int fd = rig_connect(&rig, 0);
    rig_send(fd, SPAN("GET /before HTTP/1.1\r\nHost: a\r\n\r\nGET /starve HTTP/1.1\r\nHost: a\r\n\r\nGET /after "
                      "HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(rig_receives(fd, "</before></starve></after>"));
    assert_true(starved >= 1);
    close(fd);
}

static void who_starves_may_go_on_sending(void **state)
{
    (void)state;
    int fd = rig_connect(&rig, 0);
    rig_send(fd, get("/starve"));
    rig_await(&starved, 1);
    rig_send(fd, get("/after"));
    assert_true(rig_receives(fd, "</starve></after>"));
    close(fd);
}

static void who_starves_and_goes_away_is_forgotten(void **state)
{
    (void)state;
    int fd = rig_connect(&rig, 0);
    rig_send(fd, get("/starve"));
    rig_await(&starved, 1);
    socket_reset_on_close(fd);
    close(fd);
    for (int tries = 0; rig.connections > 0 && tries < RIG_PATIENCE_MS; tries++) poll(NULL, 0, 1);
    assert_int_equal(rig.connections, 0);
}

static void what_is_to_be_sent_does_not_wait_for_who_starves(void **state)
{
    (void)state;
    /* Who starves is not asked again while the test runs. */
    rig.worker->feed_at_ms = clock_monotonic_us() / 1000 + 10 * RIG_PATIENCE_MS;
    int fd = rig_connect(&rig, 4096);
    rig_send(fd, SPAN("GET /body HTTP/1.1\r\nHost: a\r\n\r\nGET /starve HTTP/1.1\r\nHost: a\r\n\r\n"));
    rig_await(&starved, 1);
    assert_true(receives_body(fd));
    assert_int_equal(starved, 1);
    close(fd);
}

static void content_that_nobody_wants_is_thrown_away(void **state)
{
    (void)state;
    int fd = rig_connect(&rig, 0);
    rig_send(
        fd, SPAN("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /GET /next HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(rig_receives(fd, "</p></next>"));
    rig_send(fd, SPAN("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nGET \r\n0\r\n\r\n"));
    assert_true(rig_receives(fd, "</c>"));
    rig_send(fd, get("/end"));
    assert_true(rig_receives(fd, "</end>"));
    close(fd);
}

static void content_in_drops_is_thrown_away_too(void **state)
{
    (void)state;
    static const char text[] = "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nT: v\r\n\r\n"
                               "GET /end HTTP/1.1\r\nHost: a\r\n\r\n";
    struct span whole = span_of_string(text);
    int fd = rig_connect(&rig, 0);
    for (size_t i = 0; i < whole.size; i++) {
        rig_send(fd, span_of(whole.data + i, 1));
        if (i % 16 == 0) poll(NULL, 0, 1);
    }
    assert_true(rig_receives(fd, "</c></end>"));
    close(fd);
}

static void too_much_content_ends_the_connection_after_the_answer(void **state)
{
    (void)state;
    int fd = rig_connect(&rig, 0);
    rig_send(fd, SPAN("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"));
    static const char content[100000];
    rig_send(fd, span_of(content, sizeof content));
    assert_true(rig_receives(fd, "</p>"));
    rig_send(fd, span_of(content, sizeof content)); /* no reset destroys the answer */
    assert_true(rig_is_shut(fd));
    close(fd);
}

static void what_is_no_request_is_refused_and_ends_the_connection(void **state)
{
    (void)state;
    int fd = rig_connect(&rig, 0);
    rig_send(fd, SPAN("GET /a HTTP/1.1\r\nHost: a\r\n\r\nno request\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(rig_receives(fd, "</a>refused 400"));
    assert_true(rig_is_shut(fd));
    close(fd);
}

static void a_connection_ends_when_it_is_asked_to(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /a HTTP/1.0\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /not-asked HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(requests); i++) {
        int fd = rig_connect(&rig, 0);
        rig_send(fd, span_of_string(requests[i]));
        assert_true(rig_receives(fd, "</a>"));
        assert_true(rig_is_shut(fd));
        close(fd);
    }
}

/* It said all it had to say, and listens: RFC 9112, 9.6 */
static void a_client_that_only_listens_gets_all_its_answers(void **state)
{
    (void)state;
    int fd = rig_connect(&rig, 4096);
    for (int i = 0; i < PARTS_MAX; i++) rig_send(fd, get("/body"));
    rig_send(fd, get("/wait"));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    for (int i = 0; i < PARTS_MAX; i++) assert_true(receives_body(fd));
    rig_await(&waiting, 1);
    post(NULL);
    assert_true(rig_receives(fd, "</wait>"));
    assert_true(rig_is_ended(fd));
    close(fd);
}

#define WITH_A_WORKER(test) cmocka_unit_test_setup_teardown(test, with_a_worker, without_a_worker)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_WORKER(requests_are_answered_in_order),
        WITH_A_WORKER(a_request_may_come_in_drops),
        WITH_A_WORKER(a_long_request_may_come_in_pieces),
        WITH_A_WORKER(many_pipelined_requests_take_several_turns),
        WITH_A_WORKER(what_the_socket_does_not_take_is_sent_later),
        WITH_A_WORKER(a_client_that_goes_away_costs_nothing),
        WITH_A_WORKER(who_waits_for_a_loader_is_answered_with_what_it_found),
        WITH_A_WORKER(a_loader_that_failed_is_told_too),
        WITH_A_WORKER(mail_for_a_connection_that_ended_is_thrown_away),
        WITH_A_WORKER(what_is_to_be_sent_does_not_wait_for_a_loader),
        WITH_A_WORKER(a_loaders_answer_is_not_forgotten_over_what_is_to_be_sent),
        WITH_A_WORKER(who_starves_is_asked_again_until_there_is_something),
        WITH_A_WORKER(who_starves_may_go_on_sending),
        WITH_A_WORKER(who_starves_and_goes_away_is_forgotten),
        WITH_A_WORKER(what_is_to_be_sent_does_not_wait_for_who_starves),
        WITH_A_WORKER(content_that_nobody_wants_is_thrown_away),
        WITH_A_WORKER(content_in_drops_is_thrown_away_too),
        WITH_A_WORKER(too_much_content_ends_the_connection_after_the_answer),
        WITH_A_WORKER(what_is_no_request_is_refused_and_ends_the_connection),
        WITH_A_WORKER(a_connection_ends_when_it_is_asked_to),
        WITH_A_WORKER(a_client_that_only_listens_gets_all_its_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
