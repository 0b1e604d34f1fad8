#include "platform/machine.h"

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

uint64_t machine_number(const char *path, uint64_t otherwise)
{
    FILE *file = fopen(path, "re");
    if (!file) return otherwise;
    char text[64] = "";
    char *got = fgets(text, sizeof text, file);
    fclose(file);
    char *end = text;
    unsigned long long number = got ? strtoull(text, &end, 10) : 0;
    return end == text ? otherwise : number;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The limits of the cgroup `path` and of all above it, under the hierarchy mounted at `mount`. */
static uint64_t cgroup_limit(const char *mount, char *path, const char *file, uint64_t limit)
{
    char name[4352];
    for (;;) {
        snprintf(name, sizeof name, "%s%s/%s", mount, path, file);
        limit = least(limit, machine_number(name, limit));
        char *slash = strrchr(path, '/');
        if (!slash) return limit;
        *slash = '\0';
    }
}

uint64_t machine_memory_bytes(void)
{
    uint64_t limit = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file) return limit;
    char line[4096];
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) continue;
        *path++ = '\0';
        controllers++;
        if (*controllers == '\0') limit = cgroup_limit("/sys/fs/cgroup", path, "memory.max", limit);
        if (strcmp(controllers, "memory") == 0)
            limit = cgroup_limit("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes", limit);
    }
    fclose(file);
    return limit;
}

uint64_t machine_descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    struct rlimit raised = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    return limit.rlim_cur;
}

unsigned machine_descriptors_open(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (!folder) return 0;
    unsigned count = 0;
    for (const struct dirent *item; (item = readdir(folder)) != NULL;) count += item->d_name[0] != '.';
    closedir(folder);
    return count - 1; /* the folder's own */
}

void machine_allocator_tune(void)
{
#ifdef __GLIBC__
    /* Snapshots share a few large mappings (vm.max_map_count is 65,530 nearly everywhere); what is bigger than this
     * has a mapping of its own, and gives it back at once. */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
    mallopt(M_ARENA_MAX, 1);
#endif
}
