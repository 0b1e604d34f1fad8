#include "writers.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cells.h"

enum {
    SMALL_CELLS_MIN = 2, /* 1 KiB */
    SMALL_CELLS_MAX = 96,
    BIG_CELLS_MIN = 512, /* 256 KiB */
    BIG_CELLS_MAX = 2048,
    FOLDERS_KEPT = 8, /* behind a link that is flipped: a server may still be on its way into one of them */
    WITHIN_PAUSE_US_MAX = 3000,
    ENDED = 2, /* the program's status when it could not do its part */
};

static const char *const names[WRITER_KINDS] = { "rename",   "flip",   "recreate", "overwrite",
                                                 "truncate", "append", "delete" };

const char *writer_kind_name(enum writer_kind kind)
{
    return names[kind];
}

uint64_t random_below(uint64_t *state, uint64_t below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (*state >> 11) % below;
}

static bool chance(struct writer *writer, unsigned one_in)
{
    return random_below(&writer->random, one_in) == 0;
}

static void rest(struct writer *writer, int64_t us_max)
{
    if (us_max > 0) usleep((useconds_t)random_below(&writer->random, (uint64_t)us_max));
}

static uint64_t some_length(struct writer *writer)
{
    uint64_t least = writer->file->is_big ? BIG_CELLS_MIN : SMALL_CELLS_MIN;
    uint64_t most = writer->file->is_big ? BIG_CELLS_MAX : SMALL_CELLS_MAX;
    return CELL_BYTES * (least + random_below(&writer->random, most - least + 1));
}

static void check(bool is_so, const struct writer *writer, const char *what)
{
    if (!is_so) err(ENDED, "%s: %s", writer->file->path, what);
}

static void beside(const struct writer *writer, const char *suffix, char out[PATH_BYTES_MAX + 32])
{
    snprintf(out, PATH_BYTES_MAX + 32, "%s%s", writer->file->path, suffix);
}

/* Write the cells of `generation` from byte `at` on. In pieces, which others can see, if `shows`. */
static void write_cells(struct writer *writer, int fd, uint32_t generation, uint64_t at, bool shows)
{
    const struct version *version = &writer->file->versions[generation];
    uint64_t size = version->length - at;
    unsigned char *cells = malloc(size);
    check(cells, writer, "malloc");
    for (uint64_t i = 0; i < size; i += CELL_BYTES) {
        struct stamp stamp = { .file = writer->file->number,
                               .generation = generation,
                               .era = version->era,
                               .index = (uint32_t)((at + i) / CELL_BYTES),
                               .length = version->length };
        cell_write(&stamp, cells + i);
    }
    uint64_t pieces = shows ? 1 + random_below(&writer->random, 4) : 1;
    for (uint64_t from = 0, piece = 1; from < size; piece++) {
        uint64_t to = piece >= pieces ? size : from + 1 + random_below(&writer->random, size - from);
        ssize_t n = pwrite(fd, cells + from, to - from, (off_t)(at + from));
        check(n > 0, writer, "write");
        from += (uint64_t)n;
        if (shows && from < size && chance(writer, 2)) rest(writer, WITHIN_PAUSE_US_MAX);
    }
    free(cells);
}

/* A whole file at `path`, which nobody asks for. */
static void make_apart(struct writer *writer, const char *path, uint32_t generation)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    check(fd >= 0, writer, path);
    write_cells(writer, fd, generation, 0, false);
    close(fd);
}

static void rename_over(struct writer *writer, uint64_t length)
{
    char apart[PATH_BYTES_MAX + 32];
    beside(writer, ".new", apart);
    uint32_t generation = history_begin(writer->file, length, 0, false);
    make_apart(writer, apart, generation);
    history_ending(writer->file, generation);
    check(rename(apart, writer->file->path) == 0, writer, "rename");
    history_done(writer->file, generation);
}

/* The last component of the path is in a folder "current": a link to the folder of its generation. */
static void flip(struct writer *writer)
{
    char above[PATH_BYTES_MAX], folder[PATH_BYTES_MAX + 32], path[PATH_BYTES_MAX + 64], link[PATH_BYTES_MAX + 32],
        name[32];
    snprintf(above, sizeof above, "%s", writer->file->path);
    above[strlen(above) - strlen("/current/file")] = '\0';
    uint32_t generation = history_begin(writer->file, some_length(writer), 0, false);
    snprintf(name, sizeof name, "v%u", generation);
    snprintf(folder, sizeof folder, "%s/%s", above, name);
    snprintf(path, sizeof path, "%s/file", folder);
    check(mkdir(folder, 0755) == 0, writer, folder);
    make_apart(writer, path, generation);
    snprintf(link, sizeof link, "%s/next", above);
    snprintf(path, sizeof path, "%s/current", above);
    check(symlink(name, link) == 0, writer, link);
    history_ending(writer->file, generation);
    check(rename(link, path) == 0, writer, path);
    history_done(writer->file, generation);
    if (generation <= FOLDERS_KEPT) return;
    snprintf(folder, sizeof folder, "%s/v%u", above, generation - FOLDERS_KEPT);
    snprintf(path, sizeof path, "%s/file", folder);
    check(unlink(path) == 0 && rmdir(folder) == 0, writer, folder);
}

static void remove_it(struct writer *writer)
{
    uint32_t gone = history_begin(writer->file, 0, 0, true);
    history_ending(writer->file, gone);
    check(unlink(writer->file->path) == 0, writer, "unlink");
    history_done(writer->file, gone);
}

/* Another version where the file is, by way of open(2) with `flags`; its first bytes stay what they are up to `at`. */
static void write_in_place(struct writer *writer, int flags, uint64_t length, uint64_t at, uint32_t era)
{
    uint32_t generation = history_begin(writer->file, length, era, false);
    int fd = open(writer->file->path, O_WRONLY | O_CLOEXEC | flags, 0644);
    check(fd >= 0, writer, "open");
    if (chance(writer, 4)) rest(writer, WITHIN_PAUSE_US_MAX);
    write_cells(writer, fd, generation, at, true);
    if (chance(writer, 4)) rest(writer, WITHIN_PAUSE_US_MAX);
    history_ending(writer->file, generation);
    close(fd);
    history_done(writer->file, generation);
}

static void append(struct writer *writer)
{
    const struct version *newest = &writer->file->versions[atomic_load(&writer->file->newest)];
    uint64_t most = CELL_BYTES * (writer->file->is_big ? BIG_CELLS_MAX : SMALL_CELLS_MAX);
    uint64_t more = CELL_BYTES * (1 + random_below(&writer->random, writer->file->is_big ? 64 : 8));
    if (newest->length + more > most)
        rename_over(writer, CELL_BYTES * (writer->file->is_big ? BIG_CELLS_MIN : SMALL_CELLS_MIN));
    else
        write_in_place(writer, 0, newest->length + more, newest->length, newest->era);
}

static void make_version(struct writer *writer)
{
    const struct version *newest = &writer->file->versions[atomic_load(&writer->file->newest)];
    switch (writer->file->kind) {
    case WRITER_RENAME: rename_over(writer, some_length(writer)); break;
    case WRITER_FLIP: flip(writer); break;
    case WRITER_RECREATE:
        remove_it(writer);
        if (chance(writer, 2)) rest(writer, WITHIN_PAUSE_US_MAX);
        write_in_place(writer, O_CREAT | O_EXCL, some_length(writer), 0, 0);
        break;
    case WRITER_OVERWRITE: write_in_place(writer, 0, newest->length, 0, 0); break;
    case WRITER_TRUNCATE: write_in_place(writer, O_TRUNC, some_length(writer), 0, 0); break;
    case WRITER_APPEND: append(writer); break;
    case WRITER_DELETE:
        remove_it(writer);
        rest(writer, writer->plan->pause_us);
        rename_over(writer, some_length(writer));
        break;
    case WRITER_KINDS: break;
    }
}

void writer_begin(struct writer *writer)
{
    struct file *file = writer->file;
    const char *size = file->is_big ? "big" : "small";
    snprintf(file->target, sizeof file->target, "/%s-%s-%u", names[file->kind], size, file->number);
    snprintf(file->path, sizeof file->path, "%s%s", writer->plan->root, file->target);
    check(history_init(file), writer, "malloc");
    if (file->kind != WRITER_FLIP) {
        rename_over(writer, some_length(writer));
        return;
    }
    check(mkdir(file->path, 0755) == 0, writer, "mkdir");
    strcat(file->target, "/current/file");
    strcat(file->path, "/current/file");
    flip(writer);
}

void *writer_thread(void *argument)
{
    struct writer *writer = argument;
    while (!atomic_load(&writer->plan->is_ending) && atomic_load(&writer->file->newest) < VERSIONS_MAX - 4) {
        /* Some come right after each other, some after a rest in which nobody else would make an old version go. */
        if (chance(writer, 64))
            rest(writer, writer->plan->rest_us);
        else if (!chance(writer, 8))
            rest(writer, 2 * writer->plan->pause_us);
        make_version(writer);
    }
    return NULL;
}
