#include "history.h"

#include <stdlib.h>
#include <time.h>

#include "cells.h"

int64_t history_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

bool history_init(struct file *file)
{
    /* Most of it is never touched, and so never there. */
    file->versions = calloc(VERSIONS_MAX, sizeof *file->versions);
    file->etags = calloc(ETAG_SLOTS, sizeof *file->etags);
    return file->versions && file->etags && pthread_mutex_init(&file->etags_lock, NULL) == 0;
}

uint32_t history_begin(struct file *file, uint64_t length, uint32_t era, bool is_gone)
{
    uint32_t generation = atomic_load(&file->newest) + 1;
    struct version *version = &file->versions[generation];
    version->length = length;
    version->era = era ? era : generation;
    version->is_gone = is_gone;
    atomic_store(&version->begun_us, history_now_us());
    atomic_store(&file->newest, generation);
    return generation;
}

void history_ending(struct file *file, uint32_t generation)
{
    atomic_store(&file->versions[generation].ending_us, history_now_us());
}

void history_done(struct file *file, uint32_t generation)
{
    atomic_store(&file->versions[generation].done_us, history_now_us());
}

int64_t history_superseded_us(const struct file *file, uint32_t generation, int64_t at_us)
{
    if (generation >= atomic_load(&file->newest)) return 0;
    int64_t done_us = atomic_load(&file->versions[generation + 1].done_us);
    return done_us ? at_us - done_us : 0;
}

void history_note_lateness(struct file *file, uint32_t generation, int64_t lateness_us)
{
    if (lateness_us <= 0) return;
    _Atomic int64_t *most = &file->versions[generation + 1].lateness_us;
    int64_t known = atomic_load(most);
    while (known < lateness_us && !atomic_compare_exchange_weak(most, &known, lateness_us)) {}
}

uint32_t history_cell_writer(const struct file *file, uint32_t generation, uint32_t index)
{
    uint32_t era = file->versions[generation].era;
    while (generation > era && file->versions[generation - 1].length > (uint64_t)index * CELL_BYTES) generation--;
    return generation;
}

uint32_t history_version_of(const struct file *file, uint32_t generation, uint64_t length)
{
    uint32_t newest = atomic_load(&file->newest);
    if (generation == 0 || generation > newest) return 0;
    uint32_t era = file->versions[generation].era;
    for (; generation <= newest && file->versions[generation].era == era; generation++)
        if (file->versions[generation].length == length) return generation;
    return 0;
}

bool history_note_etag(struct file *file, const char *etag, uint32_t generation)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = etag; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    bool agrees = true;
    pthread_mutex_lock(&file->etags_lock);
    for (uint64_t i = hash, tries = 0; tries < ETAG_SLOTS; i++, tries++) {
        struct etag_slot *slot = &file->etags[i % ETAG_SLOTS];
        if (slot->hash != 0 && slot->hash != hash) continue;
        if (slot->hash == 0) *slot = (struct etag_slot){ .hash = hash, .generation = generation };
        agrees = slot->generation == generation;
        break;
    }
    pthread_mutex_unlock(&file->etags_lock);
    return agrees;
}
