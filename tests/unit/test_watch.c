#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/scratch.h"
#include "cache/lookout.h"
#include "cache/tree.h"
#include "platform/mounts.h"

static struct scratch scratch;
static struct lookout *lookout;
static const struct tree tree, inner;
static struct watch *watch;          /* of the tree */
static void (*after_watching)(void); /* once, when the kernel watches something, and nobody has noted that yet */

int __real_notify_watch_folder(int notify, int fd);
int __wrap_notify_watch_folder(int notify, int fd);
int __real_notify_watch_file(int notify, int fd);
int __wrap_notify_watch_file(int notify, int fd);

static int then(int watched)
{
    void (*hook)(void) = after_watching;
    after_watching = NULL;
    if (hook) hook();
    return watched;
}

int __wrap_notify_watch_folder(int notify, int fd)
{
    return then(__real_notify_watch_folder(notify, fd));
}

int __wrap_notify_watch_file(int notify, int fd)
{
    return then(__real_notify_watch_file(notify, fd));
}

static unsigned instances = 2; /* of inotify, that are to be had */

int __real_notify_open(void);
int __wrap_notify_open(void);

int __wrap_notify_open(void)
{
    if (instances == 0) return -1;
    instances--;
    return __real_notify_open();
}

static void look_out(int root, const char *path, size_t folder_bytes_max)
{
    unsigned to_be_had = instances;
    lookout = lookout_new(folder_bytes_max);
    instances = to_be_had;
    assert_non_null(lookout);
    watch = lookout_watch(lookout, &tree, root, path);
    assert_non_null(watch);
}

static int with_a_watch(void **state)
{
    (void)state;
    after_watching = NULL;
    scratch_open(&scratch, "/var/tmp");
    scratch_folder(&scratch, "folder");
    scratch_text(&scratch, "folder/file", "content");
    scratch_link(&scratch, "folder", "link");
    scratch_link(&scratch, ".", "a");
    scratch_link(&scratch, ".", "b");
    look_out(scratch.fd, scratch.path, SIZE_MAX);
    return 0;
}

static int with_one_instance(void **state)
{
    instances = 1;
    return with_a_watch(state);
}

static int with_no_instance(void **state)
{
    instances = 0;
    return with_a_watch(state);
}

static int without_a_watch(void **state)
{
    (void)state;
    instances = 2;
    lookout_free(lookout);
    scratch_close(&scratch);
    return 0;
}

static struct watch_mark enter_by(struct watch *by, const char *key)
{
    struct watch_mark mark;
    assert_int_equal(watch_enter(by, span_of_string(key), FILE_WAIT, &mark), STATUS_OK);
    return mark;
}

static struct watch_mark enter(const char *key)
{
    return enter_by(watch, key);
}

/* Everything that nobody holds is forgotten. */
static void tidy_up(void)
{
    uint64_t before;
    do {
        before = lookout_counts(lookout).folders;
        for (int i = 0; i < 64; i++) lookout_tidy(lookout);
    } while (lookout_counts(lookout).folders < before);
}

static char told[4096]; /* the keys, each with a blank behind it */

static void note_key(void *context, struct span key, unsigned what)
{
    (void)context, (void)what;
    size_t size = strlen(told);
    assert_true(size + key.size + 2 < sizeof told);
    snprintf(told + size, sizeof told - size, "%.*s ", (int)key.size, key.data);
}

static void note_path(void *context, const struct tree *of, struct span path, unsigned what)
{
    if (of == &inner) strncat(told, "inner:", sizeof told - strlen(told) - 1);
    note_key(context, path, what);
}

static bool is_told(const char *key)
{
    char wanted[PATH_MAX];
    told[0] = '\0';
    lookout_events(lookout, &(struct lookout_listener){ NULL, note_path, note_key });
    lookout_steps_events(lookout);
    snprintf(wanted, sizeof wanted, "%s ", key);
    return strstr(told, wanted) != NULL;
}

static unsigned watches_of(int notify)
{
    char name[64], line[512];
    unsigned count = 0;
    snprintf(name, sizeof name, "/proc/self/fdinfo/%d", notify);
    FILE *info = fopen(name, "r");
    assert_non_null(info);
    while (fgets(line, sizeof line, info)) count += strncmp(line, "inotify ", 8) == 0;
    fclose(info);
    return count;
}

/* The watches that the kernel holds for us. */
static unsigned kernel_watches(void)
{
    int folders = lookout_descriptor(lookout), steps = lookout_steps_descriptor(lookout);
    return watches_of(folders) + (steps != folders ? watches_of(steps) : 0);
}

/* One folder, reached by two keys, has one watch: whoever gives it up must know of both. */
static void forget_the_first_key(void)
{
    tidy_up();
    (void)is_told("");
}

static void a_folder_of_two_keys_stays_watched_when_one_is_forgotten_while_the_other_is_made_known(void **state)
{
    (void)state;
    struct watch_mark first = enter("/folder/file");
    watch_leave(&first);
    after_watching = forget_the_first_key;
    struct watch_mark second = enter("/link/file");
    assert_null(after_watching);
    assert_non_null(second.folder);
    scratch_text(&scratch, "folder/file", "changed");
    assert_true(is_told("/link/file"));
    watch_leave(&second);
}

static void a_folder_of_two_keys_stays_watched_when_one_is_forgotten_later(void **state)
{
    (void)state;
    struct watch_mark first = enter("/folder/file"), second = enter("/link/file");
    watch_leave(&first);
    tidy_up();
    scratch_text(&scratch, "folder/file", "changed");
    assert_true(is_told("/link/file"));
    watch_leave(&second);
    tidy_up();
    scratch_text(&scratch, "folder/file", "changed again");
    assert_false(is_told("/link/file"));
}

static int file;

static void change_the_file(void)
{
    scratch_text(&scratch, "folder/file", "changed");
    (void)is_told("");
}

/* An event on a file ends its watch; who watches it by another key at that moment must have another one. */
static void a_file_of_two_keys_stays_watched_when_one_is_told_of_while_the_other_is_noted(void **state)
{
    (void)state;
    file = openat(scratch.fd, "folder/file", O_PATH | O_CLOEXEC);
    watch_file(watch, file, SPAN("/one"));
    after_watching = change_the_file;
    watch_file(watch, file, SPAN("/two"));
    assert_null(after_watching);
    (void)is_told("");
    scratch_text(&scratch, "folder/file", "changed again");
    assert_true(is_told("/two"));
    close(file);
}

/* The root is a folder on its own way: giving up the one's watch must not end the other's. */
static void a_step_to_the_root_stays_watched_when_a_folder_is_forgotten(void **state)
{
    (void)state;
    char path[PATH_MAX];
    lookout_free(lookout);
    snprintf(path, sizeof path, "%s/folder/..", scratch.path);
    look_out(scratch.fd, path, SIZE_MAX);
    unsigned before = kernel_watches();
    struct watch_mark mark = enter("/folder/file");
    watch_leave(&mark);
    scratch_folder(&scratch, "folder/inner");
    assert_int_equal(renameat(scratch.fd, "folder", scratch.fd, "elsewhere"), 0);
    (void)is_told("");
    tidy_up();
    assert_true(kernel_watches() >= before - 1);
    assert_int_equal(renameat(scratch.fd, "elsewhere", scratch.fd, "folder"), 0);
    (void)is_told("");
    assert_true(kernel_watches() >= before);
}

/* DocumentRoot's path leads through a link that is turned elsewhere again and again. */
static void the_watches_of_a_way_to_the_root_that_leads_elsewhere_now_are_given_up(void **state)
{
    (void)state;
    char path[PATH_MAX], name[32];
    lookout_free(lookout);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "release-%d", i);
        scratch_folder(&scratch, name);
        snprintf(name, sizeof name, "release-%d/site", i);
        scratch_folder(&scratch, name);
    }
    scratch_link(&scratch, "release-0", "current");
    snprintf(path, sizeof path, "%s/current/site", scratch.path);
    int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    look_out(root, path, SIZE_MAX);
    unsigned before = kernel_watches();
    for (int i = 1; i < 20; i++) {
        snprintf(name, sizeof name, "release-%d", i);
        scratch_link(&scratch, name, "next");
        assert_int_equal(renameat(scratch.fd, "next", scratch.fd, "current"), 0);
        (void)is_told("");
        snprintf(path, sizeof path, "%s/%s/site", scratch.path, name);
        struct stat wanted, is;
        assert_int_equal(stat(path, &wanted), 0);
        assert_int_equal(fstat(root, &is), 0);
        assert_true(wanted.st_ino == is.st_ino);
    }
    assert_int_equal(kernel_watches(), before);
    close(root);
}

/* "a" and "b" both lead to where they are: of "a/b/b/a/..." there is no end. */
static void links_to_above_make_known_no_more_folders_than_there_is_room_for(void **state)
{
    (void)state;
    enum { ROOM = 20000, KEYS = 2000 };
    lookout_free(lookout);
    look_out(scratch.fd, scratch.path, ROOM);
    struct watch_mark held[KEYS];
    unsigned unknown = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        char key[32] = "/";
        for (int bit = 0; bit < 12; bit++) strcat(key, i & (1u << bit) ? "a/" : "b/");
        held[i] = enter(key);
        assert_true(held[i].needs_checks);
        unknown += held[i].folder == NULL;
        assert_in_range(lookout_counts(lookout).folders * sizeof(struct folder), 0, ROOM);
    }
    assert_in_range(unknown, 1, KEYS - 1);
    assert_in_range(lookout_counts(lookout).refused, unknown, UINT64_MAX);
    for (unsigned i = 0; i < KEYS; i++) watch_leave(&held[i]);
    /* When they are let go, there is room for others, at once or soon. */
    struct watch_mark other = { 0 };
    for (int tries = 0; tries < 64 && !other.folder; tries++) other = enter("/folder/file");
    assert_non_null(other.folder);
    assert_false(other.needs_checks);
    watch_leave(&other);
}

/* Of the inner one nothing is told itself when the outer one is moved. */
static void a_folder_that_is_void_is_watched_again_when_it_is_looked_at_and_else_no_longer(void **state)
{
    (void)state;
    scratch_folder(&scratch, "folder/inner");
    struct watch_mark kept = enter("/folder/inner/file");
    unsigned before = kernel_watches();
    assert_int_equal(renameat(scratch.fd, "folder", scratch.fd, "elsewhere"), 0);
    (void)is_told("");
    assert_false(watch_holds(watch, &kept, SPAN("/folder/inner/file")));
    tidy_up();
    assert_int_equal(kernel_watches(), before - 2);
    assert_int_equal(renameat(scratch.fd, "elsewhere", scratch.fd, "folder"), 0);
    (void)is_told("");
    struct watch_mark again = enter("/folder/inner/file");
    assert_ptr_equal(again.folder, kept.folder);
    assert_int_equal(kernel_watches(), before);
    scratch_text(&scratch, "folder/inner/file", "new");
    assert_true(is_told("/folder/inner/file"));
    watch_leave(&kept);
    watch_leave(&again);
}

/* Of a folder that may not be entered nothing is told but by the one above it. */
static void a_folder_whose_permissions_change_makes_those_look_again_who_could_not_enter(void **state)
{
    (void)state;
    struct watch_mark above = enter("/nothing/file");
    assert_true(above.is_above);
    assert_int_equal(fchmodat(scratch.fd, "folder/file", 0600, 0), 0);
    (void)is_told("");
    assert_true(watch_holds(watch, &above, SPAN("/nothing/file")));
    assert_int_equal(fchmodat(scratch.fd, "folder", 0700, 0), 0);
    (void)is_told("");
    assert_false(watch_holds(watch, &above, SPAN("/nothing/file")));
    watch_leave(&above);
}

static uint64_t sum_of(const char *mountinfo, const char *path)
{
    uint64_t sum = 0;
    scratch_text(&scratch, "mountinfo", mountinfo);
    int fd = openat(scratch.fd, "mountinfo", O_RDONLY | O_CLOEXEC);
    assert_int_equal(mounts_sum(fd, path, &sum), STATUS_OK);
    assert_int_equal(mounts_sum(fd, path, &sum), STATUS_OK); /* from its beginning each time */
    close(fd);
    return sum;
}

static void the_sum_of_the_mounts_tells_those_on_a_folder_and_below_it(void **state)
{
    (void)state;
    static const char base[] = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n";
    static const struct {
        const char *line, *path;
        bool is_other;
    } rows[] = {
        { "", "/srv/www", false },
        { "30 22 0:5 / /proc rw - proc proc rw\n", "/srv/www", false },
        { "30 22 0:5 / /srv rw - tmpfs tmpfs rw\n", "/srv/www", false },
        { "30 22 0:5 / /srv/www2 rw - tmpfs tmpfs rw\n", "/srv/www", false },
        { "30 22 0:5 / /srv/www rw - tmpfs tmpfs rw\n", "/srv/www", true },
        { "30 22 0:5 / /srv/www/a rw - tmpfs tmpfs rw\n", "/srv/www", true },
        { "30 22 0:5 / /srv/www/a rw - tmpfs tmpfs rw\n", "/", true },
        { "30 22 0:5 / /srv/w\\040w/a rw - tmpfs tmpfs rw\n", "/srv/w w", true },
        { "30 22 0:5 / /srv/w\\040w/a rw - tmpfs tmpfs rw\n", "/srv/w", false },
        { "what is this\n", "/", false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[512];
        snprintf(text, sizeof text, "%s%s", base, rows[i].line);
        assert_int_equal(sum_of(text, rows[i].path) != sum_of(base, rows[i].path), rows[i].is_other);
    }
    /* Being mounted in another way is no other mount; another device in its place is. */
    uint64_t sum = sum_of("30 22 0:5 / /srv/www rw - tmpfs tmpfs rw\n", "/srv/www");
    assert_true(sum == sum_of("30 22 0:5 / /srv/www ro shared:7 - tmpfs tmpfs rw\n", "/srv/www"));
    assert_true(sum != sum_of("30 22 0:6 / /srv/www rw - tmpfs tmpfs rw\n", "/srv/www"));
    assert_true(sum != sum_of("30 22 0:5 /x /srv/www rw - tmpfs tmpfs rw\n", "/srv/www"));
}

static void mounts_elsewhere_make_nothing_void(void **state)
{
    (void)state;
    struct watch_mark mark = enter("/folder/file");
    lookout_mounts_changed(lookout);
    assert_true(watch_holds(watch, &mark, SPAN("/folder/file")));
    watch_leave(&mark);
}

/* What others do beside the root is no sign that anything of ours has changed. */
static void the_way_to_the_root_is_listened_to_apart(void **state)
{
    (void)state;
    struct pollfd folders = { .fd = lookout_descriptor(lookout), .events = POLLIN };
    struct pollfd steps = { .fd = lookout_steps_descriptor(lookout), .events = POLLIN };
    char beside[PATH_MAX];
    snprintf(beside, sizeof beside, "%s-beside", scratch.path);
    assert_int_equal(mkdir(beside, 0700), 0);
    assert_int_equal(rmdir(beside), 0);
    assert_int_equal(poll(&folders, 1, 0), 0);
    assert_int_equal(poll(&steps, 1, 0), 1);
}

static int inner_root = -1;

/* Another tree, which is a folder of the first one. */
static struct watch *watch_inner(void)
{
    inner_root = openat(scratch.fd, "folder", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/folder", scratch.path);
    struct watch *by = lookout_watch(lookout, &inner, inner_root, path);
    assert_non_null(by);
    return by;
}

static int without_both(void **state)
{
    close(inner_root);
    return without_a_watch(state);
}

static void a_change_is_told_of_in_every_tree_by_its_path_there(void **state)
{
    (void)state;
    struct watch *by = watch_inner();
    struct watch_mark outer_mark = enter("/folder/file"), inner_mark = enter_by(by, "/file");
    scratch_text(&scratch, "folder/file", "changed");
    assert_true(is_told("/folder/file") && strstr(told, "inner:/file "));
    assert_false(watch_holds(watch, &outer_mark, SPAN("/folder/file")));
    assert_false(watch_holds(by, &inner_mark, SPAN("/file")));
    watch_leave(&outer_mark);
    watch_leave(&inner_mark);
}

/* The kernel has one watch for both. */
static void a_folder_of_two_trees_stays_watched_when_one_forgets_it(void **state)
{
    (void)state;
    struct watch *by = watch_inner();
    struct watch_mark outer_mark = enter("/folder/file"), inner_mark = enter_by(by, "/file");
    watch_leave(&outer_mark);
    tidy_up();
    assert_int_equal(lookout_counts(lookout).folders, 2); /* both roots */
    scratch_text(&scratch, "folder/file", "changed");
    assert_true(is_told("inner:/file"));
    assert_false(is_told("/folder/file"));
    watch_leave(&inner_mark);
}

static void folders_of_the_same_path_in_two_trees_are_two(void **state)
{
    (void)state;
    scratch_folder(&scratch, "same");
    scratch_folder(&scratch, "folder/same");
    struct watch *by = watch_inner();
    struct watch_mark outer_mark = enter("/same/file"), inner_mark = enter_by(by, "/same/file");
    assert_ptr_not_equal(outer_mark.folder, inner_mark.folder);
    scratch_text(&scratch, "same/file", "new");
    assert_true(is_told("/same/file"));
    assert_null(strstr(told, "inner:"));
    assert_true(watch_holds(by, &inner_mark, SPAN("/same/file")));
    watch_leave(&outer_mark);
    watch_leave(&inner_mark);
}

static bool leads_to(int root, const char *name)
{
    struct stat wanted, is;
    assert_int_equal(fstatat(scratch.fd, name, &wanted, 0), 0);
    assert_int_equal(fstat(root, &is), 0);
    return wanted.st_ino == is.st_ino;
}

static int watch_also(const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", scratch.path, name);
    int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_non_null(lookout_watch(lookout, &inner, root, path));
    return root;
}

static void turn(const char *link, const char *to)
{
    scratch_unlink(&scratch, link);
    scratch_link(&scratch, to, link);
    (void)is_told("");
}

/* Both ways lead through links in the folder "ways", until the one's does no longer. */
static void a_step_to_one_root_stays_watched_when_the_way_to_another_leads_elsewhere(void **state)
{
    (void)state;
    scratch_folder(&scratch, "ways");
    scratch_folder(&scratch, "elsewhere");
    scratch_link(&scratch, "../folder", "ways/one");
    scratch_link(&scratch, "../folder", "ways/two");
    scratch_link(&scratch, "ways/one", "current");
    int one = watch_also("current"), two = watch_also("ways/two");
    turn("current", "elsewhere");
    assert_true(leads_to(one, "elsewhere"));
    turn("ways/two", "../elsewhere");
    assert_true(leads_to(two, "elsewhere"));
    turn("current", "ways/one");
    turn("ways/one", "../ways");
    assert_true(leads_to(one, "ways"));
    assert_true(leads_to(two, "elsewhere"));
    close(one);
    close(two);
}

/* Others of the same user may have them all (fs.inotify.max_user_instances). */
static void without_an_instance_everything_is_looked_at_by_age(void **state)
{
    (void)state;
    assert_int_equal(lookout_descriptor(lookout), -1);
    assert_int_equal(lookout_steps_descriptor(lookout), -1);
    struct watch_mark mark = enter("/folder/file");
    assert_non_null(mark.folder);
    assert_true(mark.needs_checks);
    assert_false(mark.is_remote);
    watch_file(watch, scratch.fd, SPAN("/folder/file"));
    assert_int_equal(lookout_counts(lookout).by_age, lookout_counts(lookout).folders);
    watch_leave(&mark);
    scratch_folder(&scratch, "elsewhere");
    scratch_link(&scratch, "folder", "current");
    int root = watch_also("current");
    turn("current", "elsewhere");
    assert_true(leads_to(root, "folder"));
    assert_true(lookout_check_roots(lookout));
    assert_true(leads_to(root, "elsewhere"));
    close(root);
}

#define WITH_TWO_TREES(test)    cmocka_unit_test_setup_teardown(test, with_a_watch, without_both)
#define WITH_NO_INSTANCE(test)  cmocka_unit_test_setup_teardown(test, with_no_instance, without_a_watch)
#define WITH_ONE_INSTANCE(test) cmocka_unit_test_setup_teardown(test, with_one_instance, without_a_watch)
#define WITH_A_WATCH(test)      cmocka_unit_test_setup_teardown(test, with_a_watch, without_a_watch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_WATCH(a_folder_of_two_keys_stays_watched_when_one_is_forgotten_while_the_other_is_made_known),
        WITH_A_WATCH(a_folder_of_two_keys_stays_watched_when_one_is_forgotten_later),
        WITH_A_WATCH(a_file_of_two_keys_stays_watched_when_one_is_told_of_while_the_other_is_noted),
        WITH_A_WATCH(a_step_to_the_root_stays_watched_when_a_folder_is_forgotten),
        WITH_A_WATCH(the_watches_of_a_way_to_the_root_that_leads_elsewhere_now_are_given_up),
        WITH_ONE_INSTANCE(a_step_to_the_root_stays_watched_when_a_folder_is_forgotten),
        WITH_ONE_INSTANCE(the_watches_of_a_way_to_the_root_that_leads_elsewhere_now_are_given_up),
        WITH_A_WATCH(the_way_to_the_root_is_listened_to_apart),
        WITH_A_WATCH(links_to_above_make_known_no_more_folders_than_there_is_room_for),
        WITH_A_WATCH(a_folder_that_is_void_is_watched_again_when_it_is_looked_at_and_else_no_longer),
        WITH_A_WATCH(a_folder_whose_permissions_change_makes_those_look_again_who_could_not_enter),
        WITH_A_WATCH(the_sum_of_the_mounts_tells_those_on_a_folder_and_below_it),
        WITH_A_WATCH(mounts_elsewhere_make_nothing_void),
        WITH_TWO_TREES(a_change_is_told_of_in_every_tree_by_its_path_there),
        WITH_TWO_TREES(a_folder_of_two_trees_stays_watched_when_one_forgets_it),
        WITH_TWO_TREES(folders_of_the_same_path_in_two_trees_are_two),
        WITH_A_WATCH(a_step_to_one_root_stays_watched_when_the_way_to_another_leads_elsewhere),
        WITH_ONE_INSTANCE(a_step_to_one_root_stays_watched_when_the_way_to_another_leads_elsewhere),
        WITH_NO_INSTANCE(without_an_instance_everything_is_looked_at_by_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
