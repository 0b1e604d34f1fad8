#include "server/user_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void user_file_done(struct user_file *file)
{
    if (file->text) explicit_bzero(file->text, file->size);
    free(file->text);
    *file = (struct user_file){ .is_read = false };
}

/* All of a file that keeps still meanwhile. */
static enum status read_whole(int fd, struct user_file *ret_file)
{
    struct file_identity before, after;
    enum status status = file_identify(fd, &before);
    if (status != STATUS_OK) return status;
    if (before.size > USER_FILE_BYTES_MAX) return STATUS_FAILED;
    size_t got = 0;
    char *text = malloc((size_t)before.size + 1);
    if (!text) return STATUS_EXHAUSTED;
    status = file_read(fd, text, (size_t)before.size, 0, FILE_WAIT, &got);
    if (status == STATUS_OK) status = file_identify(fd, &after);
    if (status == STATUS_OK && !file_identity_equal(&before, &after)) status = STATUS_CHANGED;
    *ret_file = (struct user_file){ .identity = before, .is_read = true, .text = text, .size = got };
    if (status != STATUS_OK) user_file_done(ret_file);
    return status;
}

enum status user_file_refresh(struct user_file *file, const char *path, bool *ret_has_changed)
{
    enum { TRIES_MAX = 10, PAUSE_US = 10000 };
    struct user_file fresh = { .is_read = false };
    struct file_identity identity;
    struct stat st;
    *ret_has_changed = false;
    /* A pipe would be waited for, and a device is no list of users. */
    bool is_regular = stat(path, &st) == 0 && S_ISREG(st.st_mode);
    int fd = is_regular ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
    enum status status = fd >= 0 ? file_identify(fd, &identity) : STATUS_FAILED;
    bool is_same = status == STATUS_OK && file->is_read && file_identity_equal(&identity, &file->identity);
    for (int tries = 0; status == STATUS_OK && !is_same && tries < TRIES_MAX; tries++) {
        status = read_whole(fd, &fresh);
        if (status != STATUS_CHANGED) break;
        status = STATUS_OK;
        usleep(PAUSE_US);
    }
    if (fd >= 0) close(fd);
    if (is_same) return STATUS_OK;
    *ret_has_changed = file->is_read || fresh.is_read;
    user_file_done(file);
    *file = fresh;
    return fresh.is_read ? STATUS_OK : STATUS_FAILED;
}

struct span user_file_find(const struct user_file *file, struct span name)
{
    struct span rest = span_of(file->text, file->text ? file->size : 0);
    while (rest.size > 0) {
        const char *end = memchr(rest.data, '\n', rest.size);
        struct span line = end ? span_first(rest, (size_t)(end - rest.data)) : rest;
        rest = span_from(rest, end ? line.size + 1 : line.size);
        if (line.size > 0 && line.data[line.size - 1] == '\r') line.size--;
        const char *colon = line.size > 0 ? memchr(line.data, ':', line.size) : NULL;
        if (!colon || line.data[0] == '#') continue;
        struct span user = span_first(line, (size_t)(colon - line.data)), hash = span_from(line, user.size + 1);
        /* More fields may follow, as in files of htdigest's kin. */
        const char *more = hash.size > 0 ? memchr(hash.data, ':', hash.size) : NULL;
        if (more) hash.size = (size_t)(more - hash.data);
        if (name.size == 0 || span_equal(user, name)) return hash;
    }
    return SPAN_NONE;
}
