#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/inheritance.h"

static bool closes_on_exec(int fd)
{
    return fcntl(fd, F_GETFD) == FD_CLOEXEC;
}

/* Three sockets at an address of the kernel's choice, and one at a path. */
static void open_listeners(struct listeners *listeners)
{
    *listeners = (struct listeners){ .address_count = 2 };
    struct listeners_at *tcp = &listeners->at[0], *un = &listeners->at[1];
    char path[64];
    assert_true(socket_address_parse("::1", 0, &tcp->asked));
    tcp->address = tcp->asked;
    tcp->served = 2;
    for (tcp->count = 0; tcp->count < 3; tcp->count++) {
        tcp->fds[tcp->count] = socket_listen(&tcp->address, true);
        assert_true(tcp->fds[tcp->count] >= 0);
        socket_address_learn(tcp->fds[0], &tcp->address);
    }
    snprintf(path, sizeof path, "unix:/tmp/folio-unit-%d.sock", (int)getpid());
    assert_true(socket_address_parse(path, 0, &un->asked));
    un->address = un->asked;
    un->served = un->count = 1;
    un->fds[0] = socket_listen(&un->address, true);
    assert_true(un->fds[0] >= 0);
}

static void what_was_left_is_taken(void **state)
{
    (void)state;
    struct listeners left, taken;
    struct inheritance inherited, inheritance = {
        .process_count = 2,
        .processes = { { .pid = 4711, .serves = true }, { .pid = 4712 } },
        .errors = { .level = LOG_LEVEL_INFO, .target = "/var/log/a log\n" },
    };
    char *longest = inheritance.errors.system_socket;
    memset(longest, 'x', sizeof inheritance.errors.system_socket - 1);
    open_listeners(&left);
    assert_false(inheritance_is_ours());
    assert_true(inheritance_leave(&inheritance, &left) >= 0);
    assert_true(inheritance_is_ours());
    assert_false(closes_on_exec(left.at[0].fds[2]));
    assert_true(inheritance_take(&inherited, &taken));
    assert_false(inheritance_is_ours()); /* nobody who is started from here on takes it again */
    assert_int_equal(inherited.process_count, 2);
    assert_int_equal(inherited.processes[0].pid, 4711);
    assert_true(inherited.processes[0].serves);
    assert_int_equal(inherited.processes[1].pid, 4712);
    assert_false(inherited.processes[1].serves);
    assert_int_equal(inherited.errors.level, LOG_LEVEL_INFO);
    assert_string_equal(inherited.errors.target, "/var/log/a log\n");
    assert_string_equal(inherited.errors.system_socket, longest);
    assert_int_equal(taken.address_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct listeners_at *a = &left.at[i], *b = &taken.at[i];
        assert_int_equal(a->asked.size, b->asked.size);
        assert_memory_equal(&a->asked.at, &b->asked.at, a->asked.size);
        assert_int_equal(a->address.size, b->address.size);
        assert_memory_equal(&a->address.at, &b->address.at, a->address.size);
        assert_int_equal(a->served, b->served);
        assert_int_equal(a->count, b->count);
        assert_memory_equal(a->fds, b->fds, a->count * sizeof *a->fds);
        for (unsigned j = 0; j < b->count; j++) assert_true(closes_on_exec(b->fds[j]));
    }
    listeners_close(&taken);
}

static void what_nobody_took_is_taken_back(void **state)
{
    (void)state;
    struct listeners left;
    struct inheritance inheritance = { .process_count = 0 };
    open_listeners(&left);
    int fd = inheritance_leave(&inheritance, &left);
    assert_true(fd >= 0);
    inheritance_take_back(fd, &left);
    assert_false(inheritance_is_ours());
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    for (unsigned j = 0; j < 3; j++) assert_true(closes_on_exec(left.at[0].fds[j]));
    listeners_close(&left);
}

/* A memory file with `text`, named as one that was left to this process. */
static void leave_text(const char *text)
{
    char value[32];
    int fd = memfd_create("text", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    snprintf(value, sizeof value, "%d:%d", fd, (int)getpid());
    assert_int_equal(setenv("FOLIO_INHERITANCE", value, 1), 0);
}

static void what_is_not_understood_is_not_taken(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "folio inheritance 3\nend\n",
        "folio inheritance 2\n",                                         /* not whole */
        "folio inheritance 2\nprocess\nend\n",                           /* which? */
        "folio inheritance 2\nprocess 12\nend\n",                        /* serves, or leaves? */
        "folio inheritance 2\nsomething else\nend\n",                    /* not known */
        "folio inheritance 2\naddress\nend\n",                           /* which? */
        "folio inheritance 2\nerrors 8 00 00\nend\n",                    /* no such level */
        "folio inheritance 2\nerrors 4 2f00\nend\n",                     /* only the one text */
        "folio inheritance 2\nerrors 4 2f 00\nend\n",                    /* without its end */
        "folio inheritance 2\naddress 1 0200\nend\n",                    /* only the one that was asked for */
        "folio inheritance 2\naddress 1 02001f90 02001f90 99999\nend\n", /* no such descriptor */
        "folio inheritance 2\naddress x 02001f90 02001f90\nend\n",       /* how many are served? */
    };
    struct inheritance inheritance;
    struct listeners listeners;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        leave_text(texts[i]);
        assert_true(inheritance_is_ours());
        assert_false(inheritance_take(&inheritance, &listeners));
        assert_false(inheritance_is_ours());
    }
    assert_false(inheritance_take(&inheritance, &listeners)); /* nothing was left */
}

static void more_processes_or_addresses_than_there_is_room_for_are_not_taken(void **state)
{
    (void)state;
    static char text[65536];
    struct inheritance inheritance;
    struct listeners listeners;
    for (int what = 0; what < 2; what++) {
        int size = snprintf(text, sizeof text, "folio inheritance 2\n");
        for (int i = 0; i <= 64; i++)
            size += snprintf(text + size, sizeof text - (size_t)size, "%s",
                             what ? "process 1 leaves\n" : "address 0 0200 0200\n");
        snprintf(text + size, sizeof text - (size_t)size, "end\n");
        leave_text(text);
        assert_false(inheritance_take(&inheritance, &listeners));
    }
}

static void a_draft_is_signed_by_who_understands_it(void **state)
{
    (void)state;
    assert_true(inheritance_sign()); /* nobody asks */
    int draft = inheritance_draft();
    assert_true(draft >= 0 && closes_on_exec(draft));
    assert_false(inheritance_is_signed(draft));
    assert_true(inheritance_show(draft));
    assert_false(closes_on_exec(draft));
    assert_false(inheritance_is_ours());
    assert_true(inheritance_sign());
    assert_true(inheritance_is_signed(draft));
    close(draft);
    unsetenv("FOLIO_INHERITANCE");
    leave_text("folio inheritance 3\n");
    assert_false(inheritance_sign());
    unsetenv("FOLIO_INHERITANCE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_left_is_taken),
        cmocka_unit_test(what_nobody_took_is_taken_back),
        cmocka_unit_test(what_is_not_understood_is_not_taken),
        cmocka_unit_test(more_processes_or_addresses_than_there_is_room_for_are_not_taken),
        cmocka_unit_test(a_draft_is_signed_by_who_understands_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
