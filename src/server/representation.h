/* representation.h - which form of a file is sent: as it is, or compressed.
 *
 * Role:   compares what the client accepts with the forms that there are (cache/forms.h), and has forms looked for and made that
 *         are not there yet. Each form has an entity tag of its own; the answer varies by Accept-Encoding (RFC 9110, 12.5.3, 12.5.5).
 * Owns:   nothing. Thread: representation_choose() by workers; the rules' functions by any.
 */
#ifndef FOLIO_SERVER_REPRESENTATION_H
#define FOLIO_SERVER_REPRESENTATION_H

#include "cache/forms.h"
#include "http/ready_head.h"
#include "server/question.h"

enum { REPRESENTATION_HEAD_BYTES = 1024 };

struct representation {
    struct entry *entry; /* of which the content is sent */
    struct ready_head head;
    bool varies;                          /* by Accept-Encoding */
    char room[REPRESENTATION_HEAD_BYTES]; /* a head that was put together for this answer */
};

/* The form of `entry`, a file whose policy question->to.policy is, to send. */
void representation_choose(struct question *question, struct entry *entry, struct representation *ret);

/* The cache's rules for forms of the files of `sites`, which must outlive them. */
struct form_rules representation_rules(struct sites *sites);

#endif
