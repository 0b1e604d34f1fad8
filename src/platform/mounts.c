#include "platform/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int mounts_open(void)
{
    return open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
}

/* In place: a blank, a tab, a newline and a backslash are written as three octal digits (proc(5)). */
static void unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at != '\0'; at++, to++) {
        *to = *at;
        if (*at != '\\' || !at[1] || !at[2] || !at[3]) continue;
        *to = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
        at += 3;
    }
    *to = '\0';
}

static bool is_on_or_below(const char *place, const char *path)
{
    size_t size = strcmp(path, "/") == 0 ? 0 : strlen(path);
    return strncmp(place, path, size) == 0 && (place[size] == '/' || place[size] == '\0');
}

static uint64_t add_to_sum(uint64_t sum, const char *text)
{
    do sum = (sum ^ (unsigned char)*text) * 0x100000001b3; /* FNV-1a */
    while (*text++ != '\0');
    return sum;
}

enum status mounts_sum(int mounts, const char *path, uint64_t *ret_sum)
{
    /* A stream of its own, for a descriptor of its own: it reads whole lines, however long. */
    int fd = dup(mounts);
    FILE *file = fd >= 0 && lseek(fd, 0, SEEK_SET) == 0 ? fdopen(fd, "r") : NULL;
    if (!file) {
        if (fd >= 0) close(fd);
        return STATUS_EXHAUSTED;
    }
    uint64_t sum = 0xcbf29ce484222325;
    char *line = NULL;
    size_t room = 0;
    errno = 0;
    while (getline(&line, &room, file) > 0) {
        /* ID, parent's ID, device, what of the device, where; the rest is how. */
        char *rest = line, *fields[5];
        size_t count = 0;
        while (count < 5 && (fields[count] = strsep(&rest, " ")) != NULL) count++;
        if (count < 5) continue;
        unescape(fields[4]);
        if (!is_on_or_below(fields[4], path)) continue;
        for (size_t i = 0; i < count; i++) sum = add_to_sum(sum, fields[i]);
    }
    enum status status = ferror(file) || errno == ENOMEM ? STATUS_EXHAUSTED : STATUS_OK;
    free(line);
    fclose(file);
    if (status == STATUS_OK) *ret_sum = sum;
    return status;
}
