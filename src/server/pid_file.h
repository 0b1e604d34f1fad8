/* pid_file.h - the file that says which process takes signals.
 *
 * Role:   PidFile: written whole or not at all, replaced if it is of a process that has ended, removed at the end.
 * Owns:   the path of the file that it wrote.
 * Thread: the supervisor's only one.
 */
#ifndef FOLIO_SERVER_PID_FILE_H
#define FOLIO_SERVER_PID_FILE_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/span.h"

/* Zeroed memory: none was written. */
struct pid_file {
    char *path;
};

/* Have the file at `path` (with a NUL behind it; data NULL: none) name this process, and remove the one that was written before,
 * if it is another. False: it was told; nothing was changed. */
NODISCARD bool pid_file_write(struct pid_file *file, struct span path);

/* Remove it, if it still names this process. */
void pid_file_remove(struct pid_file *file);

#endif
