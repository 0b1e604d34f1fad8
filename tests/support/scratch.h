/* scratch.h - a folder of a test's own, which is gone when the test is over.
 *
 * Every call stops the test program if the system refuses: a test has nothing to say then.
 */
#ifndef FOLIO_TESTS_SUPPORT_SCRATCH_H
#define FOLIO_TESTS_SUPPORT_SCRATCH_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRATCH_MUST(condition)                                       \
    do {                                                              \
        if (!(condition)) {                                           \
            fprintf(stderr, "%s: %s\n", #condition, strerror(errno)); \
            exit(EXIT_FAILURE);                                       \
        }                                                             \
    } while (0)

struct scratch {
    char path[80]; /* short enough for a socket beneath it */
    int fd;        /* of the folder, O_PATH */
};

/* Below `parent`, or, if that is NULL, where temporary files go. */
static inline void scratch_open(struct scratch *scratch, const char *parent)
{
    const char *chosen = getenv("TMPDIR");
    if (!parent) parent = chosen && *chosen ? chosen : "/tmp";
    int size = snprintf(scratch->path, sizeof scratch->path, "%s/folio-unit-XXXXXX", parent);
    SCRATCH_MUST(size > 0 && (size_t)size < sizeof scratch->path && mkdtemp(scratch->path));
    SCRATCH_MUST((scratch->fd = open(scratch->path, O_PATH | O_DIRECTORY | O_CLOEXEC)) >= 0);
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline void scratch_close(struct scratch *scratch)
{
    close(scratch->fd);
    nftw(scratch->path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* Make the file `name` anew, or write it over in place, with `size` bytes. */
static inline void scratch_write(const struct scratch *scratch, const char *name, const void *bytes, size_t size)
{
    int fd = openat(scratch->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    SCRATCH_MUST(fd >= 0);
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)bytes + done, size - done);
        SCRATCH_MUST(n > 0);
        done += (size_t)n;
    }
    close(fd);
}

static inline void scratch_text(const struct scratch *scratch, const char *name, const char *text)
{
    scratch_write(scratch, name, text, strlen(text));
}

/* A file of `size` bytes, each `filling`. */
static inline void scratch_filled(const struct scratch *scratch, const char *name, char filling, size_t size)
{
    char *bytes = malloc(size + 1);
    SCRATCH_MUST(bytes);
    memset(bytes, filling, size);
    scratch_write(scratch, name, bytes, size);
    free(bytes);
}

/* Put a new file in the place of `name`, as careful programs do: written beside it, then renamed over it. */
static inline void scratch_replace(const struct scratch *scratch, const char *name, const char *text)
{
    scratch_text(scratch, "replacement", text);
    SCRATCH_MUST(renameat(scratch->fd, "replacement", scratch->fd, name) == 0);
}

static inline void scratch_folder(const struct scratch *scratch, const char *name)
{
    SCRATCH_MUST(mkdirat(scratch->fd, name, 0755) == 0);
}

static inline void scratch_link(const struct scratch *scratch, const char *target, const char *name)
{
    SCRATCH_MUST(symlinkat(target, scratch->fd, name) == 0);
}

static inline void scratch_unlink(const struct scratch *scratch, const char *name)
{
    SCRATCH_MUST(unlinkat(scratch->fd, name, 0) == 0);
}

#endif
