/* notify.h - the kernel's word that something in a folder changed (inotify).
 *
 * Role:   raw: watches on folders and files, events out.
 * Owns:   nothing; the descriptor is the caller's. Thread: any adds and removes; one reads.
 */
#ifndef FOLIO_PLATFORM_NOTIFY_H
#define FOLIO_PLATFORM_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/span.h"

/* What an event says; several at once. */
enum notify_what {
    NOTIFY_APPEARED = 1 << 0,   /* a name was created, or moved here */
    NOTIFY_VANISHED = 1 << 1,   /* a name was deleted, or moved away */
    NOTIFY_MODIFIED = 1 << 2,   /* content was written or cut; more may follow */
    NOTIFY_WRITTEN = 1 << 3,    /* somebody who had it open for writing closed it */
    NOTIFY_ATTRIBUTES = 1 << 4, /* permissions, times, or the number of links */
    NOTIFY_GONE = 1 << 5,      /* what is watched was itself deleted, moved or unmounted: the watch is of no more use */
    NOTIFY_OVERFLOW = 1 << 6,  /* events were lost: nothing that was known can be relied on */
    NOTIFY_IS_FOLDER = 1 << 7, /* the name is of a folder */
};

struct notify_event {
    int watch; /* -1 with NOTIFY_OVERFLOW */
    unsigned what;
    struct span name; /* in the watched folder; empty: the watched thing itself */
};

NODISCARD int notify_open(void); /* non-blocking; -1 with errno */

/* Watch the folder or file that `fd` names (O_PATH is enough). Watching it twice gives the same number.
 * -1 with errno: ENOSPC: fs.inotify.max_user_watches are spent; EACCES: it may not be read. */
NODISCARD int notify_watch_folder(int notify, int fd);
NODISCARD int notify_watch_file(int notify, int fd);
NODISCARD int notify_watch_names(int notify, int fd); /* a folder, but not what is written to the files in it */
void notify_forget(int notify, int watch);

/* Call `each` for the events that are there, but not for so many that nothing else is done (64 KiB of them): then it is
 * still readable. */
void notify_read(int notify, void (*each)(void *context, const struct notify_event *event), void *context);

#endif
