#include "server/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/quantity.h"
#include "server/message.h"

enum { TEXT_BYTES = 32 };

static bool fail(const char *path, const char *why)
{
    message_tell(LOG_LEVEL_ERROR, "PidFile: %s: %s", path, why);
    return false;
}

/* The process that the file at `path` names; 0: there is none, or it says something else. */
static pid_t named_in(const char *path)
{
    char text[TEXT_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0) close(fd);
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == ' ')) size--;
    uint64_t number = 0;
    if (size <= 0 || !quantity_parse_number(span_of(text, (size_t)size), &number) || number > INT32_MAX) return 0;
    return (pid_t)number;
}

static bool is_alive(pid_t pid)
{
    return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

/* Write a file of our own beside it, whole. */
static bool write_beside(const char *beside)
{
    char text[TEXT_BYTES];
    int size = snprintf(text, sizeof text, "%d\n", (int)getpid());
    (void)unlink(beside); /* of a process that had our number, and ended between its two steps */
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return fail(beside, strerror(errno));
    bool is_written = write(fd, text, (size_t)size) == size;
    int error = errno;
    if (close(fd) != 0) {
        error = errno;
        is_written = false;
    }
    if (!is_written) (void)unlink(beside);
    return is_written || fail(beside, strerror(error));
}

/* Give the file that was written beside its name, unless that is of a process that lives. */
static bool put_in_place(const char *beside, const char *path)
{
    if (link(beside, path) == 0) { /* of two that begin at once, one finds it there */
        (void)unlink(beside);
        return true;
    }
    int error = errno;
    pid_t other = named_in(path);
    bool is_taken = error == EEXIST && other != getpid() && is_alive(other);
    if (!is_taken && error == EEXIST && rename(beside, path) == 0) return true;
    if (error == EEXIST) error = errno;
    (void)unlink(beside);
    if (!is_taken) return fail(path, strerror(error));
    message_tell(LOG_LEVEL_ERROR, "PidFile: %s is of process %d, which is running", path, (int)other);
    return false;
}

bool pid_file_write(struct pid_file *file, struct span path)
{
    if (!path.data) {
        pid_file_remove(file);
        return true;
    }
    if (file->path && strcmp(file->path, path.data) == 0 && named_in(file->path) == getpid()) return true;
    char *kept = strdup(path.data), *beside = NULL;
    if (!kept || asprintf(&beside, "%s.%d", kept, (int)getpid()) < 0) {
        free(kept);
        return fail(path.data, "no memory");
    }
    bool is_written = write_beside(beside) && put_in_place(beside, kept);
    free(beside);
    if (!is_written) {
        free(kept);
        return false;
    }
    if (file->path && strcmp(file->path, kept) != 0) pid_file_remove(file);
    free(file->path);
    file->path = kept;
    return true;
}

void pid_file_remove(struct pid_file *file)
{
    if (file->path && named_in(file->path) == getpid()) (void)unlink(file->path);
    free(file->path);
    file->path = NULL;
}
