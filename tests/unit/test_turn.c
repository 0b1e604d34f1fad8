#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "net/turn.h"

static struct turn turn;
static struct entry *small, *large, *stream;

static struct entry *snapshot(size_t size)
{
    struct entry *entry = entry_new(ENTRY_SNAPSHOT, SPAN("/"), 0, 0, size);
    for (size_t i = 0; i < size; i++) entry_body(entry)[i] = (char)('a' + i % 26);
    return entry;
}

static int with_a_turn(void **state)
{
    (void)state;
    turn = (struct turn){ .now_us = 4711, .now_s = 12 };
    small = snapshot(TURN_COPY_BYTES_MAX);
    large = snapshot(TURN_COPY_BYTES_MAX + 1);
    stream = entry_new(ENTRY_STREAM, SPAN("/"), 0, 0, 1 << 30);
    return turn_init(&turn, NULL) ? 0 : 1;
}

static int without_a_turn(void **state)
{
    (void)state;
    turn_done(&turn);
    turn_done(&turn); /* harmless */
    bool is_clean = small->references == 1 && large->references == 1 && stream->references == 1;
    entry_unref(small);
    entry_unref(large);
    entry_unref(stream);
    return is_clean ? 0 : 1;
}

static void write_text(const char *text)
{
    memcpy(turn_room(&turn), text, strlen(text));
    turn_wrote(&turn, strlen(text));
}

static void what_is_written_in_a_row_is_one_part(void **state)
{
    (void)state;
    write_text("one");
    write_text("");
    write_text("two");
    turn_body(&turn, small, 0, 26);
    write_text("three");
    assert_int_equal(turn.part_count, 1);
    assert_int_equal(turn.parts[0].iov_len, 3 + 3 + 26 + 5);
    assert_memory_equal(turn.parts[0].iov_base, "onetwoabcdefghijklmnopqrstuvwxyzthree", 37);
    assert_int_equal(turn.bytes, 37);
}

static void a_small_body_is_copied_and_a_large_one_referred_to(void **state)
{
    (void)state;
    write_text("head");
    turn_body(&turn, small, 0, TURN_COPY_BYTES_MAX);
    assert_int_equal(turn.part_count, 1);
    turn_body(&turn, large, 0, TURN_COPY_BYTES_MAX + 1);
    assert_int_equal(turn.part_count, 2);
    assert_ptr_equal(turn.parts[1].iov_base, entry_body(large));
    assert_ptr_equal(turn.owners[1], large);
    assert_int_equal(large->references, 1); /* it is there until the end of the turn without */
    write_text("tail");
    assert_int_equal(turn.part_count, 3);
    assert_null(turn.owners[2]);
    assert_int_equal(turn.bytes, 4 + TURN_COPY_BYTES_MAX + TURN_COPY_BYTES_MAX + 1 + 4);
    turn_reset(&turn);
}

static void a_part_of_a_body_is_that_part(void **state)
{
    (void)state;
    turn_body(&turn, large, 2, 3);
    assert_memory_equal(turn.parts[0].iov_base, "cde", 3);
    turn_body(&turn, large, 0, 0);
    assert_int_equal(turn.bytes, 3);
    turn_reset(&turn);
    struct entry *huge = snapshot(3 * TURN_COPY_BYTES_MAX);
    turn_body(&turn, huge, 5, 2 * TURN_COPY_BYTES_MAX);
    assert_ptr_equal(turn.parts[0].iov_base, entry_body(huge) + 5);
    assert_int_equal(turn.parts[0].iov_len, 2 * TURN_COPY_BYTES_MAX);
    turn_reset(&turn);
    entry_unref(huge);
}

static void a_stream_is_held_and_ends_the_turn(void **state)
{
    (void)state;
    write_text("head");
    assert_true(turn_has_room(&turn));
    turn_stream(&turn, stream, 100, 1000);
    assert_false(turn_has_room(&turn));
    assert_int_equal(stream->references, 2);
    assert_int_equal(turn.stream.offset, 100);
    assert_int_equal(turn.stream.left, 1000);
    assert_int_equal(turn.bytes, 1004);
    entry_unref(turn.stream.entry);
    turn.stream.entry = NULL;
    turn_reset(&turn);
    turn_stream(&turn, stream, 100, 0);
    assert_null(turn.stream.entry);
    assert_int_equal(stream->references, 1);
}

static bool is_leg(unsigned i, const char *text, int64_t offset, int64_t size)
{
    const struct stream_leg *leg = &turn.legs[i];
    return span_equal(leg->text, span_of_string(text)) && leg->offset == offset && leg->size == size;
}

static void what_is_written_behind_a_stream_follows_it_and_so_does_more_of_it(void **state)
{
    (void)state;
    write_text("head");
    turn_stream(&turn, stream, 100, 1000);
    write_text("one");
    write_text(" two");
    turn_stream(&turn, stream, 5, 10);
    write_text("three");
    assert_int_equal(turn.part_count, 1);
    assert_int_equal(turn.parts[0].iov_len, 4);
    assert_int_equal(turn.leg_count, 2);
    assert_true(is_leg(0, "one two", 5, 10));
    assert_true(is_leg(1, "three", 0, 0));
    assert_int_equal(turn.bytes, 4 + 1000 + 7 + 10 + 5);
    assert_int_equal(stream->references, 2);
    assert_false(turn_has_room(&turn));
    entry_unref(turn.stream.entry);
    turn.stream.entry = NULL;
    turn_reset(&turn);
    assert_int_equal(turn.leg_count, 0);
}

/* As many answers of as many ranges as may be: the parts suffice, and nothing but text is copied. */
static void answers_of_many_parts_end_the_turn_in_time(void **state)
{
    (void)state;
    unsigned answers = 0;
    for (; turn_has_room(&turn); answers++) {
        size_t text = 0;
        turn_exchange(&turn, NULL);
        for (unsigned i = 0; i < RANGES_MAX; i++, text += 4) {
            write_text("head");
            turn_refer(&turn, small, i, 1);
        }
        write_text("tail");
        assert_int_equal(turn.scratch_used, (answers + 1) * (text + 4));
    }
    assert_in_range(answers, 1, 2);
    assert_true(turn.part_count <= TURN_PARTS_MAX);
    assert_memory_equal(turn.parts[3].iov_base, entry_body(small) + 1, 1);
    assert_ptr_equal(turn.owners[3], small);
}

static void what_was_handed_over_is_held_until_the_end_of_the_turn(void **state)
{
    (void)state;
    entry_ref(small);
    entry_ref(large);
    turn_hold(&turn, small);
    turn_hold(&turn, large);
    assert_int_equal(small->references, 2);
    turn_reset(&turn);
    assert_int_equal(small->references, 1);
    assert_int_equal(large->references, 1);
    assert_int_equal(turn.held_count, 0);
}

static void an_exchange_takes_what_the_log_needs(void **state)
{
    (void)state;
    struct request request = { .line = SPAN("GET / HTTP/1.1"), .method_text = SPAN("GET"), .target = SPAN("/") };
    memset(turn.exchanges, 0xff, sizeof turn.exchanges);
    struct exchange *exchange = turn_exchange(&turn, &request);
    assert_int_equal(exchange->began_us, 4711);
    assert_int_equal(exchange->time_s, 12);
    assert_int_equal(exchange->outcome, CACHE_NONE);
    assert_true(span_equal(exchange->line, SPAN("GET / HTTP/1.1")));
    assert_true(span_equal(exchange->method, SPAN("GET")));
    assert_true(span_equal(exchange->target, SPAN("/")));
    assert_null(exchange->referer.data);
    assert_null(exchange->agent.data);
    struct exchange *none = turn_exchange(&turn, NULL);
    assert_ptr_equal(none, exchange + 1);
    assert_null(none->line.data);
    assert_null(none->method.data);
}

static void a_turn_ends_with_so_many_answers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TURN_EXCHANGES_MAX; i++) {
        assert_true(turn_has_room(&turn));
        turn_exchange(&turn, NULL);
        write_text("head");
        turn_body(&turn, large, 0, (size_t)large->body_size);
    }
    assert_false(turn_has_room(&turn));
    assert_true(turn.part_count <= TURN_PARTS_MAX);
    turn_reset(&turn);
    assert_true(turn_has_room(&turn));
    assert_int_equal(turn.part_count, 0);
    assert_int_equal(turn.bytes, 0);
    assert_ptr_equal(turn_room(&turn), turn.scratch);
}

static void a_turn_ends_with_so_many_bytes(void **state)
{
    (void)state;
    struct entry *huge = snapshot(TURN_BYTES_MAX / 2);
    turn_body(&turn, huge, 0, (size_t)huge->body_size);
    assert_true(turn_has_room(&turn));
    turn_body(&turn, huge, 0, (size_t)huge->body_size);
    assert_false(turn_has_room(&turn));
    turn_reset(&turn);
    entry_unref(huge);
}

/* However long the answers are that copy into the scratch, there is room for the longest after has_room. */
static void the_scratch_suffices_for_another_answer(void **state)
{
    (void)state;
    for (size_t each = 1; each <= TURN_ANSWER_BYTES_MAX; each = each * 3 + 1) {
        while (turn_has_room(&turn)) {
            turn_exchange(&turn, NULL);
            assert_true(turn.scratch_used + TURN_ANSWER_BYTES_MAX <= TURN_SCRATCH_BYTES);
            memset(turn_room(&turn), 'x', TURN_ANSWER_BYTES_MAX);
            turn_wrote(&turn, each);
        }
        turn_reset(&turn);
    }
}

#define WITH_A_TURN(test) cmocka_unit_test_setup_teardown(test, with_a_turn, without_a_turn)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_TURN(what_is_written_in_a_row_is_one_part),
        WITH_A_TURN(a_small_body_is_copied_and_a_large_one_referred_to),
        WITH_A_TURN(a_part_of_a_body_is_that_part),
        WITH_A_TURN(a_stream_is_held_and_ends_the_turn),
        WITH_A_TURN(what_is_written_behind_a_stream_follows_it_and_so_does_more_of_it),
        WITH_A_TURN(answers_of_many_parts_end_the_turn_in_time),
        WITH_A_TURN(what_was_handed_over_is_held_until_the_end_of_the_turn),
        WITH_A_TURN(an_exchange_takes_what_the_log_needs),
        WITH_A_TURN(a_turn_ends_with_so_many_answers),
        WITH_A_TURN(a_turn_ends_with_so_many_bytes),
        WITH_A_TURN(the_scratch_suffices_for_another_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
