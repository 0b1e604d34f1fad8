#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "../support/load_rig.h"
#include "platform/clock.h"

/* Loading while others change what is loaded. What the system does in between is done here where it must be sure to happen. */
static struct load_rig rig;

static void (*before_open)(void); /* once, between the look at the place and its opening */
static void (*after_read)(void);  /* each time */
static int read_takes_ms;         /* each time */
static int disturbed_walks;       /* so many are, by what others rename */
static bool has_leases;           /* for files of somebody else's none can be had */
static _Atomic int is_over;       /* whatever others do all the time */

static int with_a_file(void **state)
{
    (void)state;
    before_open = after_read = NULL;
    read_takes_ms = disturbed_walks = 0;
    is_over = 0;
    has_leases = true;
    rcu_reader_begin();
    load_rig_open(&rig);
    scratch_text(&rig.scratch, "file", "content");
    scratch_folder(&rig.scratch, "folder");
    scratch_folder(&rig.scratch, "bare");
    return 0;
}

static int without_a_file(void **state)
{
    (void)state;
    uint64_t held = load_rig_close(&rig);
    rcu_reader_end();
    return held == 0 ? 0 : 1;
}

static struct entry *load_well(const char *key)
{
    struct entry *entry = NULL;
    bool may_publish = false;
    assert_int_equal(rig_load(&rig, key, FILE_WAIT, &entry, &may_publish), STATUS_OK);
    assert_true(may_publish);
    return entry;
}

enum status __real_file_open_place(int place, enum file_patience patience, int *ret_fd);
enum status __wrap_file_open_place(int place, enum file_patience patience, int *ret_fd);

enum status __wrap_file_open_place(int place, enum file_patience patience, int *ret_fd)
{
    void (*hook)(void) = before_open;
    before_open = NULL;
    if (hook) hook();
    return __real_file_open_place(place, patience, ret_fd);
}

static void replace_and_publish(void)
{
    scratch_replace(&rig.scratch, "file", "a later version");
    rcu_online();
    struct entry *entry = load_well("/file");
    assert_ptr_equal(table_publish(rig.table, entry), entry);
    entry_unref(entry);
    rcu_offline();
}

/* Who found the old file first, and was slow to read it, must not put it in the place of the new one. */
static void the_look_at_a_path_counts_and_not_the_reading(void **state)
{
    (void)state;
    before_open = replace_and_publish;
    struct entry *slow = load_well("/file");
    assert_memory_equal(entry_body(slow), "content", 7);
    struct entry *there = table_publish(rig.table, slow);
    assert_ptr_not_equal(there, slow);
    assert_memory_equal(entry_body(there), "a later version", 15);
    entry_unref(slow);
}

enum status __real_file_find(int root, const char *path, enum file_patience patience, int *ret_place,
                             struct file_facts *ret_facts, struct file_identity *ret_identity);
enum status __wrap_file_find(int root, const char *path, enum file_patience patience, int *ret_place,
                             struct file_facts *ret_facts, struct file_identity *ret_identity);

enum status __wrap_file_find(int root, const char *path, enum file_patience patience, int *ret_place,
                             struct file_facts *ret_facts, struct file_identity *ret_identity)
{
    if (disturbed_walks > 0) {
        disturbed_walks--;
        return STATUS_WOULD_BLOCK;
    }
    return __real_file_find(root, path, patience, ret_place, ret_facts, ret_identity);
}

static void who_may_wait_is_never_told_to_ask_somebody_who_may(void **state)
{
    (void)state;
    struct entry *entry;
    bool may_publish;
    disturbed_walks = 20;
    entry_unref(load_well("/file"));
    assert_int_equal(disturbed_walks, 0);
    disturbed_walks = 1000000;
    assert_int_equal(rig_load(&rig, "/file", FILE_WAIT, &entry, &may_publish), STATUS_FAILED);
    disturbed_walks = 1;
    assert_int_equal(rig_load(&rig, "/file", FILE_NOWAIT, &entry, &may_publish), STATUS_WOULD_BLOCK);
    assert_int_equal(disturbed_walks, 0);
}

enum status __real_file_read(int fd, char *to, size_t size, int64_t offset, enum file_patience patience,
                             size_t *ret_read);
enum status __wrap_file_read(int fd, char *to, size_t size, int64_t offset, enum file_patience patience,
                             size_t *ret_read);

enum status __wrap_file_read(int fd, char *to, size_t size, int64_t offset, enum file_patience patience,
                             size_t *ret_read)
{
    if (read_takes_ms > 0) nanosleep(&(struct timespec){ .tv_nsec = read_takes_ms * 1000000L }, NULL);
    enum status status = __real_file_read(fd, to, size, offset, patience, ret_read);
    if (after_read) after_read();
    return status;
}

static int changer;
static unsigned changes_left;

static void change_what_was_read(void)
{
    if (changes_left == 0) return;
    changes_left--;
    assert_int_equal(pwrite(changer, changes_left % 2 ? "AAAAAAA" : "BBBBBBB", 7, 0), 7);
}

static void shorten_what_was_read(void)
{
    struct stat st;
    assert_int_equal(fstat(changer, &st), 0);
    if (st.st_size != 3) assert_int_equal(ftruncate(changer, 3), 0);
}

static void a_file_that_changed_while_it_was_read_is_read_again(void **state)
{
    (void)state;
    changer = openat(rig.scratch.fd, "file", O_WRONLY | O_CLOEXEC);
    rig.takes_unsettled = true;
    after_read = change_what_was_read;
    for (unsigned changes = 1; changes <= 2; changes++) {
        changes_left = changes;
        struct entry *entry = load_well("/file");
        struct stat st;
        assert_int_equal(fstat(changer, &st), 0);
        if (entry->kind == ENTRY_SNAPSHOT) assert_memory_equal(entry_body(entry), "BBBBBBB", 7);
        assert_int_equal(entry->kind, ENTRY_SNAPSHOT);
        assert_int_equal(entry->identity.changed_ns, st.st_ctim.tv_nsec);
        assert_int_equal(changes_left, 0);
        entry_unref(entry);
        rig_wait_for_another_tick();
    }
    after_read = shorten_what_was_read;
    struct entry *entry = load_well("/file");
    assert_int_equal(entry->body_size, 3);
    entry_unref(entry);
    close(changer);
}

/* It is sent from its descriptor, and not kept. */
static void a_file_that_never_keeps_still_is_not_kept(void **state)
{
    (void)state;
    struct entry *entry;
    bool may_publish = true;
    changer = openat(rig.scratch.fd, "file", O_WRONLY | O_CLOEXEC);
    rig.takes_unsettled = true;
    after_read = change_what_was_read;
    changes_left = 1000;
    enum status waiting = rig_load(&rig, "/file", FILE_WAIT, &entry, &may_publish);
    assert_int_equal(waiting, STATUS_OK);
    assert_int_equal(entry->kind, ENTRY_STREAM);
    assert_true(entry->fd >= 0);
    assert_false(may_publish);
    assert_int_equal(entry->charged_bytes, 0);
    entry_unref(entry);
    enum status in_place = rig_load(&rig, "/file", FILE_NOWAIT, &entry, &may_publish);
    close(changer);
    assert_int_equal(in_place, STATUS_WOULD_BLOCK);
}

/* Times of files have a grain: what changed so lately could change again, and look the same. However long it took to read. */
static void what_changed_just_before_it_was_read_is_marked(void **state)
{
    (void)state;
    int writer = openat(rig.scratch.fd, "file", O_WRONLY | O_CLOEXEC); /* so that no lease keeps others out */
    rig.takes_unsettled = true;
    for (int i = 0; i < 2; i++) {
        read_takes_ms = i * (LOAD_RACY_MS + 5);
        struct entry *entry;
        bool was_quick = false;
        for (int tries = 0; tries < 100 && !was_quick; tries++) {
            assert_int_equal(pwrite(writer, "C", 1, 0), 1);
            int64_t before_us = clock_monotonic_us();
            entry = load_well("/file");
            was_quick = entry->sampled_us - before_us < 1000; /* this machine did not do something else */
            if (was_quick) assert_true(entry->is_racy);
            if (was_quick) assert_true(clock_monotonic_us() - before_us >= read_takes_ms * 1000);
            entry_unref(entry);
        }
        assert_true(was_quick);
        read_takes_ms = 0;
        nanosleep(&(struct timespec){ .tv_nsec = 2 * LOAD_RACY_MS * 1000000L }, NULL);
        entry = load_well("/file");
        assert_false(entry->is_racy);
        entry_unref(entry);
    }
    close(writer);
}

enum { STAMPED_BYTES = 20000, PIECE_BYTES = 16000 };

/* When the writer began with a version that is not whole yet, in us; 0: it is between two. */
static _Atomic int64_t half_since_us;

/* Somebody else has had the CPU in the midst of a version: whoever rests so long, with the file open, is taken to be done. */
static bool writer_was_held_up(void)
{
    int64_t since_us = atomic_load(&half_since_us);
    return since_us > 0 && clock_monotonic_us() - since_us > LOAD_RACY_MS * 1000 / 2;
}

/* A version of a file: its number, over and over. It is written in place, in pieces, and at different lengths; now and then
 * the writer rests. */
static void *write_all_the_time(void *argument)
{
    static uint32_t words[STAMPED_BYTES / 4];
    int fd = openat(rig.scratch.fd, "stamped", O_WRONLY | O_CLOEXEC);
    for (uint32_t version = 1; !atomic_load(&is_over); version++) {
        size_t bytes = STAMPED_BYTES - version % 7 * 1000;
        for (size_t i = 0; i < STAMPED_BYTES / 4; i++) words[i] = version;
        atomic_store(&half_since_us, clock_monotonic_us());
        for (size_t at = 0; at < bytes; at += PIECE_BYTES) {
            size_t piece = bytes - at < PIECE_BYTES ? bytes - at : PIECE_BYTES;
            SCRATCH_MUST(pwrite(fd, words, piece, (off_t)at) == (ssize_t)piece);
        }
        SCRATCH_MUST(ftruncate(fd, (off_t)bytes) == 0);
        atomic_store(&half_since_us, 0);
        if (version % 50 == 0) nanosleep(&(struct timespec){ .tv_nsec = 2 * LOAD_RACY_MS * 1000000L }, NULL);
    }
    close(fd);
    return argument;
}

static bool is_one_version(struct entry *entry)
{
    uint32_t first, word;
    memcpy(&first, entry_body(entry), sizeof first);
    for (uint64_t at = 0; at + sizeof word <= entry->body_size; at += sizeof word) {
        memcpy(&word, entry_body(entry) + at, sizeof word);
        if (word != first) return false;
    }
    return entry->body_size == (uint64_t)entry->identity.size && entry->body_size == STAMPED_BYTES - first % 7 * 1000;
}

enum file_lease __real_file_lease_take(int fd);
enum file_lease __wrap_file_lease_take(int fd);

enum file_lease __wrap_file_lease_take(int fd)
{
    return has_leases ? __real_file_lease_take(fd) : FILE_LEASE_UNKNOWN;
}

static void a_file_that_is_written_is_never_torn(void **state)
{
    (void)state;
    pthread_t thread;
    scratch_filled(&rig.scratch, "stamped", '\0', STAMPED_BYTES);
    assert_int_equal(pthread_create(&thread, NULL, write_all_the_time, NULL), 0);
    unsigned whole = 0, busy = 0, torn = 0, others = 0;
    for (int i = 0; i < 1000000 && (whole < 5000 || busy < 20000); i++) {
        struct entry *entry;
        bool may_publish;
        has_leases = i % 2 == 0;
        enum status status = rig_load(&rig, "/stamped", FILE_WAIT, &entry, &may_publish);
        busy += status == STATUS_BUSY;
        others += status != STATUS_OK && status != STATUS_BUSY;
        if (status != STATUS_OK) continue;
        bool is_kept = entry->kind == ENTRY_SNAPSHOT;
        whole += is_kept && is_one_version(entry);
        torn += is_kept ? !is_one_version(entry) && !writer_was_held_up() : may_publish;
        entry_unref(entry);
    }
    atomic_store(&is_over, 1);
    pthread_join(thread, NULL);
    assert_int_equal(others, 0);
    assert_int_equal(torn, 0);
    assert_true(whole >= 5000);
    assert_true(busy >= 20000);
}

static void *rename_all_the_time(void *argument)
{
    while (!atomic_load(&is_over)) {
        renameat(rig.scratch.fd, "bare", rig.scratch.fd, "laid");
        renameat(rig.scratch.fd, "laid", rig.scratch.fd, "bare");
    }
    return argument;
}

/* The system gives up a walk that goes upward while anything is renamed anywhere; who may wait does not hear of it. */
static void renames_elsewhere_do_not_disturb_whoever_may_wait(void **state)
{
    (void)state;
    pthread_t thread;
    scratch_link(&rig.scratch, "../file", "folder/up");
    assert_int_equal(pthread_create(&thread, NULL, rename_all_the_time, NULL), 0);
    unsigned disturbed = 0;
    for (int i = 0; i < 3000; i++) {
        struct entry *entry;
        bool may_publish;
        disturbed += rig_load(&rig, "/folder/up", FILE_WAIT, &entry, &may_publish) != STATUS_OK;
        if (disturbed == 0) entry_unref(entry);
    }
    atomic_store(&is_over, 1);
    pthread_join(thread, NULL);
    assert_int_equal(disturbed, 0);
}

static void nobody_knows_the_path(void *context, const struct tree *tree, struct span path, unsigned what)
{
    (void)context, (void)tree, (void)path, (void)what;
}

static void nobody_knows_the_key(void *context, struct span key, unsigned what)
{
    (void)context, (void)key, (void)what;
}

/* Who is told of a change looks into the table: it must not come there later. */
static void what_changes_before_it_is_published_does_not_stay(void **state)
{
    (void)state;
    struct lookout *lookout = rig_look_out();
    assert_non_null(rig_tree.watch);
    struct entry *kept = load_well("/file"), *old = load_well("/file");
    assert_ptr_equal(load_publish(&rig.rules, rig.table, kept), kept);
    assert_ptr_equal(rig_find(rig.table, "/file"), kept);
    scratch_replace(&rig.scratch, "file", "a later version");
    lookout_events(lookout, &(struct lookout_listener){ NULL, nobody_knows_the_path, nobody_knows_the_key });
    load_publish(&rig.rules, rig.table, old);
    assert_null(rig_find(rig.table, "/file"));
    entry_unref(kept);
    entry_unref(old);
    rcu_offline();
    while (table_reclaim(rig.table)) {}
    rcu_online();
    lookout_free(lookout);
}

static void a_root_that_was_turned_before_it_was_watched_is_followed(void **state)
{
    (void)state;
    char path[128];
    struct scratch *scratch = &rig.scratch;
    scratch_text(scratch, "folder/file", "in the folder");
    scratch_text(scratch, "bare/file", "no longer bare");
    scratch_link(scratch, "folder", "root");
    snprintf(path, sizeof path, "%s/root", scratch->path);
    rig_tree.root = file_root_open(path);
    assert_true(rig_tree.root >= 0);
    scratch_unlink(scratch, "root");
    scratch_link(scratch, "bare", "root");
    rig_tree.path = path;
    struct lookout *lookout = rig_look_out();
    assert_non_null(rig_tree.watch);
    struct entry *entry = load_well("/file");
    assert_memory_equal(entry_body(entry), "no longer bare", 14);
    entry_unref(entry);
    lookout_free(lookout);
    close(rig_tree.root);
}

/* Anybody can ask for as many as he likes. */
static void folders_that_are_not_there_are_not_kept_in_mind(void **state)
{
    (void)state;
    struct lookout *lookout = rig_look_out();
    assert_non_null(rig_tree.watch);
    char key[32];
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof key, "/missing-%d/file", i);
        entry_unref(load_well(key));
    }
    assert_int_equal(lookout_counts(lookout).folders, 1);
    lookout_free(lookout);
}

#define WITH_A_FILE(test) cmocka_unit_test_setup_teardown(test, with_a_file, without_a_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_FILE(the_look_at_a_path_counts_and_not_the_reading),
        WITH_A_FILE(who_may_wait_is_never_told_to_ask_somebody_who_may),
        WITH_A_FILE(a_file_that_changed_while_it_was_read_is_read_again),
        WITH_A_FILE(a_file_that_never_keeps_still_is_not_kept),
        WITH_A_FILE(what_changed_just_before_it_was_read_is_marked),
        WITH_A_FILE(a_file_that_is_written_is_never_torn),
        WITH_A_FILE(what_changes_before_it_is_published_does_not_stay),
        WITH_A_FILE(a_root_that_was_turned_before_it_was_watched_is_followed),
        WITH_A_FILE(folders_that_are_not_there_are_not_kept_in_mind),
        WITH_A_FILE(renames_elsewhere_do_not_disturb_whoever_may_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
