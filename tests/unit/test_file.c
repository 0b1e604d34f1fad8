#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>

#include "../support/scratch.h"
#include "platform/file.h"

enum { BIG_BYTES = 4 << 20 };

static struct scratch scratch;

/* root/ is what is served; beside it lies what nobody may reach. */
static int with_a_tree(void **state)
{
    (void)state;
    scratch_open(&scratch, "/var/tmp");
    scratch_folder(&scratch, "root");
    scratch_folder(&scratch, "root/folder");
    scratch_folder(&scratch, "root/folder/deep");
    scratch_text(&scratch, "secret", "nobody may read this");
    scratch_text(&scratch, "root/file", "content");
    scratch_text(&scratch, "root/folder/inner", "inner");
    scratch_link(&scratch, "file", "root/to-file");
    scratch_link(&scratch, "folder", "root/to-folder");
    scratch_link(&scratch, "../../file", "root/folder/deep/up-and-down");
    scratch_link(&scratch, "../secret", "root/out-relative");
    scratch_link(&scratch, "..", "root/out-parent");
    scratch_link(&scratch, "../root/file", "root/out-and-in");
    scratch_link(&scratch, "/etc/passwd", "root/out-absolute");
    scratch_link(&scratch, "/proc/self/root", "root/out-magic");
    scratch_link(&scratch, "nothing", "root/dangling");
    scratch_link(&scratch, "loop", "root/loop");
    return 0;
}

static int without_a_tree(void **state)
{
    (void)state;
    scratch_close(&scratch);
    return 0;
}

static int root_open(void)
{
    char path[300];
    snprintf(path, sizeof path, "%s/root", scratch.path);
    int root = file_root_open(path);
    assert_true(root >= 0);
    return root;
}

static enum status find(int root, const char *path, enum file_patience patience, struct file_facts *ret_facts)
{
    int place = -1;
    struct file_identity identity;
    enum status status = file_find(root, path, patience, &place, ret_facts, &identity);
    if (status == STATUS_OK) assert_int_equal(close(place), 0);
    return status;
}

/* A descriptor to read the file at `path` in the scratch folder. */
static int open_to_read(const char *path)
{
    int root = file_root_open(scratch.path), place, fd;
    struct file_facts facts;
    struct file_identity identity;
    assert_int_equal(file_find(root, path, FILE_WAIT, &place, &facts, &identity), STATUS_OK);
    assert_int_equal(facts.type, FILE_REGULAR);
    assert_int_equal(file_open_place(place, FILE_WAIT, &fd), STATUS_OK);
    close(place);
    close(root);
    return fd;
}

static const struct {
    const char *path;
    enum status status;
    enum file_type type;
} places[] = {
    { "file", STATUS_OK, FILE_REGULAR },
    { ".", STATUS_OK, FILE_FOLDER },
    { "folder", STATUS_OK, FILE_FOLDER },
    { "folder/", STATUS_OK, FILE_FOLDER },
    { "folder/inner", STATUS_OK, FILE_REGULAR },
    { "folder/../file", STATUS_OK, FILE_REGULAR },
    { "to-file", STATUS_OK, FILE_REGULAR },
    { "to-folder", STATUS_OK, FILE_FOLDER },
    { "to-folder/inner", STATUS_OK, FILE_REGULAR },
    { "folder/deep/up-and-down", STATUS_OK, FILE_REGULAR },
    { "nothing", STATUS_NOT_FOUND, 0 },
    { "nothing/at/all", STATUS_NOT_FOUND, 0 },
    { "file/beneath", STATUS_NOT_FOUND, 0 },
    { "dangling", STATUS_NOT_FOUND, 0 },
    { "..", STATUS_REFUSED, 0 },
    { "../secret", STATUS_REFUSED, 0 },
    { "folder/../../secret", STATUS_REFUSED, 0 },
    { "../root/file", STATUS_REFUSED, 0 },
    { "/etc/passwd", STATUS_REFUSED, 0 },
    { "/", STATUS_REFUSED, 0 },
    { "out-relative", STATUS_REFUSED, 0 },
    { "out-parent", STATUS_REFUSED, 0 },
    { "out-parent/secret", STATUS_REFUSED, 0 },
    { "out-and-in", STATUS_REFUSED, 0 },
    { "out-absolute", STATUS_REFUSED, 0 },
    { "out-magic", STATUS_REFUSED, 0 },
    { "out-magic/etc/passwd", STATUS_REFUSED, 0 },
    { "loop", STATUS_REFUSED, 0 },
};

static void a_path_never_leaves_its_root(void **state)
{
    (void)state;
    int root = root_open();
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        struct file_facts facts = { .type = FILE_OTHER };
        enum status status = find(root, places[i].path, FILE_WAIT, &facts);
        if (status != places[i].status) fail_msg("%s: status %d", places[i].path, (int)status);
        if (status == STATUS_OK && facts.type != places[i].type)
            fail_msg("%s: type %d", places[i].path, (int)facts.type);
    }
    close(root);
}

/* What can be changed by way of another folder than its own. */
static void links_on_the_way_and_other_names_are_told(void **state)
{
    (void)state;
    scratch_text(&scratch, "root/two-names", "x");
    assert_int_equal(linkat(scratch.fd, "root/two-names", scratch.fd, "root/folder/the-other", 0), 0);
    static const struct {
        const char *path;
        bool crosses_link, has_other_names;
    } wanted[] = {
        { "file", false, false },
        { "folder/inner", false, false },
        { "to-file", true, false },
        { "to-folder/inner", true, false },
        { "two-names", false, true },
        { "folder/the-other", false, true },
        { "to-folder/the-other", true, true },
    };
    int root = root_open();
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++) {
        struct file_facts facts;
        assert_int_equal(find(root, wanted[i].path, FILE_WAIT, &facts), STATUS_OK);
        if (facts.crosses_link != wanted[i].crosses_link) fail_msg("%s: links", wanted[i].path);
        if (facts.has_other_names != wanted[i].has_other_names) fail_msg("%s: names", wanted[i].path);
    }
    close(root);
}

static void magic_links_are_refused(void **state)
{
    (void)state;
    int root = file_root_open("/proc/self");
    if (root < 0) skip();
    static const char *const links[] = { "root", "root/etc/passwd", "cwd", "exe", "fd/0" };
    for (size_t i = 0; i < ARRAY_COUNT(links); i++) {
        struct file_facts facts;
        if (find(root, links[i], FILE_WAIT, &facts) != STATUS_REFUSED) fail_msg("%s was followed", links[i]);
    }
    close(root);
}

static void names_that_no_system_can_open_are_not_found(void **state)
{
    (void)state;
    static char segment[300], path[5000];
    memset(segment, 'a', sizeof segment - 1);
    for (size_t i = 0; i < sizeof path - 1; i++) path[i] = i % 100 == 99 ? '/' : 'a';
    int root = root_open();
    struct file_facts facts;
    assert_int_equal(find(root, segment, FILE_WAIT, &facts), STATUS_NOT_FOUND);
    assert_int_equal(find(root, path, FILE_WAIT, &facts), STATUS_NOT_FOUND);
    close(root);
}

static void a_root_is_a_folder(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/secret", scratch.path);
    assert_int_equal(file_root_open(path), -1);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(file_root_open("/nothing/here"), -1);
    int root = root_open();
    assert_true(file_beneath_supported(root));
    close(root);
}

static void make_socket(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", scratch.path, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&address, sizeof address), 0);
    close(fd);
}

/* To open a pipe or a device is to wait, or worse: they are told by their place alone. */
static void what_is_no_file_is_told_without_opening_it(void **state)
{
    (void)state;
    assert_int_equal(mkfifoat(scratch.fd, "root/pipe", 0644), 0);
    make_socket("root/socket");
    scratch_link(&scratch, "pipe", "root/to-pipe");
    bool has_device = mknodat(scratch.fd, "root/device", S_IFCHR | 0644, makedev(1, 3)) == 0;
    int root = root_open();
    static const char *const names[] = { "pipe", "socket", "to-pipe", "device" };
    for (size_t i = 0; i < ARRAY_COUNT(names) - !has_device; i++) {
        int place;
        struct file_facts facts = { .type = FILE_REGULAR };
        struct file_identity identity;
        assert_int_equal(file_find(root, names[i], FILE_WAIT, &place, &facts, &identity), STATUS_OK);
        assert_int_equal(facts.type, FILE_OTHER);
        /* A writer would find a reader at the other end. */
        assert_int_equal(openat(scratch.fd, "root/pipe", O_WRONLY | O_NONBLOCK | O_CLOEXEC), -1);
        assert_int_equal(errno, ENXIO);
        close(place);
    }
    close(root);
}

static void a_place_stays_the_file_that_was_looked_at(void **state)
{
    (void)state;
    scratch_text(&scratch, "root/swapped", "looked at");
    int root = root_open(), place, fd;
    struct file_facts facts;
    struct file_identity looked_at, opened;
    assert_int_equal(file_find(root, "swapped", FILE_WAIT, &place, &facts, &looked_at), STATUS_OK);
    scratch_unlink(&scratch, "root/swapped");
    assert_int_equal(mkfifoat(scratch.fd, "root/swapped", 0644), 0);
    assert_int_equal(file_open_place(place, FILE_NOWAIT, &fd), STATUS_OK);
    assert_int_equal(file_identify(fd, &opened), STATUS_OK);
    assert_int_equal(opened.inode, looked_at.inode);
    char text[16];
    size_t got;
    assert_int_equal(file_read(fd, text, sizeof text, 0, FILE_WAIT, &got), STATUS_OK);
    assert_int_equal(got, 9);
    assert_memory_equal(text, "looked at", 9);
    close(fd);
    close(place);
    close(root);
}

static void what_may_not_be_read_is_refused(void **state)
{
    (void)state;
    scratch_text(&scratch, "root/closed", "x");
    assert_int_equal(fchmodat(scratch.fd, "root/closed", 0, 0), 0);
    int root = root_open(), place, fd;
    struct file_facts facts;
    struct file_identity identity;
    assert_int_equal(file_find(root, "closed", FILE_WAIT, &place, &facts, &identity), STATUS_OK);
    uid_t user = geteuid();
    if (user == 0) { /* who may read everything */
        assert_int_equal(seteuid(65534), 0);
        prctl(PR_SET_DUMPABLE, 1); /* else /proc/self is closed, too */
    }
    enum status status = file_open_place(place, FILE_WAIT, &fd);
    assert_int_equal(seteuid(user), 0);
    assert_int_equal(status, STATUS_REFUSED);
    close(place);
    close(root);
}

/* A file server's lease is broken by opening the file: who may not wait is told, who may gets it once it was given back. */
static void *give_lease_back(void *argument)
{
    int fd = *(int *)argument, number;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    sigwait(&set, &number);
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return NULL;
}

static void a_leased_file_is_waited_for_by_those_who_may_wait(void **state)
{
    (void)state;
    scratch_text(&scratch, "root/leased", "x");
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    int root = root_open(), place, fd = -1, number;
    struct file_facts facts;
    struct file_identity identity;
    assert_int_equal(file_find(root, "leased", FILE_WAIT, &place, &facts, &identity), STATUS_OK);
    int holder = openat(scratch.fd, "root/leased", O_RDWR | O_CLOEXEC);
    if (fcntl(holder, F_SETLEASE, F_WRLCK) != 0) skip();
    enum status told = file_open_place(place, FILE_NOWAIT, &fd);
    sigwait(&set, &number);
    assert_int_equal(told, STATUS_WOULD_BLOCK);
    assert_int_equal(fcntl(holder, F_SETLEASE, F_UNLCK), 0);

    assert_int_equal(fcntl(holder, F_SETLEASE, F_WRLCK), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, give_lease_back, &holder), 0);
    told = file_open_place(place, FILE_WAIT, &fd);
    pthread_join(thread, NULL);
    assert_int_equal(told, STATUS_OK);
    close(fd);
    close(holder);
    close(place);
    close(root);
}

static void wait_for_another_tick(void)
{
    struct timespec then, now;
    clock_gettime(CLOCK_REALTIME_COARSE, &then);
    do {
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
    } while (now.tv_sec == then.tv_sec && now.tv_nsec == then.tv_nsec);
}

static struct file_identity identity_of(const char *path)
{
    int root = file_root_open(scratch.path), place;
    struct file_facts facts;
    struct file_identity identity;
    assert_int_equal(file_find(root, path, FILE_WAIT, &place, &facts, &identity), STATUS_OK);
    close(place);
    close(root);
    wait_for_another_tick();
    return identity;
}

static void append(void)
{
    int fd = openat(scratch.fd, "version", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static void overwrite(void)
{
    int fd = openat(scratch.fd, "version", O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "y", 1), 1);
    close(fd);
}

static void overwrite_and_set_the_time_back(void)
{
    struct stat st;
    assert_int_equal(fstatat(scratch.fd, "version", &st, 0), 0);
    overwrite();
    struct timespec times[] = { st.st_atim, st.st_mtim };
    assert_int_equal(utimensat(scratch.fd, "version", times, 0), 0);
}

static void shorten(void)
{
    int fd = openat(scratch.fd, "version", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, 1), 0);
    close(fd);
}

static void replace(void)
{
    scratch_replace(&scratch, "version", "the same length");
}

static void change_the_mode(void)
{
    assert_int_equal(fchmodat(scratch.fd, "version", 0600, 0), 0);
}

static void a_changed_file_has_another_identity(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*change)(void);
    } changes[] = {
        { "append", append },
        { "overwrite", overwrite },
        { "overwrite and set the time back", overwrite_and_set_the_time_back },
        { "shorten", shorten },
        { "replace", replace },
        { "change the mode", change_the_mode },
    };
    for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
        scratch_text(&scratch, "version", "the same length");
        struct file_identity before = identity_of("version"), again = identity_of("version");
        assert_true(file_identity_equal(&before, &again));
        changes[i].change();
        struct file_identity after = identity_of("version");
        if (file_identity_equal(&before, &after)) fail_msg("%s: the identity is the same", changes[i].name);
    }
}

/* Who still sends the old file goes on: it was deleted or replaced, and its content is what it was. */
static void an_open_file_keeps_its_version_when_it_is_replaced_and_not_when_it_is_written(void **state)
{
    (void)state;
    scratch_text(&scratch, "version", "the same length");
    int fd = open_to_read("version");
    struct file_identity identity;
    assert_int_equal(file_identify(fd, &identity), STATUS_OK);
    wait_for_another_tick();
    assert_true(file_keeps_version(fd, &identity));
    int writer = openat(scratch.fd, "version", O_WRONLY | O_CLOEXEC);
    scratch_replace(&scratch, "version", "another altogether");
    assert_true(file_keeps_version(fd, &identity));
    assert_int_equal(pwrite(writer, "THE", 3, 0), 3);
    assert_false(file_keeps_version(fd, &identity));
    assert_int_equal(ftruncate(writer, 0), 0);
    assert_false(file_keeps_version(fd, &identity));
    close(writer);
    close(fd);
    assert_false(file_keeps_version(-1, &identity));
}

static void a_lease_tells_of_writers_and_keeps_them_out(void **state)
{
    (void)state;
    signal(SIGIO, SIG_IGN);
    scratch_text(&scratch, "leased", "x");
    int fd = open_to_read("leased");
    if (file_lease_take(fd) == FILE_LEASE_UNKNOWN) skip(); /* a file system without */
    assert_int_equal(file_lease_take(fd), FILE_LEASE_TAKEN);
    assert_int_equal(openat(scratch.fd, "leased", O_WRONLY | O_NONBLOCK | O_CLOEXEC), -1);
    assert_int_equal(errno, EWOULDBLOCK);
    file_lease_return(fd);
    int writer = openat(scratch.fd, "leased", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(writer >= 0);
    assert_int_equal(file_lease_take(fd), FILE_LEASE_REFUSED);
    close(writer);
    assert_int_equal(file_lease_take(fd), FILE_LEASE_TAKEN);
    file_lease_return(fd);
    close(fd);
}

static void an_identity_compares_every_part(void **state)
{
    (void)state;
    struct file_identity one = { 0 };
    assert_true(file_identity_equal(&one, &one));
    struct file_identity others[7] = { 0 };
    others[0].device = 1;
    others[1].inode = 1;
    others[2].size = 1;
    others[3].modified_s = 1;
    others[4].changed_s = 1;
    others[5].modified_ns = 1;
    others[6].changed_ns = 1;
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) assert_false(file_identity_equal(&one, &others[i]));
}

/* Whether the scratch folder's file system keeps a page cache that can be emptied and asked. */
static bool has_page_cache(void)
{
    struct statfs fs;
    assert_int_equal(fstatfs(scratch.fd, &fs), 0);
    return fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC;
}

static bool any_page_is_cached(int fd)
{
    static unsigned char pages[BIG_BYTES / 4096];
    void *map = mmap(NULL, BIG_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mincore(map, BIG_BYTES, pages), 0);
    munmap(map, BIG_BYTES);
    size_t cached = 0;
    for (size_t i = 0; i < BIG_BYTES / (size_t)sysconf(_SC_PAGESIZE); i++) cached += pages[i] & 1;
    return cached > 0;
}

/* A big file, none of whose pages is in memory. -1 where this cannot be had. */
static int open_cold(void)
{
    if (!has_page_cache()) return -1;
    scratch_filled(&scratch, "big", 'b', BIG_BYTES);
    int fd = open_to_read("big");
    assert_int_equal(fsync(fd), 0);
    for (int tries = 0; tries < 100 && any_page_is_cached(fd); tries++)
        assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    if (!any_page_is_cached(fd)) return fd;
    close(fd);
    return -1;
}

static void reading_without_waiting_says_so_when_it_would_wait(void **state)
{
    (void)state;
    static char bytes[BIG_BYTES];
    int fd = open_cold();
    if (fd < 0) skip();
    size_t got = 7;
    assert_int_equal(file_read(fd, bytes, BIG_BYTES, 0, FILE_NOWAIT, &got), STATUS_WOULD_BLOCK);
    assert_int_equal(got, 7);
    enum status status = STATUS_WOULD_BLOCK;
    /* The system may take pages back at any time. */
    for (int tries = 0; tries < 10 && status == STATUS_WOULD_BLOCK; tries++) {
        assert_int_equal(file_read(fd, bytes, BIG_BYTES, 0, FILE_WAIT, &got), STATUS_OK);
        assert_int_equal(got, BIG_BYTES);
        memset(bytes, 0, BIG_BYTES);
        status = file_read(fd, bytes, BIG_BYTES, 0, FILE_NOWAIT, &got);
    }
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(got, BIG_BYTES);
    assert_int_equal(bytes[0], 'b');
    assert_int_equal(bytes[BIG_BYTES - 1], 'b');
    close(fd);
}

static void residence_is_told_of_the_very_bytes(void **state)
{
    (void)state;
    int fd = open_cold();
    if (fd < 0) skip();
    assert_int_not_equal(file_residency(fd, 0, BIG_BYTES), FILE_RESIDENT);
    assert_int_not_equal(file_residency(fd, 0, 1), FILE_RESIDENT);
    char byte;
    size_t got;
    assert_int_equal(file_read(fd, &byte, 1, BIG_BYTES - 1, FILE_WAIT, &got), STATUS_OK);
    if (file_residency(fd, BIG_BYTES - 1, 1) != FILE_RESIDENT) skip(); /* before Linux 6.5 nobody can tell */
    assert_int_not_equal(file_residency(fd, 0, BIG_BYTES), FILE_RESIDENT);
    for (int tries = 0; tries < 10 && file_residency(fd, 0, BIG_BYTES) != FILE_RESIDENT; tries++) {
        for (int64_t at = 0; at < BIG_BYTES; at += 4096)
            assert_int_equal(file_read(fd, &byte, 1, at, FILE_WAIT, &got), STATUS_OK);
    }
    assert_int_equal(file_residency(fd, 0, BIG_BYTES), FILE_RESIDENT);
    assert_int_equal(file_residency(fd, 4095, 2), FILE_RESIDENT);
    assert_int_equal(file_residency(fd, 0, 0), FILE_RESIDENT);
    assert_int_not_equal(file_residency(fd, 0, BIG_BYTES + 1), FILE_RESIDENT);
    file_read_ahead(fd, 0, BIG_BYTES);
    close(fd);
}

static void what_is_awaited_is_there(void **state)
{
    (void)state;
    enum { MORE = 1000 };
    char scratch_bytes[4096];
    size_t there;
    int nowhere = file_open_nowhere();
    assert_true(nowhere >= 0);
    const int ways[] = { nowhere, -1 };
    for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
        int fd = open_cold();
        if (fd < 0) skip();
        enum file_residency residency = FILE_ABSENT;
        /* The system may take pages back at any time. */
        for (int tries = 0; tries < 10 && residency == FILE_ABSENT; tries++) {
            there = 7;
            assert_int_equal(file_await(fd, 0, BIG_BYTES, ways[i], scratch_bytes, sizeof scratch_bytes, &there),
                             STATUS_OK);
            assert_int_equal(there, BIG_BYTES);
            residency = file_residency(fd, 0, BIG_BYTES);
        }
        assert_int_not_equal(residency, FILE_ABSENT);
        assert_int_equal(
            file_await(fd, BIG_BYTES - 10, 10 + MORE, ways[i], scratch_bytes, sizeof scratch_bytes, &there), STATUS_OK);
        assert_int_equal(there, 10);
        assert_int_equal(file_await(fd, BIG_BYTES, MORE, ways[i], scratch_bytes, sizeof scratch_bytes, &there),
                         STATUS_OK);
        assert_int_equal(there, 0);
        assert_int_equal(file_await(-1, 0, MORE, ways[i], scratch_bytes, sizeof scratch_bytes, &there), STATUS_FAILED);
        close(fd);
    }
    /* It has bytes to read, and no pages to lend. */
    int other = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    assert_true(other >= 0);
    assert_int_equal(file_await(other, 0, MORE, nowhere, scratch_bytes, sizeof scratch_bytes, &there), STATUS_OK);
    assert_in_range(there, 1, MORE);
    close(other);
    close(nowhere);
}

static void reading_ends_with_the_file(void **state)
{
    (void)state;
    scratch_text(&scratch, "short", "0123456789");
    int fd = open_to_read("short");
    char bytes[16];
    size_t got;
    assert_int_equal(file_read(fd, bytes, sizeof bytes, 4, FILE_WAIT, &got), STATUS_OK);
    assert_int_equal(got, 6);
    assert_memory_equal(bytes, "456789", 6);
    assert_int_equal(file_read(fd, bytes, sizeof bytes, 10, FILE_WAIT, &got), STATUS_OK);
    assert_int_equal(got, 0);
    assert_int_equal(file_read(fd, bytes, 0, 0, FILE_NOWAIT, &got), STATUS_OK);
    assert_int_equal(got, 0);
    /* Some kernels say so in the middle, too. */
    assert_int_equal(file_read(fd, bytes, sizeof bytes, 4, FILE_NOWAIT, &got), STATUS_WOULD_BLOCK);
    close(fd);
}

/* tmpfs refuses to be asked whether it would wait, on most kernels; it never does. */
static void files_in_memory_are_read_without_waiting(void **state)
{
    (void)state;
    struct statfs fs;
    if (statfs("/dev/shm", &fs) != 0 || fs.f_type != TMPFS_MAGIC || access("/dev/shm", W_OK) != 0) skip();
    struct scratch memory;
    scratch_open(&memory, "/dev/shm");
    scratch_text(&memory, "file", "in memory");
    int fd = openat(memory.fd, "file", O_RDONLY | O_CLOEXEC);
    char bytes[9];
    size_t got;
    assert_int_equal(file_read(fd, bytes, sizeof bytes, 0, FILE_NOWAIT, &got), STATUS_OK);
    assert_int_equal(got, sizeof bytes);
    assert_memory_equal(bytes, "in memory", sizeof bytes);
    close(fd);
    scratch_close(&memory);
}

static void finding_without_waiting_knows_what_was_found_before(void **state)
{
    (void)state;
    int root = root_open();
    struct file_facts facts;
    assert_int_equal(find(root, "nobody-looked-for-this", FILE_NOWAIT, &facts), STATUS_WOULD_BLOCK);
    assert_int_equal(find(root, "file", FILE_WAIT, &facts), STATUS_OK);
    assert_int_equal(find(root, "file", FILE_NOWAIT, &facts), STATUS_OK);
    assert_int_equal(facts.type, FILE_REGULAR);
    assert_int_equal(find(root, "to-folder/inner", FILE_WAIT, &facts), STATUS_OK);
    assert_int_equal(find(root, "to-folder/inner", FILE_NOWAIT, &facts), STATUS_OK);
    close(root);
}

static void what_is_no_descriptor_is_an_error(void **state)
{
    (void)state;
    struct file_identity identity;
    char byte;
    size_t got;
    int fd;
    assert_int_equal(file_identify(-1, &identity), STATUS_FAILED);
    assert_int_equal(file_read(-1, &byte, 1, 0, FILE_WAIT, &got), STATUS_FAILED);
    assert_int_not_equal(file_residency(-1, 0, 1), FILE_RESIDENT);
    assert_false(file_beneath_supported(-1));
    assert_int_not_equal(file_open_place(-1, FILE_WAIT, &fd), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_never_leaves_its_root),
        cmocka_unit_test(links_on_the_way_and_other_names_are_told),
        cmocka_unit_test(magic_links_are_refused),
        cmocka_unit_test(names_that_no_system_can_open_are_not_found),
        cmocka_unit_test(a_root_is_a_folder),
        cmocka_unit_test(what_is_no_file_is_told_without_opening_it),
        cmocka_unit_test(a_place_stays_the_file_that_was_looked_at),
        cmocka_unit_test(what_may_not_be_read_is_refused),
        cmocka_unit_test(a_leased_file_is_waited_for_by_those_who_may_wait),
        cmocka_unit_test(a_changed_file_has_another_identity),
        cmocka_unit_test(an_open_file_keeps_its_version_when_it_is_replaced_and_not_when_it_is_written),
        cmocka_unit_test(a_lease_tells_of_writers_and_keeps_them_out),
        cmocka_unit_test(an_identity_compares_every_part),
        cmocka_unit_test(reading_without_waiting_says_so_when_it_would_wait),
        cmocka_unit_test(residence_is_told_of_the_very_bytes),
        cmocka_unit_test(what_is_awaited_is_there),
        cmocka_unit_test(reading_ends_with_the_file),
        cmocka_unit_test(files_in_memory_are_read_without_waiting),
        cmocka_unit_test(finding_without_waiting_knows_what_was_found_before),
        cmocka_unit_test(what_is_no_descriptor_is_an_error),
    };
    return cmocka_run_group_tests(tests, with_a_tree, without_a_tree);
}
