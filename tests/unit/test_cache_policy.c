#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/config_rig.h"
#include "server/cache_policy.h"

/* What is written, and what the Cache-Control of a file becomes; "-": none of the configuration's. */
static const struct {
    const char *text, *type, *path, *control;
    int64_t expires_s; /* -1: no Expires */
} rows[] = {
    /* Folio's own (docs/CONFIGURATION.md). */
    { "", "text/html", "a.html", "no-cache", -1 },
    { "", "TEXT/HTML", "a.html", "no-cache", -1 },
    { "", "application/xhtml+xml", "a.xhtml", "no-cache", -1 },
    { "", "text/css", "a.css", "max-age=600", -1 },
    { "", "text/css", "assets/a.3f9a2c1b.css", "public, max-age=31536000, immutable", -1 },
    { "", "text/html", "a.3f9a2c1b.html", "no-cache", -1 },
    { "CacheDefaultAge 0", "text/css", "a.css", "max-age=0", -1 },
    { "CacheDefaultAge 1d", "text/css", "a.css", "max-age=86400", -1 },
    /* CacheControl: the last that matches, by type or name. */
    { "CacheControl x", "text/html", "a.html", "x", -1 },
    { "CacheControl x text/css", "text/html", "a.html", "no-cache", -1 },
    { "CacheControl x Text/HTML", "text/html", "a.html", "x", -1 },
    { "CacheControl x text/*", "text/html", "a.html", "x", -1 },
    { "CacheControl x text/*", "texture/html", "a.html", "max-age=600", -1 },
    { "CacheControl x *.html", "text/html", "deep/er/a.html", "x", -1 },
    { "CacheControl x a*", "text/html", "a/b.html", "no-cache", -1 },
    { "CacheControl x *.js|*.css", "text/css", "a.css", "x", -1 },
    { "CacheControl x image/* *.css", "text/css", "a.css", "x", -1 },
    { "CacheControl x\nCacheControl y", "text/css", "a.css", "y", -1 },
    { "CacheControl x\nCacheControl y *.js", "text/css", "a.css", "x", -1 },
    { "CacheControl x *.css\nCacheControl y", "text/css", "a.css", "y", -1 },
    { "CacheControl x", "text/css", "assets/a.3f9a2c1b.css", "x", -1 },
    /* mod_expires: nothing without ExpiresActive; then over Folio's own, and beside CacheControl. */
    { "ExpiresByType text/css A60", "text/css", "a.css", "max-age=600", -1 },
    { "ExpiresActive on\nExpiresByType text/css A60", "text/css", "a.css", "-", 60 },
    { "ExpiresActive on\nExpiresByType text/css A60", "text/html", "a.html", "no-cache", -1 },
    { "ExpiresActive on\nExpiresByType text/* A60\nExpiresByType text/css A70", "text/css", "a.css", "-", 70 },
    { "ExpiresActive on\nExpiresByType text/css A70\nExpiresByType text/* A60", "text/css", "a.css", "-", 70 },
    { "ExpiresActive on\nExpiresByType text/css A70\nExpiresByType text/css A80", "text/css", "a.css", "-", 80 },
    { "ExpiresActive on\nExpiresByType text/* A60\nExpiresByType text/* A61", "text/css", "a.css", "-", 61 },
    { "ExpiresActive on\nExpiresByType text/html A60", "text/html", "a.html", "-", 60 },
    { "ExpiresActive on\nExpiresByType text/css A60\nCacheControl x", "text/css", "a.css", "x", 60 },
};

static void what_is_said_last_and_closest_decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct config_rig rig;
        char room[CACHE_POLICY_BYTES];
        if (!rig_read(&rig, rows[i].text)) fail_msg("%s: %s", rows[i].text, rig.error);
        struct cache_policy policy = cache_policy_of(&rig.config.sites[0]->rules, span_of_string(rows[i].type),
                                                     span_of_string(rows[i].path), room);
        struct span control = policy.control.data ? policy.control : SPAN("-");
        if (!span_equal(control, span_of_string(rows[i].control)) || policy.expires != (rows[i].expires_s >= 0) ||
            (policy.expires && policy.seconds != rows[i].expires_s))
            fail_msg("%s, %s of %s: %.*s, %lld", rows[i].text, rows[i].path, rows[i].type, (int)control.size,
                     control.data, (long long)policy.seconds);
        rig_close(&rig);
    }
}

static void an_age_may_be_counted_from_the_files_time(void **state)
{
    (void)state;
    struct config_rig rig;
    char room[CACHE_POLICY_BYTES];
    assert_true(
        rig_read(&rig, "ExpiresActive on\nExpiresByType text/css \"modification plus 2 hours\"\nExpiresByType a/b A1"));
    const struct rules *rules = &rig.config.sites[0]->rules;
    struct cache_policy policy = cache_policy_of(rules, SPAN("text/css"), SPAN("a"), room), same = policy;
    assert_true(policy.is_from_modification);
    assert_int_equal(policy.seconds, 7200);
    assert_true(cache_policy_equal(&policy, &same));
    same.is_from_modification = false;
    assert_false(cache_policy_equal(&policy, &same));
    same = policy;
    same.control = SPAN("");
    assert_false(cache_policy_equal(&policy, &same));
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_last_and_closest_decides),
        cmocka_unit_test(an_age_may_be_counted_from_the_files_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
