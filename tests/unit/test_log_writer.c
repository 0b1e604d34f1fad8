#include <fcntl.h>
#include <poll.h>

#include "../support/log_rig.h"
#include "server/log_writer.h"

enum { RING_BYTES = 1 << 14, LINE_BYTES = 6200, PAGE_BYTES = 4096 };

/* What a writer said of its log; read after its end. */
struct said {
    unsigned count;
    char last[200];
};

static void complain(void *context, const char *what)
{
    struct said *said = context;
    said->count++;
    snprintf(said->last, sizeof said->last, "%s", what);
}

static struct log_writer *open_writer(const char *path, unsigned rings, struct said *said)
{
    struct log_writer_options options = {
        .rings = rings, .ring_bytes = RING_BYTES, .line_bytes = LINE_BYTES, .complain = complain, .context = said
    };
    struct log_target target = { .kind = LOG_TO_FILE, .path = span_of_string(path) };
    *said = (struct said){ 0 };
    assert_true(log_sink_open(&options.sink, &target, "/nowhere", false));
    struct log_writer *writer = log_writer_new(&options);
    assert_non_null(writer);
    return writer;
}

static bool add(struct log_writer *writer, unsigned ring, const char *line)
{
    char *room = log_writer_room(writer, ring, '6');
    if (!room) return false;
    memcpy(room, line, strlen(line));
    log_writer_add(writer, ring, strlen(line));
    return true;
}

static void every_line_is_there_at_the_end(void **state)
{
    (void)state;
    enum { LINES = 3000 };
    char path[120], line[40];
    struct said said;
    struct log_writer *writer = open_writer(rig_path("all", path), 2, &said);
    for (int i = 0; i < LINES; i++) {
        snprintf(line, sizeof line, "line %05d\n", i);
        while (!add(writer, (unsigned)i % 2, line)) poll(NULL, 0, 1);
    }
    uint64_t lost = log_writer_stop(writer);
    log_writer_free(writer);
    const char *text = rig_text("all");
    assert_int_equal(strlen(text), LINES * 11);
    int last[2] = { -1, -1 };
    for (const char *at = text; *at; at += 11) { /* each ring's in their order */
        int i = atoi(at + 5);
        assert_true(i > last[i % 2]);
        last[i % 2] = i;
    }
    assert_int_equal(last[0] + last[1], LINES - 2 + LINES - 1);
    (void)lost; /* those for which there was no room at once, and which were added again */
}

static void what_there_is_no_room_for_is_counted_and_told(void **state)
{
    (void)state;
    char path[120], line[502];
    struct said said;
    memset(line, 'x', sizeof line);
    line[500] = '\n';
    line[501] = '\0';
    SCRATCH_MUST(mkfifoat(scratch.fd, "pipe", 0600) == 0);
    int reader = openat(scratch.fd, "pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct log_writer *writer = open_writer(rig_path("pipe", path), 1, &said);
    uint64_t taken = 0, refused = 0;
    /* More than pipe and ring hold. */
    for (int i = 0; i < 1000; i++) *(add(writer, 0, line) ? &taken : &refused) += 1;
    uint64_t lost = log_writer_stop(writer), there = 0;
    log_writer_free(writer);
    char part[4096];
    for (ssize_t n; (n = read(reader, part, sizeof part)) > 0;) {
        for (ssize_t i = 0; i < n; i++) there += part[i] == '\n';
    }
    close(reader);
    assert_true(refused > 0);
    assert_int_equal(there + lost, 1000);
    assert_true(lost >= refused);
    assert_true(said.count >= 1);
    assert_non_null(strstr(said.last, "lost"));
}

/* A pipe of one page at `name`, and a writer to it with two rings. */
static struct log_writer *open_narrow(const char *name, struct said *said, int *ret_reader)
{
    char path[120];
    SCRATCH_MUST(mkfifoat(scratch.fd, name, 0600) == 0);
    *ret_reader = openat(scratch.fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    SCRATCH_MUST(fcntl(*ret_reader, F_SETPIPE_SZ, PAGE_BYTES) == PAGE_BYTES);
    return open_writer(rig_path(name, path), 2, said);
}

/* The next page of it, or what there is. */
static size_t read_page(int reader, char page[PAGE_BYTES])
{
    struct pollfd wait = { .fd = reader, .events = POLLIN };
    assert_int_equal(poll(&wait, 1, 10000), 1);
    ssize_t size = read(reader, page, PAGE_BYTES);
    assert_true(size > 0);
    return (size_t)size;
}

static void no_line_stands_within_another_rings(void **state)
{
    (void)state;
    enum { LONG = 6000, SHORT = 6 };
    int reader;
    char line[LONG + 1], text[3 * PAGE_BYTES];
    struct said said;
    struct log_writer *writer = open_narrow("narrow", &said, &reader);
    memset(line, 'x', LONG);
    memcpy(line + LONG - 1, "\n", 2);
    assert_true(add(writer, 1, line));
    log_writer_hurry(writer);
    struct pollfd wait = { .fd = reader, .events = POLLIN };
    assert_int_equal(poll(&wait, 1, 10000), 1); /* its first page is there, and no room for the rest */
    assert_true(add(writer, 0, "short\n"));
    size_t size = 0;
    while (size < LONG + SHORT) size += read_page(reader, text + size);
    assert_int_equal(log_writer_stop(writer), 0);
    log_writer_free(writer);
    close(reader);
    assert_int_equal(size, LONG + SHORT);
    assert_memory_equal(text, line, LONG);
    assert_memory_equal(text + LONG, "short\n", SHORT);
}

static void a_ring_that_is_always_full_lets_the_other_through(void **state)
{
    (void)state;
    int reader;
    char line[502], page[PAGE_BYTES];
    struct said said;
    struct log_writer *writer = open_narrow("shared", &said, &reader);
    memset(line, 'x', sizeof line);
    memcpy(line + 500, "\n", 2);
    bool is_through = false;
    while (add(writer, 0, line)) {}
    assert_true(add(writer, 1, "other\n"));
    for (unsigned i = 0; i < 30 && !is_through; i++) {
        while (add(writer, 0, line)) {}
        is_through = memmem(page, read_page(reader, page), "other\n", 6) != NULL;
    }
    (void)log_writer_stop(writer);
    log_writer_free(writer);
    close(reader);
    assert_true(is_through);
}

static void a_full_disk_is_told_once_and_what_it_costs_is_counted(void **state)
{
    (void)state;
    struct said said;
    struct log_writer *writer = open_writer("/dev/full", 1, &said);
    for (int i = 0; i < 5; i++) {
        assert_true(add(writer, 0, "line\n"));
        log_writer_hurry(writer);
        poll(NULL, 0, 5);
    }
    assert_int_equal(log_writer_stop(writer), 5);
    log_writer_free(writer);
    assert_true(said.count >= 1 && said.count <= 2); /* why, and perhaps how many */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_there_at_the_end),
        cmocka_unit_test(what_there_is_no_room_for_is_counted_and_told),
        cmocka_unit_test(no_line_stands_within_another_rings),
        cmocka_unit_test(a_ring_that_is_always_full_lets_the_other_through),
        cmocka_unit_test(a_full_disk_is_told_once_and_what_it_costs_is_counted),
    };
    return cmocka_run_group_tests(tests, rig_open_scratch, rig_close_scratch);
}
