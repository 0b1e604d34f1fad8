#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "../support/load_rig.h"
#include "cache/loader.h"
#include "platform/machine.h"

enum { PATIENCE_MS = 20000, WAITERS = 50 };

static struct load_rig rig;
static struct loader *loader;
static struct mailbox mailbox;

/* Heads of the file "held" are made when the gate is open. */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opened = PTHREAD_COND_INITIALIZER;
static bool gate_is_open;
static _Atomic int at_the_gate;

static void (*before_head)(void); /* whenever a head is made */

static size_t describe(void *context, const struct load_facts *facts, char *out, uint16_t *ret_policy)
{
    if (span_starts_with(facts->path, SPAN("held"))) {
        at_the_gate++;
        pthread_mutex_lock(&gate_lock);
        while (!gate_is_open) pthread_cond_wait(&gate_opened, &gate_lock);
        pthread_mutex_unlock(&gate_lock);
    }
    if (before_head) before_head();
    return rig_describe(context, facts, out, ret_policy);
}

struct dirent *__real_readdir64(DIR *folder);
struct dirent *__wrap_readdir64(DIR *folder);

/* As file systems do that do not note the types of files in their folders. */
struct dirent *__wrap_readdir64(DIR *folder)
{
    struct dirent *item = __real_readdir64(folder);
    if (item) item->d_type = DT_UNKNOWN;
    return item;
}

static void open_gate(bool is_open)
{
    pthread_mutex_lock(&gate_lock);
    gate_is_open = is_open;
    pthread_cond_broadcast(&gate_opened);
    pthread_mutex_unlock(&gate_lock);
}

static void with_threads(unsigned threads_max)
{
    loader_free(loader);
    loader = loader_new(&rig.rules, rig.table, threads_max);
    assert_non_null(loader);
}

static int with_a_loader(void **state)
{
    (void)state;
    rcu_reader_begin();
    load_rig_open(&rig);
    rig.rules.describe = describe;
    scratch_text(&rig.scratch, "file", "content");
    scratch_text(&rig.scratch, "held", "held back");
    scratch_text(&rig.scratch, "held-too", "held back");
    scratch_text(&rig.scratch, "other", "another");
    open_gate(true);
    at_the_gate = 0;
    before_head = NULL;
    loader = NULL;
    with_threads(4);
    rcu_offline(); /* nobody waits for this one */
    return mailbox_init(&mailbox) == STATUS_OK ? 0 : 1;
}

static int without_a_loader(void **state)
{
    (void)state;
    open_gate(true);
    loader_free(loader);
    mailbox_done(&mailbox);
    rcu_online();
    uint64_t held = load_rig_close(&rig);
    rcu_reader_end();
    return held == 0 ? 0 : 1;
}

static void ask(const char *key, uint64_t cookie)
{
    struct span span = span_of_string(key);
    struct mail *mail = malloc(sizeof *mail);
    *mail = (struct mail){ .to = &mailbox, .cookie = cookie };
    assert_int_equal(loader_load(loader, span, table_hash(rig.table, span), mail), STATUS_OK);
}

static struct mail *mails; /* taken, and not looked at yet */

/* To be freed, with its reference. */
static struct mail *next_mail(void)
{
    while (!mails) {
        assert_int_equal(poll(&(struct pollfd){ .fd = mailbox.wakeup, .events = POLLIN }, 1, PATIENCE_MS), 1);
        mails = mailbox_take(&mailbox);
    }
    struct mail *mail = mails;
    mails = mail->next;
    return mail;
}

static void give_back(struct mail *mail)
{
    entry_unref(mail->entry);
    free(mail);
}

static void await_gate(int count)
{
    for (int tries = 0; at_the_gate < count; tries++) {
        assert_in_range(tries, 0, PATIENCE_MS);
        poll(NULL, 0, 1);
    }
}

static bool has_content(const struct mail *mail, const char *content)
{
    return mail->status == STATUS_OK && mail->entry && mail->entry->body_size == strlen(content) &&
           memcmp(entry_body(mail->entry), content, strlen(content)) == 0;
}

static void what_was_loaded_is_posted_and_published(void **state)
{
    (void)state;
    ask("/file", 4711);
    struct mail *mail = next_mail();
    assert_int_equal(mail->cookie, 4711);
    assert_true(has_content(mail, "content"));
    rcu_online();
    assert_ptr_equal(rig_find(rig.table, "/file"), mail->entry);
    rcu_offline();
    for (int tries = 0; mail->entry->references > 2; tries++) { /* the loader's own goes in a moment */
        assert_in_range(tries, 0, PATIENCE_MS);
        poll(NULL, 0, 1);
    }
    give_back(mail);
    assert_int_equal(loader_loads(loader), 1);
}

static void what_is_not_there_is_an_answer_too(void **state)
{
    (void)state;
    ask("/nothing", 1);
    struct mail *mail = next_mail();
    assert_int_equal(mail->status, STATUS_OK);
    assert_int_equal(mail->entry->kind, ENTRY_ABSENT);
    give_back(mail);
}

static void however_many_wait_for_a_key_it_is_loaded_once(void **state)
{
    (void)state;
    open_gate(false);
    ask("/held", 0);
    await_gate(1);
    for (uint64_t i = 1; i < WAITERS; i++) ask("/held", i);
    open_gate(true);
    bool has_mail[WAITERS] = { false };
    const struct entry *entry = NULL;
    for (int i = 0; i < WAITERS; i++) {
        struct mail *mail = next_mail();
        assert_true(has_content(mail, "held back"));
        if (i == 0) entry = mail->entry;
        assert_ptr_equal(mail->entry, entry);
        assert_false(has_mail[mail->cookie]);
        has_mail[mail->cookie] = true;
        give_back(mail);
    }
    assert_int_equal(loader_loads(loader), 1);
    ask("/held", 0); /* whoever comes later has it loaded anew */
    give_back(next_mail());
    assert_int_equal(loader_loads(loader), 2);
}

/* Keys are told apart also where their hashes are in one bucket. */
static void many_keys_are_each_loaded(void **state)
{
    (void)state;
    enum { FILES = 600 };
    with_threads(1);
    open_gate(false);
    ask("/held", FILES);
    await_gate(1); /* all the others wait at the same time */
    for (int i = 0; i < FILES; i++) {
        char name[16], key[17];
        snprintf(name, sizeof name, "n%d", i);
        snprintf(key, sizeof key, "/%s", name);
        scratch_text(&rig.scratch, name, name);
        ask(key, (uint64_t)i);
    }
    open_gate(true);
    give_back(next_mail());
    for (int i = 0; i < FILES; i++) {
        struct mail *mail = next_mail();
        char name[24];
        snprintf(name, sizeof name, "n%d", (int)mail->cookie);
        assert_true(has_content(mail, name));
        give_back(mail);
    }
    assert_int_equal(loader_loads(loader), FILES + 1);
}

/* Also when there is a thread that slept, and both come before it is awake. */
static void one_that_waits_for_its_device_holds_up_no_other(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 20; round++) {
        open_gate(true);
        ask("/file", 0);
        give_back(next_mail());
        poll(NULL, 0, 2); /* it sleeps again */
        open_gate(false);
        ask("/held", 1);
        ask("/other", 2);
        struct mail *mail = next_mail();
        assert_int_equal(mail->cookie, 2);
        assert_true(has_content(mail, "another"));
        give_back(mail);
        open_gate(true);
        give_back(next_mail());
    }
}

static void threads_are_started_when_they_are_needed_and_no_more_than_allowed(void **state)
{
    (void)state;
    with_threads(2);
    open_gate(false);
    ask("/held", 1);
    ask("/held-too", 2);
    await_gate(2);
    ask("/file", 3);
    poll(NULL, 0, 20);
    assert_null(mailbox_take(&mailbox)); /* both are held up */
    open_gate(true);
    for (int i = 0; i < 3; i++) give_back(next_mail());
}

static void *stop(void *argument)
{
    loader_free(argument);
    return NULL;
}

static void who_still_waits_when_it_stops_is_told(void **state)
{
    (void)state;
    with_threads(1);
    open_gate(false);
    ask("/held", 0);
    await_gate(1);
    ask("/held", 1);
    for (uint64_t i = 2; i < 10; i++) ask(i % 2 ? "/file" : "/other", i);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop, loader), 0);
    loader = NULL;
    poll(NULL, 0, 20);
    open_gate(true);
    pthread_join(thread, NULL);
    unsigned loaded = 0, failed = 0;
    for (int i = 0; i < 10; i++) {
        struct mail *mail = next_mail();
        loaded += mail->status == STATUS_OK && mail->entry;
        failed += mail->status == STATUS_FAILED && !mail->entry;
        give_back(mail);
    }
    assert_int_equal(loaded + failed, 10);
    assert_true(loaded >= 2);
    assert_true(failed >= 1);
}

static struct entry *load_stream(const char *key)
{
    ask(key, 0);
    struct mail *mail = next_mail();
    struct entry *entry = mail->entry;
    assert_int_equal(entry->kind, ENTRY_STREAM);
    free(mail);
    return entry;
}

static void warm(struct entry *stream, int64_t offset, int64_t size)
{
    struct mail *mail = malloc(sizeof *mail);
    *mail = (struct mail){ .to = &mailbox, .cookie = 99 };
    const struct loader_window window = { .offset = offset, .size = size };
    assert_int_equal(loader_warm(loader, stream, &window, mail), STATUS_OK);
}

static void a_warmed_window_is_resident(void **state)
{
    (void)state;
    enum { BYTES = 3 << 20, WINDOW = 1 << 20 };
    scratch_filled(&rig.scratch, "big", 'b', BYTES);
    struct entry *stream = load_stream("/big");
    assert_int_equal(fsync(stream->fd), 0);
    assert_int_equal(posix_fadvise(stream->fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    bool was_cold = file_residency(stream->fd, WINDOW, WINDOW) != FILE_RESIDENT;
    warm(stream, WINDOW, WINDOW);
    struct mail *mail = next_mail();
    assert_int_equal(mail->cookie, 99);
    assert_int_equal(mail->status, STATUS_OK);
    assert_null(mail->entry);
    give_back(mail);
    bool can_be_told = file_residency(stream->fd, WINDOW, 1) == FILE_RESIDENT;
    if (was_cold && can_be_told) assert_true(file_residency(stream->fd, WINDOW, WINDOW) == FILE_RESIDENT);
    entry_unref(stream);
}

static void drop(struct entry *stream, int64_t size)
{
    const struct loader_window window = { .sent_size = size };
    loader_drop(loader, stream, &window);
    warm(stream, 0, 1); /* hints and windows take turns: often that is done after it */
    give_back(next_mail());
}

/* What was brought for one answer leaves the page cache when it is sent; what others ask for, too, stays. */
static void what_was_sent_once_is_dropped_and_what_is_asked_for_again_is_kept(void **state)
{
    (void)state;
    enum { BYTES = 3 << 20 };
    scratch_filled(&rig.scratch, "big", 'b', BYTES);
    struct entry *stream = load_stream("/big");
    assert_int_equal(fsync(stream->fd), 0);
    bool can_be_told = file_residency(stream->fd, 0, BYTES) == FILE_RESIDENT;
    stream->frequency = 1;
    drop(stream, BYTES);
    poll(NULL, 0, 10);
    if (can_be_told) assert_true(file_residency(stream->fd, 0, BYTES) == FILE_RESIDENT);
    (void)posix_fadvise(stream->fd, 0, BYTES, POSIX_FADV_DONTNEED);
    bool can_be_dropped = file_residency(stream->fd, 0, BYTES) != FILE_RESIDENT;
    warm(stream, 0, BYTES);
    give_back(next_mail());
    stream->frequency = 0;
    drop(stream, BYTES / 2);
    for (int tries = 0; can_be_told && can_be_dropped && file_residency(stream->fd, 4096, BYTES / 2) == FILE_RESIDENT;
         tries++) {
        assert_in_range(tries, 0, PATIENCE_MS);
        poll(NULL, 0, 1);
    }
    if (can_be_told) assert_true(file_residency(stream->fd, BYTES / 2, BYTES / 2) == FILE_RESIDENT);
    entry_unref(stream);
}

static void a_window_beyond_the_end_is_over_soon(void **state)
{
    (void)state;
    scratch_filled(&rig.scratch, "big", 'b', RIG_SNAPSHOT_BYTES_MAX + 1);
    struct entry *stream = load_stream("/big");
    warm(stream, 60000, 10 << 20);
    give_back(next_mail());
    warm(stream, 1 << 30, 10 << 20);
    give_back(next_mail());
    entry_unref(stream);
}

static void a_stream_lives_as_long_as_it_is_warmed(void **state)
{
    (void)state;
    with_threads(1);
    scratch_filled(&rig.scratch, "big", 'b', RIG_SNAPSHOT_BYTES_MAX + 1);
    struct entry *stream = load_stream("/big");
    open_gate(false);
    ask("/held", 0);
    await_gate(1);
    warm(stream, 0, 1000);
    rcu_online();
    table_remove(rig.table, stream);
    rcu_offline();
    table_reclaim(rig.table);
    assert_int_equal(stream->references, 2);
    entry_unref(stream);
    open_gate(true);
    give_back(next_mail());
    give_back(next_mail());
}

static void a_reload_is_for_nobody_in_particular(void **state)
{
    (void)state;
    assert_int_equal(loader_reload(loader, SPAN("/file"), table_hash(rig.table, SPAN("/file")), false), STATUS_OK);
    for (int tries = 0; loader_loads(loader) == 0; tries++) {
        assert_in_range(tries, 0, PATIENCE_MS);
        poll(NULL, 0, 1);
    }
    rcu_online();
    assert_non_null(rig_find(rig.table, "/file"));
    rcu_offline();
    assert_null(mailbox_take(&mailbox));
}

/* A change that ended before somebody asked is in what he is answered, whoever asked before him. */
static void who_asks_after_a_change_gets_it_also_from_a_load_that_began_before(void **state)
{
    (void)state;
    open_gate(false);
    ask("/held", 0);
    await_gate(1);
    scratch_replace(&rig.scratch, "held", "it is another now");
    ask("/held", 1);
    open_gate(true);
    for (int i = 0; i < 2; i++) {
        struct mail *mail = next_mail();
        assert_true(has_content(mail, mail->cookie == 1 ? "it is another now" : "held back"));
        give_back(mail);
    }
    assert_int_equal(loader_loads(loader), 2);
}

static void await_content(const char *key, const char *content)
{
    bool is_there = false;
    for (int tries = 0; !is_there; tries++) {
        assert_in_range(tries, 0, PATIENCE_MS);
        poll(NULL, 0, 1);
        rcu_online();
        struct entry *entry = rig_find(rig.table, key);
        is_there = entry && entry->kind == ENTRY_SNAPSHOT && entry->body_size == strlen(content) &&
                   memcmp(entry_body(entry), content, strlen(content)) == 0;
        rcu_offline();
    }
}

static void what_is_to_be_loaded_anew_while_it_is_loaded_is_loaded_once_more(void **state)
{
    (void)state;
    open_gate(false);
    ask("/held", 0);
    await_gate(1);
    scratch_replace(&rig.scratch, "held", "it is another now");
    loader_reload(loader, SPAN("/held"), table_hash(rig.table, SPAN("/held")), false);
    open_gate(true);
    give_back(next_mail());
    await_content("/held", "it is another now");
    assert_int_equal(loader_loads(loader), 2);
}

static void all_that_is_in_a_folder_and_below_is_loaded(void **state)
{
    (void)state;
    scratch_folder(&rig.scratch, "folder");
    scratch_folder(&rig.scratch, "folder/inner");
    scratch_text(&rig.scratch, "folder/one", "1");
    scratch_text(&rig.scratch, "folder/inner/two", "2");
    loader_scan(loader, &rig_tree, SPAN("/folder/"));
    await_content("/folder/one", "1");
    await_content("/folder/inner/two", "2");
}

static int changes_left;

static struct lookout *lookout;

static void nothing_to_do(void *context, const struct tree *tree, struct span path, unsigned what)
{
    (void)context, (void)tree, (void)path, (void)what;
}

static void nothing_to_do_either(void *context, struct span key, unsigned what)
{
    (void)context, (void)key, (void)what;
}

static void change_and_tell(void)
{
    if (changes_left == 0) return;
    char content[32];
    snprintf(content, sizeof content, "%d changes are left", --changes_left);
    scratch_replace(&rig.scratch, "file", content);
    lookout_events(lookout, &(struct lookout_listener){ NULL, nothing_to_do, nothing_to_do_either });
}

/* Whatever keeps it from being kept: nobody needs to ask for it. */
static void a_pinned_file_that_changes_while_it_is_loaded_is_in_memory_in_the_end(void **state)
{
    (void)state;
    struct pins *pins = pins_new(false);
    assert_true(pins_add_file(pins, SPAN("/file"), PINNED_IN_MEMORY));
    rig_tree.pins = pins;
    lookout = rig_look_out();
    with_threads(2);
    before_head = change_and_tell;
    changes_left = 20; /* more than a load tries */
    loader_reload(loader, SPAN("/file"), table_hash(rig.table, SPAN("/file")), false);
    await_content("/file", "0 changes are left");
    loader_free(loader);
    loader = NULL;
    rcu_online();
    assert_true(rig_find(rig.table, "/file")->is_pinned);
    table_clear(rig.table);
    rcu_offline();
    table_reclaim(rig.table);
    lookout_free(lookout);
    pins_free(pins);
}

/* Somebody has it open for writing, and wrote a moment ago. */
static void a_file_that_is_being_written_is_waited_for(void **state)
{
    (void)state;
    rig.rules.settle_ms = 10 * PATIENCE_MS;
    with_threads(2);
    int writer = openat(rig.scratch.fd, "file", O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(writer, "con", 3), 3);
    ask("/file", 1);
    ask("/other", 2);
    struct mail *mail = next_mail();
    assert_int_equal(mail->cookie, 2); /* it holds up nobody */
    give_back(mail);
    ask("/file", 3);
    poll(NULL, 0, 30);
    assert_null(mailbox_take(&mailbox));
    assert_int_equal(pwrite(writer, "CONTENT", 7, 0), 7);
    close(writer);
    for (int i = 0; i < 2; i++) {
        mail = next_mail();
        assert_true(has_content(mail, "CONTENT"));
        give_back(mail);
    }
}

static void a_file_that_is_written_for_too_long_is_taken_as_it_is(void **state)
{
    (void)state;
    rig.rules.settle_ms = 100;
    with_threads(1);
    int writer = openat(rig.scratch.fd, "file", O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(writer, "CON", 3), 3);
    ask("/file", 1);
    for (int i = 0; i < 3000 && !mails; i++) { /* it never keeps still for so long */
        assert_int_equal(pwrite(writer, "CON", 3, 0), 3);
        poll(NULL, 0, 1);
        mails = mailbox_take(&mailbox);
    }
    close(writer);
    assert_non_null(mails);
    struct mail *mail = next_mail();
    assert_int_equal(mail->status, STATUS_OK);
    give_back(mail);
}

static void who_waits_for_a_writer_when_it_stops_is_told(void **state)
{
    (void)state;
    rig.rules.settle_ms = 10 * PATIENCE_MS;
    with_threads(1);
    int writer = openat(rig.scratch.fd, "file", O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(writer, "CON", 3), 3);
    ask("/file", 1);
    poll(NULL, 0, 30);
    loader_free(loader);
    loader = NULL;
    struct mail *mail = next_mail();
    assert_int_equal(mail->status, STATUS_FAILED);
    give_back(mail);
    close(writer);
}

static void a_loader_without_threads_refuses(void **state)
{
    (void)state;
    with_threads(0);
    struct mail *mail = malloc(sizeof *mail);
    *mail = (struct mail){ .to = &mailbox };
    assert_int_equal(loader_load(loader, SPAN("/file"), 1, mail), STATUS_EXHAUSTED);
    struct entry *stream = entry_new(ENTRY_STREAM, SPAN("/s"), 0, 0, 10);
    const struct loader_window window = { .size = 10 };
    assert_int_equal(loader_warm(loader, stream, &window, mail), STATUS_EXHAUSTED);
    assert_int_equal(loader_copy(loader, stream, &window, mail), STATUS_EXHAUSTED);
    stream->is_queued = 1;
    loader_check(loader, stream);
    assert_int_equal(stream->is_queued, 0);
    assert_int_equal(stream->references, 1);
    entry_unref(stream);
    free(mail);
    assert_int_equal(loader_reload(loader, SPAN("/file"), 1, false), STATUS_EXHAUSTED);
    assert_int_equal(loader_scan(loader, &rig_tree, SPAN("/")), STATUS_EXHAUSTED);
}

#define WITH_A_LOADER(test) cmocka_unit_test_setup_teardown(test, with_a_loader, without_a_loader)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_LOADER(what_was_loaded_is_posted_and_published),
        WITH_A_LOADER(what_is_not_there_is_an_answer_too),
        WITH_A_LOADER(however_many_wait_for_a_key_it_is_loaded_once),
        WITH_A_LOADER(many_keys_are_each_loaded),
        WITH_A_LOADER(one_that_waits_for_its_device_holds_up_no_other),
        WITH_A_LOADER(threads_are_started_when_they_are_needed_and_no_more_than_allowed),
        WITH_A_LOADER(who_still_waits_when_it_stops_is_told),
        WITH_A_LOADER(a_warmed_window_is_resident),
        WITH_A_LOADER(what_was_sent_once_is_dropped_and_what_is_asked_for_again_is_kept),
        WITH_A_LOADER(a_window_beyond_the_end_is_over_soon),
        WITH_A_LOADER(a_stream_lives_as_long_as_it_is_warmed),
        WITH_A_LOADER(a_reload_is_for_nobody_in_particular),
        WITH_A_LOADER(who_asks_after_a_change_gets_it_also_from_a_load_that_began_before),
        WITH_A_LOADER(what_is_to_be_loaded_anew_while_it_is_loaded_is_loaded_once_more),
        WITH_A_LOADER(all_that_is_in_a_folder_and_below_is_loaded),
        WITH_A_LOADER(a_pinned_file_that_changes_while_it_is_loaded_is_in_memory_in_the_end),
        WITH_A_LOADER(a_file_that_is_being_written_is_waited_for),
        WITH_A_LOADER(a_file_that_is_written_for_too_long_is_taken_as_it_is),
        WITH_A_LOADER(who_waits_for_a_writer_when_it_stops_is_told),
        WITH_A_LOADER(a_loader_without_threads_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
