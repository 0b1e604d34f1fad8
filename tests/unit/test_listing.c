#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "../support/sha256.h"
#include "base/utf8.h"
#include "server/listing.h"

enum { usual = INDEX_FOLDERS_FIRST | INDEX_IGNORE_CASE | INDEX_VERSION_SORT };

static struct folder_item file(const char *name, uint64_t size, int64_t modified_s)
{
    return (struct folder_item){ span_of_string(name), size, modified_s, false };
}

/* Folders have sizes too, which mean nothing. */
static struct folder_item folder(const char *name, int64_t modified_s)
{
    return (struct folder_item){ span_of_string(name), (uint64_t)(100 - modified_s), modified_s, true };
}

static void require_names(struct folder_item *items, size_t count, struct listing_order order, const char *names)
{
    struct listing listing = { SPAN("/"), items, count, order, usual };
    char text[512] = "";
    size_t size = 0;
    listing_sort(&listing);
    for (size_t i = 0; i < listing.count; i++) {
        struct span name = listing.items[i].name;
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%.*s%s", i > 0 ? " " : "", (int)name.size,
                                 name.data, listing.items[i].is_folder ? "/" : "");
    }
    assert_string_equal(text, names);
}

static void names_are_sorted_as_people_do(void **state)
{
    (void)state;
    struct folder_item items[] = {
        file("b", 0, 0),
        file("a10", 0, 0),
        file("a2", 0, 0),
        file("B1", 0, 0),
        file("a02", 0, 0),
        file("A3", 0, 0),
        folder("z", 0),
        folder("Y", 0),
        file("a", 0, 0),
        file(".x", 0, 0),
        file("\xc3\xbc", 0, 0),
        file("_", 0, 0),
        file("a2b", 0, 0),
        file("a2-1", 0, 0),
        folder(".git", 0),
        file("1", 0, 0),
        file("01", 0, 0),
        file("99999999999999999999999998", 0, 0),
        file("99999999999999999999999999", 0, 0),
    };
    size_t count = ARRAY_COUNT(items);
    require_names(
        items, count, (struct listing_order){ LISTING_BY_NAME, false },
        "Y/ z/ 01 1 99999999999999999999999998 99999999999999999999999999 _ a a02 a2 a2-1 a2b A3 a10 b B1 \xc3\xbc");
}

static void the_key_decides_and_names_break_ties(void **state)
{
    (void)state;
    const struct folder_item items[] = {
        file("a", 30, 5), file("b", 10, 7), file("c", 30, 6), folder("d", 9), folder("e", 8), file("f", 5000000000u, 6),
    };
    static const struct {
        struct listing_order order;
        const char *names;
    } rows[] = {
        { { LISTING_BY_NAME, false }, "d/ e/ a b c f" }, { { LISTING_BY_NAME, true }, "e/ d/ f c b a" },
        { { LISTING_BY_SIZE, false }, "d/ e/ b a c f" }, { { LISTING_BY_SIZE, true }, "d/ e/ f a c b" },
        { { LISTING_BY_TIME, false }, "e/ d/ a c f b" }, { { LISTING_BY_TIME, true }, "d/ e/ b c f a" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct folder_item copy[ARRAY_COUNT(items)];
        memcpy(copy, items, sizeof items);
        require_names(copy, ARRAY_COUNT(copy), rows[i].order, rows[i].names);
    }
}

static void a_query_says_the_order(void **state)
{
    (void)state;
    static const struct {
        const char *query; /* NULL: none */
        struct listing_order order;
    } rows[] = {
        { NULL, { LISTING_BY_NAME, false } },
        { "", { LISTING_BY_NAME, false } },
        { "sort=name", { LISTING_BY_NAME, false } },
        { "sort=-name", { LISTING_BY_NAME, true } },
        { "sort=size", { LISTING_BY_SIZE, false } },
        { "sort=-size", { LISTING_BY_SIZE, true } },
        { "sort=time", { LISTING_BY_TIME, false } },
        { "sort=-time", { LISTING_BY_TIME, true } },
        { "json&sort=-time", { LISTING_BY_TIME, true } },
        { "sort=-time&json", { LISTING_BY_TIME, true } },
        { "&&sort=size&", { LISTING_BY_SIZE, false } },
        { "sort=time&sort=size", { LISTING_BY_TIME, false } },
        { "sort=colour&sort=size", { LISTING_BY_SIZE, false } },
        { "sort=sizes", { LISTING_BY_NAME, false } },
        { "xsort=size", { LISTING_BY_NAME, false } },
        { "sort", { LISTING_BY_NAME, false } },
        { "sort=%2Dname", { LISTING_BY_NAME, false } },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct listing_order order = listing_order_of(rows[i].query ? span_of_string(rows[i].query) : SPAN_NONE);
        bool is_same = order.key == rows[i].order.key && order.is_reversed == rows[i].order.is_reversed;
        if (!is_same) fail_msg("%s", rows[i].query);
    }
}

/* What is written about `items`, as a string; to be freed. */
static char *written(struct span path, struct folder_item *items, size_t count, bool is_json)
{
    struct listing listing = { path, items, count, { LISTING_BY_NAME, false }, usual };
    struct text_buffer buffer = { .bytes_max = 1 << 20 };
    listing_sort(&listing);
    if (is_json)
        listing_write_json(&listing, &buffer);
    else
        listing_write_page(&listing, &buffer);
    assert_false(buffer.has_failed);
    assert_true(utf8_is_valid(text_buffer_text(&buffer)));
    text_buffer_append(&buffer, SPAN("\0"));
    return buffer.data;
}

static void require_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) fail_msg("there is no %s in:\n%s", part, text);
}

static void json_is_an_array_of_objects(void **state)
{
    (void)state;
    struct folder_item items[] = { file("a \"b\".txt", 18446744073709551615u, 784111777), folder("c\xff", 0),
                                   file("\xc3\xbc\n", 0, INT64_MAX), file(".htpasswd", 1, 1) };
    char *json = written(SPAN("/"), items, ARRAY_COUNT(items), true);
    assert_string_equal(json, "[\n"
                              "{\"name\":\"c\xef\xbf\xbd\",\"type\":\"directory\",\"mtime\":\"1970-01-01T00:00:00Z\","
                              "\"url\":\"./c%FF/\"},\n"
                              "{\"name\":\"a \\\"b\\\".txt\",\"type\":\"file\",\"size\":18446744073709551615,"
                              "\"mtime\":\"1994-11-06T08:49:37Z\",\"url\":\"./a%20%22b%22.txt\"},\n"
                              "{\"name\":\"\xc3\xbc\\u000a\",\"type\":\"file\",\"size\":0,"
                              "\"mtime\":\"9999-12-31T23:59:59Z\",\"url\":\"./%C3%BC%0A\"}\n"
                              "]\n");
    free(json);
    json = written(SPAN("/"), items, 0, true);
    assert_string_equal(json, "[\n]\n");
    free(json);
}

static void a_page_has_rows_and_totals(void **state)
{
    (void)state;
    struct folder_item items[] = { file("b.txt", 1536, 784111777), folder("c", 0), file("a.txt", 512, INT64_MIN) };
    char *page = written(SPAN("/x/"), items, ARRAY_COUNT(items), false);
    require_has(page, "<title>Index of /x/</title>");
    require_has(page, "<p>1 folder, 2 files, 2.0 KiB</p>");
    require_has(page, "<tr class=\"d\"><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n"
                      "<tr class=\"d\"><td><a href=\"./c/\">c/</a></td><td></td><td>1970-01-01 00:00</td></tr>\n"
                      "<tr><td><a href=\"./a.txt\">a.txt</a></td><td>512 bytes</td><td>0001-01-01 00:00</td></tr>\n"
                      "<tr><td><a href=\"./b.txt\">b.txt</a></td><td>1.5 KiB</td><td>1994-11-06 08:49</td></tr>\n"
                      "</tbody>");
    free(page);
    page = written(SPAN("/"), items, 0, false);
    require_has(page, "<p>0 folders, 0 files, 0 bytes</p>");
    assert_null(strstr(page, "../"));
    free(page);
}

static void the_path_is_links_to_the_folders_above(void **state)
{
    (void)state;
    char *page = written(SPAN("/"), NULL, 0, false);
    require_has(page, "<h1>Index of <a href=\"./\" aria-current=\"page\"><bdi>/</bdi></a></h1>");
    free(page);
    page = written(SPAN("/a<b/c d/"), NULL, 0, false);
    require_has(page, "<h1>Index of <a href=\"../../\"><bdi>/</bdi></a><a href=\"../\"><bdi>a&lt;b/</bdi></a>"
                      "<a href=\"./\" aria-current=\"page\"><bdi>c d/</bdi></a></h1>");
    require_has(page, "<title>Index of /a&lt;b/c d/</title>");
    free(page);
}

static void columns_link_to_the_order_that_is_wanted_next(void **state)
{
    (void)state;
    static const struct {
        struct listing_order order;
        const char *head;
    } rows[] = {
        { { LISTING_BY_NAME, false },
          "<th scope=\"col\" aria-sort=\"ascending\"><a href=\"?sort=-name\">Name</a></th>"
          "<th scope=\"col\"><a href=\"?sort=-size\">Size</a></th>"
          "<th scope=\"col\"><a href=\"?sort=-time\">Modified (UTC)</a></th>" },
        { { LISTING_BY_NAME, true }, "aria-sort=\"descending\"><a href=\"?sort=name\">Name</a>" },
        { { LISTING_BY_SIZE, true },
          "<th scope=\"col\"><a href=\"?sort=name\">Name</a></th>"
          "<th scope=\"col\" aria-sort=\"descending\"><a href=\"?sort=size\">Size</a></th>" },
        { { LISTING_BY_SIZE, false }, "aria-sort=\"ascending\"><a href=\"?sort=-size\">Size</a>" },
        { { LISTING_BY_TIME, true }, "aria-sort=\"descending\"><a href=\"?sort=time\">Modified (UTC)</a>" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct listing listing = { SPAN("/"), NULL, 0, rows[i].order, usual };
        struct text_buffer page = { .bytes_max = 1 << 20 };
        listing_write_page(&listing, &page);
        text_buffer_append(&page, SPAN("\0"));
        require_has(page.data, rows[i].head);
        text_buffer_done(&page);
    }
}

/* Names that want to be something else. */
static const char *const hostile[] = {
    "<img src=x onerror=alert(1)>",
    "\"><script>alert(1)</script>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "data:text/html,x",
    "//example.org",
    "a?b#c%64",
    "&lt;b&gt;",
    "a\r\nb",
    "</a></td></tr></table>",
    "\xff\xfe",
    "\xe2\x80\xaegpj.exe",
    "-->",
    "</style>",
    "</title>",
    "\\u003cb\\u003e",
    "x\" style=\"color:red",
    "\x1b[31m",
};

static void hostile_names_are_only_names(void **state)
{
    (void)state;
    struct folder_item items[2 * ARRAY_COUNT(hostile)];
    for (size_t i = 0; i < ARRAY_COUNT(hostile); i++) {
        items[2 * i] = file(hostile[i], 1, 0);
        items[2 * i + 1] = folder(hostile[i], 0);
    }
    char *page = written(SPAN("/\"><b>/"), items, ARRAY_COUNT(items), false);
    /* What is between the tags that the page itself has is text, and what is in its attributes is an address of its own. */
    static const char *const own[] = {
        "<!doctype html>",
        "<html lang=\"en\">",
        "<head>",
        "<meta charset=\"utf-8\">",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
        "<title>",
        "</title>",
        "<style>",
        "</style>",
        "</head>",
        "<body>",
        "<h1>",
        "</h1>",
        "<p>",
        "</p>",
        "<bdi>",
        "</bdi>",
        "<table>",
        "<thead>",
        "</thead>",
        "<tr>",
        "<tr class=\"d\">",
        "</tr>",
        "<th scope=\"col\">",
        "<th scope=\"col\" aria-sort=\"ascending\">",
        "</th>",
        "<tbody>",
        "</tbody>",
        "</table>",
        "<td>",
        "</td>",
        "</a>",
        "</body>",
        "</html>",
    };
    unsigned links = 0;
    for (const char *at = strchr(page, '<'); at; at = strchr(at + 1, '<')) {
        size_t size = strcspn(at, ">") + 1;
        bool is_own = false;
        for (size_t i = 0; i < ARRAY_COUNT(own); i++) is_own |= strlen(own[i]) == size && memcmp(own[i], at, size) == 0;
        if (is_own) continue;
        static const char front[] = "<a href=\"";
        if (strncmp(at, front, sizeof front - 1) != 0) fail_msg("%.*s", (int)size, at);
        at += sizeof front - 1;
        size_t address = strcspn(at, "\"<>'& \r\n\t");
        if (at[address] != '"') fail_msg("%.*s", (int)size, at);
        bool is_relative = strncmp(at, "./", 2) == 0 || strncmp(at, "../", 3) == 0 || strncmp(at, "?sort=", 6) == 0;
        if (!is_relative) fail_msg("%.*s", (int)size, at);
        bool is_over = at[address + 1] == '>' || strncmp(at + address, "\" aria-current=\"page\">", 22) == 0;
        if (!is_over) fail_msg("%.*s", (int)size, at);
        links++;
    }
    assert_int_equal(links, 2 + 3 + 1 + ARRAY_COUNT(items));
    free(page);
}

static void the_policy_allows_the_style_and_nothing_else(void **state)
{
    (void)state;
    char *page = written(SPAN("/"), NULL, 0, false), sum[SHA256_BASE64_BYTES + 1], wanted[128];
    const char *style = strstr(page, "<style>") + strlen("<style>"), *end = strstr(style, "</style>");
    sha256_base64("abc", 3, sum);
    assert_string_equal(sum, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="); /* FIPS 180-4's own example */
    sha256_base64(style, (size_t)(end - style), sum);
    snprintf(wanted, sizeof wanted, "default-src 'none'; style-src 'sha256-%s';", sum);
    char policy[512];
    snprintf(policy, sizeof policy, "%.*s", (int)listing_policy.size, listing_policy.data);
    require_has(policy, wanted);
    assert_null(strstr(page, "style=\""));
    assert_null(strstr(page, "<script"));
    free(page);
}

static void a_page_beyond_its_bound_has_failed(void **state)
{
    (void)state;
    struct folder_item items[] = { file("a", 1, 0), folder("b", 0) };
    struct listing listing = { SPAN("/a/b/"), items, ARRAY_COUNT(items), { LISTING_BY_NAME, false }, usual };
    for (size_t bytes_max = 0; bytes_max < 6000; bytes_max += 13) {
        struct text_buffer page = { .bytes_max = bytes_max }, json = { .bytes_max = bytes_max };
        listing_write_page(&listing, &page);
        listing_write_json(&listing, &json);
        bool is_whole = page.size > 8 && memcmp(page.data + page.size - 8, "</html>\n", 8) == 0;
        assert_int_equal(page.has_failed, !is_whole);
        is_whole = json.size > 3 && memcmp(json.data + json.size - 3, "\n]\n", 3) == 0;
        assert_int_equal(json.has_failed, !is_whole);
        text_buffer_done(&page);
        text_buffer_done(&json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_sorted_as_people_do),
        cmocka_unit_test(the_key_decides_and_names_break_ties),
        cmocka_unit_test(a_query_says_the_order),
        cmocka_unit_test(json_is_an_array_of_objects),
        cmocka_unit_test(a_page_has_rows_and_totals),
        cmocka_unit_test(the_path_is_links_to_the_folders_above),
        cmocka_unit_test(columns_link_to_the_order_that_is_wanted_next),
        cmocka_unit_test(hostile_names_are_only_names),
        cmocka_unit_test(the_policy_allows_the_style_and_nothing_else),
        cmocka_unit_test(a_page_beyond_its_bound_has_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
