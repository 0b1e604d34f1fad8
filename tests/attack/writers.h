/* writers.h - those who change the files while they are asked for.
 *
 * Role:   one thread a file, which makes version after version of it in its own way, with pauses between and within.
 * Owns:   the files' content, and folders and links beside them that their way needs.
 * Thread: as above; what it shares with the clients is the file's history.
 */
#ifndef ATTACK_WRITERS_H
#define ATTACK_WRITERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "history.h"

struct writers_plan {
    const char *root;       /* the folder that is served */
    unsigned files;         /* of each kind and size */
    int64_t pause_us;       /* between two versions, on the average */
    int64_t rest_us;        /* sometimes */
    _Atomic bool is_ending; /* set by the first thread */
};

struct writer {
    struct writers_plan *plan;
    struct file *file;
    uint64_t random; /* the state of its generator; never 0 */
};

const char *writer_kind_name(enum writer_kind kind);

/* Give `file` its paths, and its first version. Ends the program if it cannot. */
void writer_begin(struct writer *writer);

/* The thread; takes a struct writer. It leaves the file as a whole version. */
void *writer_thread(void *argument);

/* The next number of a generator, less than `below`. */
uint64_t random_below(uint64_t *state, uint64_t below);

#endif
