#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>

#include "../support/load_rig.h"
#include "cache/cache.h"
#include "platform/clock.h"

enum { PATIENCE_MS = 20000, REVALIDATE_MS = 10000 };

static const int64_t DAY_US = 86400000000;

static struct scratch scratch;
static struct cache *cache;
static struct mailbox mailbox;
static struct cache_options first_options;
static int64_t began_us;

/* Of another one, while there is one already: its tree is its own, as each has a watch. */
static struct cache_options other_options_for(uint64_t bytes)
{
    static struct tree tree, *trees[] = { &tree };
    struct cache_options options = first_options;
    tree = rig_tree;
    tree.watch = NULL;
    options.trees.at = trees;
    options.limits.bytes = bytes;
    return options;
}

static int with_a_cache(void **state)
{
    (void)state;
    signal(SIGIO, SIG_IGN);
    scratch_open(&scratch, "/var/tmp");
    scratch_text(&scratch, "file", "content");
    scratch_text(&scratch, "other", "another");
    scratch_folder(&scratch, "folder");
    scratch_text(&scratch, "folder/index.html", "the index");
    scratch_link(&scratch, "file", "link");
    /* Nothing of it is so young that it would be looked at again. */
    nanosleep(&(struct timespec){ .tv_nsec = 2 * LOAD_RACY_MS * 1000000L }, NULL);
    first_options = (struct cache_options){
        .rules = rig_rules(&scratch),
        .trees = rig_tree_list(),
        .limits = { 1 << 20, 1000, 100, 100 },
        .revalidate_ms = REVALIDATE_MS,
        .loaders_max = 2,
    };
    first_options.rules.settle_ms = 10 * PATIENCE_MS;
    cache = cache_new(&first_options);
    rcu_reader_begin();
    began_us = clock_monotonic_us();
    return cache && mailbox_init(&mailbox) == STATUS_OK ? 0 : 1;
}

static int without_a_cache(void **state)
{
    (void)state;
    uint64_t held = 4711;
    rcu_reader_end();
    assert_true(cache_stop(cache, -1));
    mailbox_done(&mailbox);
    cache_free(cache, &held);
    scratch_close(&scratch);
    return held == 0 ? 0 : 1;
}

/* As a worker does between two turns. */
static void rest(void)
{
    rcu_offline();
    poll(NULL, 0, 1);
    rcu_online();
}

static enum status find(const char *key, int64_t now_us, struct cache_found *ret_found)
{
    return cache_find(cache, span_of_string(key), now_us, 0, ret_found);
}

static struct mail *await_mail(void)
{
    for (int tries = 0; tries < PATIENCE_MS; tries++) {
        struct mail *mail = mailbox_take(&mailbox);
        if (mail) return mail;
        rest();
    }
    fail_msg("no mail comes");
    return NULL;
}

/* By a loader, as a worker asks one when it would have to wait. */
static void have_loaded(const char *key)
{
    assert_int_equal(cache_ask(cache, span_of_string(key), &mailbox, 7), STATUS_OK);
    struct mail *mail = await_mail();
    assert_int_equal(mail->cookie, 7);
    assert_int_equal(mail->status, STATUS_OK);
    entry_unref(mail->entry);
    free(mail);
}

static struct cache_found find_well(const char *key, int64_t now_us)
{
    struct cache_found found = { 0 };
    enum status status;
    for (int tries = 0; (status = find(key, now_us, &found)) == STATUS_WOULD_BLOCK; tries++) {
        assert_in_range(tries, 0, PATIENCE_MS); /* something may be told of it meanwhile */
        have_loaded(key);
    }
    assert_int_equal(status, STATUS_OK);
    return found;
}

static void give_back(struct cache_found *found)
{
    if (found->is_owned) entry_unref(found->entry);
}

static bool holds(const char *key, const char *content, int64_t now_us)
{
    struct cache_found found = find_well(key, now_us);
    bool is_it = found.entry->kind == ENTRY_SNAPSHOT && found.entry->body_size == strlen(content) &&
                 memcmp(entry_body(found.entry), content, strlen(content)) == 0;
    give_back(&found);
    return is_it;
}

static enum entry_kind kind_of(const char *key)
{
    struct cache_found found = find_well(key, clock_monotonic_us());
    enum entry_kind kind = (enum entry_kind)found.entry->kind;
    give_back(&found);
    return kind;
}

static void await_kind(const char *key, enum entry_kind kind)
{
    for (int tries = 0; kind_of(key) != kind; tries++) {
        assert_in_range(tries, 0, PATIENCE_MS);
        rest();
    }
}

static void await_content(const char *key, const char *content)
{
    for (int tries = 0; !holds(key, content, clock_monotonic_us()); tries++) {
        assert_in_range(tries, 0, PATIENCE_MS);
        rest();
    }
}

static void a_loader_is_asked_first_and_then_it_is_a_hit(void **state)
{
    (void)state;
    struct cache_found found;
    assert_int_equal(find("/file", began_us, &found), STATUS_WOULD_BLOCK); /* its folder is not watched yet */
    have_loaded("/file");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(find("/file", began_us, &found), STATUS_OK);
        assert_int_equal(found.outcome, CACHE_HIT);
        assert_false(found.is_owned);
        assert_memory_equal(entry_body(found.entry), "content", 7);
    }
    assert_int_equal(cache_counts(cache).loads, 1);
    assert_int_equal(found.entry->frequency, 3);
}

static void what_does_not_wait_is_loaded_in_place(void **state)
{
    (void)state;
    struct cache_found found;
    have_loaded("/file");
    rig_wait_for_another_tick();
    assert_int_equal(fstatat(scratch.fd, "other", &(struct stat){ 0 }, 0), 0);
    assert_int_equal(find("/other", began_us, &found), STATUS_OK);
    assert_int_equal(found.outcome, CACHE_MISS);
    assert_true(found.is_owned);
    assert_memory_equal(entry_body(found.entry), "another", 7);
    give_back(&found);
    assert_int_equal(find("/other", began_us, &found), STATUS_OK);
    assert_int_equal(found.outcome, CACHE_HIT);
    assert_int_equal(cache_counts(cache).loads, 1);
}

static void what_is_being_written_is_left_to_a_loader(void **state)
{
    (void)state;
    struct cache_found found;
    have_loaded("/file");
    scratch_text(&scratch, "other", "half of");
    int writer = openat(scratch.fd, "other", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(writer, " i", 2), 2);
    enum status status = find("/other", began_us, &found);
    close(writer);
    assert_int_equal(status, STATUS_WOULD_BLOCK);
}

/* The observer has no turn: what it is told waits for it. */
static _Atomic bool is_deaf;

void __real_notify_read(int notify, void (*each)(void *context, const struct notify_event *event), void *context);
void __wrap_notify_read(int notify, void (*each)(void *context, const struct notify_event *event), void *context);

void __wrap_notify_read(int notify, void (*each)(void *context, const struct notify_event *event), void *context)
{
    if (is_deaf)
        poll(NULL, 0, 1);
    else
        __real_notify_read(notify, each, context);
}

static struct cache_found find_in_doubt(const char *key)
{
    struct cache_found found = { 0 };
    int64_t now_us = clock_monotonic_us();
    enum status status = cache_find(cache, span_of_string(key), now_us, now_us, &found);
    assert_int_equal(status, STATUS_OK);
    return found;
}

static bool is_signalled(void)
{
    return poll(&(struct pollfd){ .fd = cache_signal(cache), .events = POLLIN }, 1, 0) == 1;
}

/* Whoever is told that there was a change does not wait until it is obeyed, but looks. */
static void in_doubt_what_is_kept_is_looked_at_before_it_is_used(void **state)
{
    (void)state;
    struct cache_found found;
    assert_true(holds("/file", "content", began_us));
    assert_false(is_signalled());
    assert_int_equal(find_in_doubt("/file").outcome, CACHE_REVALIDATED);
    is_deaf = true;
    scratch_replace(&scratch, "file", "replaced");
    assert_true(is_signalled());
    assert_int_equal(find("/file", began_us, &found), STATUS_OK);
    assert_int_equal(found.outcome, CACHE_HIT); /* that is why */
    found = find_in_doubt("/file");
    assert_int_equal(found.outcome, CACHE_MISS);
    assert_memory_equal(entry_body(found.entry), "replaced", 8);
    give_back(&found);
    is_deaf = false;
    while (is_signalled() || cache_is_obeying(cache)) rest();
    assert_true(holds("/file", "replaced", clock_monotonic_us()));
}

/* The same as without doubt: nobody waits for the writer. */
static void in_doubt_what_is_being_written_is_served_as_it_was(void **state)
{
    (void)state;
    assert_true(holds("/file", "content", began_us));
    is_deaf = true;
    int writer = openat(scratch.fd, "file", O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(writer, "CON", 3), 3);
    struct cache_found found = find_in_doubt("/file");
    assert_int_equal(found.outcome, CACHE_HIT);
    assert_memory_equal(entry_body(found.entry), "content", 7);
    close(writer);
    found = find_in_doubt("/file");
    assert_int_equal(found.outcome, CACHE_MISS);
    assert_memory_equal(entry_body(found.entry), "CONtent", 7);
    give_back(&found);
    is_deaf = false;
}

/* Nobody tells when the writer is done: then somebody has to wait for him. */
static void what_is_being_written_is_waited_for_when_the_observer_has_no_turn(void **state)
{
    (void)state;
    const int64_t hour_us = INT64_C(3600000000);
    struct cache_found found;
    assert_true(holds("/file", "content", began_us));
    is_deaf = true;
    int writer = openat(scratch.fd, "file", O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(writer, "CON", 3), 3);
    struct span key = span_of_string("/file");
    int64_t now_us = clock_monotonic_us();
    /* It is just told, and the observer may be about to have its turn. */
    assert_int_equal(cache_find(cache, key, now_us + hour_us, now_us + hour_us - 1, &found), STATUS_OK);
    assert_int_equal(found.outcome, CACHE_HIT);
    assert_int_equal(cache_find(cache, key, now_us + hour_us, now_us, &found), STATUS_WOULD_BLOCK);
    close(writer);
    is_deaf = false;
}

/* What happens after the next load, before it is published. */
static void (*after_load)(void);

enum status __real_load_entry(const struct load_rules *rules, struct table *table, struct span key, uint64_t hash,
                              enum file_patience patience, bool takes_unsettled, struct entry **ret_entry,
                              bool *ret_may_publish);
enum status __wrap_load_entry(const struct load_rules *rules, struct table *table, struct span key, uint64_t hash,
                              enum file_patience patience, bool takes_unsettled, struct entry **ret_entry,
                              bool *ret_may_publish);

enum status __wrap_load_entry(const struct load_rules *rules, struct table *table, struct span key, uint64_t hash,
                              enum file_patience patience, bool takes_unsettled, struct entry **ret_entry,
                              bool *ret_may_publish)
{
    enum status status =
        __real_load_entry(rules, table, key, hash, patience, takes_unsettled, ret_entry, ret_may_publish);
    void (*hook)(void) = after_load;
    if (patience == FILE_NOWAIT) after_load = NULL;
    if (patience == FILE_NOWAIT && hook) hook();
    return status;
}

static struct entry *published_meanwhile;

static void let_another_worker_load_it(void)
{
    poll(NULL, 0, 1); /* its look begins later */
    struct cache_found found = find_well("/other", began_us);
    assert_int_equal(found.outcome, CACHE_MISS);
    published_meanwhile = found.entry;
    give_back(&found);
}

static void of_two_workers_that_load_at_once_the_later_ones_is_used(void **state)
{
    (void)state;
    struct cache_found found;
    have_loaded("/file");
    assert_int_equal(fstatat(scratch.fd, "other", &(struct stat){ 0 }, 0), 0);
    after_load = let_another_worker_load_it;
    assert_int_equal(find("/other", began_us, &found), STATUS_OK);
    assert_ptr_equal(found.entry, published_meanwhile);
    assert_false(found.is_owned);
    uint64_t bytes = found.entry->charged_bytes; /* of it, and not of the other */
    assert_int_equal(find("/file", began_us, &found), STATUS_OK);
    assert_int_equal(cache_counts(cache).table.bytes, bytes + found.entry->charged_bytes);
}

static void without_room_it_is_for_this_request_only(void **state)
{
    (void)state;
    struct cache *roomy = cache;
    struct cache_options options = other_options_for(100);
    cache = cache_new(&options);
    have_loaded("/file");
    for (int i = 0; i < 2; i++) {
        struct cache_found found;
        assert_int_equal(find("/file", began_us, &found), STATUS_OK);
        assert_int_equal(found.outcome, CACHE_MISS);
        assert_true(found.is_owned);
        assert_int_equal(found.entry->references, 1);
        give_back(&found);
    }
    assert_int_equal(cache_counts(cache).table.bytes, 0);
    rcu_reader_end();
    cache_free(cache, NULL);
    rcu_reader_begin();
    cache = roomy;
}

static void a_change_is_seen_without_looking(void **state)
{
    (void)state;
    assert_true(holds("/file", "content", began_us));
    scratch_replace(&scratch, "file", "replaced");
    await_content("/file", "replaced");
    scratch_replace(&scratch, "file", "and again");
    await_content("/file", "and again");
    assert_int_equal(cache_counts(cache).keeper.checks, 0);
}

static void what_was_not_there_is_found_when_it_comes(void **state)
{
    (void)state;
    assert_int_equal(kind_of("/new"), ENTRY_ABSENT);
    assert_int_equal(kind_of("/deep/down/new"), ENTRY_ABSENT);
    scratch_text(&scratch, "new", "here it is");
    await_content("/new", "here it is");
    scratch_folder(&scratch, "deep");
    scratch_folder(&scratch, "deep/down");
    scratch_text(&scratch, "deep/down/new", "here, too");
    await_content("/deep/down/new", "here, too");
    scratch_unlink(&scratch, "new");
    await_kind("/new", ENTRY_ABSENT);
}

static void an_index_changes_for_its_folder_too(void **state)
{
    (void)state;
    assert_true(holds("/folder/", "the index", began_us));
    scratch_replace(&scratch, "folder/index.html", "a new index");
    await_content("/folder/", "a new index");
    scratch_unlink(&scratch, "folder/index.html");
    await_kind("/folder/", ENTRY_BARE_FOLDER);
}

/* Half of a file is nobody's. */
static void what_is_written_in_place_is_kept_until_it_is_whole(void **state)
{
    (void)state;
    rig_wait_for_another_tick();
    assert_true(holds("/file", "content", began_us));
    int writer = openat(scratch.fd, "file", O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(writer, "CON", 3), 3);
    for (int tries = 0; cache_counts(cache).observer.settles == 0; tries++) {
        assert_in_range(tries, 0, PATIENCE_MS);
        assert_true(holds("/file", "content", clock_monotonic_us()));
        rest();
    }
    assert_true(holds("/file", "content", clock_monotonic_us()));
    assert_int_equal(write(writer, "TENT", 4), 4);
    close(writer);
    await_content("/file", "CONTENT");
}

/* A symbolic link may be turned where nobody watches. */
static void what_events_do_not_tell_of_is_looked_at_by_age(void **state)
{
    (void)state;
    struct cache_found found = find_well("/link", began_us);
    assert_true(found.entry->needs_checks);
    give_back(&found);
    int64_t checked_us = began_us;
    assert_int_equal(find("/link", checked_us + (REVALIDATE_MS / 2 - 1000) * 1000, &found), STATUS_OK);
    assert_int_equal(found.outcome, CACHE_HIT);
    int64_t due_us = clock_monotonic_us() + REVALIDATE_MS * 1000;
    assert_int_equal(find("/link", due_us, &found), STATUS_OK);
    assert_int_equal(found.outcome, CACHE_REVALIDATED);
    assert_int_equal(find("/link", due_us + 1000, &found), STATUS_OK);
    assert_int_equal(found.outcome, CACHE_HIT);
    assert_int_equal(find("/link", due_us - 30000000, &found), STATUS_OK); /* a turn that began before */
    assert_int_equal(found.outcome, CACHE_HIT);
}

/* Times are kept in 32 bits of milliseconds, which go round in 49 days. */
static void however_old_it_is_looked_at_when_it_is_due(void **state)
{
    (void)state;
    struct cache_found found = find_well("/link", began_us);
    give_back(&found);
    for (int64_t days = 1; days < 120; days++) {
        int64_t now_us = clock_monotonic_us() + days * DAY_US;
        atomic_store(&found.entry->checked_ms, (uint32_t)(clock_monotonic_us() / 1000));
        assert_int_equal(find("/link", now_us, &found), STATUS_OK);
        if (found.outcome != CACHE_REVALIDATED) fail_msg("after %ld days it is not looked at", (long)days);
    }
}

static void what_is_used_is_looked_at_before_it_is_due(void **state)
{
    (void)state;
    struct cache_found found = find_well("/link", began_us);
    give_back(&found);
    assert_int_equal(find("/link", clock_monotonic_us() + REVALIDATE_MS * 700, &found), STATUS_OK);
    assert_int_equal(found.outcome, CACHE_HIT);
    assert_int_equal(cache_counts(cache).keeper.checks, 0);
    cache_relieve(cache); /* calls the keeper */
    for (int tries = 0; cache_counts(cache).keeper.checks == 0; tries++) {
        assert_in_range(tries, 0, PATIENCE_MS);
        rest();
    }
}

static void what_changed_by_age_is_loaded_again(void **state)
{
    (void)state;
    struct cache_found found = find_well("/link", began_us);
    give_back(&found);
    scratch_text(&scratch, "elsewhere", "elsewhere");
    scratch_link(&scratch, "elsewhere", "new-link");
    SCRATCH_MUST(renameat(scratch.fd, "new-link", scratch.fd, "link") == 0);
    await_content("/link", "elsewhere");
}

static void find_streams(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char key[16];
        snprintf(key, sizeof key, "/big%u", i);
        struct cache_found found = find_well(key, began_us);
        give_back(&found);
        rest();
    }
}

static void descriptors_are_given_back_when_they_are_short(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "big%d", i);
        scratch_filled(&scratch, name, 'b', RIG_SNAPSHOT_BYTES_MAX + 1);
    }
    /* That they were made may still be told, and then they are loaded again. */
    for (int tries = 0; cache_counts(cache).table.streams < 10; tries++) {
        assert_in_range(tries, 0, PATIENCE_MS);
        find_streams(10);
    }
    cache_relieve(cache);
    assert_int_equal(cache_counts(cache).table.streams, 2);
    cache_relieve(cache);
    assert_int_equal(cache_counts(cache).table.streams, 0);
}

static void whoever_waits_when_it_stops_is_told(void **state)
{
    (void)state;
    struct cache_options options = other_options_for(1 << 20);
    struct cache *other = cache_new(&options);
    int writer = openat(scratch.fd, "file", O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(writer, "CON", 3), 3); /* it would be waited for */
    assert_int_equal(cache_ask(other, SPAN("/file"), &mailbox, 1), STATUS_OK);
    rcu_offline();
    assert_true(cache_stop(other, -1));
    struct mail *mail = mailbox_take(&mailbox);
    assert_non_null(mail);
    assert_int_equal(mail->status, STATUS_FAILED);
    assert_null(mail->entry);
    free(mail);
    close(writer);
    rcu_reader_end();
    uint64_t held;
    cache_free(other, &held);
    assert_int_equal(held, 0);
    cache_free(NULL, NULL);
    rcu_reader_begin();
}

static void references_that_are_left_are_counted(void **state)
{
    (void)state;
    struct cache_options options = other_options_for(1 << 20);
    struct cache *before = cache;
    cache = cache_new(&options);
    struct cache_found found = find_well("/file", began_us);
    give_back(&found);
    entry_ref(found.entry);
    rcu_reader_end();
    uint64_t held;
    struct entry *left = found.entry;
    left->charged_to = NULL; /* so that they can be given back after their cache */
    left->folder = NULL;
    cache_free(cache, &held);
    assert_int_equal(held, 1);
    entry_unref(left);
    cache = before;
    rcu_reader_begin();
}

#define WITH_A_CACHE(test) cmocka_unit_test_setup_teardown(test, with_a_cache, without_a_cache)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_CACHE(a_loader_is_asked_first_and_then_it_is_a_hit),
        WITH_A_CACHE(what_does_not_wait_is_loaded_in_place),
        WITH_A_CACHE(what_is_being_written_is_left_to_a_loader),
        WITH_A_CACHE(of_two_workers_that_load_at_once_the_later_ones_is_used),
        WITH_A_CACHE(without_room_it_is_for_this_request_only),
        WITH_A_CACHE(in_doubt_what_is_kept_is_looked_at_before_it_is_used),
        WITH_A_CACHE(in_doubt_what_is_being_written_is_served_as_it_was),
        WITH_A_CACHE(what_is_being_written_is_waited_for_when_the_observer_has_no_turn),
        WITH_A_CACHE(a_change_is_seen_without_looking),
        WITH_A_CACHE(what_was_not_there_is_found_when_it_comes),
        WITH_A_CACHE(an_index_changes_for_its_folder_too),
        WITH_A_CACHE(what_is_written_in_place_is_kept_until_it_is_whole),
        WITH_A_CACHE(what_events_do_not_tell_of_is_looked_at_by_age),
        WITH_A_CACHE(however_old_it_is_looked_at_when_it_is_due),
        WITH_A_CACHE(what_is_used_is_looked_at_before_it_is_due),
        WITH_A_CACHE(what_changed_by_age_is_loaded_again),
        WITH_A_CACHE(descriptors_are_given_back_when_they_are_short),
        WITH_A_CACHE(whoever_waits_when_it_stops_is_told),
        WITH_A_CACHE(references_that_are_left_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
