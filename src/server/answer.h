/* answer.h - writes answers into the turn.
 *
 * Role:   heads and contents of each kind of answer: a file, whole or in part, a page, a redirect. What is answered is
 *         decided elsewhere (server/handler.h); which field lines a policy wants, too (server/policy.h).
 * Owns:   nothing. Thread: a worker's, with its turn.
 */
#ifndef FOLIO_SERVER_ANSWER_H
#define FOLIO_SERVER_ANSWER_H

#include "http/ready_head.h"
#include "net/turn.h"
#include "server/policy.h"

/* To whom, and under which rules. */
struct answer_to {
    struct turn *turn;
    const struct request *request; /* NULL: there was none to speak of, and the connection closes */
    bool closes;
    const struct policy *policy;
};

/* A small page; `fields` are further field lines, each with CRLF. */
void answer_page(const struct answer_to *to, enum http_status status, struct span fields);

/* The same with a text of the configuration in place of the page. */
void answer_text(const struct answer_to *to, enum http_status status, struct span fields, struct span text);

/* The content of `entry`, a file, in place of the page. */
void answer_error_document(const struct answer_to *to, enum http_status status, struct span fields,
                           struct entry *entry);

/* To `location`, which is an URL, or a path that begins with one slash; keeps_query: the request's query is added if it has none. */
void answer_redirect(const struct answer_to *to, enum http_status status, struct span location, bool keeps_query);

/* To the folder at `path` (normalised, not encoded), with its slash. */
void answer_folder_redirect(const struct answer_to *to, struct span path);

/* `entry`, a file, with its head. RFC 9110, 13.2.2: conditions first, then ranges. Returns HTTP_NONE, or, without having answered, what is to be answered instead:
 * 412, or 416 with the field line in `fields` (CONTENT_RANGE_BYTES_MAX). */
NODISCARD enum http_status answer_file(const struct answer_to *to, struct entry *entry, const struct ready_head *head,
                                       struct span more_fields, char *fields, struct span *ret_fields);

#endif
