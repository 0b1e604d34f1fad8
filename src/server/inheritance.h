/* inheritance.h - what a supervisor leaves to the binary that takes its place in the same process.
 *
 * Role:   listening sockets, server processes, and where messages go, written down in a memory file whose descriptor, like the sockets', stays open across
 *         execve(); FOLIO_INHERITANCE in the environment names it, and the process that it is for.
 * Owns:   nothing that outlives a call; what was taken is the caller's.
 * Thread: the supervisor's only one.
 * Format: lines of text, told apart by their first line, so that another version can say that it does not know it.
 */
#ifndef FOLIO_SERVER_INHERITANCE_H
#define FOLIO_SERVER_INHERITANCE_H

#include <sys/types.h>

#include "server/error_logs.h"
#include "server/listeners.h"

enum { INHERITED_PROCESSES_MAX = 32 };

struct inherited_process {
    pid_t pid;
    bool serves; /* else it finishes what it began, and leaves */
};

struct inheritance {
    unsigned process_count;
    struct inherited_process processes[INHERITED_PROCESSES_MAX];
    struct error_log_place errors; /* so that what goes wrong before a configuration is read is told there */
};

/* Write `inheritance` and the sockets down, and keep them open for whoever is executed next. -1 with errno. */
NODISCARD int inheritance_leave(const struct inheritance *inheritance, const struct listeners *listeners);

/* Nobody was: as it was before. Closes `fd`. */
void inheritance_take_back(int fd, const struct listeners *listeners);

/* Whether something was left to this very process. */
NODISCARD bool inheritance_is_ours(void);

/* Take it. False: it is not understood, or not whole. */
NODISCARD bool inheritance_take(struct inheritance *ret_inheritance, struct listeners *ret_listeners);

/* Before that, another process is asked whether it would understand: it is shown a draft, and signs. */
NODISCARD int inheritance_draft(void);           /* -1 with errno; the caller closes it */
NODISCARD bool inheritance_show(int draft);      /* after the fork, before the asked one is executed */
NODISCARD bool inheritance_sign(void);           /* the asked one; false: there is a draft, and it is not understood */
NODISCARD bool inheritance_is_signed(int draft); /* once the asked one has ended */

#endif
