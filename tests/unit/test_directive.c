#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/config_rig.h"
#include "../support/scratch.h"

static struct config_rig rig;
static const char *const error = rig.error;

static int with_defaults(void **state)
{
    (void)state;
    rig_open_with(&rig, NULL);
    return 0;
}

static int without_config(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static bool apply(const char *line)
{
    return rig_line(&rig, span_of_string(line));
}

static void apply_well(const char *line)
{
    if (!apply(line)) fail_msg("%s: %s", line, error);
}

static void everything_has_its_default(void **state)
{
    (void)state;
    assert_int_equal(rig.config.keepalive_timeout_ms, 75000);
    assert_int_equal(rig.config.limit_fields, 100);
    assert_int_equal(rig.config.limit_field_bytes, 8190);
    assert_int_equal(rig.config.limit_line_bytes, 8190);
    assert_int_equal(rig.config.listen_count, 0);
    assert_int_equal(rig.config.load_timeout_ms, 30000);
    assert_int_equal(rig.config.sites[0]->log_format, LOG_FORMAT_COMBINED);
    assert_int_equal(rig.config.connections_max, 0);
    assert_int_equal(rig.config.expire_ms, 3600000);
    assert_int_equal(rig.config.cache_bytes, 0);
    assert_int_equal(rig.config.cache_files, 1048576);
    assert_int_equal(rig.config.snapshot_bytes, 65536);
    assert_int_equal(rig.config.revalidate_ms, 1000);
    assert_int_equal(rig.config.settle_ms, 2000);
    assert_int_equal(rig.config.request_timeout_ms, 20000);
    assert_int_equal(rig.config.send_min_bytes_s, 500);
    assert_int_equal(rig.config.send_min_window_ms, 30000);
    assert_int_equal(rig.config.stats_interval_ms, 0);
    assert_int_equal(rig.config.threads, 0);
    assert_int_equal(rig.config.pins_are_locked, 0);
    assert_int_equal(rig.config.pins_are_strict, 0);
    assert_string_equal(rig.config.types_path, "/etc/mime.types");
    assert_int_equal(rig.config.sites[0]->own_logs.count, 0);
    assert_null(rig.config.sites[0]->document_root.data);
}

/* Directives of one value: what is taken, and what it becomes. */
static const struct {
    const char *line;
    size_t offset;
    uint64_t value;
} amounts[] = {
    { "KeepAliveTimeout 5", offsetof(struct config, keepalive_timeout_ms), 5000 },
    { "KeepAliveTimeout 1ms", offsetof(struct config, keepalive_timeout_ms), 1 },
    { "keepalivetimeout 1d", offsetof(struct config, keepalive_timeout_ms), 86400000 },
    { "LimitRequestFields 1", offsetof(struct config, limit_fields), 1 },
    { "LimitRequestFields 100", offsetof(struct config, limit_fields), 100 },
    { "LimitRequestFieldSize 64", offsetof(struct config, limit_field_bytes), 64 },
    { "LimitRequestFieldSize 16K", offsetof(struct config, limit_field_bytes), 16384 },
    { "LimitRequestLine 16384", offsetof(struct config, limit_line_bytes), 16384 },
    { "LoadTimeout 500ms", offsetof(struct config, load_timeout_ms), 500 },
    { "MaxConnections 1", offsetof(struct config, connections_max), 1 },
    { "MaxConnections 16777216", offsetof(struct config, connections_max), 16777216 },
    { "MMapExpire 0", offsetof(struct config, expire_ms), 0 },
    { "MMapExpire 365d", offsetof(struct config, expire_ms), 31536000000 },
    { "MMapMaxBytes 1M", offsetof(struct config, cache_bytes), 1 << 20 },
    { "MMAPMAXBYTES 2T", offsetof(struct config, cache_bytes), 2ull << 40 },
    { "MMapMaxFiles 1", offsetof(struct config, cache_files), 1 },
    { "MMapMaxFiles 1073741824", offsetof(struct config, cache_files), 1 << 30 },
    { "MMapMaxFileSize 0", offsetof(struct config, snapshot_bytes), 0 },
    { "MMapMaxFileSize 1G", offsetof(struct config, snapshot_bytes), 1 << 30 },
    { "MMapRevalidate 250ms", offsetof(struct config, revalidate_ms), 250 },
    { "MMapRevalidate 0", offsetof(struct config, revalidate_ms), 0 },
    { "MMapSettle 0", offsetof(struct config, settle_ms), 0 },
    { "RequestTimeout 1m", offsetof(struct config, request_timeout_ms), 60000 },
    { "StatsInterval 10s", offsetof(struct config, stats_interval_ms), 10000 },
    { "Threads 64", offsetof(struct config, threads), 64 },
    { "SendMinRate 0", offsetof(struct config, send_min_bytes_s), 0 },
    { "SendMinRate 1K", offsetof(struct config, send_min_bytes_s), 1024 },
    { "SendMinRate 1 5s", offsetof(struct config, send_min_window_ms), 5000 },
    { "SendMinRate 1", offsetof(struct config, send_min_window_ms), 30000 },
    { "  Threads\t \t2  ", offsetof(struct config, threads), 2 },
    { "Threads \"3\"", offsetof(struct config, threads), 3 },
    { "\"Threads\" 4", offsetof(struct config, threads), 4 },
};

static void good_values_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(amounts); i++) {
        apply_well(amounts[i].line);
        uint64_t value = *(const uint64_t *)(const void *)((const char *)&rig.config + amounts[i].offset);
        if (value != amounts[i].value) fail_msg("%s gives %" PRIu64, amounts[i].line, value);
    }
}

/* A message names the directive, what was written, and what would be right. */
static const struct {
    const char *line;
    const char *says[3];
} mistakes[] = {
    { "KeepAliveTimeout 0", { "KeepAliveTimeout: 0 is out of range", "at least 1 ms", "at most 86400000 ms" } },
    { "KeepAliveTimeout 2d", { "KeepAliveTimeout: 2d is out of range", "at most 86400000 ms", "" } },
    { "KeepAliveTimeout soon", { "KeepAliveTimeout: \"soon\" is not a time", "such as 500ms, 20s, 5m or 1h", "" } },
    { "keepalivetimeout -1", { "KeepAliveTimeout: \"-1\" is not a time", "", "" } },
    { "LimitRequestFields 0", { "LimitRequestFields: 0 is out of range", "at least 1 and at most 100", "" } },
    { "LimitRequestFields 101", { "at most 100", "", "" } },
    { "LimitRequestFields 10K", { "LimitRequestFields: \"10K\" is not a number", "", "" } },
    { "LimitRequestFieldSize 63", { "at least 64 bytes", "at most 16384 bytes", "" } },
    { "LimitRequestLine 16385", { "LimitRequestLine: 16385 is out of range", "at most 16384 bytes", "" } },
    { "LimitRequestLine 1s", { "is not an amount of bytes, such as 65536, 64K, 512M or 2G", "", "" } },
    { "LogFormat xml", { "LogFormat: \"xml\" is not one of combined|common|json", "", "" } },
    { "LogFormat com", { "LogFormat: \"com\" is not one of", "", "" } },
    { "LogFormat \"\"", { "LogFormat: \"\" is not one of", "", "" } },
    { "MMapLock maybe", { "MMapLock: \"maybe\" is not one of off|on", "", "" } },
    { "MaxConnections 0", { "MaxConnections: 0 is out of range", "at least 1", "" } },
    { "MMapMaxBytes 1", { "MMapMaxBytes: 1 is out of range; at least 1048576 bytes", "", "" } },
    { "MMapMaxBytes lots", { "MMapMaxBytes: \"lots\" is not an amount of bytes", "512M", "" } },
    { "MMapMaxBytes 99999999999T", { "MMapMaxBytes: \"99999999999T\" is not", "", "" } },
    { "MMapMaxFiles 0", { "MMapMaxFiles: 0 is out of range", "", "" } },
    { "MMapMaxFileSize 1025M", { "at most 1073741824 bytes", "", "" } },
    { "MMapExpire 366d", { "MMapExpire: 366d is out of range", "", "" } },
    { "Threads 65", { "Threads: 65 is out of range; at least 1 and at most 64", "", "" } },
    { "SendMinRate slow", { "SendMinRate: \"slow\" is not an amount of bytes, such as 500 or 1K", "", "" } },
    { "SendMinRate 500 0", { "SendMinRate: \"0\" is not a time of 1ms to 1d, such as 30s", "", "" } },
    { "SendMinRate 500 25h", { "SendMinRate: \"25h\" is not a time", "", "" } },
    { "SendMinRate 500 30s more", { "SendMinRate takes one or two arguments: SendMinRate BYTES [TIME]", "", "" } },
    { "Threads", { "Threads takes one argument: Threads NUMBER", "", "" } },
    { "Threads 1 2", { "Threads takes one argument: Threads NUMBER", "", "" } },
    { "MMapFile", { "MMapFile takes one argument or more: MMapFile FILE...", "", "" } },
    { "DocumentRoot \"\"", { "DocumentRoot: a path of 1 to 4095 bytes is wanted", "", "" } },
    { "", { "a directive is wanted, such as \"MMapMaxBytes 512M\"", "", "" } },
    { " \t ", { "a directive is wanted", "", "" } },
    { "DocumentRoot \"/srv/www", { "a quotation mark is not closed", "", "" } },
    { "DocumentRoot \"/srv\\\"", { "a quotation mark is not closed", "", "" } },
    { "Listen", { "Listen takes one argument: Listen [ADDRESS:]PORT|unix:PATH", "", "" } },
    { "Listen 65536", { "Listen: \"65536\" is not PORT, ADDRESS:PORT, [IPV6-ADDRESS]:PORT or unix:PATH", "", "" } },
    { "Listen http", { "Listen: \"http\" is not PORT", "", "" } },
    { "Listen localhost:80", { "Listen: \"localhost:80\" is not", "", "" } },
    { "Listen 127.0.0.1", { "Listen: \"127.0.0.1\" is not", "", "" } },
    { "Listen 127.0.0.1:", { "Listen: \"127.0.0.1:\" is not", "", "" } },
    { "Listen [::1]", { "Listen: \"[::1]\" is not", "", "" } },
    { "Listen unix:", { "Listen: \"unix:\" is not", "", "" } },
};

static void mistakes_are_named_with_their_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(mistakes); i++) {
        static struct config before;
        before = rig.config;
        if (apply(mistakes[i].line)) fail_msg("%s is taken", mistakes[i].line);
        for (size_t j = 0; j < 3; j++) {
            if (!strstr(error, mistakes[i].says[j]))
                fail_msg("%s: \"%s\" does not say \"%s\"", mistakes[i].line, error, mistakes[i].says[j]);
        }
        before.arena = rig.config.arena; /* it may have grown */
        assert_memory_equal(&before, &rig.config, sizeof before);
    }
}

static void a_misspelt_name_is_met_with_the_nearest_known_one(void **state)
{
    (void)state;
    static const struct {
        const char *line, *meant;
    } names[] = {
        { "MMapMaxByte 1M", "MMapMaxBytes" },
        { "MapMaxBytes 1M", "MMapMaxBytes" },
        { "mmapmaxfile 1", "MMapMaxFiles" },
        { "KeepaliveTime 5", "KeepAliveTimeout" },
        { "Lisen 80", "Listen" },
        { "DocmentRoot /", "DocumentRoot" },
        { "Thread 2", "Threads" },
        { "logfromat json", "LogFormat" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char wanted[100];
        assert_false(apply(names[i].line));
        snprintf(wanted, sizeof wanted, "; did you mean %s?", names[i].meant);
        if (!strstr(error, wanted)) fail_msg("%s: %s", names[i].line, error);
        assert_memory_equal(error, "there is no directive ", 22);
    }
    static const char *const far[] = { "ServerSignature Off", "X 1", "Banana 1", "12345 1" };
    for (size_t i = 0; i < ARRAY_COUNT(far); i++) {
        assert_false(apply(far[i]));
        if (strstr(error, "did you mean")) fail_msg("%s: %s", far[i], error);
    }
}

static void listeners_add_up(void **state)
{
    (void)state;
    static const struct {
        const char *line, *address;
        uint16_t port;
    } listens[] = {
        { "Listen 80", "", 80 },
        { "Listen 0", "", 0 },
        { "Listen 127.0.0.1:8080", "127.0.0.1", 8080 },
        { "Listen [::1]:8080", "[::1]", 8080 },
        { "Listen [::]:65535", "[::]", 65535 },
        { "Listen 0.0.0.0:1", "0.0.0.0", 1 },
        { "Listen unix:/run/folio.sock", "unix:/run/folio.sock", 0 },
        { "Listen :81", "", 81 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(listens); i++) {
        apply_well(listens[i].line);
        assert_int_equal(rig.config.listen_count, i + 1);
        assert_string_equal(rig.config.listens[i].address, listens[i].address);
        assert_int_equal(rig.config.listens[i].port, listens[i].port);
    }
    while (rig.config.listen_count < CONFIG_LISTENS_MAX) apply_well("Listen 82");
    assert_false(apply("Listen 83"));
    assert_string_equal(error, "Listen: at most 16 may be given");
}

static void the_path_of_a_unix_socket_is_bounded_by_the_system(void **state)
{
    (void)state;
    char line[200] = "Listen unix:";
    memset(line + 12, 'a', 108);
    assert_false(apply(line));
    assert_non_null(strstr(error, "is not PORT, ADDRESS:PORT"));
    line[12 + 107] = '\0';
    apply_well(line);
    memset(line + 12, 'a', 150);
    assert_false(apply(line));
    assert_int_equal(rig.config.listen_count, 1);
}

static void words_in_quotation_marks_may_hold_blanks(void **state)
{
    (void)state;
    static const struct {
        const char *line, *value;
    } roots[] = {
        { "DocumentRoot /srv/www", "/srv/www" },
        { "DocumentRoot \"/srv/my site\"", "/srv/my site" },
        { "DocumentRoot \"/a\\\"b\\\\c\"", "/a\"b\\c" },
        { "DocumentRoot \"/a\\nb\"", "/a\\nb" },
        { "DocumentRoot /a\\b", "/a\\b" },
        { "DocumentRoot /a\"b", "/a\"b" },
        { "DocumentRoot '/srv/my site'", "/srv/my site" },
        { "DocumentRoot '/a\\'b\"'", "/a'b\"" },
        { "DocumentRoot /it's", "/it's" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(roots); i++) {
        apply_well(roots[i].line);
        assert_string_equal(rig.config.sites[0]->document_root.data, roots[i].value);
    }
    apply_well("CustomLog -");
    const struct config_list *logs = &rig.config.sites[0]->own_logs;
    assert_int_equal(logs->count, 1);
    assert_string_equal(((const struct log_config *)logs->items[0])->target.data, "-");
}

static void the_longest_path_is_taken_and_no_longer_one(void **state)
{
    (void)state;
    static char line[3 * CONFIG_PATH_BYTES] = "DocumentRoot ";
    memset(line + 13, 'a', CONFIG_PATH_BYTES - 1);
    line[13] = '/';
    apply_well(line);
    assert_int_equal(rig.config.sites[0]->document_root.size, CONFIG_PATH_BYTES - 1);
    line[13 + CONFIG_PATH_BYTES - 1] = 'a';
    assert_false(apply(line));
    assert_non_null(strstr(error, "a path of 1 to 4095 bytes"));
    memset(line + 13, 'a', 2 * CONFIG_PATH_BYTES);
    assert_false(apply(line));
    assert_non_null(strstr(error, "the line is longer than 8192 bytes"));
    assert_false(rig_line(&rig, SPAN("DocumentRoot /a\0b")));
}

static void formats_of_the_log_are_chosen_by_name(void **state)
{
    (void)state;
    apply_well("LogFormat json");
    assert_int_equal(rig.config.sites[0]->log_format, LOG_FORMAT_JSON);
    apply_well("LogFormat Common");
    assert_int_equal(rig.config.sites[0]->log_format, LOG_FORMAT_COMMON);
    apply_well("LogFormat combined");
    assert_int_equal(rig.config.sites[0]->log_format, LOG_FORMAT_COMBINED);
    apply_well("MMapStrict on");
    assert_int_equal(rig.config.pins_are_strict, 1);
    apply_well("MMapLock ON");
    assert_int_equal(rig.config.pins_are_locked, 1);
    apply_well("MMapStrict off");
    assert_int_equal(rig.config.pins_are_strict, 0);
}

static void too_many_words_are_refused(void **state)
{
    (void)state;
    static char line[2000] = "MMapFile";
    for (int i = 0; i < 400; i++) strcat(line, " a");
    assert_false(apply(line));
    assert_string_equal(error, "too many arguments");
}

static void files_to_pin_are_collected(void **state)
{
    (void)state;
    struct scratch scratch;
    char path[160];
    rig.reader->files = &config_files_of_system;
    scratch_open(&scratch, NULL);
    scratch_text(&scratch, "one two", "x");
    scratch_text(&scratch, "a1", "x");
    scratch_text(&scratch, "a2", "x");
    apply_well("ServerRoot /elsewhere"); /* is for files */
    snprintf(rig.reader->present_folder, sizeof rig.reader->present_folder, "%s", scratch.path);
    apply_well("MMapFile a1 /absolute \"quo ted\"");
    apply_well("MMapDir folder");
    apply_well("CacheFile one two"); /* there is such a file */
    apply_well("MMapFile a*");
    apply_well("MMapFile nothing*");
    static const struct {
        const char *name;
        enum pin_kind kind;
    } wanted[] = { { "/a1", PIN_FILE },
                   { "", PIN_FILE },
                   { "/quo ted", PIN_FILE },
                   { "/folder", PIN_FOLDER },
                   { "/one two", PIN_DESCRIPTOR },
                   { "/a1", PIN_FILE },
                   { "/a2", PIN_FILE },
                   { "/nothing*", PIN_FILE } };
    assert_int_equal(rig.config.pin_count, ARRAY_COUNT(wanted));
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++) {
        snprintf(path, sizeof path, "%s%s", scratch.path, wanted[i].name);
        assert_string_equal(rig.config.pins[i].path, wanted[i].name[0] ? path : "/absolute");
        assert_int_equal(rig.config.pins[i].kind, wanted[i].kind);
        assert_string_equal(rig.config.pins[i].file, "-c");
    }
    scratch_close(&scratch);
}

/* Documentation is made of it. */
static void the_table_is_in_order_and_complete(void **state)
{
    (void)state;
    size_t count;
    const struct directive *all = directives(&count);
    assert_true(count >= 20);
    for (size_t i = 0; i < count; i++) {
        assert_true(strlen(all[i].text) > 10);
        assert_int_equal(all[i].text[strlen(all[i].text) - 1], '.');
        assert_true(strlen(all[i].arguments) > 0);
        if (i > 0) assert_true(strcasecmp(all[i - 1].name, all[i].name) < 0);
        if (!all[i].fallback) continue;
        char line[256];
        snprintf(line, sizeof line, "%s %s", all[i].name, all[i].fallback);
        apply_well(line);
    }
}

#define WITH_DEFAULTS(test) cmocka_unit_test_setup_teardown(test, with_defaults, without_config)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DEFAULTS(everything_has_its_default),
        WITH_DEFAULTS(good_values_are_taken),
        WITH_DEFAULTS(mistakes_are_named_with_their_remedy),
        WITH_DEFAULTS(a_misspelt_name_is_met_with_the_nearest_known_one),
        WITH_DEFAULTS(listeners_add_up),
        WITH_DEFAULTS(the_path_of_a_unix_socket_is_bounded_by_the_system),
        WITH_DEFAULTS(words_in_quotation_marks_may_hold_blanks),
        WITH_DEFAULTS(the_longest_path_is_taken_and_no_longer_one),
        WITH_DEFAULTS(formats_of_the_log_are_chosen_by_name),
        WITH_DEFAULTS(too_many_words_are_refused),
        WITH_DEFAULTS(files_to_pin_are_collected),
        WITH_DEFAULTS(the_table_is_in_order_and_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
