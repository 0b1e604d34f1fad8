#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../support/config_rig.h"
#include "server/site_throttles.h"

static struct config_rig rig;
static struct site_throttles *throttles;

static void begin(const char *text)
{
    assert_true(rig_read(&rig, text));
    throttles = site_throttles_new(&rig.config);
    assert_non_null(throttles);
}

static void end(void)
{
    site_throttles_free(throttles);
    rig_close(&rig);
}

static const struct throttle_set *choose(unsigned site, const char *url)
{
    const struct throttle_set *set = NULL;
    struct span path = url ? span_of(url, strlen(url)) : SPAN_NONE;
    assert_true(site_throttles_choose(throttles, site, path, path, &set));
    return set;
}

static const char three_sites[] =
    "DocumentRoot /srv\nThrottle /video/** 1000\nThrottle **.iso 2000 200\nThrottle client 3000\n"
    "<VirtualHost *:80>\nServerName one\nThrottle ** 4000\nThrottle client 5000\n</VirtualHost>\n"
    "<VirtualHost *:80>\nServerName two\n</VirtualHost>\n";

static void all_that_match_hold(void **state)
{
    (void)state;
    static const struct {
        unsigned site;
        const char *url;
        uint64_t bytes_s[4]; /* of the patterns, in their order */
        unsigned client_count;
    } rows[] = {
        { 0, "/page", { 0 }, 1 },
        { 0, "/video/a", { 1000 }, 1 },
        { 0, "/video", { 0 }, 1 },
        { 0, "/a.iso", { 2000 }, 1 },
        { 0, "/video/a.iso", { 1000, 2000 }, 1 },
        { 0, NULL, { 0 }, 1 },
        { 1, "/page", { 4000 }, 2 },
        { 1, "/video/a.iso", { 4000, 1000, 2000 }, 2 },
        { 1, NULL, { 0 }, 2 },
        { 2, "/video/a", { 1000 }, 1 },
    };
    begin(three_sites);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct throttle_set *set = choose(rows[i].site, rows[i].url);
        assert_non_null(set);
        unsigned count = 0;
        for (; rows[i].bytes_s[count] != 0; count++) {
            assert_true(count < set->count);
            assert_int_equal(set->at[count]->bytes_s, rows[i].bytes_s[count]);
        }
        assert_int_equal(set->count, count);
        assert_int_equal(set->client_count, rows[i].client_count);
    }
    end();
}

static void a_directive_has_one_bucket_for_all_sites(void **state)
{
    (void)state;
    begin(three_sites);
    assert_ptr_equal(choose(0, "/video/a")->at[0], choose(1, "/video/b")->at[1]);
    assert_ptr_equal(choose(0, "/video/a")->at[0], choose(2, "/video/c")->at[0]);
    assert_ptr_equal(choose(0, "/")->clients[0], choose(2, "/")->clients[0]);
    assert_ptr_equal(choose(0, "/")->clients[0], choose(1, "/")->clients[1]);
    assert_int_equal(choose(0, "/a.iso")->at[0]->least_bytes_s, 200);
    end();
}

static void equal_sets_are_one(void **state)
{
    (void)state;
    begin(three_sites);
    assert_ptr_equal(choose(0, "/video/a"), choose(0, "/video/b"));
    assert_ptr_equal(choose(0, "/page"), choose(0, NULL));
    assert_ptr_not_equal(choose(0, "/video/a"), choose(0, "/video/a.iso"));
    end();
}

static void the_index_of_a_folder_counts_as_the_folder_does(void **state)
{
    (void)state;
    const struct throttle_set *set;
    begin("DocumentRoot /srv\nThrottle /a/ 1000\nThrottle **.html 2000\n");
    assert_true(site_throttles_choose(throttles, 0, SPAN("/a/"), SPAN("/a/index.html"), &set));
    assert_int_equal(set->count, 2);
    end();
}

static void a_set_knows_the_directives_that_it_is_of(void **state)
{
    (void)state;
    begin(three_sites);
    static const struct {
        unsigned site;
        const char *url;
        bool are_of[5]; /* the directives that hold at the site: its own, then the main server's */
    } rows[] = {
        { 0, "/video/a", { true, false, true } },
        { 1, "/a.iso", { true, true, false, true, true } },
        { 2, "/", { false, false, true } },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct config_list *rules = &rig.config.sites[rows[i].site]->throttles;
        for (size_t j = 0; j < rules->count; j++) {
            const struct throttle_set *set = choose(rows[i].site, rows[i].url);
            assert_int_equal(site_throttles_are_of(set, rules->items[j]), rows[i].are_of[j]);
            assert_false(site_throttles_are_of(NULL, rules->items[j]));
        }
    }
    end();
}

static void without_directives_nothing_holds(void **state)
{
    (void)state;
    begin("DocumentRoot /srv\n<VirtualHost *:80>\nServerName one\nThrottle /a 1K\n</VirtualHost>\n");
    assert_null(choose(0, "/a"));
    assert_null(choose(0, NULL));
    assert_null(choose(1, "/b"));
    assert_non_null(choose(1, "/a"));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_match_hold),
        cmocka_unit_test(a_directive_has_one_bucket_for_all_sites),
        cmocka_unit_test(equal_sets_are_one),
        cmocka_unit_test(the_index_of_a_folder_counts_as_the_folder_does),
        cmocka_unit_test(a_set_knows_the_directives_that_it_is_of),
        cmocka_unit_test(without_directives_nothing_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
