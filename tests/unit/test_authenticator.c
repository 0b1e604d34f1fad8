#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>

#include "../support/await.h"
#include "../support/scratch.h"
#include "platform/thread.h"
#include "server/authenticator.h"
#include "server/password.h"
#include "server/user_file.h"

/* Of password1 and password2. */
#define HASH_1 "$apr1$saltsalt$JpJ.tnO8d1zZMqIWNLYmK0"
#define HASH_2 "$apr1$saltsalt$OBC62FN9OngAO6EFruayF0"

enum { WAITING_MAX = 256 };

static struct scratch scratch;
static struct config config;
static struct authenticator *authenticator;
static struct mailbox mailbox;
static struct span path, other_path;

static unsigned cpus;                /* that there seem to be */
static bool has_threads;             /* the system gives any */
static bool takes_all;               /* any password is right, and takes no time */
static bool opens_at_the_end;        /* the gate, when the threads are waited for */
static _Atomic bool is_gate_open;    /* passwords are checked; else whoever checks waits there */
static _Atomic bool is_disk_there;   /* user files are read; else whoever reads one waits there */
static _Atomic unsigned at_the_gate; /* now */
static _Atomic unsigned at_the_disk; /* now */
static _Atomic unsigned checks;      /* so far */
static bool notes_hash;
static char last_hash[PASSWORD_HASH_BYTES_MAX]; /* if so; of the only one who checks */

bool __real_password_matches(const char *password, const char *hash, struct crypt_data *room);
bool __wrap_password_matches(const char *password, const char *hash, struct crypt_data *room);

bool __wrap_password_matches(const char *password, const char *hash, struct crypt_data *room)
{
    at_the_gate++;
    while (!is_gate_open) poll(NULL, 0, 1);
    at_the_gate--;
    if (notes_hash) strcpy(last_hash, hash);
    checks++;
    return takes_all || __real_password_matches(password, hash, room);
}

enum status __real_user_file_refresh(struct user_file *file, const char *path, bool *ret_has_changed);
enum status __wrap_user_file_refresh(struct user_file *file, const char *path, bool *ret_has_changed);

enum status __wrap_user_file_refresh(struct user_file *file, const char *at, bool *ret_has_changed)
{
    at_the_disk++;
    while (!is_disk_there) poll(NULL, 0, 1);
    at_the_disk--;
    return __real_user_file_refresh(file, at, ret_has_changed);
}

unsigned __wrap_thread_cpus(void);
unsigned __wrap_thread_cpus(void)
{
    return cpus;
}

enum status __real_thread_start(pthread_t *ret_thread, const char *name, void *(*body)(void *), void *argument);
enum status __wrap_thread_start(pthread_t *ret_thread, const char *name, void *(*body)(void *), void *argument);

enum status __wrap_thread_start(pthread_t *ret_thread, const char *name, void *(*body)(void *), void *argument)
{
    return has_threads ? __real_thread_start(ret_thread, name, body, argument) : STATUS_EXHAUSTED;
}

bool __real_thread_join_within(pthread_t thread, int64_t patience_ms);
bool __wrap_thread_join_within(pthread_t thread, int64_t patience_ms);

bool __wrap_thread_join_within(pthread_t thread, int64_t patience_ms)
{
    if (opens_at_the_end) is_gate_open = true; /* they have been told to end by now */
    return __real_thread_join_within(thread, patience_ms);
}

static struct span path_of(const char *name)
{
    static char room[2][128];
    static unsigned next;
    char *text = room[next++ % 2];
    return span_of(text, (size_t)snprintf(text, sizeof room[0], "%s/%s", scratch.path, name));
}

/* A site with the user file "users", and in it a section with "others". */
static int with_user_files(void **state)
{
    (void)state;
    static struct section section;
    scratch_open(&scratch, NULL);
    scratch_text(&scratch, "users", "anna:" HASH_1 "\nbert:" HASH_2 "\n");
    scratch_text(&scratch, "others", "carl:" HASH_1 "\n");
    path = path_of("users");
    other_path = path_of("others");
    cpus = 2;
    is_gate_open = is_disk_there = true;
    has_threads = true;
    takes_all = opens_at_the_end = notes_hash = false;
    checks = 0;
    if (!config_init(&config)) return -1;
    section = (struct section){ .rules.auth_user_file = other_path };
    config.sites[0]->rules.auth_user_file = path;
    if (!config_list_add(&config.arena, &config.sites[0]->sections, &section)) return -1;
    if (mailbox_init(&mailbox) != STATUS_OK) return -1;
    authenticator = authenticator_new(&config);
    return authenticator ? 0 : -1;
}

static int without_user_files(void **state)
{
    (void)state;
    is_gate_open = is_disk_there = true;
    authenticator_free(authenticator);
    mailbox_done(&mailbox);
    config_done(&config);
    scratch_close(&scratch);
    return 0;
}

static enum status ask_in(struct span file, const char *user, const char *password, const struct mail *mails,
                          uint64_t cookie)
{
    struct credentials credentials = { .user = span_of_string(user), .password = span_of_string(password) };
    return authenticator_ask(authenticator, file, &credentials, mails, &mailbox, cookie);
}

static enum status ask(const char *user, const char *password)
{
    return ask_in(path, user, password, NULL, 0);
}

/* The next mail. */
static struct mail *await_mail(void)
{
    struct mail *mail;
    while ((mail = mailbox_take(&mailbox)) == NULL)
        assert_int_equal(poll(&(struct pollfd){ .fd = mailbox.wakeup, .events = POLLIN }, 1, AWAIT_PATIENCE_MS), 1);
    return mail;
}

/* Wait for `count` mails, which all say the same. */
static enum status await_mails(unsigned count)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < count;) {
        for (struct mail *mail = await_mail(), *next; mail; mail = next, i++) {
            next = mail->next;
            if (i > 0) assert_int_equal(mail->status, status);
            status = mail->status;
            mail_free(mail);
        }
    }
    return status;
}

/* What it comes to, with mail as a request gets it. */
static enum status settled_in(struct span file, const char *user, const char *password)
{
    enum status status = ask_in(file, user, password, NULL, 7);
    /* Once more if the file was read anew meanwhile. */
    for (unsigned round = 0; round < 3 && status == STATUS_WOULD_BLOCK; round++) {
        struct mail *mail = await_mail();
        assert_int_equal(mail->cookie, 7);
        assert_null(mail->next);
        status = ask_in(file, user, password, mail, 7);
        mail_free(mail);
    }
    return status;
}

static enum status settled(const char *user, const char *password)
{
    return settled_in(path, user, password);
}

static void a_name_and_its_own_password_belong_together(void **state)
{
    (void)state;
    static const struct {
        const char *user, *password;
        enum status wanted;
    } rows[] = {
        { "anna", "password1", STATUS_OK },
        { "bert", "password2", STATUS_OK },
        { "anna", "password2", STATUS_REFUSED },
        { "bert", "password1", STATUS_REFUSED },
        { "anna", "", STATUS_REFUSED },
        { "anna", "password", STATUS_REFUSED },
        { "anna", "password11", STATUS_REFUSED },
        { "ann", "password1", STATUS_REFUSED },
        { "Anna", "password1", STATUS_REFUSED },
        { "carl", "password1", STATUS_REFUSED },
        { "", "password1", STATUS_REFUSED }, /* though whoever comes first in the file has it */
        { "", "", STATUS_REFUSED },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        enum status status = settled(rows[i].user, rows[i].password);
        if (status != rows[i].wanted) fail_msg("%s:%s is %d", rows[i].user, rows[i].password, (int)status);
    }
    assert_int_equal(settled_in(other_path, "carl", "password1"), STATUS_OK);
    assert_int_equal(settled_in(other_path, "anna", "password1"), STATUS_REFUSED);
}

static void what_was_right_is_known_and_what_was_wrong_is_not(void **state)
{
    (void)state;
    assert_int_equal(settled("anna", "password1"), STATUS_OK);
    assert_int_equal(settled("anna", "wrong"), STATUS_REFUSED);
    unsigned before = checks;
    assert_int_equal(ask("anna", "password1"), STATUS_OK);
    assert_int_equal(checks, before);
    assert_int_equal(settled("anna", "wrong"), STATUS_REFUSED);
    assert_int_equal(checks, before + 1);
    /* Nor is it known of another file. */
    assert_int_equal(settled_in(other_path, "anna", "password1"), STATUS_REFUSED);
}

static void what_is_known_is_known_of_thousands(void **state)
{
    (void)state;
    enum { USERS = 2500 };
    static char text[USERS * 12];
    char name[8];
    size_t size = 0;
    unsigned known = 0;
    takes_all = true;
    for (unsigned i = 0; i < USERS; i++) size += (size_t)snprintf(text + size, sizeof text - size, "%u:$5$x\n", i);
    scratch_replace(&scratch, "users", text);
    for (unsigned i = 0; i < USERS; i++) {
        snprintf(name, sizeof name, "%u", i);
        assert_int_equal(settled(name, "x"), STATUS_OK);
    }
    for (unsigned i = 0; i < USERS; i++) {
        snprintf(name, sizeof name, "%u", i);
        known += ask(name, "x") == STATUS_OK;
    }
    assert_in_range(known, 2200, USERS); /* some 2340; it is a hash of 4096 places */
}

static void a_mail_answers_for_the_very_same_name_and_password(void **state)
{
    (void)state;
    assert_int_equal(settled("anna", "password1"), STATUS_OK); /* the file is read */
    assert_int_equal(ask("bert", "wrong"), STATUS_WOULD_BLOCK);
    struct mail *mail = await_mail();
    assert_int_equal(mail->status, STATUS_REFUSED);
    assert_int_equal(ask_in(path, "bert", "wrong", mail, 0), STATUS_REFUSED);
    assert_int_equal(ask_in(path, "bert", "password2", mail, 0), STATUS_WOULD_BLOCK);
    assert_int_equal(await_mails(1), STATUS_OK);
    /* A loader's, about a file whose key has the same hash. */
    struct entry *entry = entry_new(ENTRY_ABSENT, SPAN("/"), 0, 0, 0);
    struct mail loaded = { .hash = mail->hash, .entry = entry, .next = mail };
    assert_int_equal(ask_in(path, "bert", "wrong", &loaded, 0), STATUS_REFUSED);
    entry_unref(entry);
    mail_free(mail);
}

static void all_who_ask_the_same_at_a_time_wait_for_one_check(void **state)
{
    (void)state;
    static const struct {
        const char *password;
        enum status wanted;
    } rows[] = { { "password2", STATUS_OK },
                 { "password2", STATUS_OK }, /* before it is checked, */
                 { "password2", STATUS_OK }, /* while it is, */
                 { "wrong", STATUS_REFUSED },
                 { "wrong", STATUS_REFUSED } };                /* and while others are */
    assert_int_equal(settled("anna", "password1"), STATUS_OK); /* the file is read */
    is_gate_open = false;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (i == 2) AWAIT(at_the_gate == 1);
        assert_int_equal(ask_in(path, "bert", rows[i].password, NULL, i), STATUS_WOULD_BLOCK);
    }
    is_gate_open = true;
    unsigned came = 0;
    while (came != 31) {
        for (struct mail *mail = await_mail(), *next; mail; mail = next) {
            next = mail->next;
            assert_int_equal(mail->status, rows[mail->cookie].wanted);
            assert_int_equal(came & 1u << mail->cookie, 0);
            came |= 1u << mail->cookie;
            mail_free(mail);
        }
    }
    assert_int_equal(checks, 3);
}

static void so_many_may_wait_and_no_more(void **state)
{
    (void)state;
    is_gate_open = false;
    for (unsigned i = 0; i < WAITING_MAX; i++) assert_int_equal(ask("anna", "password1"), STATUS_WOULD_BLOCK);
    assert_int_equal(ask("anna", "password1"), STATUS_BUSY);
    assert_int_equal(ask("bert", "password2"), STATUS_BUSY);
    is_gate_open = true;
    assert_int_equal(await_mails(WAITING_MAX), STATUS_OK);
    assert_int_equal(settled("bert", "password2"), STATUS_OK);
}

static void a_file_that_is_not_the_configurations_or_cannot_be_read_has_nobody(void **state)
{
    (void)state;
    assert_int_equal(ask_in(SPAN("/etc/passwd"), "root", "x", NULL, 0), STATUS_FAILED);
    scratch_unlink(&scratch, "users");
    assert_int_equal(settled("anna", "password1"), STATUS_FAILED);
    assert_int_equal(checks, 0);
    scratch_text(&scratch, "users", "anna:" HASH_1 "\n");
    assert_int_equal(settled("anna", "password1"), STATUS_OK);
    scratch_unlink(&scratch, "users");
    assert_int_equal(settled("bert", "password2"), STATUS_FAILED); /* it was looked at for him */
    assert_int_equal(settled("anna", "password1"), STATUS_FAILED);
}

/* So that the time does not tell who is known, and who has a hash of a form that nobody's password is of. */
static void whoever_is_not_known_costs_as_much_as_one_who_is(void **state)
{
    (void)state;
    static const char nobody[] = "$2y$10$";
    notes_hash = true;
    assert_int_equal(settled("nobody", "password1"), STATUS_REFUSED);
    assert_string_equal(last_hash, HASH_1);
    scratch_replace(&scratch, "users", "anna:" HASH_1 "\nbert:plain\ncarl:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n");
    assert_int_equal(settled("bert", "plain"), STATUS_REFUSED);
    assert_string_equal(last_hash, HASH_1);
    assert_int_equal(settled("carl", "test"), STATUS_REFUSED);
    assert_string_equal(last_hash, HASH_1);
    scratch_replace(&scratch, "users", "bert:plain\nanna:" HASH_1 "\n");
    assert_int_equal(settled("bert", "plain"), STATUS_REFUSED);
    assert_memory_equal(last_hash, nobody, sizeof nobody - 1);
    scratch_replace(&scratch, "users", "");
    assert_int_equal(settled("anna", "password1"), STATUS_REFUSED);
    assert_memory_equal(last_hash, nobody, sizeof nobody - 1);
}

static void a_file_that_changed_voids_what_was_found_by_way_of_it(void **state)
{
    (void)state;
    assert_int_equal(settled("anna", "password1"), STATUS_OK);
    assert_int_equal(settled_in(other_path, "carl", "password1"), STATUS_OK);
    scratch_replace(&scratch, "users", "anna:" HASH_2 "\n");
    assert_int_equal(settled("bert", "password2"), STATUS_REFUSED); /* it was looked at for him */
    assert_int_equal(settled("anna", "password1"), STATUS_REFUSED);
    assert_int_equal(settled("anna", "password2"), STATUS_OK);
    assert_int_equal(ask_in(other_path, "carl", "password1", NULL, 0), STATUS_OK);
}

static void a_change_is_seen_though_nobody_has_anything_checked(void **state)
{
    (void)state;
    assert_int_equal(settled("anna", "password1"), STATUS_OK);
    scratch_replace(&scratch, "users", "bert:" HASH_2 "\n");
    AWAIT(ask("anna", "password1") != STATUS_OK);
    assert_int_equal(await_mails(1), STATUS_REFUSED);
    assert_int_equal(settled("bert", "password2"), STATUS_OK);
    scratch_unlink(&scratch, "users");
    AWAIT(ask("bert", "password2") != STATUS_OK);
    assert_int_equal(await_mails(1), STATUS_FAILED);
}

/* Who guesses without end at what one file guards must not keep the changes of another from being seen. */
static void a_change_is_seen_though_another_file_is_asked_all_the_time(void **state)
{
    (void)state;
    assert_int_equal(settled_in(other_path, "carl", "password1"), STATUS_OK);
    scratch_replace(&scratch, "others", "");
    AWAIT(settled("anna", "guess") != STATUS_REFUSED || ask_in(other_path, "carl", "password1", NULL, 0) != STATUS_OK);
    assert_int_equal(await_mails(1), STATUS_REFUSED);
}

static void half_of_the_cpus_check_at_a_time_if_so_many_ask(void **state)
{
    (void)state;
    static const unsigned rows[][2] = { { 8, 4 }, { 3, 1 }, { 1, 1 }, { 64, 16 } }; /* CPUs, checks */
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char password[8];
        authenticator_free(authenticator);
        cpus = rows[i][0];
        authenticator = authenticator_new(&config);
        /* One who waits for work is no reason for others to wait behind him. */
        assert_int_equal(settled("anna", "password1"), STATUS_OK);
        is_gate_open = false;
        for (unsigned asked = 0; asked < 20; asked++) {
            snprintf(password, sizeof password, "%u", asked);
            assert_int_equal(ask("anna", password), STATUS_WOULD_BLOCK);
        }
        AWAIT(at_the_gate == rows[i][1]);
        poll(NULL, 0, 5); /* one more would come by now, or in another run */
        assert_int_equal(at_the_gate, rows[i][1]);
        is_gate_open = true;
        assert_int_equal(await_mails(20), STATUS_REFUSED);
    }
}

static void without_a_thread_nobody_waits(void **state)
{
    (void)state;
    has_threads = false;
    assert_int_equal(ask("anna", "password1"), STATUS_EXHAUSTED);
    has_threads = true;
    assert_int_equal(settled("anna", "password1"), STATUS_OK);
    has_threads = false; /* there is one already */
    assert_int_equal(settled("bert", "password2"), STATUS_OK);
}

static void at_the_end_what_is_checked_is_waited_for_and_the_rest_is_told(void **state)
{
    (void)state;
    is_gate_open = false;
    assert_int_equal(ask_in(path, "anna", "password1", NULL, 1), STATUS_WOULD_BLOCK);
    AWAIT(at_the_gate == 1);
    assert_int_equal(ask_in(path, "bert", "password2", NULL, 2), STATUS_WOULD_BLOCK);
    assert_int_equal(ask_in(path, "bert", "password2", NULL, 2), STATUS_WOULD_BLOCK);
    opens_at_the_end = true;
    assert_true(authenticator_stop(authenticator, 0)); /* no file is waited for */
    unsigned count = 0;
    for (struct mail *mail = mailbox_take(&mailbox), *next; mail; mail = next, count++) {
        next = mail->next;
        assert_int_equal(mail->status, mail->cookie == 1 ? STATUS_OK : STATUS_FAILED);
        mail_free(mail);
    }
    assert_int_equal(count, 3);
    assert_int_equal(checks, 1);
}

static void the_end_waits_no_longer_for_a_disk_than_it_is_told(void **state)
{
    (void)state;
    is_disk_there = false;
    assert_int_equal(ask("anna", "password1"), STATUS_WOULD_BLOCK);
    AWAIT(at_the_disk == 1);
    assert_false(authenticator_stop(authenticator, 0));
    is_disk_there = true;
    assert_true(authenticator_stop(authenticator, -1));
    assert_int_equal(await_mails(1), STATUS_OK);
}

#define WITH_USER_FILES(test) cmocka_unit_test_setup_teardown(test, with_user_files, without_user_files)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_USER_FILES(a_name_and_its_own_password_belong_together),
        WITH_USER_FILES(what_was_right_is_known_and_what_was_wrong_is_not),
        WITH_USER_FILES(what_is_known_is_known_of_thousands),
        WITH_USER_FILES(a_mail_answers_for_the_very_same_name_and_password),
        WITH_USER_FILES(all_who_ask_the_same_at_a_time_wait_for_one_check),
        WITH_USER_FILES(so_many_may_wait_and_no_more),
        WITH_USER_FILES(a_file_that_is_not_the_configurations_or_cannot_be_read_has_nobody),
        WITH_USER_FILES(whoever_is_not_known_costs_as_much_as_one_who_is),
        WITH_USER_FILES(a_file_that_changed_voids_what_was_found_by_way_of_it),
        WITH_USER_FILES(a_change_is_seen_though_nobody_has_anything_checked),
        WITH_USER_FILES(a_change_is_seen_though_another_file_is_asked_all_the_time),
        WITH_USER_FILES(half_of_the_cpus_check_at_a_time_if_so_many_ask),
        WITH_USER_FILES(without_a_thread_nobody_waits),
        WITH_USER_FILES(at_the_end_what_is_checked_is_waited_for_and_the_rest_is_told),
        WITH_USER_FILES(the_end_waits_no_longer_for_a_disk_than_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
