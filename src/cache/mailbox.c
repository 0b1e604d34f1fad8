#include "cache/mailbox.h"

#include <stdlib.h>
#include <unistd.h>

#include "platform/thread.h"

void mail_free(struct mail *mail)
{
    if (!mail) return;
    entry_unref(mail->entry);
    free(mail->data);
    free(mail);
}

enum status mailbox_init(struct mailbox *mailbox)
{
    *mailbox = (struct mailbox){ .wakeup = wakeup_open() };
    mailbox->last = &mailbox->first;
    if (mailbox->wakeup < 0) return STATUS_EXHAUSTED;
    pthread_mutex_init(&mailbox->lock, NULL);
    return STATUS_OK;
}

void mailbox_done(struct mailbox *mailbox)
{
    if (mailbox->wakeup < 0) return;
    for (struct mail *mail = mailbox_take(mailbox), *next; mail; mail = next) {
        next = mail->next;
        mail_free(mail);
    }
    close(mailbox->wakeup);
    mailbox->wakeup = -1;
    pthread_mutex_destroy(&mailbox->lock);
}

void mailbox_post(struct mail *mail)
{
    struct mailbox *mailbox = mail->to;
    mail->next = NULL;
    pthread_mutex_lock(&mailbox->lock);
    bool was_empty = mailbox->first == NULL;
    *mailbox->last = mail;
    mailbox->last = &mail->next;
    /* Under the lock: the worker that is woken may otherwise be gone before it is rung. */
    if (was_empty) wakeup_ring(mailbox->wakeup);
    pthread_mutex_unlock(&mailbox->lock);
}

struct mail *mailbox_take(struct mailbox *mailbox)
{
    wakeup_clear(mailbox->wakeup);
    pthread_mutex_lock(&mailbox->lock);
    struct mail *mail = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    pthread_mutex_unlock(&mailbox->lock);
    return mail;
}
