#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "platform/scan.h"

typedef const char *scanner(const char *at, const char *end);

static const struct {
    const char *name;
    scanner *wide;
    scanner *scalar;
    const char *clean; /* bytes that none of them stops at, in any order */
} scanners[] = {
    { "value", scan_value_end, scan_value_end_scalar, "aZ09 \t~!\"%?#/.\x80\xff" },
    { "path", scan_path_end, scan_path_end_scalar, "aZ09~!\"%/.\\" },
    { "normal", scan_normal_end, scan_normal_end_scalar, "aZ09~!\"?#\\.\x80\xff \t\x7f" },
    { "plain", scan_plain_end, scan_plain_end_scalar, "aZ09~!%/.?# '" },
};

enum { SCANNERS = sizeof scanners / sizeof scanners[0], SIZE_MAX_TRIED = 70 };

static struct guarded guarded;

static int set_up(void **state)
{
    (void)state;
    guarded = guarded_open(4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guarded_close(&guarded);
    return 0;
}

/* `size` bytes that the scanner passes over, ending at the guard page. */
static char *clean_bytes(size_t scanner_index, size_t size)
{
    char bytes[SIZE_MAX_TRIED];
    const char *clean = scanners[scanner_index].clean;
    for (size_t i = 0; i < size; i++) bytes[i] = clean[(i * 7 + size) % strlen(clean)];
    return guarded_copy(&guarded, bytes, size);
}

static void clean_bytes_of_every_size_are_passed_over(void **state)
{
    (void)state;
    for (size_t s = 0; s < SCANNERS; s++) {
        for (size_t size = 0; size < SIZE_MAX_TRIED; size++) {
            char *bytes = clean_bytes(s, size);
            assert_ptr_equal(scanners[s].wide(bytes, bytes + size), bytes + size);
            assert_ptr_equal(scanners[s].scalar(bytes, bytes + size), bytes + size);
        }
    }
}

static void every_byte_at_every_place_is_judged_as_the_scalar_twin_judges_it(void **state)
{
    (void)state;
    for (size_t s = 0; s < SCANNERS; s++) {
        for (size_t size = 1; size < SIZE_MAX_TRIED; size++) {
            for (size_t place = 0; place < size; place++) {
                for (int byte = 0; byte < 256; byte++) {
                    char *bytes = clean_bytes(s, size);
                    bytes[place] = (char)byte;
                    const char *end = bytes + size;
                    if (scanners[s].wide(bytes, end) != scanners[s].scalar(bytes, end)) {
                        fail_msg("%s: byte %d at %zu of %zu", scanners[s].name, byte, place, size);
                    }
                }
            }
        }
    }
}

static void the_first_of_two_stops_counts(void **state)
{
    (void)state;
    for (size_t s = 0; s < SCANNERS; s++) {
        for (size_t size = 2; size < SIZE_MAX_TRIED; size++) {
            for (size_t first = 0; first + 1 < size; first++) {
                char *bytes = clean_bytes(s, size);
                bytes[first] = '\0';
                bytes[size - 1] = '\0';
                assert_ptr_equal(scanners[s].wide(bytes, bytes + size), bytes + first);
                assert_ptr_equal(scanners[s].scalar(bytes, bytes + size), bytes + first);
            }
        }
    }
}

static void a_slash_is_normal_unless_a_slash_or_a_dot_follows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t end;
    } rows[] = {
        { "/", 1 },
        { "/a", 2 },
        { "//", 0 },
        { "/.", 0 },
        { "/a//", 2 },
        { "/a/./b", 2 },
        { "/a.b/", 5 },
        { "/abcdefghijklmnop/", 18 },
        { "/abcdefghijklmno//", 16 },
        { "/abcdefghijklmnop/.", 17 },
        { "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r//", 36 },
        { "/a%", 2 },
        { "/abcdefg%", 8 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t size = strlen(rows[i].text);
        char *bytes = guarded_copy(&guarded, rows[i].text, size);
        assert_int_equal(scan_normal_end(bytes, bytes + size) - bytes, rows[i].end);
        assert_int_equal(scan_normal_end_scalar(bytes, bytes + size) - bytes, rows[i].end);
    }
}

/* A table of what the scalar twins stop at, written down a second time. */
static void each_scanner_stops_at_its_bytes_only(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char c = (char)byte;
        bool control = byte < 0x20 || byte == 0x7f;
        assert_int_equal(scan_value_end_scalar(&c, &c + 1) == &c, control && c != '\t');
        assert_int_equal(scan_path_end_scalar(&c, &c + 1) == &c, control || byte >= 0x80 || strchr(" ?#", c) != NULL);
        assert_int_equal(scan_plain_end_scalar(&c, &c + 1) == &c, control || byte >= 0x80 || strchr("\"\\", c) != NULL);
        assert_int_equal(scan_normal_end_scalar(&c, &c + 1) == &c, c == '%' || c == '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_bytes_of_every_size_are_passed_over),
        cmocka_unit_test(every_byte_at_every_place_is_judged_as_the_scalar_twin_judges_it),
        cmocka_unit_test(the_first_of_two_stops_counts),
        cmocka_unit_test(a_slash_is_normal_unless_a_slash_or_a_dot_follows),
        cmocka_unit_test(each_scanner_stops_at_its_bytes_only),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
