/* authenticator.h - whether a name and a password belong together, told without any worker waiting for it.
 *
 * Role:   a password takes its time to be checked, on purpose. A few threads do that; what they found right is remembered, so that the
 *         next request of the same client is answered at once. A user file is read again when it has changed, and then
 *         nothing that was found by way of the old one holds any more.
 * Owns:   its threads, started when first needed; the user files; jobs, with names and passwords, until each is done. Of what was found
 *         right it keeps 128 bits that only its own random key can make, never a password.
 * Thread: workers ask; answers come by mail.
 * Limits: half of the CPUs check at a time, so that guessing takes no more; WAITING_MAX wait for that, beyond which asking is refused. A
 *         name that is not known costs as much as one that is.
 *         Some 4096 pairs that were right are remembered; a newer one may take the place of another.
 */
#ifndef FOLIO_SERVER_AUTHENTICATOR_H
#define FOLIO_SERVER_AUTHENTICATOR_H

#include "cache/mailbox.h"
#include "http/authorization.h"
#include "server/config.h"

struct authenticator;

/* For the user files that `config` names, which must outlive it. NULL: no memory. */
NODISCARD struct authenticator *authenticator_new(const struct config *config);

/* Stop the threads: whoever waits is told STATUS_FAILED. Nobody asks any more.
 *
 * patience_ms  how long files may take; negative: however long. A password that is being checked is waited for
 *
 * False: one still waits for the device that a user file is on, and goes on using what it was given. */
NODISCARD bool authenticator_stop(struct authenticator *authenticator, int64_t patience_ms);
void authenticator_free(struct authenticator *authenticator); /* takes NULL; stops it, however long that takes */

/* Ask for `credentials` in the user file `path`; `mails` are those that the request got so far.
 *
 * STATUS_OK           they belong together
 * STATUS_REFUSED      they do not
 * STATUS_WOULD_BLOCK  a mail will come: ask again with it
 * STATUS_BUSY         too many wait already; STATUS_EXHAUSTED: no memory, or no thread
 * STATUS_FAILED       the file cannot be read
 */
NODISCARD enum status authenticator_ask(struct authenticator *authenticator, struct span path,
                                        const struct credentials *credentials, const struct mail *mails,
                                        struct mailbox *mailbox, uint64_t cookie);

#endif
