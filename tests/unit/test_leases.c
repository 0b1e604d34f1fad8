#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>

#include "../support/await.h"
#include "../support/scratch.h"
#include "../support/table_rig.h"
#include "cache/leases.h"
#include "platform/thread.h"

/* The system itself would break a lease after 45 seconds, which is longer than any test waits. */
enum { SKIPPED = 77 }; /* as Meson has it */

static struct scratch scratch;
static struct table *table;
static struct leases *leases;

/* A break that is heard between the announcement of a lease and its taking: one that was meant for whoever had the descriptor's
 * number before. */
static struct lease *taking; /* NULL: it is left alone */
static bool writer_stays;    /* the file is open for writing when the lease is taken */
static int staying_writer;

static bool is_readable(int fd)
{
    return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 1;
}

/* Open `name` for writing without waiting for whoever has a lease on it, who is told. -1: somebody has. */
static int try_to_write(const char *name)
{
    int fd = openat(scratch.fd, name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) assert_int_equal(errno, EWOULDBLOCK);
    return fd;
}

static bool may_write(const char *name)
{
    int fd = try_to_write(name);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

static int open_file(const char *name)
{
    int fd = openat(scratch.fd, name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

enum file_lease __real_file_lease_take(int fd);
enum file_lease __wrap_file_lease_take(int fd);

enum file_lease __wrap_file_lease_take(int fd)
{
    struct lease *disturbed = taking;
    taking = NULL;
    if (disturbed) {
        struct entry *stream = disturbed->stream;
        assert_int_equal(__real_file_lease_take(fd), FILE_LEASE_TAKEN);
        assert_int_equal(try_to_write("file"), -1);
        file_lease_return(fd);
        AWAIT(lease_is_recalled(disturbed));
        if (stream) AWAIT(stream->references == 1); /* the thread has done with it */
        if (writer_stays) assert_true((staying_writer = try_to_write("file")) >= 0);
    }
    return __real_file_lease_take(fd);
}

static int with_leases(void **state)
{
    (void)state;
    rcu_reader_begin();
    scratch_open(&scratch, NULL);
    scratch_text(&scratch, "file", "content");
    scratch_text(&scratch, "other", "content");
    table = table_new(&(struct table_limits){ 1 << 20, 100, 100, 100 });
    taking = NULL;
    writer_stays = false;
    leases = leases_new(table);
    return table && leases ? 0 : -1;
}

static int without_leases(void **state)
{
    (void)state;
    leases_stop(leases);
    uint64_t held = rig_free(table);
    leases_free(leases);
    scratch_close(&scratch);
    rcu_reader_end();
    return held == 0 ? 0 : -1;
}

/* A stream of the file `name` under its lease, published as "/NAME", and one reference that is the caller's. */
static struct entry *publish_stream(const char *name)
{
    char key[16];
    snprintf(key, sizeof key, "/%s", name);
    struct entry *entry = rig_entry(table, ENTRY_STREAM, key, 7, 0, 1);
    assert_non_null(entry);
    entry->fd = open_file(name);
    assert_int_equal(lease_take(leases, &entry_stream(entry)->lease, entry->fd, entry), FILE_LEASE_TAKEN);
    assert_ptr_equal(table_publish(table, entry), entry);
    return entry;
}

static struct lease *lease_of(struct entry *entry)
{
    return &entry_stream(entry)->lease;
}

static void a_writer_gets_a_stream_that_nobody_borrows_at_once(void **state)
{
    (void)state;
    struct entry *entry = publish_stream("file"), *other = publish_stream("other");
    assert_true(lease_is_held(lease_of(entry)));
    assert_int_equal(leases_counts(leases).held, 2);
    assert_false(may_write("file"));
    AWAIT(may_write("file"));
    assert_null(rig_find(table, "/file"));
    assert_true(lease_is_recalled(lease_of(entry)));
    assert_false(lease_is_held(lease_of(entry)));
    assert_false(lease_borrow(lease_of(entry)));
    assert_int_equal(lease_of(entry)->borrowers, 0);
    struct lease_counts counts = leases_counts(leases);
    assert_int_equal(counts.held, 1);
    assert_int_equal(counts.recalled, 1);
    /* It is nobody else's business. */
    assert_ptr_equal(rig_find(table, "/other"), other);
    assert_true(lease_is_held(lease_of(other)));
    entry_unref(entry);
    entry_unref(other);
}

static void a_writer_waits_for_all_who_borrowed(void **state)
{
    (void)state;
    struct lease_borrower asked = { .wakeup = wakeup_open() }, gone = { .wakeup = wakeup_open() };
    struct entry *entry = publish_stream("file");
    struct lease *lease = lease_of(entry);
    leases_enlist(leases, &asked);
    leases_enlist(leases, &gone);
    leases_dismiss(leases, &gone);
    assert_true(lease_borrow(lease));
    assert_true(lease_borrow(lease));
    assert_false(may_write("file"));
    AWAIT(asked.was_asked);
    AWAIT(is_readable(asked.wakeup));
    assert_int_equal(gone.was_asked, 0);
    assert_true(lease->recalled_ms > 0);
    assert_null(rig_find(table, "/file"));
    assert_false(lease_borrow(lease)); /* nor does who is refused count as one who gives back */
    assert_false(may_write("file"));
    lease_give_back(lease);
    assert_false(may_write("file"));
    lease_give_back(lease);
    AWAIT(may_write("file"));
    entry_unref(entry);
    leases_dismiss(leases, &asked);
    close(asked.wakeup);
    close(gone.wakeup);
}

/* Each worker looks at all that it borrowed; until it begins to, one ring suffices. */
static void who_was_asked_is_not_rung_again_before_he_looks(void **state)
{
    (void)state;
    struct lease_borrower borrower = { .wakeup = wakeup_open() };
    struct entry *entry = publish_stream("file"), *other = publish_stream("other");
    leases_enlist(leases, &borrower);
    assert_false(may_write("file"));
    AWAIT(is_readable(borrower.wakeup));
    wakeup_clear(borrower.wakeup);
    assert_false(may_write("other"));
    AWAIT(may_write("other"));
    leases_stop(leases); /* it has done what it was about to */
    assert_false(is_readable(borrower.wakeup));
    assert_int_equal(borrower.was_asked, 1);
    leases_dismiss(leases, &borrower);
    close(borrower.wakeup);
    entry_unref(entry);
    entry_unref(other);
}

static void who_borrowed_and_gave_back_is_not_waited_for(void **state)
{
    (void)state;
    struct entry *entry = publish_stream("file");
    for (int i = 0; i < 3; i++) {
        assert_true(lease_borrow(lease_of(entry)));
        lease_give_back(lease_of(entry));
    }
    assert_false(may_write("file"));
    AWAIT(may_write("file"));
    entry_unref(entry);
}

static void a_stream_gives_its_lease_back_when_it_is_freed(void **state)
{
    (void)state;
    struct entry *entry = publish_stream("file");
    int same = fcntl(entry->fd, F_DUPFD_CLOEXEC, 0); /* closing the last one would return it, too */
    table_remove(table, entry);
    entry_unref(entry);
    assert_true(rig_reclaim(table));
    assert_true(may_write("file"));
    assert_int_equal(leases_counts(leases).held, 0);
    assert_int_equal(leases_counts(leases).recalled, 0);
    close(same);
}

/* Its last reference is gone: whoever frees it gives its lease back, and nobody else may touch it. */
static void a_stream_that_is_being_freed_is_left_to_who_frees_it(void **state)
{
    (void)state;
    struct entry *entry = publish_stream("file"), *other = publish_stream("other");
    table_remove(table, entry);
    assert_true(rig_reclaim(table));
    atomic_store(&entry->references, 0);
    assert_false(may_write("file"));
    assert_false(may_write("other"));
    AWAIT(may_write("other")); /* breaks are heard in their order */
    assert_false(lease_is_recalled(lease_of(entry)));
    assert_int_equal(entry->references, 0);
    atomic_store(&entry->references, 1);
    entry_unref(entry);
    assert_true(may_write("file"));
    entry_unref(other);
}

/* They are looked for by the low bits of their numbers. */
static void a_break_is_of_one_descriptor_and_of_none_like_it(void **state)
{
    (void)state;
    enum { FAR = 1 << 12 };
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    struct lease lease, alike;
    int fd = open_file("file"), one = open_file("other"), far = fcntl(one, F_DUPFD_CLOEXEC, fd + FAR);
    close(one);
    if (far >= 0) { /* else this process may not have so many */
        assert_int_equal(lease_take(leases, &alike, far, NULL), FILE_LEASE_TAKEN);
        assert_int_equal(lease_take(leases, &lease, fd, NULL), FILE_LEASE_TAKEN);
        assert_false(may_write("file"));
        AWAIT(may_write("file"));
        assert_false(lease_return(&lease));
        assert_true(lease_return(&alike));
        close(far);
    }
    close(fd);
}

static void a_reader_loses_its_lease_to_a_writer_and_learns_of_it(void **state)
{
    (void)state;
    struct lease lease;
    int fd = open_file("file");
    assert_int_equal(lease_take(leases, &lease, fd, NULL), FILE_LEASE_TAKEN);
    assert_int_equal(leases_counts(leases).held, 0); /* of streams */
    assert_false(may_write("file"));
    AWAIT(may_write("file")); /* though it still reads */
    assert_false(lease_return(&lease));
    assert_true(lease_return(&lease)); /* there is none any more */
    assert_int_equal(leases_counts(leases).recalled, 1);
    /* Again, undisturbed. */
    assert_int_equal(lease_take(leases, &lease, fd, NULL), FILE_LEASE_TAKEN);
    assert_true(lease_return(&lease));
    assert_true(may_write("file"));
    assert_int_equal(leases_counts(leases).recalled, 1);
    close(fd);
}

static void a_file_that_is_open_for_writing_has_no_lease(void **state)
{
    (void)state;
    struct lease lease;
    int fd = open_file("file"), writer = try_to_write("file");
    assert_int_equal(lease_take(leases, &lease, fd, NULL), FILE_LEASE_REFUSED);
    assert_false(lease_is_held(&lease));
    assert_false(lease_borrow(&lease));
    assert_true(lease_return(&lease));
    close(writer);
    close(fd);
}

static void a_lease_that_nobody_hears_of_lends_nothing(void **state)
{
    (void)state;
    struct lease lease;
    int fd = open_file("file");
    signal(SIGIO, SIG_IGN); /* it is not announced */
    assert_int_equal(lease_take(NULL, &lease, fd, NULL), FILE_LEASE_TAKEN);
    assert_false(lease_is_held(&lease));
    assert_false(lease_borrow(&lease));
    assert_false(may_write("file"));
    assert_true(lease_return(&lease));
    assert_true(may_write("file"));
    lease_init(&lease);
    assert_true(lease_return(&lease));
    close(fd);
}

/* The queue of signals was full: the kernel sends one that says nothing of the file. */
static void of_a_nameless_break_all_are_asked_and_those_that_are_wanted_are_recalled(void **state)
{
    (void)state;
    struct entry *entry = publish_stream("file"), *other = publish_stream("other");
    assert_int_equal(fcntl(entry->fd, F_SETSIG, 0), 0);
    assert_false(may_write("file"));
    AWAIT(may_write("file"));
    assert_null(rig_find(table, "/file"));
    assert_true(lease_is_held(lease_of(other)));
    assert_false(may_write("other"));
    AWAIT(may_write("other"));
    entry_unref(entry);
    entry_unref(other);
}

static void the_end_waits_for_no_borrower(void **state)
{
    (void)state;
    struct entry *entry = publish_stream("file");
    assert_true(lease_borrow(lease_of(entry)));
    assert_false(may_write("file"));
    AWAIT(lease_is_recalled(lease_of(entry)));
    leases_stop(leases);
    assert_true(may_write("file"));
    leases_stop(leases); /* it is over */
    lease_give_back(lease_of(entry));
    entry_unref(entry);
    leases_stop(NULL);
    leases_free(NULL);
}

/* Descriptors' numbers are used again: a break may be heard that was meant for another lease. */
static void a_break_that_comes_before_the_lease_costs_it_and_nothing_else(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        bool is_stream = round & 1;
        writer_stays = round & 2;
        struct entry *entry = rig_entry(table, ENTRY_STREAM, "/file", 7, 0, 1);
        struct lease reading, *lease = is_stream ? lease_of(entry) : &reading;
        int fd = open_file("file");
        if (is_stream) entry->fd = fd;
        taking = lease;
        assert_int_equal(lease_take(leases, lease, fd, is_stream ? entry : NULL),
                         writer_stays ? FILE_LEASE_REFUSED : FILE_LEASE_TAKEN);
        assert_false(lease_is_held(lease));
        assert_false(lease_borrow(lease));
        if (writer_stays) close(staying_writer);
        assert_true(may_write("file")); /* nobody would give it back any more */
        assert_int_equal(leases_counts(leases).held, 0);
        assert_int_equal(entry->references, 1);
        if (!is_stream) (void)lease_return(lease);
        if (!is_stream) close(fd);
        entry_unref(entry);
    }
}

/* Whether the file system of temporary files knows leases at all. */
static bool has_leases(void)
{
    scratch_open(&scratch, NULL);
    scratch_text(&scratch, "file", "content");
    int fd = openat(scratch.fd, "file", O_RDONLY | O_CLOEXEC);
    bool is_taken = fd >= 0 && __real_file_lease_take(fd) == FILE_LEASE_TAKEN;
    if (fd >= 0) close(fd);
    scratch_close(&scratch);
    return is_taken;
}

#define WITH_LEASES(test) cmocka_unit_test_setup_teardown(test, with_leases, without_leases)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LEASES(a_writer_gets_a_stream_that_nobody_borrows_at_once),
        WITH_LEASES(a_writer_waits_for_all_who_borrowed),
        WITH_LEASES(who_was_asked_is_not_rung_again_before_he_looks),
        WITH_LEASES(who_borrowed_and_gave_back_is_not_waited_for),
        WITH_LEASES(a_stream_gives_its_lease_back_when_it_is_freed),
        WITH_LEASES(a_stream_that_is_being_freed_is_left_to_who_frees_it),
        WITH_LEASES(a_break_is_of_one_descriptor_and_of_none_like_it),
        WITH_LEASES(a_reader_loses_its_lease_to_a_writer_and_learns_of_it),
        WITH_LEASES(a_file_that_is_open_for_writing_has_no_lease),
        WITH_LEASES(a_lease_that_nobody_hears_of_lends_nothing),
        WITH_LEASES(of_a_nameless_break_all_are_asked_and_those_that_are_wanted_are_recalled),
        WITH_LEASES(the_end_waits_for_no_borrower),
        WITH_LEASES(a_break_that_comes_before_the_lease_costs_it_and_nothing_else),
    };
    if (!has_leases()) return SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
