#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>

#include "base/quantity.h"

typedef bool parse(struct span text, uint64_t *ret_amount);

static const struct {
    parse *parse;
    const char *text;
    uint64_t amount;
} good[] = {
    { quantity_parse_number, "0", 0 },
    { quantity_parse_number, "007", 7 },
    { quantity_parse_number, "18446744073709551615", UINT64_MAX },
    { quantity_parse_bytes, "0", 0 },
    { quantity_parse_bytes, "65536", 65536 },
    { quantity_parse_bytes, "5b", 5 },
    { quantity_parse_bytes, "1K", 1024 },
    { quantity_parse_bytes, "1k", 1024 },
    { quantity_parse_bytes, "3KB", 3 << 10 },
    { quantity_parse_bytes, "3KiB", 3 << 10 },
    { quantity_parse_bytes, "512M", 512ull << 20 },
    { quantity_parse_bytes, "2mib", 2ull << 20 },
    { quantity_parse_bytes, "2MB", 2ull << 20 },
    { quantity_parse_bytes, "2G", 2ull << 30 },
    { quantity_parse_bytes, "2gb", 2ull << 30 },
    { quantity_parse_bytes, "2GiB", 2ull << 30 },
    { quantity_parse_bytes, "3T", 3ull << 40 },
    { quantity_parse_bytes, "3TB", 3ull << 40 },
    { quantity_parse_bytes, "16777215TiB", 16777215ull << 40 },
    { quantity_parse_ms, "0", 0 },
    { quantity_parse_ms, "20", 20000 },
    { quantity_parse_ms, "250ms", 250 },
    { quantity_parse_ms, "250MS", 250 },
    { quantity_parse_ms, "10s", 10000 },
    { quantity_parse_ms, "5m", 300000 },
    { quantity_parse_ms, "5min", 300000 },
    { quantity_parse_ms, "2h", 7200000 },
    { quantity_parse_ms, "1d", 86400000 },
};

static const struct {
    parse *parse;
    const char *text;
} bad[] = {
    { quantity_parse_number, "" },
    { quantity_parse_number, "-1" },
    { quantity_parse_number, "+1" },
    { quantity_parse_number, " 1" },
    { quantity_parse_number, "1 " },
    { quantity_parse_number, "1K" },
    { quantity_parse_number, "0x10" },
    { quantity_parse_number, "1.5" },
    { quantity_parse_number, "18446744073709551616" },
    { quantity_parse_number, "99999999999999999999999999" },
    { quantity_parse_bytes, "" },
    { quantity_parse_bytes, "K" },
    { quantity_parse_bytes, "1 K" },
    { quantity_parse_bytes, "1KK" },
    { quantity_parse_bytes, "1P" },
    { quantity_parse_bytes, "1.5M" },
    { quantity_parse_bytes, "-1K" },
    { quantity_parse_bytes, "10s" },
    { quantity_parse_bytes, "16777216T" },
    { quantity_parse_ms, "" },
    { quantity_parse_ms, "s" },
    { quantity_parse_ms, "1 s" },
    { quantity_parse_ms, "1us" },
    { quantity_parse_ms, "1.5s" },
    { quantity_parse_ms, "1K" },
    { quantity_parse_ms, "300000000000d" },
};

static void amounts_are_read_as_people_write_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        uint64_t amount = 1;
        if (!good[i].parse(span_of_string(good[i].text), &amount)) fail_msg("%s is refused", good[i].text);
        if (amount != good[i].amount) fail_msg("%s is read as %" PRIu64, good[i].text, amount);
    }
}

static void what_is_no_amount_is_refused_and_nothing_is_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        uint64_t amount = 4711;
        if (bad[i].parse(span_of_string(bad[i].text), &amount))
            fail_msg("\"%s\" is read as %" PRIu64, bad[i].text, amount);
        assert_int_equal(amount, 4711);
    }
}

static void only_the_span_is_read(void **state)
{
    (void)state;
    uint64_t amount;
    assert_true(quantity_parse_bytes(span_of("64K", 2), &amount));
    assert_int_equal(amount, 64);
    assert_false(quantity_parse_bytes(span_of("64K", 0), &amount));
    assert_false(quantity_parse_bytes(SPAN_NONE, &amount));
}

static void bytes_are_written_in_the_unit_that_fits(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } texts[] = {
        { 0, "0 bytes" },
        { 1023, "1023 bytes" },
        { 1024, "1.0 KiB" },
        { 1536, "1.5 KiB" },
        { 10 << 10, "10 KiB" },
        { 64 << 10, "64 KiB" },
        { 1023 << 10, "1023 KiB" },
        { 1 << 20, "1.0 MiB" },
        { 512 << 20, "512 MiB" },
        { 6442450944, "6.0 GiB" },
        { 3ull << 40, "3.0 TiB" },
        { 5000ull << 40, "5000 TiB" },
        { UINT64_MAX, "16777216 TiB" },
        { 10239, "10 KiB" },
        { (1 << 20) - 1, "1.0 MiB" },
        { (1 << 30) - 1, "1.0 GiB" },
        { 10188, "9.9 KiB" },
        { 10189, "10 KiB" },
        { (1023 << 10) + 511, "1023 KiB" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        char text[QUANTITY_TEXT_BYTES];
        assert_string_equal(quantity_format_bytes(texts[i].bytes, text), texts[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_are_read_as_people_write_them),
        cmocka_unit_test(what_is_no_amount_is_refused_and_nothing_is_set),
        cmocka_unit_test(only_the_span_is_read),
        cmocka_unit_test(bytes_are_written_in_the_unit_that_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
