#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "../support/guarded.h"
#include "base/compiler.h"
#include "http/ready_head.h"

static struct ready_head_facts plain_facts(void)
{
    return (struct ready_head_facts){
        .content_type = SPAN("text/html; charset=utf-8"), .length = 1024, .modified_s = 784111777, .now_s = 1795293041
    };
}

static const uint64_t plain_digest[2] = { 0x0123456789abcdef, 0xfedcba9876543210 };

/* The head at the end of memory, where it is as long as it may be at most; in pieces. */
static struct ready_head make_sealed(const struct ready_head_facts *facts, const uint64_t digest[2])
{
    static struct guarded guarded;
    static char copy[READY_HEAD_BYTES_MAX];
    struct ready_head head;
    if (!guarded.pages) guarded = guarded_open(READY_HEAD_BYTES_MAX);
    char *room = guarded.pages + guarded.room - READY_HEAD_BYTES_MAX;
    size_t size = ready_head_write(facts, room);
    assert_true(size <= READY_HEAD_BYTES_MAX);
    ready_head_seal(room, digest);
    memcpy(copy, room, size);
    ready_head_read(span_of(copy, size), &head);
    return head;
}

static struct ready_head make(const struct ready_head_facts *facts)
{
    return make_sealed(facts, plain_digest);
}

static bool is_text(struct span span, const char *text)
{
    return span_equal(span, span_of_string(text));
}

static void a_head_has_its_fields_in_the_order_in_which_they_are_needed(void **state)
{
    (void)state;
    struct ready_head_facts facts = plain_facts();
    struct ready_head head = make(&facts);
    char all[512], etag[64];
    snprintf(etag, sizeof etag, "%.*s", (int)head.values.etag.size, head.values.etag.data);
    snprintf(all, sizeof all, "ETag: %s\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n", etag);
    assert_true(is_text(head.validators, all));
    assert_true(is_text(head.content, "Content-Type: text/html; charset=utf-8\r\n"));
    snprintf(all, sizeof all, "%.*s%.*sContent-Length: 1024\r\n", (int)head.validators.size, head.validators.data,
             (int)head.content.size, head.content.data);
    assert_true(is_text(head.all, all));
    assert_ptr_equal(head.all.data, head.validators.data);
    assert_int_equal(head.values.modified_s, 784111777);
    assert_true(head.values.has_modified);
}

static void an_etag_is_a_strong_one_of_its_digest(void **state)
{
    (void)state;
    struct ready_head_facts facts = plain_facts();
    struct ready_head head = make(&facts);
    char first[32], second[32];
    assert_int_equal(head.values.etag.size, 24);
    assert_int_equal(head.values.etag.data[0], '"');
    assert_int_equal(head.values.etag.data[23], '"');
    for (int i = 1; i < 23; i++)
        assert_non_null(
            strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", head.values.etag.data[i]));
    memcpy(first, head.values.etag.data, 24);
    for (int bit = 0; bit < 128; bit++) { /* each bit of it makes a difference */
        uint64_t digest[2] = { plain_digest[0], plain_digest[1] };
        digest[bit / 64] ^= (uint64_t)1 << bit % 64;
        memcpy(second, make_sealed(&facts, digest).values.etag.data, 24);
        assert_memory_not_equal(first, second, 24);
    }
    facts = plain_facts();
    facts.length = 1;
    facts.modified_s = 5;
    assert_memory_equal(make(&facts).values.etag.data, first, 24); /* and nothing else does */
}

static void a_seal_changes_the_etag_alone_and_nothing_where_there_is_none(void **state)
{
    (void)state;
    static const uint64_t other[2] = { UINT64_MAX, 0 };
    char first[READY_HEAD_BYTES_MAX];
    for (int omits = 0; omits < 2; omits++) {
        struct ready_head_facts facts = plain_facts();
        facts.omits_etag = omits;
        struct ready_head head = make(&facts);
        size_t size = head.all.size, etag_end = omits ? 0 : strlen("ETag: ") + READY_HEAD_TAG_BYTES;
        memcpy(first, head.all.data, size);
        head = make_sealed(&facts, other);
        assert_int_equal(head.all.size, size);
        assert_int_equal(head.values.etag.data != NULL, !omits);
        if (!omits) assert_memory_not_equal(head.all.data, first, etag_end);
        assert_memory_equal(head.all.data + etag_end, first + etag_end, size - etag_end);
    }
}

static void a_time_that_means_nothing_is_left_out(void **state)
{
    (void)state;
    static const struct {
        int64_t modified_s;
        bool is_sent;
    } times[] = {
        { INT64_MIN, false }, { -1, false },         { 0, false },
        { 1, false },         { 2, true },           { 1795293040, true },
        { 1795293041, true }, { 1795293042, false }, { 253402300799, false },
        { INT64_MAX, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
        struct ready_head_facts facts = plain_facts();
        facts.modified_s = times[i].modified_s;
        struct ready_head head = make(&facts);
        assert_int_equal(head.values.has_modified, times[i].is_sent);
        assert_int_equal(head.validators.size, times[i].is_sent ? 32 + 46 : 32);
    }
}

static void the_longest_fits(void **state)
{
    (void)state;
    static char type[300];
    memset(type, 't', sizeof type);
    struct ready_head_facts facts = plain_facts();
    facts.length = UINT64_MAX;
    facts.content_type = span_of(type, 200);
    struct ready_head head = make(&facts);
    assert_int_equal(head.content.size, strlen("Content-Type: \r\n") + 200);
    assert_true(span_ends_with(head.all, SPAN("Content-Length: 18446744073709551615\r\n")));
    facts.content_type = span_of(type, 201);
    assert_true(is_text(make(&facts).content, "Content-Type: application/octet-stream\r\n"));
}

static void an_empty_file_has_a_length_of_nothing(void **state)
{
    (void)state;
    struct ready_head_facts facts = plain_facts();
    facts.length = 0;
    assert_true(span_ends_with(make(&facts).all, SPAN("\r\nContent-Length: 0\r\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_has_its_fields_in_the_order_in_which_they_are_needed),
        cmocka_unit_test(an_etag_is_a_strong_one_of_its_digest),
        cmocka_unit_test(a_seal_changes_the_etag_alone_and_nothing_where_there_is_none),
        cmocka_unit_test(a_time_that_means_nothing_is_left_out),
        cmocka_unit_test(the_longest_fits),
        cmocka_unit_test(an_empty_file_has_a_length_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
