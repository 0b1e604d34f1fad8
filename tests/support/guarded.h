/* guarded.h - bytes that end where memory ends: who reads one byte too many is killed. */
#ifndef FOLIO_TESTS_SUPPORT_GUARDED_H
#define FOLIO_TESTS_SUPPORT_GUARDED_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guarded {
    char *pages;
    size_t room; /* bytes, before the page that nobody may touch */
};

static inline struct guarded guarded_open(size_t room)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t whole = (room + page - 1) / page * page;
    char *pages = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + whole, page, PROT_NONE) != 0) abort();
    return (struct guarded){ .pages = pages, .room = whole };
}

static inline void guarded_close(struct guarded *guarded)
{
    munmap(guarded->pages, guarded->room + (size_t)sysconf(_SC_PAGESIZE));
}

/* A copy of `bytes` that ends at the guard page; until the next copy. */
static inline char *guarded_copy(struct guarded *guarded, const char *bytes, size_t size)
{
    if (size > guarded->room) abort();
    char *at = guarded->pages + guarded->room - size;
    if (size > 0) memcpy(at, bytes, size);
    return at;
}

#endif
