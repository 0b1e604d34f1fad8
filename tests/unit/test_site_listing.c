#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/config_rig.h"
#include "../support/scratch.h"
#include "server/site_listing.h"

static void a_view_is_asked_for_by_query_or_by_accept(void **state)
{
    (void)state;
    static const struct {
        const char *query, *accept; /* NULL: there is none */
        struct listing_view wanted;
    } rows[] = {
        { NULL, NULL, { { LISTING_BY_NAME, false }, false } },
        { "", NULL, { { LISTING_BY_NAME, false }, false } },
        { "json", NULL, { { LISTING_BY_NAME, false }, true } },
        { "json", "text/html", { { LISTING_BY_NAME, false }, true } },
        { "sort=-size&json", NULL, { { LISTING_BY_SIZE, true }, true } },
        { "json&sort=time", NULL, { { LISTING_BY_TIME, false }, true } },
        { "a&json&b", NULL, { { LISTING_BY_NAME, false }, true } },
        { "&&json&", NULL, { { LISTING_BY_NAME, false }, true } },
        { "sort=-name", "text/html", { { LISTING_BY_NAME, true }, false } },
        { "jso", NULL, { { LISTING_BY_NAME, false }, false } },
        { "jsonx", NULL, { { LISTING_BY_NAME, false }, false } },
        { "json=1", NULL, { { LISTING_BY_NAME, false }, false } },
        { "JSON", NULL, { { LISTING_BY_NAME, false }, false } },
        { NULL, "application/json", { { LISTING_BY_NAME, false }, true } },
        { NULL, "application/json, text/html", { { LISTING_BY_NAME, false }, false } },
        { NULL, "application/json, text/html;q=0.9", { { LISTING_BY_NAME, false }, true } },
        { NULL, "application/json;q=0.5, text/html", { { LISTING_BY_NAME, false }, false } },
        { NULL, "application/*, text/html;q=0.1", { { LISTING_BY_NAME, false }, true } },
        { NULL, "*/*", { { LISTING_BY_NAME, false }, false } },
        { NULL, "image/png", { { LISTING_BY_NAME, false }, false } },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct request request = { .field_count = 0 };
        if (rows[i].query) request.query = span_of_string(rows[i].query);
        if (rows[i].accept) {
            request.fields[0] = (struct field){ SPAN("Accept"), span_of_string(rows[i].accept), FIELD_ACCEPT };
            request.field_count = 1;
            request.known_mask = 1u << FIELD_ACCEPT;
        }
        struct listing_view view = listing_view_of(&request);
        if (view.is_json != rows[i].wanted.is_json || view.order.key != rows[i].wanted.order.key ||
            view.order.is_reversed != rows[i].wanted.order.is_reversed)
            fail_msg("?%s, Accept: %s", rows[i].query ? rows[i].query : "", rows[i].accept ? rows[i].accept : "");
    }
}

static struct listing_view view_of(unsigned number)
{
    return (struct listing_view){ { (enum listing_key)(number / 4), number & 2 }, number & 1 };
}

enum { VIEWS = 4 * (LISTING_BY_TIME + 1) };

static void each_view_of_a_folder_has_a_key_of_its_own(void **state)
{
    (void)state;
    static const struct span folders[] = { { .data = "/", .size = 1 }, { .data = "\1\2/a/b/", .size = 7 } };
    char rooms[VIEWS][16];
    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        for (unsigned number = 0; number < VIEWS; number++) {
            struct listing_view wanted = view_of(number), view;
            struct span folder, key = listing_key_write(folders[i], wanted, rooms[number]);
            assert_int_equal(key.size, folders[i].size + LISTING_KEY_BYTES);
            assert_true(listing_key_read(key, &folder, &view));
            assert_true(span_equal(folder, folders[i]));
            assert_int_equal(view.order.key, wanted.order.key);
            assert_int_equal(view.order.is_reversed, wanted.order.is_reversed);
            assert_int_equal(view.is_json, wanted.is_json);
            for (unsigned before = 0; before < number; before++)
                assert_memory_not_equal(rooms[before], rooms[number], key.size);
        }
    }
}

/* Among them those of compressed forms (cache/forms.h): a NUL and a digit. */
static void no_other_key_is_a_views(void **state)
{
    (void)state;
    static const struct span keys[] = {
        { .data = "", .size = 0 },
        { .data = "/", .size = 1 },
        { .data = "/a/", .size = 3 },
        { .data = "/aA", .size = 3 },
        { .data = "\0A", .size = 2 },
        { .data = "/a\0", .size = 3 },
        { .data = "/a\0"
                  "0",
          .size = 4 },
        { .data = "/a\0"
                  "9",
          .size = 4 },
        { .data = "/a\0@", .size = 4 },
        { .data = "/a\0M", .size = 4 },
        { .data = "/a\0\xff", .size = 4 },
        { .data = "/a\0AA", .size = 5 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        struct span folder = SPAN("untouched");
        struct listing_view view;
        if (listing_key_read(keys[i], &folder, &view)) fail_msg("row %zu", i);
        assert_string_equal(folder.data, "untouched");
    }
}

static void a_page_is_html_and_json_is_json(void **state)
{
    (void)state;
    struct content_type type;
    listing_content_type((struct listing_view){ .is_json = false }, &type);
    assert_true(span_equal(span_of(type.text, type.size), SPAN("text/html; charset=utf-8")));
    assert_true(span_equal(span_of(type.text, type.type_size), SPAN("text/html")));
    assert_null(type.encoding.data);
    listing_content_type((struct listing_view){ .is_json = true }, &type);
    assert_true(span_equal(span_of(type.text, type.size), SPAN("application/json")));
    assert_int_equal(type.type_size, type.size);
}

static struct scratch scratch;

static int with_a_folder(void **state)
{
    (void)state;
    scratch_open(&scratch, NULL);
    scratch_folder(&scratch, "site");
    return 0;
}

static int without_it(void **state)
{
    (void)state;
    scratch_close(&scratch);
    return 0;
}

/* What every folder has in these tests; "private" and "open" are folders. */
static struct folder_item items[] = {
    { .name = SPAN("a.txt"), .size = 5 },        { .name = SPAN("b.bak"), .size = 50 },
    { .name = SPAN("open"), .is_folder = true }, { .name = SPAN("private"), .is_folder = true },
    { .name = SPAN("secret"), .size = 500 },
};

/* The listing of `url` as JSON, by a configuration in which @ is the scratch folder; or, with a letter, another view. */
static void list(const char *text, const char *url, const char *path, struct listing_view view, struct text_buffer *out)
{
    struct config_rig rig;
    struct folder_item room[ARRAY_COUNT(items)];
    char whole[2048], key[64];
    size_t size = 0;
    struct media_types *types = media_types_new(SPAN(""));
    for (const char *at = text; *at && size < sizeof whole - sizeof scratch.path; at++) {
        if (*at == '@')
            size += (size_t)snprintf(whole + size, sizeof whole - size, "%s", scratch.path);
        else
            whole[size++] = *at;
    }
    whole[size] = '\0';
    if (!rig_read(&rig, whole)) fail_msg("%s: %s", whole, rig.error);
    struct sites *sites = sites_new(&rig.config, types);
    assert_non_null(sites);
    memcpy(room, items, sizeof items);
    struct folder_list found = { .items = room, .count = ARRAY_COUNT(room) };
    struct load_target target;
    assert_true(sites_place(sites_at(sites, 0), span_of_string(url), &target));
    struct load_facts facts = {
        .key = listing_key_write(span_of_string(url), view, key),
        .tree = target.tree,
        .path = span_of_string(path),
        .kind = ENTRY_MADE,
    };
    site_listing_make(sites, &facts, &found, out);
    sites_free(sites);
    media_types_free(types);
    rig_close(&rig);
}

/* The initials of the names in a listing in JSON, in their order: folders come first, unless another is asked for. */
static void read_initials(const struct text_buffer *json, char *ret_initials)
{
    static const char before[] = "{\"name\":\"";
    const char *at = json->data, *end = json->data + json->size;
    while ((at = memmem(at, (size_t)(end - at), before, sizeof before - 1)) != NULL) {
        at += sizeof before - 1;
        *ret_initials++ = *at;
    }
    *ret_initials = '\0';
}

#define ROOT "DocumentRoot @/site\nOptions Indexes\n"

static const struct {
    const char *config, *url, *path, *initials;
} rows[] = {
    { ROOT, "/", ".", "opabs" },
    { ROOT, "/sub/", "sub/.", "opabs" },
    { ROOT "IndexIgnore *.bak s?c*\n", "/", ".", "opa" },
    { ROOT "IndexIgnore *.bak\n<Location /sub>\nIndexIgnore open\n</Location>\n", "/sub/", "sub/.", "pas" },
    { ROOT "<Location /sub>\nIndexIgnore *\n</Location>\n", "/", ".", "opabs" },
    /* what not everybody may have who may see the folder */
    { ROOT "<Files secret>\nRequire all denied\n</Files>\n", "/", ".", "opab" },
    { ROOT "<Files *.bak>\nRequire ip 10.0.0.0/8\n</Files>\n", "/sub/", "sub/.", "opas" },
    { ROOT "<Location /private>\nRequire all denied\n</Location>\n", "/", ".", "oabs" },
    { ROOT "<Location /private/>\nRequire all denied\n</Location>\n", "/", ".", "oabs" },
    { ROOT "<Location /private>\nRequire all denied\n</Location>\n", "/sub/", "sub/.", "opabs" },
    { ROOT "<Location /sub/private>\nRequire all denied\n</Location>\n", "/sub/", "sub/.", "oabs" },
    { ROOT "<Directory @/site/private>\nRequire all denied\n</Directory>\n", "/", ".", "oabs" },
    { ROOT "<Directory @/site/sub/private>\nRequire all denied\n</Directory>\n", "/sub/", "sub/.", "oabs" },
    /* Who sees the folder may have what is under the same rule, or open to all. */
    { ROOT "Require ip 10.0.0.0/8\n<Files secret>\nHeader set A b\n</Files>\n", "/", ".", "opabs" },
    { ROOT "<Location />\nRequire ip 10.0.0.0/8\n</Location>\n", "/", ".", "opabs" },
    { ROOT "<Location />\nRequire ip 10.0.0.0/8\n</Location>\n<Location /open>\nRequire all granted\n</Location>\n",
      "/", ".", "opabs" },
    { ROOT "<Location />\nRequire ip 10.0.0.0/8\n</Location>\n<Location /open>\nRequire ip 10.1.0.0/16\n</Location>\n",
      "/", ".", "pabs" },
    /* An Alias leads to another tree. */
    { ROOT "Alias /x/ @/\n<Location /x/open>\nRequire all denied\n</Location>\n", "/x/", ".", "pabs" },
    { ROOT "Alias /x/ @/\n<Directory @/open>\nRequire all denied\n</Directory>\n", "/x/", ".", "pabs" },
    { ROOT "Alias /x/ @/\n<Directory @/site>\nRequire all denied\n</Directory>\n", "/x/", ".", "opabs" },
};

static void a_listing_has_what_may_be_told_to_all_who_see_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char initials[ARRAY_COUNT(items) + 1];
        struct text_buffer out = { .bytes_max = 1 << 16 };
        list(rows[i].config, rows[i].url, rows[i].path, (struct listing_view){ .is_json = true }, &out);
        assert_false(out.has_failed);
        read_initials(&out, initials);
        if (strcmp(initials, rows[i].initials) != 0)
            fail_msg("%s of %s: %s, not %s", rows[i].config, rows[i].url, initials, rows[i].initials);
        text_buffer_done(&out);
    }
}

static void a_view_has_its_order_and_its_form(void **state)
{
    (void)state;
    char initials[ARRAY_COUNT(items) + 1];
    struct text_buffer json = { .bytes_max = 1 << 16 }, page = { .bytes_max = 1 << 16 };
    struct listing_view by_size = { { LISTING_BY_SIZE, true }, true }, as_page = { { LISTING_BY_NAME, false }, false };
    list(ROOT "IndexIgnore open private\n", "/", ".", by_size, &json);
    read_initials(&json, initials);
    assert_string_equal(initials, "sba");
    list(ROOT "IndexOptions SuppressSize\n", "/sub/", "sub/.", as_page, &page);
    assert_memory_equal(page.data, "<!", 2);
    assert_non_null(memmem(page.data, page.size, "/sub/", 5));
    assert_null(memmem(page.data, page.size, "sort=size", 9));
    text_buffer_done(&json);
    text_buffer_done(&page);
}

static void what_has_another_key_is_no_listing(void **state)
{
    (void)state;
    struct text_buffer out = { .bytes_max = 1 << 16 };
    struct folder_list found = { .count = 0 };
    struct load_facts facts = { .key = SPAN("/"), .path = SPAN(".") };
    site_listing_make(NULL, &facts, &found, &out);
    assert_int_equal(out.size, 0);
}

#define WITH_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, with_a_folder, without_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_is_asked_for_by_query_or_by_accept),
        cmocka_unit_test(each_view_of_a_folder_has_a_key_of_its_own),
        cmocka_unit_test(no_other_key_is_a_views),
        cmocka_unit_test(a_page_is_html_and_json_is_json),
        cmocka_unit_test(what_has_another_key_is_no_listing),
        WITH_A_FOLDER(a_listing_has_what_may_be_told_to_all_who_see_it),
        WITH_A_FOLDER(a_view_has_its_order_and_its_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
