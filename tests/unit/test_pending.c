#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/pending.h"

/* A turn of heads, small bodies and large ones, of which the socket takes some first. */
enum { ANSWERS = 5, LARGE_BYTES = TURN_COPY_BYTES_MAX + 100, WHOLE_MAX = 16384 };

static struct turn turn;
static struct block_pool pool;
static struct entry *large, *stream;
static char input[4096];      /* what the requests stood in; another turn writes over it */
static char whole[WHOLE_MAX]; /* all that is to be sent */
static size_t whole_size;

static struct span put_input(char **at, const char *text)
{
    struct span span = span_of(*at, strlen(text));
    memcpy(*at, text, span.size);
    *at += span.size;
    return span;
}

static void add_answer(unsigned number, char **at)
{
    struct request request = { 0 };
    char line[64], head[64];
    snprintf(line, sizeof line, "GET /%u HTTP/1.1", number);
    request.line = put_input(at, line);
    request.method_text = span_first(request.line, 3);
    request.target = span_of(request.line.data + 4, 2);
    struct exchange *exchange = turn_exchange(&turn, &request);
    exchange->status = 200 + number;
    exchange->agent = put_input(at, number % 2 ? "agent" : "");
    if (number == 3) exchange->referer = put_input(at, "http://referer/");
    snprintf(head, sizeof head, "HEAD %u\r\n\r\n", number);
    memcpy(turn_room(&turn), head, strlen(head));
    turn_wrote(&turn, strlen(head));
    exchange->starts_at = turn.bytes;
    if (number % 2) turn_body(&turn, large, number, LARGE_BYTES - 10);
    if (number == 2) turn_body(&turn, large, 0, 50); /* copied */
    exchange->ends_at = turn.bytes;
}

static void fill_turn(bool with_stream)
{
    char *at = input;
    turn.now_us = 99;
    for (unsigned i = 0; i < ANSWERS; i++) add_answer(i, &at);
    whole_size = 0;
    for (unsigned i = 0; i < turn.part_count; i++) {
        memcpy(whole + whole_size, turn.parts[i].iov_base, turn.parts[i].iov_len);
        whole_size += turn.parts[i].iov_len;
    }
    assert_int_equal(whole_size, turn.bytes);
    assert_true(turn.part_count >= 4);
    if (with_stream) turn_stream(&turn, stream, 1000, 5000);
}

static int with_a_turn(void **state)
{
    (void)state;
    turn = (struct turn){ 0 };
    large = entry_new(ENTRY_SNAPSHOT, SPAN("/"), 0, 0, LARGE_BYTES);
    for (size_t i = 0; i < LARGE_BYTES; i++) entry_body(large)[i] = (char)('a' + i * 7 % 26);
    stream = entry_new(ENTRY_STREAM, SPAN("/"), 0, 0, 10000);
    return turn_init(&turn, NULL) ? 0 : 1;
}

static int without_a_turn(void **state)
{
    (void)state;
    block_pool_done(&pool);
    turn_done(&turn);
    bool is_clean = large->references == 1 && stream->references == 1;
    entry_unref(large);
    entry_unref(stream);
    return is_clean ? 0 : 1;
}

/* As conn_send_turn() does: the turn is over, and what it lay in is written over by the next. */
static struct pending *move_away(uint64_t sent)
{
    struct pending *pending = pending_new(&pool, &turn, sent);
    assert_non_null(pending);
    assert_null(turn.stream.entry);
    assert_int_equal(turn.stream.left, 0); /* nothing of it is the next turn's */
    turn_reset(&turn);
    memset(turn.scratch, '#', TURN_SCRATCH_BYTES);
    memset(input, '#', sizeof input);
    return pending;
}

/* The socket takes at most `at_once` bytes a call, of at most `parts_max` parts; it must get whole[sent..]. */
static void send_rest(struct pending *pending, uint64_t sent, size_t at_once, unsigned parts_max)
{
    while (pending->part < pending->part_count) {
        struct iovec parts[8];
        unsigned count = pending_parts(pending, parts, parts_max);
        assert_in_range(count, 1, parts_max);
        size_t taken = 0;
        for (unsigned i = 0; i < count && taken < at_once; i++) {
            size_t size = parts[i].iov_len < at_once - taken ? parts[i].iov_len : at_once - taken;
            assert_true(parts[i].iov_len > 0);
            assert_true(sent + taken + size <= whole_size);
            assert_memory_equal(parts[i].iov_base, whole + sent + taken, size);
            taken += size;
        }
        pending_sent(pending, taken);
        sent += taken;
        assert_int_equal(pending->sent, sent);
    }
    assert_int_equal(sent, whole_size);
}

static void wherever_the_socket_stops_the_rest_is_the_same(void **state)
{
    (void)state;
    static const size_t at_once[] = { 1, 7, 1000, WHOLE_MAX };
    fill_turn(false);
    size_t bytes = whole_size;
    turn_reset(&turn);
    for (size_t sent = 0; sent < bytes; sent++) {
        fill_turn(false);
        struct pending *pending = move_away(sent);
        size_t step = sent % 97 == 0 ? 1 : at_once[1 + sent % (ARRAY_COUNT(at_once) - 1)];
        send_rest(pending, sent, step, 1 + (unsigned)(sent % 8));
        assert_int_equal(large->references, 1);
        pending_free(pending, &pool);
    }
}

static void every_size_of_what_it_takes_gives_the_same(void **state)
{
    (void)state;
    for (size_t at_once = 1; at_once < 3 * LARGE_BYTES; at_once += 1 + at_once / 8) {
        fill_turn(false);
        struct pending *pending = move_away(3);
        send_rest(pending, 3, at_once, 8);
        pending_free(pending, &pool);
    }
}

static void what_was_not_sent_is_given_back(void **state)
{
    (void)state;
    fill_turn(true);
    size_t bytes = whole_size;
    for (size_t taken = 0; taken <= bytes; taken += 101) {
        if (taken > 0) fill_turn(true);
        struct pending *pending = move_away(0);
        assert_int_equal(large->references, 3);
        assert_int_equal(stream->references, 2);
        pending_sent(pending, taken);
        pending_free(pending, &pool);
        assert_int_equal(large->references, 1);
        assert_int_equal(stream->references, 1);
    }
    pending_free(NULL, &pool);
}

static void a_body_is_given_back_as_soon_as_it_is_sent(void **state)
{
    (void)state;
    fill_turn(false);
    uint64_t first_ends = turn.exchanges[1].ends_at;
    struct pending *pending = move_away(0);
    assert_int_equal(large->references, 3);
    pending_sent(pending, (size_t)first_ends - 1);
    assert_int_equal(large->references, 3);
    pending_sent(pending, 1);
    assert_int_equal(large->references, 2);
    pending_free(pending, &pool);
}

static void a_stream_moves_along(void **state)
{
    (void)state;
    fill_turn(true);
    struct pending *pending = move_away(whole_size);
    assert_int_equal(pending->part_count, 0);
    assert_ptr_equal(pending->stream.entry, stream);
    assert_int_equal(pending->stream.offset, 1000);
    assert_int_equal(pending->stream.left, 5000);
    assert_int_equal(pending->warm_until, 1000);
    assert_int_equal(pending->rate_from_us, 99);
    assert_int_equal(stream->references, 2);
    pending_free(pending, &pool);
}

static struct span next_text(const struct pending *pending)
{
    struct iovec part = { 0 };
    return pending_parts(pending, &part, 1) == 1 ? span_of(part.iov_base, part.iov_len) : SPAN_NONE;
}

/* Whether the socket took some parts before, or nothing. */
static void what_follows_a_stream_comes_in_its_place(void **state)
{
    (void)state;
    fill_turn(true);
    memcpy(turn_room(&turn), "between", 7);
    turn_wrote(&turn, 7);
    turn_stream(&turn, stream, 20, 30);
    memcpy(turn_room(&turn), "end", 3);
    turn_wrote(&turn, 3);
    struct pending *pending = move_away(whole_size);
    assert_int_equal(pending->part_count, 0);
    assert_true(pending_has_more(pending));
    pending_stream_sent(pending, 5000);
    assert_true(pending_has_more(pending));
    pending->cold_from = 4000;
    assert_true(pending_next_leg(pending));
    assert_true(span_equal(next_text(pending), SPAN("between")));
    assert_int_equal(pending->stream.offset, 20);
    assert_int_equal(pending->stream.left, 30);
    assert_int_equal(pending->warm_until, 20); /* nothing is known of what is there */
    assert_int_equal(pending->cold_from, -1);
    pending_sent(pending, 3);
    assert_true(span_equal(next_text(pending), SPAN("ween")));
    pending_sent(pending, 4);
    assert_int_equal(pending->part, pending->part_count);
    pending_stream_sent(pending, 30);
    assert_true(pending_next_leg(pending));
    assert_true(span_equal(next_text(pending), SPAN("end")));
    assert_false(pending_has_more(pending));
    pending_sent(pending, 3);
    assert_int_equal(pending->sent, whole_size + 5000 + 7 + 30 + 3);
    assert_false(pending_next_leg(pending));
    assert_ptr_equal(pending->stream.entry,
                     stream); /* until the end, so that it is known that the answer is not whole */
    pending_free(pending, &pool);
}

/* Exchanges that are over already were logged; of the others the texts come along. */
static void the_log_is_owed_what_is_not_over(void **state)
{
    (void)state;
    for (unsigned over = 0; over < ANSWERS; over++) {
        fill_turn(false);
        uint64_t sent = over > 0 ? turn.exchanges[over - 1].ends_at : 0;
        struct pending *pending = move_away(sent);
        assert_int_equal(pending->exchange_count, ANSWERS - over);
        for (unsigned i = 0; i < pending->exchange_count; i++) {
            const struct exchange *exchange = &pending->exchanges[i];
            char line[64];
            unsigned number = over + i;
            snprintf(line, sizeof line, "GET /%u HTTP/1.1", number);
            assert_true(span_equal(exchange->line, span_of_string(line)));
            assert_true(span_equal(exchange->method, SPAN("GET")));
            assert_ptr_equal(exchange->method.data, exchange->line.data);
            assert_int_equal(exchange->target.data[1], '0' + (int)number);
            assert_int_equal(exchange->status, 200 + number);
            assert_true(span_equal(exchange->agent, number % 2 ? SPAN("agent") : SPAN("")));
            assert_non_null(exchange->agent.data);
            assert_true(number == 3 ? span_equal(exchange->referer, SPAN("http://referer/")) : !exchange->referer.data);
        }
        pending_free(pending, &pool);
    }
}

/* A request that was none may have no texts, or ones that are no part of its line. */
static void texts_that_are_no_part_of_the_line_are_left_out(void **state)
{
    (void)state;
    static const char elsewhere[] = "elsewhere";
    struct exchange *exchange = turn_exchange(&turn, NULL);
    exchange->line = span_of(input, 5);
    exchange->method = span_of(elsewhere, 4);
    exchange->target = span_of(input + 3, 10);
    turn_wrote(&turn, 10);
    exchange->ends_at = turn.bytes;
    exchange = turn_exchange(&turn, NULL);
    turn_wrote(&turn, 10);
    exchange->ends_at = turn.bytes;
    struct pending *pending = move_away(1);
    assert_null(pending->exchanges[0].method.data);
    assert_null(pending->exchanges[0].target.data);
    assert_int_equal(pending->exchanges[0].line.size, 5);
    assert_null(pending->exchanges[1].line.data);
    pending_free(pending, &pool);
}

static void content_is_counted_by_what_was_sent(void **state)
{
    (void)state;
    static const struct {
        uint64_t sent, content;
    } counts[] = { { 0, 0 }, { 99, 0 }, { 100, 0 }, { 101, 1 }, { 149, 49 }, { 150, 50 }, { 1000, 50 } };
    struct exchange exchange = { .starts_at = 100, .ends_at = 150 };
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++)
        assert_int_equal(exchange_content_sent(&exchange, counts[i].sent), counts[i].content);
    exchange.ends_at = 100;
    assert_int_equal(exchange_content_sent(&exchange, 1000), 0);
}

#define WITH_A_TURN(test) cmocka_unit_test_setup_teardown(test, with_a_turn, without_a_turn)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_TURN(wherever_the_socket_stops_the_rest_is_the_same),
        WITH_A_TURN(every_size_of_what_it_takes_gives_the_same),
        WITH_A_TURN(what_was_not_sent_is_given_back),
        WITH_A_TURN(a_body_is_given_back_as_soon_as_it_is_sent),
        WITH_A_TURN(a_stream_moves_along),
        WITH_A_TURN(what_follows_a_stream_comes_in_its_place),
        WITH_A_TURN(the_log_is_owed_what_is_not_over),
        WITH_A_TURN(texts_that_are_no_part_of_the_line_are_left_out),
        WITH_A_TURN(content_is_counted_by_what_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
