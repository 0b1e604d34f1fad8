#include "platform/ring_memory.h"

#include <sys/mman.h>
#include <unistd.h>

char *ring_memory_new(size_t size)
{
    int fd = memfd_create("folio-ring", MFD_CLOEXEC);
    if (fd < 0) return NULL;
    char *memory = MAP_FAILED;
    if (ftruncate(fd, (off_t)size) == 0) memory = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t half = 0; half < 2 && memory != MAP_FAILED; half++) {
        void *at = mmap(memory + half * size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
        if (at != MAP_FAILED) continue;
        munmap(memory, 2 * size);
        memory = MAP_FAILED;
    }
    close(fd);
    return memory == MAP_FAILED ? NULL : memory;
}

void ring_memory_free(char *memory, size_t size)
{
    if (memory) munmap(memory, 2 * size);
}
