/* main.c - what single parts of Folio cost that work without input and output: nanoseconds a call, the median of some rounds. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/glob.h"
#include "http/accept_encoding.h"
#include "http/fingerprint.h"
#include "http/ranges.h"
#include "http/target.h"
#include "server/listing.h"

enum { ROUNDS = 21, CALLS = 20000, NAMES = 50000, NAME_BYTES = 40 };

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare_numbers(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

/* Each takes the text, and returns something that depends on it. */
typedef unsigned call(struct span text);

static unsigned call_accept_encoding(struct span text)
{
    static const struct codings codings = { 15, { 20, 30, 40, 100 } };
    return (unsigned)accept_encoding_choose(accept_encoding_parse(text), &codings);
}

static unsigned call_fingerprint(struct span text)
{
    return fingerprint_is_in(text);
}

static unsigned call_ranges(struct span text)
{
    struct ranges ranges = { .count = 0 };
    return (unsigned)ranges_parse(text, 1000000, 16, &ranges) + ranges.count;
}

static unsigned call_glob(struct span text)
{
    return glob_matches(SPAN("/assets/**.js|/**/img/*"), text);
}

static unsigned call_target(struct span text)
{
    char room[256];
    struct span path;
    return (unsigned)target_normalise(text, room, &path);
}

static const struct {
    const char *part;
    call *call;
    const char *text;
} parts[] = {
    { "Accept-Encoding", call_accept_encoding, "gzip, deflate, br, zstd" },
    { "Accept-Encoding", call_accept_encoding, "gzip" },
    { "Accept-Encoding", call_accept_encoding, "br;q=1.0, gzip;q=0.8, *;q=0.1" },
    { "Range", call_ranges, "bytes=0-1023" },
    { "Range", call_ranges, "bytes=0-9,20-29,40-49,60-69,80-89,100-109,120-129,140-149" },
    { "path", call_target, "/assets/index-DiwrgTda.js" },
    { "path", call_target, "/assets/%69ndex/../a.js" },
    { "fingerprint", call_fingerprint, "/assets/index-DiwrgTda.js" },
    { "fingerprint", call_fingerprint, "/assets/bootstrap-icons.min.css" },
    { "pattern", call_glob, "/assets/vendor/chunks/index-DiwrgTda.js" },
};

static void measure(size_t index)
{
    double rounds[ROUNDS];
    struct span text = span_of_string(parts[index].text);
    volatile unsigned sum = 0; /* every answer is used */
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin = now_ns();
        for (unsigned i = 0; i < CALLS; i++) {
            /* So that no call is moved out of the loop. */
            __asm__ volatile("" : "+m"(text) : : "memory");
            sum = sum + parts[index].call(text);
        }
        rounds[round] = (double)(now_ns() - begin) / CALLS;
    }
    qsort(rounds, ROUNDS, sizeof rounds[0], compare_numbers);
    printf("| %s | `%s` | %.1f |\n", parts[index].part, parts[index].text, rounds[ROUNDS / 2]);
}

static void shuffled_names(struct listing_item *items, char *names)
{
    for (unsigned i = 0; i < NAMES; i++) {
        unsigned number = (unsigned)((uint64_t)i * 7919 % NAMES);
        char *name = names + (size_t)i * NAME_BYTES;
        int size = snprintf(name, NAME_BYTES, "holiday photo %u of %u.jpeg", number, i % 97);
        items[i] =
            (struct listing_item){ span_of(name, (size_t)size), number * 1001u, 1700000000 + number, i % 50 == 0 };
    }
}

static void measure_listing(void)
{
    struct listing_item *items = malloc(NAMES * sizeof items[0]);
    char *names = malloc((size_t)NAMES * NAME_BYTES);
    ASSERT(items != NULL && names != NULL);
    shuffled_names(items, names);
    struct listing listing = { SPAN("/photos/"), items, NAMES, { LISTING_BY_NAME, false } };
    struct text_buffer page = { .bytes_max = 64 << 20 }, json = { .bytes_max = 64 << 20 };
    uint64_t times[4] = { now_ns() };
    listing_sort(&listing);
    times[1] = now_ns();
    listing_write_page(&listing, &page);
    times[2] = now_ns();
    listing_write_json(&listing, &json);
    times[3] = now_ns();
    ASSERT(!page.has_failed && !json.has_failed);
    static const char *const steps[] = { "sorted", "as a page", "as JSON" };
    for (unsigned i = 0; i < 3; i++) {
        uint64_t ns = (times[i + 1] - times[i]) / NAMES;
        printf("| listing of %d names, each | %s | %" PRIu64 " |\n", NAMES, steps[i], ns);
    }
    text_buffer_done(&json);
    text_buffer_done(&page);
    free(names);
    free(items);
}

int main(void)
{
    puts("| part | input | ns |\n|---|---|---|");
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) measure(i);
    measure_listing();
    return 0;
}
