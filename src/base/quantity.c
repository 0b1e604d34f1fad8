#include "base/quantity.h"

#include <stdio.h>

/* Digits at the start of `text`; `ret_rest` is what follows. False: none, or too big. */
static bool leading_number(struct span text, uint64_t *ret_number, struct span *ret_rest)
{
    uint64_t number = 0;
    size_t at = 0;
    for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
        uint64_t digit = (uint64_t)(text.data[at] - '0');
        if (number > (UINT64_MAX - digit) / 10) return false;
        number = number * 10 + digit;
    }
    if (at == 0) return false;
    *ret_number = number;
    *ret_rest = span_from(text, at);
    return true;
}

struct unit {
    struct span name;
    uint64_t factor;
};

static bool with_unit(struct span text, const struct unit *units, size_t count, uint64_t *ret_amount)
{
    uint64_t number;
    struct span rest;
    if (!leading_number(text, &number, &rest)) return false;
    for (size_t i = 0; i < count; i++) {
        if (!span_equal_nocase(rest, units[i].name)) continue;
        if (number > UINT64_MAX / units[i].factor) return false;
        *ret_amount = number * units[i].factor;
        return true;
    }
    return false;
}

bool quantity_parse_number(struct span text, uint64_t *ret_number)
{
    static const struct unit units[] = { { SPAN(""), 1 } };
    return with_unit(text, units, ARRAY_COUNT(units), ret_number);
}

bool quantity_parse_bytes(struct span text, uint64_t *ret_bytes)
{
    static const struct unit units[] = {
        { SPAN(""), 1 },
        { SPAN("B"), 1 },
        { SPAN("K"), 1 << 10 },
        { SPAN("KB"), 1 << 10 },
        { SPAN("KiB"), 1 << 10 },
        { SPAN("M"), 1 << 20 },
        { SPAN("MB"), 1 << 20 },
        { SPAN("MiB"), 1 << 20 },
        { SPAN("G"), 1 << 30 },
        { SPAN("GB"), 1 << 30 },
        { SPAN("GiB"), 1 << 30 },
        { SPAN("T"), 1ull << 40 },
        { SPAN("TB"), 1ull << 40 },
        { SPAN("TiB"), 1ull << 40 },
    };
    return with_unit(text, units, ARRAY_COUNT(units), ret_bytes);
}

bool quantity_parse_ms(struct span text, uint64_t *ret_ms)
{
    static const struct unit units[] = {
        { SPAN("ms"), 1 },      { SPAN(""), 1000 },     { SPAN("s"), 1000 },     { SPAN("m"), 60000 },
        { SPAN("min"), 60000 }, { SPAN("h"), 3600000 }, { SPAN("d"), 86400000 },
    };
    return with_unit(text, units, ARRAY_COUNT(units), ret_ms);
}

const char *quantity_format_bytes(uint64_t bytes, char out[QUANTITY_TEXT_BYTES])
{
    static const char *const names[] = { "KiB", "MiB", "GiB", "TiB" };
    if (bytes < 1024) {
        snprintf(out, QUANTITY_TEXT_BYTES, "%u bytes", (unsigned)bytes);
        return out;
    }
    double amount = (double)bytes / 1024;
    unsigned unit = 0;
    /* What would be rounded up to 1024 or to 10.0 is written as what it is rounded to. */
    for (; amount >= 1023.5 && unit + 1 < ARRAY_COUNT(names); unit++) amount /= 1024;
    snprintf(out, QUANTITY_TEXT_BYTES, amount < 9.95 ? "%.1f %s" : "%.0f %s", amount, names[unit]);
    return out;
}
