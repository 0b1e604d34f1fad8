#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/magic.h>
#include <sys/vfs.h>

#include <sys/resource.h>

#include "../support/load_rig.h"
#include "platform/clock.h"
#include "platform/machine.h"

static struct load_rig rig;

static int with_a_tree(void **state)
{
    (void)state;
    rcu_reader_begin();
    load_rig_open(&rig);
    scratch_text(&rig.scratch, "index.html", "front page");
    scratch_text(&rig.scratch, "file", "content");
    scratch_text(&rig.scratch, "empty", "");
    usleep(2000 * LOAD_RACY_MS); /* an empty file is let be while it may be one that is just being made */
    scratch_folder(&rig.scratch, "folder");
    scratch_text(&rig.scratch, "folder/index.html", "of the folder");
    scratch_folder(&rig.scratch, "bare");
    scratch_folder(&rig.scratch, "odd");
    scratch_folder(&rig.scratch, "odd/index.html");
    scratch_folder(&rig.scratch, "shut");
    scratch_link(&rig.scratch, "/etc/passwd", "shut/index.html");
    scratch_link(&rig.scratch, "/etc/passwd", "out");
    scratch_link(&rig.scratch, "folder", "to-folder");
    SCRATCH_MUST(mkfifoat(rig.scratch.fd, "pipe", 0644) == 0);
    scratch_folder(&rig.scratch, "piped");
    SCRATCH_MUST(mkfifoat(rig.scratch.fd, "piped/index.html", 0644) == 0);
    return 0;
}

static int without_a_tree(void **state)
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
    assert_true(span_equal(entry_key(entry), span_of_string(key)));
    assert_int_equal(entry->hash, table_hash(rig.table, entry_key(entry)));
    assert_int_equal(entry->references, 1);
    assert_int_equal(entry->fd >= 0, entry->kind == ENTRY_STREAM);
    return entry;
}

static enum entry_kind kind_of(const char *key)
{
    struct entry *entry = load_well(key);
    enum entry_kind kind = (enum entry_kind)entry->kind;
    entry_unref(entry);
    return kind;
}

static void every_key_leads_to_its_kind_of_entry(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        enum entry_kind kind;
    } keys[] = {
        { "/", ENTRY_SNAPSHOT },
        { "/file", ENTRY_SNAPSHOT },
        { "/empty", ENTRY_SNAPSHOT },
        { "/folder", ENTRY_FOLDER },
        { "/folder/", ENTRY_SNAPSHOT },
        { "/to-folder/", ENTRY_SNAPSHOT },
        { "/to-folder", ENTRY_FOLDER },
        { "/folder/index.html", ENTRY_SNAPSHOT },
        { "/bare", ENTRY_FOLDER },
        { "/bare/", ENTRY_BARE_FOLDER },
        { "/odd/", ENTRY_BARE_FOLDER },
        { "/odd/index.html", ENTRY_FOLDER },
        { "/nothing", ENTRY_ABSENT },
        { "/nothing/", ENTRY_ABSENT },
        { "/nothing/index.html", ENTRY_ABSENT },
        { "/file/", ENTRY_ABSENT },
        { "/file/more", ENTRY_ABSENT },
        { "/out", ENTRY_REFUSED },
        { "/out/", ENTRY_REFUSED },
        { "/shut/", ENTRY_REFUSED },
        { "/pipe", ENTRY_REFUSED },
        { "/piped/", ENTRY_REFUSED },
    };
    unsigned descriptors = machine_descriptors_open();
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        enum entry_kind kind = kind_of(keys[i].key);
        if (kind != keys[i].kind) fail_msg("%s is of kind %d", keys[i].key, (int)kind);
    }
    assert_int_equal(machine_descriptors_open(), descriptors);
    assert_int_equal(table_counts(rig.table).bytes, 0);
}

static void keys_that_no_system_can_open_are_absent(void **state)
{
    (void)state;
    static char key[9000];
    key[0] = '/';
    for (size_t size = 4080; size < 4105; size++) {
        for (size_t i = 1; i < size; i++) key[i] = i % 200 == 0 ? '/' : 'a';
        key[size - 1] = 'a';
        key[size] = '\0';
        assert_int_equal(kind_of(key), ENTRY_ABSENT);
        key[size - 1] = '/';
        assert_int_equal(kind_of(key), ENTRY_ABSENT);
    }
    memset(key, 'a', sizeof key - 1);
    key[0] = '/';
    assert_int_equal(kind_of(key), ENTRY_ABSENT);
    struct entry *entry;
    bool may_publish;
    assert_int_equal(load_entry(&rig.rules, rig.table, SPAN("/fi\0le"), 0, FILE_NOWAIT, false, &entry, &may_publish),
                     STATUS_OK);
    assert_int_equal(entry->kind, ENTRY_ABSENT);
    entry_unref(entry);
}

static void pipes_are_never_opened(void **state)
{
    (void)state;
    assert_int_equal(kind_of("/pipe"), ENTRY_REFUSED);
    /* A writer would find the reader. */
    assert_int_equal(openat(rig.scratch.fd, "pipe", O_WRONLY | O_NONBLOCK | O_CLOEXEC), -1);
    assert_int_equal(errno, ENXIO);
}

static bool head_is(const struct entry *entry, const char *begin)
{
    return span_starts_with(entry_head(entry), span_of_string(begin));
}

static void a_snapshot_is_the_file(void **state)
{
    (void)state;
    struct entry *entry = load_well("/file");
    struct stat st;
    assert_int_equal(fstatat(rig.scratch.fd, "file", &st, 0), 0);
    assert_int_equal(entry->body_size, 7);
    assert_memory_equal(entry_body(entry), "content", 7);
    assert_int_equal(entry->identity.inode, st.st_ino);
    assert_int_equal(entry->identity.size, 7);
    assert_int_equal(entry->identity.modified_s, st.st_mtim.tv_sec);
    assert_true(head_is(entry, "file|7|"));
    assert_int_equal(entry->charged_bytes, entry_cost(5, entry->head_size, 7));
    assert_int_equal(table_counts(rig.table).bytes, entry->charged_bytes);
    entry_unref(entry);
}

static void a_head_is_made_of_the_file_that_stands_for_its_folder(void **state)
{
    (void)state;
    struct entry *entry = load_well("/folder/");
    assert_true(head_is(entry, "folder/index.html|13|"));
    assert_memory_equal(entry_body(entry), "of the folder", 13);
    entry_unref(entry);
    entry = load_well("/");
    assert_true(head_is(entry, "index.html|10|"));
    entry_unref(entry);
    entry = load_well("/nothing");
    assert_int_equal(entry->head_size, 0);
    entry_unref(entry);
}

/* open() makes it first, and its writer after: no lease tells of him in between. */
static void a_file_that_was_made_this_moment_is_let_be_while_it_is_empty(void **state)
{
    (void)state;
    struct entry *entry;
    bool may_publish;
    scratch_text(&rig.scratch, "new", "");
    assert_int_equal(rig_load(&rig, "/new", FILE_WAIT, &entry, &may_publish), STATUS_BUSY);
    usleep(2000 * LOAD_RACY_MS);
    entry = load_well("/new");
    assert_int_equal(entry->body_size, 0);
    entry_unref(entry);
}

static void an_empty_file_is_a_snapshot_of_nothing(void **state)
{
    (void)state;
    struct entry *entry = load_well("/empty");
    assert_int_equal(entry->body_size, 0);
    /* XXH3-128 of no bytes */
    assert_true(head_is(entry, "empty|0|99aa06d3014798d86001c324468d497f|"));
    entry_unref(entry);
}

static void the_limit_parts_snapshots_from_streams(void **state)
{
    (void)state;
    scratch_filled(&rig.scratch, "at-the-limit", 'l', RIG_SNAPSHOT_BYTES_MAX);
    scratch_filled(&rig.scratch, "one-more", 'm', RIG_SNAPSHOT_BYTES_MAX + 1);
    struct entry *entry = load_well("/at-the-limit");
    assert_int_equal(entry->kind, ENTRY_SNAPSHOT);
    assert_int_equal(entry->body_size, RIG_SNAPSHOT_BYTES_MAX);
    assert_int_equal(entry_body(entry)[RIG_SNAPSHOT_BYTES_MAX - 1], 'l');
    entry_unref(entry);
    entry = load_well("/one-more");
    assert_int_equal(entry->kind, ENTRY_STREAM);
    assert_int_equal(entry->body_size, RIG_SNAPSHOT_BYTES_MAX + 1);
    assert_true(entry->charged_bytes < 1000);
    char byte;
    assert_int_equal(pread(entry->fd, &byte, 1, RIG_SNAPSHOT_BYTES_MAX), 1);
    assert_int_equal(byte, 'm');
    assert_true(fcntl(entry->fd, F_GETFD) & FD_CLOEXEC);
    entry_unref(entry);
}

static void a_limit_of_nothing_makes_streams_of_all_but_the_empty(void **state)
{
    (void)state;
    rig.rules.snapshot_bytes_max = 0;
    assert_int_equal(kind_of("/file"), ENTRY_STREAM);
    assert_int_equal(kind_of("/empty"), ENTRY_SNAPSHOT);
    assert_int_equal(kind_of("/folder"), ENTRY_FOLDER);
}

static struct span digest_in(const struct entry *entry)
{
    struct span head = entry_head(entry);
    return span_of(head.data + head.size - 33, 32);
}

static bool have_one_digest(const char *key, const char *other_key)
{
    struct entry *one = load_well(key), *other = load_well(other_key);
    bool equal = span_equal(digest_in(one), digest_in(other));
    entry_unref(one);
    entry_unref(other);
    return equal;
}

static void a_digest_is_of_the_content_and_of_nothing_else(void **state)
{
    (void)state;
    scratch_text(&rig.scratch, "same", "content");
    scratch_text(&rig.scratch, "other", "c0ntent");
    assert_true(have_one_digest("/file", "/same"));
    assert_false(have_one_digest("/file", "/other"));
    assert_false(have_one_digest("/file", "/empty"));
    struct entry *before = load_well("/file");
    scratch_replace(&rig.scratch, "file", "content");
    struct entry *after = load_well("/file");
    assert_true(span_equal(digest_in(before), digest_in(after)));
    assert_false(file_identity_equal(&before->identity, &after->identity));
    entry_unref(before);
    entry_unref(after);
}

/* The content of a big file is not read for it: its version is what counts. */
static void the_digest_of_a_stream_is_of_its_version(void **state)
{
    (void)state;
    rig.rules.snapshot_bytes_max = 0;
    assert_true(have_one_digest("/file", "/file"));
    scratch_text(&rig.scratch, "same", "content");
    assert_false(have_one_digest("/file", "/same"));
}

static void without_room_small_files_are_copied_and_others_sent_from_their_descriptor(void **state)
{
    (void)state;
    struct table *roomy = rig.table;
    rig.table = table_new(&(struct table_limits){ 100, 1000, 100, 100 });
    scratch_filled(&rig.scratch, "small", 's', 16 << 10);
    scratch_filled(&rig.scratch, "medium", 'm', (16 << 10) + 1);
    static const struct {
        const char *key;
        enum entry_kind kind;
    } keys[] = { { "/small", ENTRY_SNAPSHOT },
                 { "/medium", ENTRY_STREAM },
                 { "/nothing", ENTRY_ABSENT },
                 { "/bare/", ENTRY_BARE_FOLDER },
                 { "/pipe", ENTRY_REFUSED } };
    unsigned descriptors = machine_descriptors_open();
    for (size_t i = 0; i < 2 * ARRAY_COUNT(keys); i++) {
        struct entry *entry;
        bool may_publish = true;
        enum file_patience patience = i < ARRAY_COUNT(keys) ? FILE_WAIT : FILE_NOWAIT;
        assert_int_equal(rig_load(&rig, keys[i % ARRAY_COUNT(keys)].key, patience, &entry, &may_publish), STATUS_OK);
        assert_false(may_publish);
        assert_int_equal(entry->kind, keys[i % ARRAY_COUNT(keys)].kind);
        assert_int_equal(entry->fd >= 0, entry->kind == ENTRY_STREAM);
        assert_null(entry->charged_to);
        entry_unref(entry);
    }
    assert_int_equal(machine_descriptors_open(), descriptors);
    assert_int_equal(table_counts(rig.table).bytes, 0);
    assert_int_equal(rig_free(rig.table), 0);
    rig.table = roomy;
}

static void room_is_made_for_what_is_loaded(void **state)
{
    (void)state;
    struct table *roomy = rig.table;
    rig.table = table_new(&(struct table_limits){ 4 * RIG_SNAPSHOT_BYTES_MAX, 1000, 100, 100 });
    for (int i = 0; i < 12; i++) {
        char name[16], key[17];
        snprintf(name, sizeof name, "f%d", i);
        snprintf(key, sizeof key, "/%s", name);
        scratch_filled(&rig.scratch, name, 'f', RIG_SNAPSHOT_BYTES_MAX - 1000);
        struct entry *entry = load_well(key);
        assert_ptr_equal(table_publish(rig.table, entry), entry);
        entry_unref(entry);
    }
    assert_true(table_counts(rig.table).evicted >= 8);
    assert_int_equal(rig_free(rig.table), 0);
    rig.table = roomy;
}

static void what_would_wait_is_told_and_not_done(void **state)
{
    (void)state;
    struct entry *entry;
    bool may_publish;
    unsigned descriptors = machine_descriptors_open();
    assert_int_equal(rig_load(&rig, "/never-looked-for", FILE_NOWAIT, &entry, &may_publish), STATUS_WOULD_BLOCK);
    assert_int_equal(rig_load(&rig, "/file", FILE_WAIT, &entry, &may_publish), STATUS_OK);
    entry_unref(entry);
    assert_int_equal(rig_load(&rig, "/file", FILE_NOWAIT, &entry, &may_publish), STATUS_OK);
    assert_true(may_publish);
    assert_memory_equal(entry_body(entry), "content", 7);
    entry_unref(entry);
    rig.rules.snapshot_bytes_max = 1 << 20;
    scratch_filled(&rig.scratch, "long-copy", 'c', (128 << 10) + 1);
    assert_int_equal(kind_of("/long-copy"), ENTRY_SNAPSHOT);
    assert_int_equal(rig_load(&rig, "/long-copy", FILE_NOWAIT, &entry, &may_publish), STATUS_WOULD_BLOCK);
    assert_int_equal(machine_descriptors_open(), descriptors);
    assert_int_equal(table_counts(rig.table).bytes, 0);
}

static void a_file_that_is_not_in_memory_is_left_to_a_loader(void **state)
{
    (void)state;
    struct entry *entry;
    bool may_publish;
    scratch_filled(&rig.scratch, "cold", 'c', 60000);
    int fd = openat(rig.scratch.fd, "cold", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fsync(fd), 0);
    struct statfs fs;
    assert_int_equal(fstatfs(fd, &fs), 0);
    if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC) {
        close(fd);
        skip();
    }
    /* The advice is taken when the system is done with the pages; looking whether it was would have them read. */
    enum status status = STATUS_OK;
    for (int tries = 0; tries < 200 && status == STATUS_OK; tries++) {
        assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
        assert_int_equal(fstatat(rig.scratch.fd, "cold", &(struct stat){ 0 }, 0), 0);
        status = rig_load(&rig, "/cold", FILE_NOWAIT, &entry, &may_publish);
        if (status == STATUS_OK) entry_unref(entry);
        if (status == STATUS_OK) nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    close(fd);
    assert_int_equal(status, STATUS_WOULD_BLOCK);
    assert_int_equal(table_counts(rig.table).bytes, 0);
    assert_int_equal(kind_of("/cold"), ENTRY_SNAPSHOT);
    assert_int_equal(rig_load(&rig, "/cold", FILE_NOWAIT, &entry, &may_publish), STATUS_OK);
    entry_unref(entry);
}

static void an_entry_counts_as_looked_at_when_the_look_began(void **state)
{
    (void)state;
    static const char *const keys[] = { "/file", "/nothing", "/folder", "/bare/" };
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        int64_t before_us = clock_monotonic_us();
        struct entry *entry = load_well(keys[i]);
        assert_in_range(entry->sampled_us, before_us, clock_monotonic_us());
        assert_int_equal(entry->checked_ms, (uint32_t)(entry->sampled_us / 1000));
        entry_unref(entry);
    }
}

static void no_descriptors_are_an_error_and_leave_nothing_behind(void **state)
{
    (void)state;
    struct rlimit before, none;
    struct entry *entry;
    bool may_publish;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    unsigned descriptors = machine_descriptors_open();
    int first = dup(STDERR_FILENO);
    close(first);
    for (rlim_t spare = 0; spare < 2; spare++) {
        none = before;
        none.rlim_cur = (rlim_t)first + spare;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        enum status waiting = rig_load(&rig, "/file", FILE_WAIT, &entry, &may_publish);
        enum status not_waiting = rig_load(&rig, "/file", FILE_NOWAIT, &entry, &may_publish);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(waiting, STATUS_EXHAUSTED);
        assert_int_equal(not_waiting, STATUS_EXHAUSTED);
    }
    assert_int_equal(machine_descriptors_open(), descriptors);
    assert_int_equal(table_counts(rig.table).bytes, 0);
}

static enum status check(const struct entry *entry)
{
    return load_check(&rig.rules, entry, FILE_WAIT);
}

static size_t describe_in_vain(void *context, const struct load_facts *facts, char *out, uint16_t *ret_policy)
{
    (void)context;
    (void)facts;
    (void)out;
    (void)ret_policy;
    return LOAD_NOT_DESCRIBED;
}

static void what_cannot_be_described_for_want_of_memory_is_no_entry(void **state)
{
    (void)state;
    static const char *const keys[] = { "/file", "/big", "/missing", "/folder" };
    struct load_rules before = rig.rules;
    rig.rules.describe = describe_in_vain;
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        struct entry *entry = NULL;
        bool may_publish;
        assert_int_equal(rig_load(&rig, keys[i], FILE_WAIT, &entry, &may_publish), STATUS_EXHAUSTED);
        assert_null(entry);
    }
    rig.rules = before;
}

static size_t describe_for_once(void *context, const struct load_facts *facts, char *out, uint16_t *ret_policy)
{
    size_t size = rig_describe(context, facts, out, ret_policy);
    *ret_policy = LOAD_POLICY_UNKEPT;
    return size;
}

static void what_no_policy_was_left_for_is_not_kept(void **state)
{
    (void)state;
    static const char *const keys[] = { "/file", "/big", "/missing", "/folder" };
    struct load_rules before = rig.rules;
    rig.rules.describe = describe_for_once;
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        struct entry *entry = NULL;
        bool may_publish = true;
        assert_int_equal(rig_load(&rig, keys[i], FILE_WAIT, &entry, &may_publish), STATUS_OK);
        assert_false(may_publish);
        assert_int_equal(entry->policy, LOAD_POLICY_UNKEPT);
        entry_unref(entry);
    }
    rig.rules = before;
}

static void what_has_not_changed_is_found_unchanged(void **state)
{
    (void)state;
    static const char *const keys[] = { "/",           "/file", "/empty",  "/folder",  "/folder/",
                                        "/to-folder/", "/bare", "/bare/",  "/odd/",    "/out",
                                        "/shut/",      "/pipe", "/piped/", "/nothing", "/nothing/" };
    unsigned descriptors = machine_descriptors_open();
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        struct entry *entry = load_well(keys[i]);
        if (check(entry) != STATUS_OK) fail_msg("%s is found changed", keys[i]);
        enum status status = load_check(&rig.rules, entry, FILE_NOWAIT);
        if (status != STATUS_OK && status != STATUS_WOULD_BLOCK) fail_msg("%s is found changed in place", keys[i]);
        entry_unref(entry);
    }
    assert_int_equal(machine_descriptors_open(), descriptors);
}

static void append_to_file(void)
{
    int fd = openat(rig.scratch.fd, "file", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "!", 1), 1);
    close(fd);
}

static void remove_file(void)
{
    scratch_unlink(&rig.scratch, "file");
}

static void replace_file(void)
{
    scratch_replace(&rig.scratch, "file", "CONTENT");
}

static void make_nothing(void)
{
    scratch_text(&rig.scratch, "nothing", "something");
}

static void make_a_folder_of_nothing(void)
{
    scratch_unlink(&rig.scratch, "nothing");
    scratch_folder(&rig.scratch, "nothing");
}

static void remove_the_folder(void)
{
    SCRATCH_MUST(unlinkat(rig.scratch.fd, "nothing", AT_REMOVEDIR) == 0);
}

static void remove_the_pipe(void)
{
    scratch_unlink(&rig.scratch, "piped/index.html");
}

static void give_bare_an_index(void)
{
    scratch_text(&rig.scratch, "bare/index.html", "x");
}

static void take_the_index(void)
{
    scratch_unlink(&rig.scratch, "folder/index.html");
}

static void turn_a_link(void)
{
    scratch_link(&rig.scratch, "bare", "other-link");
    SCRATCH_MUST(renameat(rig.scratch.fd, "other-link", rig.scratch.fd, "to-folder") == 0);
}

static void make_a_file_of_a_folder(void)
{
    SCRATCH_MUST(unlinkat(rig.scratch.fd, "bare", AT_REMOVEDIR) == 0);
    scratch_text(&rig.scratch, "bare", "x");
}

static void make_a_file_of_a_pipe(void)
{
    scratch_replace(&rig.scratch, "pipe", "x");
}

static void every_change_of_what_a_key_leads_to_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        void (*change)(void);
    } changes[] = {
        { "/file", append_to_file },       { "/file", replace_file },          { "/file", remove_file },
        { "/nothing", make_nothing },      { "/bare/", give_bare_an_index },   { "/folder/", take_the_index },
        { "/to-folder/", turn_a_link },    { "/pipe", make_a_file_of_a_pipe }, { "/nothing", make_a_folder_of_nothing },
        { "/nothing", remove_the_folder }, { "/piped/", remove_the_pipe },
    };
    for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
        struct entry *entry = load_well(changes[i].key);
        changes[i].change();
        if (check(entry) != STATUS_CHANGED) fail_msg("change %zu, of %s, is not found", i, changes[i].key);
        entry_unref(entry);
    }
    SCRATCH_MUST(unlinkat(rig.scratch.fd, "bare/index.html", 0) == 0);
    struct entry *entry = load_well("/bare");
    make_a_file_of_a_folder();
    assert_int_equal(check(entry), STATUS_CHANGED);
    entry_unref(entry);
}

#define WITH_A_TREE(test) cmocka_unit_test_setup_teardown(test, with_a_tree, without_a_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_TREE(every_key_leads_to_its_kind_of_entry),
        WITH_A_TREE(keys_that_no_system_can_open_are_absent),
        WITH_A_TREE(pipes_are_never_opened),
        WITH_A_TREE(a_snapshot_is_the_file),
        WITH_A_TREE(a_head_is_made_of_the_file_that_stands_for_its_folder),
        WITH_A_TREE(an_empty_file_is_a_snapshot_of_nothing),
        WITH_A_TREE(a_file_that_was_made_this_moment_is_let_be_while_it_is_empty),
        WITH_A_TREE(the_limit_parts_snapshots_from_streams),
        WITH_A_TREE(a_limit_of_nothing_makes_streams_of_all_but_the_empty),
        WITH_A_TREE(a_digest_is_of_the_content_and_of_nothing_else),
        WITH_A_TREE(the_digest_of_a_stream_is_of_its_version),
        WITH_A_TREE(without_room_small_files_are_copied_and_others_sent_from_their_descriptor),
        WITH_A_TREE(room_is_made_for_what_is_loaded),
        WITH_A_TREE(what_would_wait_is_told_and_not_done),
        WITH_A_TREE(a_file_that_is_not_in_memory_is_left_to_a_loader),
        WITH_A_TREE(an_entry_counts_as_looked_at_when_the_look_began),
        WITH_A_TREE(no_descriptors_are_an_error_and_leave_nothing_behind),
        WITH_A_TREE(what_cannot_be_described_for_want_of_memory_is_no_entry),
        WITH_A_TREE(what_no_policy_was_left_for_is_not_kept),
        WITH_A_TREE(what_has_not_changed_is_found_unchanged),
        WITH_A_TREE(every_change_of_what_a_key_leads_to_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
