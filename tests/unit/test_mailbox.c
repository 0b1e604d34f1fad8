#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdlib.h>

#include "cache/mailbox.h"

enum { POSTERS = 4, MAILS = 2000 };

static struct mailbox mailbox;

static int with_a_mailbox(void **state)
{
    (void)state;
    return mailbox_init(&mailbox) == STATUS_OK ? 0 : 1;
}

static int without_a_mailbox(void **state)
{
    (void)state;
    mailbox_done(&mailbox);
    return 0;
}

static bool is_rung(void)
{
    return poll(&(struct pollfd){ .fd = mailbox.wakeup, .events = POLLIN }, 1, 0) == 1;
}

static void post(uint64_t cookie, struct entry *entry)
{
    struct mail *mail = malloc(sizeof *mail);
    *mail = (struct mail){ .to = &mailbox, .cookie = cookie, .entry = entry };
    mailbox_post(mail);
}

static void mail_comes_in_the_order_it_was_posted(void **state)
{
    (void)state;
    assert_null(mailbox_take(&mailbox));
    for (uint64_t i = 0; i < 5; i++) post(i, NULL);
    uint64_t wanted = 0;
    for (struct mail *mail = mailbox_take(&mailbox), *next; mail; mail = next, wanted++) {
        next = mail->next;
        assert_int_equal(mail->cookie, wanted);
        free(mail);
    }
    assert_int_equal(wanted, 5);
    assert_null(mailbox_take(&mailbox));
}

static void the_descriptor_is_readable_while_there_is_mail(void **state)
{
    (void)state;
    assert_false(is_rung());
    post(1, NULL);
    post(2, NULL);
    assert_true(is_rung());
    struct mail *mail = mailbox_take(&mailbox);
    assert_false(is_rung());
    free(mail->next);
    free(mail);
    post(3, NULL);
    assert_true(is_rung());
    free(mailbox_take(&mailbox));
    assert_false(is_rung());
}

static void what_was_not_taken_is_given_back(void **state)
{
    (void)state;
    struct entry *entry = entry_new(ENTRY_ABSENT, SPAN("/"), 0, 0, 0);
    entry_ref(entry);
    entry_ref(entry);
    struct mailbox before = mailbox;
    assert_int_equal(mailbox_init(&mailbox), STATUS_OK);
    post(1, entry);
    post(2, NULL);
    post(3, entry);
    mailbox_done(&mailbox);
    mailbox_done(&mailbox); /* harmless */
    assert_int_equal(entry->references, 1);
    entry_unref(entry);
    mailbox = before;
    mailbox.last = &mailbox.first;
}

static void *post_much(void *argument)
{
    for (uint64_t i = 0; i < MAILS; i++) post((uint64_t)(uintptr_t)argument * MAILS + i, NULL);
    return NULL;
}

/* Whoever waits for the descriptor misses nothing. */
static void mail_from_many_is_lost_by_nobody(void **state)
{
    (void)state;
    pthread_t posters[POSTERS];
    uint64_t next_of[POSTERS] = { 0 };
    for (uintptr_t i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&posters[i], NULL, post_much, (void *)i), 0);
    for (unsigned left = POSTERS * MAILS; left > 0;) {
        assert_int_equal(poll(&(struct pollfd){ .fd = mailbox.wakeup, .events = POLLIN }, 1, 20000), 1);
        for (struct mail *mail = mailbox_take(&mailbox), *next; mail; mail = next, left--) {
            next = mail->next;
            assert_int_equal(mail->cookie % MAILS, next_of[mail->cookie / MAILS]++);
            free(mail);
        }
    }
    for (size_t i = 0; i < POSTERS; i++) pthread_join(posters[i], NULL);
}

#define WITH_A_MAILBOX(test) cmocka_unit_test_setup_teardown(test, with_a_mailbox, without_a_mailbox)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_MAILBOX(mail_comes_in_the_order_it_was_posted),
        WITH_A_MAILBOX(the_descriptor_is_readable_while_there_is_mail),
        WITH_A_MAILBOX(what_was_not_taken_is_given_back),
        WITH_A_MAILBOX(mail_from_many_is_lost_by_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
