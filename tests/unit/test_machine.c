#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "platform/machine.h"

/* The system's files, as a test wants them to be; one that it does not name is missing. */
struct fake_file {
    const char *path, *text;
};
static const struct fake_file *fake_files; /* NULL: the real ones; ends with a path of NULL */

FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);

FILE *__wrap_fopen64(const char *path, const char *mode)
{
    if (!fake_files) return __real_fopen64(path, mode);
    static char text[4096];
    for (const struct fake_file *file = fake_files; file->path; file++) {
        if (strcmp(file->path, path) != 0) continue;
        snprintf(text, sizeof text, "%s", file->text);
        return fmemopen(text, strlen(text), "r");
    }
    return NULL;
}

static uint64_t memory_with(const struct fake_file *files)
{
    fake_files = files;
    uint64_t bytes = machine_memory_bytes();
    fake_files = NULL;
    return bytes;
}

static uint64_t free_memory_with(const struct fake_file *files)
{
    fake_files = files;
    uint64_t bytes = machine_memory_free_bytes();
    fake_files = NULL;
    return bytes;
}

static void the_memory_that_is_free_is_what_the_machine_and_each_cgroup_have_left(void **state)
{
    (void)state;
    const struct fake_file meminfo = { "/proc/meminfo",
                                       "MemTotal:  9000 kB\nMemAvailable:   3000 kB\nSwapFree: 1000 kB\n" };
    assert_in_range(machine_memory_free_bytes(), 1 << 20, UINT64_MAX >> 8);
    assert_int_equal(free_memory_with((const struct fake_file[]){ meminfo, { 0 } }), 4000 * 1024);
    struct fake_file files[] = { meminfo,
                                 { "/proc/self/cgroup", "0::/a/b\n" },
                                 { "/sys/fs/cgroup/a/b/memory.max", "3000000\n" },
                                 { "/sys/fs/cgroup/a/b/memory.current", "1000000\n" },
                                 { "/sys/fs/cgroup/a/b/memory.stat",
                                   "anon 1\ninactive_file 200000\nactive_file 50000\n" },
                                 { "/sys/fs/cgroup/a/memory.max", "max\n" },
                                 { 0 } };
    assert_int_equal(free_memory_with(files), 2250000);
    files[3].text = "5000000\n"; /* more than it may: nothing is left */
    files[4].text = "inactive_file 0\n";
    assert_int_equal(free_memory_with(files), 0);
    files[4].text = "inactive_file 9000000\n"; /* moments apart */
    assert_int_equal(free_memory_with(files), 3000000);
    const struct fake_file first_version[] = {
        meminfo,
        { "/proc/self/cgroup", "5:cpu:/\n4:memory:/a\n" },
        { "/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "2000000\n" },
        { "/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "1500000\n" },
        { "/sys/fs/cgroup/memory/a/memory.stat", "inactive_file 9\ntotal_inactive_file 100000\ntotal_active_file 1\n" },
        { 0 },
    };
    assert_int_equal(free_memory_with(first_version), 600001);
}

static void the_memory_is_what_the_machine_has_or_less(void **state)
{
    (void)state;
    uint64_t whole = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    assert_in_range(machine_memory_bytes(), 1 << 20, whole);
    assert_int_equal(memory_with((const struct fake_file[]){ { 0 } }), whole);
    assert_int_equal(memory_with((const struct fake_file[]){ { "/proc/self/cgroup", "0::/\n" }, { 0 } }), whole);
    assert_int_equal(memory_with((const struct fake_file[]){
                         { "/proc/self/cgroup", "0::/a\n" }, { "/sys/fs/cgroup/a/memory.max", "max\n" }, { 0 } }),
                     whole);
    assert_int_equal(memory_with((const struct fake_file[]){ { "/proc/self/cgroup", "0::/a\n" },
                                                             { "/sys/fs/cgroup/a/memory.max", "9223372036854771712\n" },
                                                             { 0 } }),
                     whole);
}

static void the_least_limit_of_all_cgroups_above_holds(void **state)
{
    (void)state;
    struct fake_file files[] = { { "/proc/self/cgroup", "0::/a/b/c\n" },
                                 { "/sys/fs/cgroup/a/b/c/memory.max", "3000000\n" },
                                 { "/sys/fs/cgroup/a/b/memory.max", "max\n" },
                                 { "/sys/fs/cgroup/a/memory.max", "2000000\n" },
                                 { 0 } };
    assert_int_equal(memory_with(files), 2000000);
    files[1].text = "1000000\n";
    assert_int_equal(memory_with(files), 1000000);
    files[0].text = "0::/a/b\n";
    assert_int_equal(memory_with(files), 2000000);
    files[0].text = "0::/other\n";
    assert_true(memory_with(files) > 3000000);
    files[3].path = "/sys/fs/cgroup/memory.max"; /* as a container sees its own */
    files[0].text = "0::/\n";
    assert_int_equal(memory_with(files), 2000000);
}

static void the_old_hierarchy_of_cgroups_holds_too(void **state)
{
    (void)state;
    struct fake_file files[] = { { "/proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/a\n1:name=systemd:/a\n0::/a\n" },
                                 { "/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "4000000\n" },
                                 { "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n" },
                                 { 0 } };
    assert_int_equal(memory_with(files), 4000000);
    files[0].text = "not what was\n:\n::\n4:memory:/a"; /* and no line break */
    assert_int_equal(memory_with(files), 4000000);
}

static void descriptors_are_raised_to_the_hard_limit(void **state)
{
    (void)state;
    struct rlimit before, lowered, after;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    lowered = before;
    lowered.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lowered), 0);
    uint64_t raised = machine_descriptors_raise();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
    assert_int_equal(after.rlim_cur, before.rlim_max);
    assert_int_equal(raised, before.rlim_max);
    assert_int_equal(machine_descriptors_raise(), raised);
}

static void open_descriptors_are_counted(void **state)
{
    (void)state;
    unsigned before = machine_descriptors_open();
    assert_true(before > 0);
    int one = dup(STDERR_FILENO), other = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 40);
    assert_int_equal(machine_descriptors_open(), before + 2);
    close(one);
    close(other);
    assert_int_equal(machine_descriptors_open(), before);
}

/* Snapshots must not cost a mapping each: there are 65,530 of them nearly everywhere. */
static unsigned mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "re");
    assert_non_null(file);
    unsigned lines = 0;
    for (int c; (c = getc(file)) != EOF;) lines += c == '\n';
    fclose(file);
    return lines;
}

static void many_snapshots_take_few_mappings(void **state)
{
    (void)state;
    static void *blocks[500];
    free(malloc(1));
    if (mallinfo2().arena == 0) skip(); /* a sanitizer's allocator */
    machine_allocator_tune();
    unsigned before = mappings();
    for (size_t i = 0; i < 500; i++) assert_non_null(blocks[i] = malloc(200 << 10));
    assert_in_range(mappings(), before, before + 50);
    for (size_t i = 0; i < 500; i++) free(blocks[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_memory_that_is_free_is_what_the_machine_and_each_cgroup_have_left),
        cmocka_unit_test(the_memory_is_what_the_machine_has_or_less),
        cmocka_unit_test(the_least_limit_of_all_cgroups_above_holds),
        cmocka_unit_test(the_old_hierarchy_of_cgroups_holds_too),
        cmocka_unit_test(descriptors_are_raised_to_the_hard_limit),
        cmocka_unit_test(open_descriptors_are_counted),
        cmocka_unit_test(many_snapshots_take_few_mappings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
