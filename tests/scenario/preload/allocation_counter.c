/* allocation_counter.c - counts the calls of the allocator, by thread.
 *
 * Role:   loaded into the server by LD_PRELOAD; every call of malloc and its kin, and of mmap and its kin, adds one to the
 *         row of the calling thread, and goes on to the C library's own.
 * Owns:   nothing; the rows lie in a file that the test maps too, named by FOLIO_ALLOCATION_COUNTS.
 * Thread: any; each thread writes its own row only.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ROWS_MAX = 64 };

struct row {
    _Atomic uint32_t thread; /* 0: free */
    _Atomic uint32_t calls;
};

/* The C library's own names for what is replaced here. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

static struct row *rows; /* NULL until the counts are found: what comes before is not counted */
static __thread struct row *mine;

__attribute__((constructor)) static void rows_find(void)
{
    const char *path = getenv("FOLIO_ALLOCATION_COUNTS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) abort();
    void *at = (void *)syscall(SYS_mmap, NULL, ROWS_MAX * sizeof *rows, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
    if (at == MAP_FAILED) abort();
    close(fd);
    rows = at;
}

static void count(void)
{
    if (!rows) return;
    if (!mine) {
        uint32_t self = (uint32_t)syscall(SYS_gettid);
        for (int i = 0; i < ROWS_MAX && !mine; i++) {
            uint32_t none = 0;
            if (atomic_load(&rows[i].thread) == self || atomic_compare_exchange_strong(&rows[i].thread, &none, self))
                mine = &rows[i];
        }
        if (!mine) abort();
    }
    atomic_fetch_add(&mine->calls, 1);
}

void *malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count();
    return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size)
{
    count();
    return __libc_realloc(block, size);
}

void *reallocarray(void *block, size_t number, size_t size)
{
    count();
    if (size != 0 && number > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(block, number * size);
}

void *memalign(size_t alignment, size_t size)
{
    count();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
    count();
    void *block = __libc_memalign(alignment, size);
    if (!block) return ENOMEM;
    *ret_block = block;
    return 0;
}

void free(void *block)
{
    count();
    __libc_free(block);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    count();
    return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}

/* What the name is where offsets are said to have 64 bits, as Meson does. */
void *mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset) __attribute__((alias("mmap")));

int munmap(void *at, size_t size)
{
    count();
    return (int)syscall(SYS_munmap, at, size);
}

int madvise(void *at, size_t size, int advice)
{
    count();
    return (int)syscall(SYS_madvise, at, size, advice);
}

void *sbrk(intptr_t by)
{
    static void *(*next)(intptr_t);
    if (!next) next = (void *(*)(intptr_t))dlsym(RTLD_NEXT, "sbrk");
    count();
    return next(by);
}
