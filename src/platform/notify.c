#include "platform/notify.h"

#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { EVENTS_BYTES = 64 << 10 };

int notify_open(void)
{
    return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

/* By way of /proc: the very thing that was opened is watched, whatever its path leads to by now. Whoever watches it
 * already goes on to be told what it wanted (IN_MASK_ADD). */
static int watch(int notify, int fd, uint32_t mask)
{
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    return inotify_add_watch(notify, name, mask | IN_MASK_ADD);
}

int notify_watch_folder(int notify, int fd)
{
    return watch(notify, fd,
                 IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE |
                     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK);
}

int notify_watch_names(int notify, int fd)
{
    return watch(notify, fd,
                 IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
}

int notify_watch_file(int notify, int fd)
{
    return watch(notify, fd, IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF);
}

void notify_forget(int notify, int watched)
{
    (void)inotify_rm_watch(notify, watched);
}

static unsigned what_of(uint32_t mask)
{
    static const struct {
        uint32_t mask;
        unsigned what;
    } map[] = {
        { IN_CREATE | IN_MOVED_TO, NOTIFY_APPEARED },
        { IN_DELETE | IN_MOVED_FROM, NOTIFY_VANISHED },
        { IN_MODIFY, NOTIFY_MODIFIED },
        { IN_CLOSE_WRITE, NOTIFY_WRITTEN },
        { IN_ATTRIB, NOTIFY_ATTRIBUTES },
        { IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED, NOTIFY_GONE },
        { IN_Q_OVERFLOW, NOTIFY_OVERFLOW },
        { IN_ISDIR, NOTIFY_IS_FOLDER },
    };
    unsigned what = 0;
    for (size_t i = 0; i < ARRAY_COUNT(map); i++) {
        if (mask & map[i].mask) what |= map[i].what;
    }
    return what;
}

void notify_read(int notify, void (*each)(void *context, const struct notify_event *event), void *context)
{
    _Alignas(struct inotify_event) char bytes[EVENTS_BYTES];
    ssize_t size = read(notify, bytes, sizeof bytes);
    if (size <= 0) return; /* what is there is asked for again */
    for (char *at = bytes; at < bytes + size;) {
        const struct inotify_event *raw = (const struct inotify_event *)(const void *)at;
        struct notify_event event = {
            .watch = raw->wd,
            .what = what_of(raw->mask),
            .name = span_of(raw->name, raw->len > 0 ? strnlen(raw->name, raw->len) : 0),
        };
        each(context, &event);
        at += sizeof *raw + raw->len;
    }
}
