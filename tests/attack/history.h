/* history.h - what every file was, and when.
 *
 * Role:   writers note each version before they touch the file, before the call that completes it, and after that call;
 *         clients compare what they were answered with it. Every time errs on the server's side: a version may be served
 *         from the moment *before* its last call, and must be served once `bound` has passed *after* it.
 * Owns:   the versions of a file and its entity tags, until the program ends.
 * Thread: one writer a file; any number of clients.
 */
#ifndef ATTACK_HISTORY_H
#define ATTACK_HISTORY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    VERSIONS_MAX = 1 << 17, /* of one file; its writer rests when they are used up */
    ETAG_SLOTS = 1 << 18,   /* of one file */
    ETAG_BYTES_MAX = 64,
    PATH_BYTES_MAX = 512,
};

/* How a file is changed. */
enum writer_kind {
    WRITER_RENAME,    /* another is made, and renamed over it */
    WRITER_FLIP,      /* its folder is a symbolic link, which is renamed over */
    WRITER_RECREATE,  /* unlinked, and written anew in its place */
    WRITER_OVERWRITE, /* written in place, the same size */
    WRITER_TRUNCATE,  /* opened with O_TRUNC, written in place */
    WRITER_APPEND,    /* it grows in place */
    WRITER_DELETE,    /* it is gone for a while */
    WRITER_KINDS,
};

struct version {
    _Atomic int64_t begun_us;    /* before the file is touched; monotonic, as all times here */
    _Atomic int64_t ending_us;   /* before the call that completes it; 0: not yet */
    _Atomic int64_t done_us;     /* after that call; 0: not yet */
    _Atomic int64_t lateness_us; /* the longest after done_us that a request was sent that met the version before */
    uint64_t length;             /* bytes; at least a cell, unless it is gone */
    uint32_t era;                /* see cells.h */
    bool is_gone;                /* there is no file */
};

struct etag_slot {
    uint64_t hash;       /* of the tag; 0: free */
    uint32_t generation; /* that it stands for */
};

struct file {
    uint32_t number;
    enum writer_kind kind;
    bool is_big;                 /* big enough to be streamed */
    char path[PATH_BYTES_MAX];   /* absolute */
    char target[PATH_BYTES_MAX]; /* as requested */
    _Atomic uint32_t newest;     /* generation, from 1; its version is filled in but for the times */
    struct version *versions;    /* VERSIONS_MAX, by generation */
    struct etag_slot *etags;     /* ETAG_SLOTS, under the lock */
    pthread_mutex_t etags_lock;
};

int64_t history_now_us(void);

/* False: no memory. */
bool history_init(struct file *file);

/* A new version begins; returns its generation. Nothing of it is in the file yet. */
uint32_t history_begin(struct file *file, uint64_t length, uint32_t era, bool is_gone);
void history_ending(struct file *file, uint32_t generation);
void history_done(struct file *file, uint32_t generation);

/* For how long, at `at_us`, `generation` has been superseded by one that is complete; negative or 0: it is not. */
int64_t history_superseded_us(const struct file *file, uint32_t generation, int64_t at_us);
void history_note_lateness(struct file *file, uint32_t generation, int64_t lateness_us);

/* Who wrote cell `index` of version `generation`. */
uint32_t history_cell_writer(const struct file *file, uint32_t generation, uint32_t index);

/* The version to which a cell of `generation` belongs in a file of `length` bytes; 0: none was ever like that. */
uint32_t history_version_of(const struct file *file, uint32_t generation, uint64_t length);

/* False: `etag` already stands for another generation. */
bool history_note_etag(struct file *file, const char *etag, uint32_t generation);

#endif
