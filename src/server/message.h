/* message.h - what a process says of itself to whoever looks after it, apart from any request.
 *
 * Role:   the one voice of the process: standard error, as "folio: ...", until an error log is open; then that. Until
 *         somebody is served, standard error has all of it in any case: whoever starts a server looks there.
 * Owns:   nothing. There is one for the process, as there is one standard error, so that whatever goes wrong anywhere can be
 *         told without being given a log.
 * Thread: message_tell() any but workers, as it may wait for a disk; the rest by the first thread, while no other tells.
 */
#ifndef FOLIO_SERVER_MESSAGE_H
#define FOLIO_SERVER_MESSAGE_H

#include "base/compiler.h"
#include "server/error_log.h"

/* A remedy may follow on a line of its own, "\n  such as this". */
PRINTF_LIKE(2, 3) void message_tell(enum log_level level, const char *format, ...);

/* The same for what was asked for: it is told whatever LogLevel says. */
PRINTF_LIKE(1, 2) void message_answer(const char *format, ...);

/* From now on messages up to `level` go to `log`, which must outlive them; NULL: to standard error. */
void message_go_to(struct error_log *log, enum log_level level);

/* Whether somebody is served; at first not. */
void message_set_serving(bool is_serving);

/* Whether messages go to a log. */
bool message_is_logged(void);

#endif
