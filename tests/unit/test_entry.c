#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/table_rig.h"

static int as_a_reader(void **state)
{
    (void)state;
    rcu_reader_begin();
    return 0;
}

static int as_nobody(void **state)
{
    (void)state;
    rcu_reader_end();
    return 0;
}

static void the_cost_covers_the_memory_and_hardly_more(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 7, 8, 15, 16, 17, 100, 1000, 4096, 65536, 100000 };
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        for (size_t key_size = 1; key_size < 40; key_size++) {
            char key[40] = { 0 };
            struct entry *entry = entry_new(ENTRY_SNAPSHOT, span_of(key, key_size), 0, 200, sizes[i]);
            size_t cost = entry_cost(key_size, 200, sizes[i]), asked = sizeof *entry + key_size + 200 + sizes[i];
            assert_true(cost >= malloc_usable_size(entry) + sizeof(size_t));
            assert_true(cost <= asked + 96);
            entry_unref(entry);
        }
    }
}

/* The budget of a million known files is 256 bytes each beside their content. */
static void what_a_small_file_costs_beside_its_content_is_bounded(void **state)
{
    (void)state;
    assert_true(entry_cost(sizeof "/000/000/index.html", 200, 1024) - 1024 - 200 <= 256);
}

static void an_entry_has_its_key_its_head_and_its_body(void **state)
{
    (void)state;
    struct entry *entry = entry_new(ENTRY_SNAPSHOT, SPAN("/key"), 4711, 5, 3);
    memcpy(entry->bytes, "head!", 5);
    memcpy(entry_body(entry), "end", 3);
    assert_true(span_equal(entry_key(entry), SPAN("/key")));
    assert_true(span_equal(entry_head(entry), SPAN("head!")));
    assert_memory_equal(entry_body(entry), "end", 3);
    assert_int_equal(entry->hash, 4711);
    assert_int_equal(entry->body_size, 3);
    assert_int_equal(entry->fd, -1);
    assert_int_equal(entry->references, 1);
    entry_unref(entry);
    entry_unref(NULL);
}

static void only_files_have_content(void **state)
{
    (void)state;
    for (enum entry_kind kind = ENTRY_SNAPSHOT; kind <= ENTRY_REFUSED; kind++) {
        struct entry *entry = entry_new(kind, SPAN("/"), 0, 0, 0);
        assert_int_equal(entry_has_content(entry),
                         kind == ENTRY_SNAPSHOT || kind == ENTRY_STREAM || kind == ENTRY_MADE);
        entry_unref(entry);
    }
}

/* A file of many GiB is a stream: only its descriptor is kept. */
static void the_body_of_a_stream_takes_no_memory(void **state)
{
    (void)state;
    struct entry *entry = entry_new(ENTRY_STREAM, SPAN("/big"), 0, 0, (uint64_t)1 << 50);
    assert_non_null(entry);
    assert_int_equal(entry->body_size, (uint64_t)1 << 50);
    entry_unref(entry);
}

static void the_last_reference_closes_frees_and_gives_its_share_back(void **state)
{
    (void)state;
    struct table *table = table_new(&(struct table_limits){ 1 << 20, 10, 10, 10 });
    struct entry *entry = rig_entry(table, ENTRY_STREAM, "/stream", 5, 0, 1);
    entry->fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    int fd = entry->fd;
    uint64_t bytes = table_counts(table).bytes;
    assert_int_equal(bytes, entry_cost(7, 0, 0));
    entry_ref(entry);
    entry_unref(entry);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    assert_int_equal(table_counts(table).bytes, bytes);
    entry_unref(entry);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(table_counts(table).bytes, 0);
    assert_int_equal(rig_free(table), 0);
}

static void a_stamp_says_when_it_was_looked_at(void **state)
{
    (void)state;
    struct entry *entry = entry_new(ENTRY_ABSENT, SPAN("/"), 0, 0, 0);
    entry_stamp(entry, 12345678901234);
    assert_int_equal(entry->sampled_us, 12345678901234);
    assert_int_equal(entry->checked_ms, (uint32_t)12345678901);
    assert_int_equal(entry->used_s, 12345678);
    entry_unref(entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cost_covers_the_memory_and_hardly_more),
        cmocka_unit_test(what_a_small_file_costs_beside_its_content_is_bounded),
        cmocka_unit_test(an_entry_has_its_key_its_head_and_its_body),
        cmocka_unit_test(only_files_have_content),
        cmocka_unit_test(the_body_of_a_stream_takes_no_memory),
        cmocka_unit_test(the_last_reference_closes_frees_and_gives_its_share_back),
        cmocka_unit_test(a_stamp_says_when_it_was_looked_at),
    };
    return cmocka_run_group_tests(tests, as_a_reader, as_nobody);
}
