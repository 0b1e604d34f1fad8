/* mailbox.h - what loaders tell a worker.
 *
 * Role:   a list under a short lock, and a descriptor in the worker's epoll that becomes readable when it was empty before.
 * Owns:   the mails in it, and with each the entry's reference, until they are taken.
 * Thread: any posts; one worker takes.
 */
#ifndef FOLIO_CACHE_MAILBOX_H
#define FOLIO_CACHE_MAILBOX_H

#include <pthread.h>
#include <stdint.h>

#include "base/status.h"
#include "cache/entry.h"

struct mail {
    struct mail *next;
    uint64_t cookie;     /* the waiting worker's own word */
    uint64_t hash;       /* of the key that was asked for; 0: none was */
    int64_t asked_us;    /* monotonic; the loader's */
    struct entry *entry; /* a reference; NULL: see status */
    enum status status;
    char *data; /* bytes of a stream that were asked for by loader_copy(), the mail's own; NULL: none */
    size_t size;
    struct mailbox *to;
};

/* With the entry's reference and the data. Takes NULL. */
void mail_free(struct mail *mail);

struct mailbox {
    pthread_mutex_t lock; /* guards first and last */
    struct mail *first, **last;
    int wakeup; /* readable while there is mail */
};

NODISCARD enum status mailbox_init(struct mailbox *mailbox);
void mailbox_done(struct mailbox *mailbox); /* frees what was not taken */

void mailbox_post(struct mail *mail); /* to mail->to */

/* All mail so far, oldest first; mail_free() is the caller's to call for each. */
struct mail *mailbox_take(struct mailbox *mailbox);

#endif
