#include "platform/machine.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/compiler.h"

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

/* Where the cgroups of one version tell of memory. */
struct hierarchy {
    const char *controllers, *mount, *limit, *usage, *inactive_file, *active_file;
};

static const struct hierarchy hierarchies[] = {
    { "", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file", "active_file" },
    { "memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file",
      "total_active_file" },
};

enum { NAME_BYTES = 4352 };

static uint64_t cgroup_number(const struct hierarchy *hierarchy, const char *path, const char *file, uint64_t otherwise)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s%s/%s", hierarchy->mount, path, file);
    return machine_number(name, otherwise);
}

/* The number behind `what` at the beginning of a line of the file at `path`. */
static uint64_t number_of(const char *path, const char *what, uint64_t otherwise)
{
    FILE *file = fopen(path, "re");
    if (!file) return otherwise;
    char line[256];
    uint64_t number = otherwise;
    size_t size = strlen(what);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, what, size) == 0 && line[size] == ' ') number = strtoull(line + size, NULL, 10);
    }
    fclose(file);
    return number;
}

static uint64_t cgroup_limit(const struct hierarchy *hierarchy, const char *path)
{
    return cgroup_number(hierarchy, path, hierarchy->limit, UINT64_MAX);
}

/* What may still be taken there; pages of files are given up for it. */
static uint64_t cgroup_room(const struct hierarchy *hierarchy, const char *path)
{
    char name[NAME_BYTES];
    uint64_t limit = cgroup_limit(hierarchy, path), used = cgroup_number(hierarchy, path, hierarchy->usage, 0);
    snprintf(name, sizeof name, "%s%s/memory.stat", hierarchy->mount, path);
    uint64_t files = number_of(name, hierarchy->inactive_file, 0) + number_of(name, hierarchy->active_file, 0);
    used -= least(used, files);
    return limit - least(limit, used);
}

/* The least of what is asked of our cgroups and all above them, and of `limit`. */
static uint64_t least_of_cgroups(uint64_t (*ask)(const struct hierarchy *hierarchy, const char *path), uint64_t limit)
{
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
        for (size_t i = 0; i < ARRAY_COUNT(hierarchies); i++) {
            if (strcmp(controllers, hierarchies[i].controllers) != 0) continue;
            limit = least(limit, ask(&hierarchies[i], path));
            for (char *slash; (slash = strrchr(path, '/')) != NULL;) {
                *slash = '\0';
                limit = least(limit, ask(&hierarchies[i], path));
            }
        }
    }
    fclose(file);
    return limit;
}

uint64_t machine_memory_bytes(void)
{
    return least_of_cgroups(cgroup_limit, (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
}

uint64_t machine_memory_free_bytes(void)
{
    uint64_t free_kib = number_of("/proc/meminfo", "MemAvailable:", 0) + number_of("/proc/meminfo", "SwapFree:", 0);
    return least_of_cgroups(cgroup_room, free_kib ? free_kib * 1024 : machine_memory_bytes());
}

uint64_t machine_descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    struct rlimit raised = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    return limit.rlim_cur;
}

uint64_t machine_descriptors_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

int machine_descriptor_copy(int fd, int from)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, from);
}

int machine_descriptor_lowest(int like, int from)
{
    int lowest = machine_descriptor_copy(like, from);
    if (lowest >= 0) close(lowest);
    return lowest;
}

void machine_descriptors_widen(int like)
{
    enum { WIDE = 1 << 16 };
    uint64_t limit = machine_descriptors_raise();
    int last = fcntl(like, F_DUPFD_CLOEXEC, limit < WIDE ? (int)limit - 1 : WIDE - 1);
    if (last >= 0) close(last);
}

unsigned machine_descriptors_open(void)
{
    enum { TRIES_MAX = 3 };
    DIR *folder = NULL;
    /* The system may be short of descriptors for a moment; what is asked here is of this process alone. */
    for (int tries = 0; !folder && tries < TRIES_MAX; tries++) folder = opendir("/proc/self/fd");
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

bool machine_process_lingers(int pid)
{
    char name[40], text[256];
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) close(fd);
    text[size > 0 ? size : 0] = '\0';
    const char *state = strrchr(text, ')'); /* behind the name, which may hold anything */
    return state && state[1] == ' ' && state[2] == 'Z';
}
