#include "server/trouble.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text_escape.h"

enum { PATH_SHOWN_MAX = 300 };

/* A pipe that says it takes something takes a line (PIPE_BUF) without waiting. */
static bool is_writable(int fd)
{
    struct pollfd wanted = { .fd = fd, .events = POLLOUT };
    return poll(&wanted, 1, 0) == 1 && (wanted.revents & POLLOUT);
}

void trouble_tell(struct trouble *trouble, int64_t now_s, struct span path, const char *why)
{
    char shown[TEXT_ESCAPED_FACTOR * PATH_SHOWN_MAX], line[sizeof shown + 200];
    int64_t told_s = atomic_load_explicit(&trouble->told_s, memory_order_relaxed);
    bool is_due = now_s != told_s && is_writable(STDERR_FILENO);
    if (!is_due || !atomic_compare_exchange_strong_explicit(&trouble->told_s, &told_s, now_s, memory_order_relaxed,
                                                            memory_order_relaxed)) {
        atomic_fetch_add_explicit(&trouble->untold, 1, memory_order_relaxed);
        return;
    }
    uint64_t untold = atomic_exchange_explicit(&trouble->untold, 0, memory_order_relaxed);
    const char *end =
        text_append_json(shown, span_first(path, path.size < PATH_SHOWN_MAX ? path.size : PATH_SHOWN_MAX));
    int size = snprintf(line, sizeof line, "folio: %.*s: answered 500: %s", (int)(end - shown), shown, why);
    if (untold > 0)
        size += snprintf(line + size, sizeof line - (size_t)size, "; %" PRIu64 " more since the last line", untold);
    line[size++] = '\n';
    if (write(STDERR_FILENO, line, (size_t)size) != size)
        atomic_fetch_add_explicit(&trouble->untold, 1, memory_order_relaxed);
}
