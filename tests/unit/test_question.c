#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/question.h"

/* A cache that says what the test wants. */
static enum status find_status, ask_status;
static struct cache_found to_find;
static const struct mail *to_read;
static unsigned finds, asks, reliefs;
static int64_t asked_doubt_us;

static struct turn turn;
static struct asking asking;
static struct question_room room;
static struct question question;
static struct entry *entry;

enum status __wrap_cache_find(struct cache *cache, struct span key, int64_t now_us, int64_t doubt_us,
                              struct cache_found *ret_found);

enum status __wrap_cache_find(struct cache *cache, struct span key, int64_t now_us, int64_t doubt_us,
                              struct cache_found *ret_found)
{
    (void)cache, (void)key;
    assert_int_equal(now_us, turn.now_us);
    finds++;
    asked_doubt_us = doubt_us;
    if (find_status == STATUS_OK && to_find.is_owned) entry_ref(to_find.entry);
    if (find_status == STATUS_OK) *ret_found = to_find;
    return find_status;
}

enum status __wrap_cache_ask(struct cache *cache, struct span key, struct mailbox *mailbox, uint64_t cookie);
enum status __wrap_cache_ask(struct cache *cache, struct span key, struct mailbox *mailbox, uint64_t cookie)
{
    (void)cache, (void)key;
    assert_ptr_equal(mailbox, asking.mailbox);
    assert_int_equal(cookie, asking.cookie);
    asks++;
    return ask_status;
}

const struct mail *__wrap_cache_mail_about(const struct cache *cache, const struct mail *mails, struct span key);
const struct mail *__wrap_cache_mail_about(const struct cache *cache, const struct mail *mails, struct span key)
{
    (void)cache, (void)key;
    assert_ptr_equal(mails, asking.mails);
    return to_read;
}

void __wrap_cache_relieve(struct cache *cache);
void __wrap_cache_relieve(struct cache *cache)
{
    (void)cache;
    reliefs++;
}

static int with_a_question(void **state)
{
    (void)state;
    entry = entry_new(ENTRY_SNAPSHOT, SPAN("/a"), 0, 0, 0);
    find_status = ask_status = STATUS_OK;
    to_find = (struct cache_found){ .entry = entry, .outcome = CACHE_HIT };
    to_read = NULL;
    finds = asks = reliefs = 0;
    asking = (struct asking){ .cookie = 42 };
    turn.now_us = 4711;
    turn.doubt_us = 0;
    turn.held_count = 0;
    question = (struct question){ .to.turn = &turn, .asking = &asking, .room = &room, .outcome = CACHE_NONE };
    return 0;
}

static int without_it(void **state)
{
    (void)state;
    bool is_clean = entry->references == 1;
    entry_unref(entry);
    return is_clean ? 0 : -1;
}

static enum status look_up(void)
{
    struct entry *found = NULL;
    enum status status = question_look_up(&question, SPAN("/a"), &found);
    assert_ptr_equal(found, status == STATUS_OK ? entry : NULL);
    return status;
}

static void what_the_table_has_is_used_until_the_end_of_the_turn(void **state)
{
    (void)state;
    assert_int_equal(look_up(), STATUS_OK);
    assert_int_equal(question.outcome, CACHE_HIT);
    assert_int_equal(entry->references, 1);
    question.content = entry;
    question_end(&question, true);
    assert_int_equal(turn.held_count, 0);
    /* The outcome is that of the first. */
    to_find.outcome = CACHE_LOAD;
    assert_int_equal(look_up(), STATUS_OK);
    assert_int_equal(question.outcome, CACHE_HIT);
    assert_int_equal(asks, 0);
}

static void what_the_table_does_not_hold_is_held_as_long_as_its_answer_and_once(void **state)
{
    (void)state;
    to_find.is_owned = true;
    for (int is_answered = 0; is_answered <= 1; is_answered++) {
        for (unsigned i = 1; i <= 3; i++) {
            assert_int_equal(look_up(), STATUS_OK);
            assert_int_equal(entry->references, 1 + i);
        }
        question.content = entry;
        question_end(&question, is_answered);
        assert_int_equal(turn.held_count, is_answered);
        assert_int_equal(entry->references, 1 + is_answered);
        question.owned_count = 0;
    }
    assert_ptr_equal(turn.held[0], entry);
    entry_unref(entry);
}

static void what_a_loader_found_is_taken_from_its_mail(void **state)
{
    (void)state;
    struct mail mail = { .entry = entry, .status = STATUS_OK };
    to_read = asking.mails = &mail;
    assert_int_equal(look_up(), STATUS_OK);
    assert_int_equal(finds, 0);
    assert_int_equal(question.outcome, CACHE_LOAD);
    assert_int_equal(entry->references, 2); /* the mail keeps its own */
    question_end(&question, false);
    question.owned_count = 0;
    mail = (struct mail){ .status = STATUS_FAILED };
    assert_int_equal(look_up(), STATUS_FAILED);
    assert_int_equal(reliefs, 0);
    mail.status = STATUS_EXHAUSTED;
    assert_int_equal(look_up(), STATUS_EXHAUSTED);
    assert_int_equal(reliefs, 1);
    assert_int_equal(question.owned_count, 0);
}

static void what_would_wait_is_asked_of_a_loader(void **state)
{
    (void)state;
    static const enum status rows[][4] = {
        /* of the cache, of the loader; of the question, how often a loader is asked */
        { STATUS_WOULD_BLOCK, STATUS_OK, STATUS_WOULD_BLOCK, 1 },
        { STATUS_WOULD_BLOCK, STATUS_EXHAUSTED, STATUS_EXHAUSTED, 1 },
        { STATUS_EXHAUSTED, STATUS_OK, STATUS_EXHAUSTED, 0 },
        { STATUS_FAILED, STATUS_OK, STATUS_FAILED, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        find_status = rows[i][0];
        ask_status = rows[i][1];
        asks = 0;
        assert_int_equal(look_up(), rows[i][2]);
        assert_int_equal(asks, rows[i][3]);
        assert_int_equal(question.outcome, CACHE_NONE);
    }
}

static void who_waited_for_a_loader_is_in_no_doubt(void **state)
{
    (void)state;
    struct mail mail = { .status = STATUS_OK };
    for (int has_mail = 0; has_mail <= 1; has_mail++) {
        for (int in_doubt = 0; in_doubt <= 1; in_doubt++) {
            turn.doubt_us = in_doubt ? 7 : 0;
            asking.mails = has_mail ? &mail : NULL; /* about another key */
            assert_int_equal(look_up(), STATUS_OK);
            assert_int_equal(asked_doubt_us, in_doubt && !has_mail ? 7 : 0);
        }
    }
}

static void so_many_look_ups_and_no_more(void **state)
{
    (void)state;
    to_find.is_owned = true;
    for (unsigned i = 0; i < QUESTION_LOOK_UPS_MAX; i++) assert_int_equal(look_up(), STATUS_OK);
    assert_int_equal(look_up(), STATUS_FAILED);
    assert_int_equal(finds, QUESTION_LOOK_UPS_MAX);
    /* There is room for some tries besides. */
    for (unsigned i = QUESTION_LOOK_UPS_MAX; i < QUESTION_OWNED_MAX; i++)
        assert_ptr_equal(question_try(&question, SPAN("/a")), entry);
    assert_null(question_try(&question, SPAN("/a")));
    question_end(&question, false);
}

static void a_try_asks_nobody(void **state)
{
    (void)state;
    assert_ptr_equal(question_try(&question, SPAN("/a")), entry);
    assert_int_equal(question.owned_count, 0);
    assert_null(question_try(&question, SPAN_NONE));
    find_status = STATUS_WOULD_BLOCK;
    assert_null(question_try(&question, SPAN("/a")));
    assert_int_equal(asks, 0);
    assert_int_equal(question.look_ups, 0);
    assert_int_equal(question.outcome, CACHE_NONE);
}

#define WITH_A_QUESTION(test) cmocka_unit_test_setup_teardown(test, with_a_question, without_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_QUESTION(what_the_table_has_is_used_until_the_end_of_the_turn),
        WITH_A_QUESTION(what_the_table_does_not_hold_is_held_as_long_as_its_answer_and_once),
        WITH_A_QUESTION(what_a_loader_found_is_taken_from_its_mail),
        WITH_A_QUESTION(what_would_wait_is_asked_of_a_loader),
        WITH_A_QUESTION(who_waited_for_a_loader_is_in_no_doubt),
        WITH_A_QUESTION(so_many_look_ups_and_no_more),
        WITH_A_QUESTION(a_try_asks_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
