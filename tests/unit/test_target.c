#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "http/target.h"

/* Normal paths come back as they are; the room stays untouched. */
static const char *const normal[] = {
    "/",
    "/index.html",
    "/a/b/c/",
    "/a.b/c..d/e.",
    "/a~b!$&'()*+,;=:@",
    "/.well-known/security.txt",
    "/.well-known",
    "/.well-known/",
    "/a/.well-known/b",
    "/a\\b",
    "/a/very/long/path/of/many/segments/that/needs/more/than/one/block/of/sixteen/bytes.html",
};

static const struct {
    const char *path;
    const char *normal;
} others[] = {
    { "//", "/" },
    { "///a", "/a" },
    { "/a//b///c", "/a/b/c" },
    { "/a//", "/a/" },
    { "/.", "/" },
    { "/./", "/" },
    { "/a/.", "/a/" },
    { "/a/./b", "/a/b" },
    { "/a/..", "/" },
    { "/a/../", "/" },
    { "/a/b/..", "/a/" },
    { "/a/b/../c", "/a/c" },
    { "/a/b/../../c", "/c" },
    { "/a//../b", "/b" },
    { "/%41%7a", "/Az" },
    { "/%2541", "/%41" },
    { "/a%20b", "/a b" },
    { "/%C3%bc", "/\xc3\xbc" },
    { "/%2e", "/" },
    { "/a/%2E%2e/b", "/b" },
    { "/a/.%2e/b", "/b" },
    { "/%5c", "/\\" },
    { "/a%3fb", "/a?b" },
    { "/%0d%0aX", "/\r\nX" },
    { "//example.org/", "/example.org/" },
    { "/%2ewell-known/x", "/.well-known/x" },
    { "//.well-known/x", "/.well-known/x" },
    { "/.git/../a", "/a" },
    { "/a%2Fb/../c", "/c" },
    { "/.git/x/../../a", "/a" },
    { "/a..b/%2e%2ec/../d", "/a..b/d" },
};

static const char *const hidden[] = {
    "/.git",
    "/.git/config",
    "/a/.htaccess",
    "/...",
    "/..a",
    "/%2egit",
    "/.well-knowns",
    "/a%2fb",
    "/%2F",
    "/a/%2f..",
    "/..%2fetc",
    "/.%2e%2f",
    "/.well-known/.x",
    "/.Well-Known/x",
    "/.well-known%2fx",
    "/a/.b/../.c",
    "/.x/a/../b",
    "/.a/.b/..",
    "/.well-known/../.git",
};

static const char *const bad[] = {
    "/..",          "/../a",
    "/a/../..",     "/a/../../b",
    "/%2e%2e/",     "/%2e./",
    "/.%2E",        "/%",
    "/%4",          "/%4g",
    "/%g4",         "/a%",
    "/%00",         "/a%00b",
    "/%%",          "/%2",
    "/% 41",        "/a/b/../../../c",
    "/.git/%",      "/a%2fb/../../x/%zz",
    "//..",         "/.git/../..",
    "/a%2fb/../..",
};

static struct guarded in;
static struct guarded out;

static int set_up(void **state)
{
    (void)state;
    in = guarded_open(4096);
    out = guarded_open(4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guarded_close(&in);
    guarded_close(&out);
    return 0;
}

/* Normalise `path` into a room of exactly its size, before a guard page. */
static enum target_result normalise(const char *path, struct span *ret_path, struct span *ret_given)
{
    static const char fill[512] = { 0 };
    size_t size = strlen(path);
    *ret_given = span_of(guarded_copy(&in, path, size), size);
    return target_normalise(*ret_given, guarded_copy(&out, fill, size), ret_path);
}

static void a_normal_path_is_returned_as_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(normal); i++) {
        struct span path;
        struct span given;
        assert_int_equal(normalise(normal[i], &path, &given), TARGET_OK);
        if (path.data != given.data || path.size != given.size) fail_msg("%s was rebuilt", normal[i]);
    }
}

static void other_paths_are_decoded_once_and_normalised_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        struct span path;
        struct span given;
        if (normalise(others[i].path, &path, &given) != TARGET_OK) fail_msg("%s is refused", others[i].path);
        if (!span_equal(path, span_of_string(others[i].normal))) {
            fail_msg("%s becomes %.*s", others[i].path, (int)path.size, path.data);
        }
        if (!span_equal(given, span_of_string(others[i].path))) fail_msg("%s was written to", others[i].path);
    }
}

static void dot_segments_that_stay_and_encoded_slashes_are_hidden(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(hidden); i++) {
        struct span path = SPAN("untouched");
        struct span given;
        if (normalise(hidden[i], &path, &given) != TARGET_HIDDEN) fail_msg("%s is not hidden", hidden[i]);
        assert_true(span_equal(path, SPAN("untouched")));
    }
}

static void broken_escapes_nul_and_climbing_are_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct span path = SPAN("untouched");
        struct span given;
        if (normalise(bad[i], &path, &given) != TARGET_BAD) fail_msg("%s is not bad", bad[i]);
        assert_true(span_equal(path, SPAN("untouched")));
    }
}

static void encoding_leaves_nothing_that_could_be_misread(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *encoded;
    } rows[] = {
        { "/", "/" },
        { "/a/b.c/", "/a/b.c/" },
        { "/a b", "/a%20b" },
        { "/\r\nSet-Cookie: x", "/%0D%0ASet-Cookie:%20x" },
        { "/\xc3\xbc", "/%C3%BC" },
        { "/%41", "/%2541" },
        { "/a?b#c", "/a%3Fb%23c" },
        { "//example.org/", "/%2Fexample.org/" },
        { "/\\example.org", "/%5Cexample.org" },
        { "/<script>\"'&", "/%3Cscript%3E%22%27%26" },
        { "/a:b@c;d=e,f+g$h!i*j(k)~l_m-n", "/a:b@c;d=e,f+g$h!i*j(k)~l_m-n" },
        { "/\x7f\x01", "/%7F%01" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char room[256];
        size_t size = target_encode(span_of_string(rows[i].path), room);
        if (!span_equal(span_of(room, size), span_of_string(rows[i].encoded))) {
            fail_msg("%s becomes %.*s", rows[i].path, (int)size, room);
        }
    }
}

static void a_name_becomes_a_reference_that_stays_in_its_folder(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *encoded;
    } rows[] = {
        { "a.txt", "./a.txt" },
        { "javascript:alert(1)", "./javascript:alert(1)" },
        { "//example.org", "./%2F%2Fexample.org" },
        { "..", "./.." },
        { "a?b#c%d", "./a%3Fb%23c%25d" },
        { "<img src=x onerror=alert(1)>", "./%3Cimg%20src=x%20onerror=alert(1)%3E" },
        { "\"'&\n", "./%22%27%26%0A" },
        { "\xff\xc3\xbc", "./%FF%C3%BC" },
        { "", "./" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char room[256];
        size_t size = target_encode_name(span_of_string(rows[i].name), room);
        assert_true(size <= TARGET_NAME_FRONT_BYTES + 3 * strlen(rows[i].name));
        if (!span_equal(span_of(room, size), span_of_string(rows[i].encoded))) {
            fail_msg("%s becomes %.*s", rows[i].name, (int)size, room);
        }
    }
}

static void every_byte_survives_encoding_and_decoding(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        char path[] = { '/', 'x', (char)byte, 'y' };
        char encoded[3 * sizeof path];
        char room[3 * sizeof path];
        struct span back;
        size_t size = target_encode(span_of(path, sizeof path), encoded);
        assert_int_equal(target_normalise(span_of(encoded, size), room, &back), TARGET_OK);
        assert_true(span_equal(back, span_of(path, sizeof path)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_normal_path_is_returned_as_it_is),
        cmocka_unit_test(other_paths_are_decoded_once_and_normalised_once),
        cmocka_unit_test(dot_segments_that_stay_and_encoded_slashes_are_hidden),
        cmocka_unit_test(broken_escapes_nul_and_climbing_are_bad),
        cmocka_unit_test(encoding_leaves_nothing_that_could_be_misread),
        cmocka_unit_test(a_name_becomes_a_reference_that_stays_in_its_folder),
        cmocka_unit_test(every_byte_survives_encoding_and_decoding),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
