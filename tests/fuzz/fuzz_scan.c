/* Every scanner, on the input cut at both ends: the wide one says what the scalar one says. */
#include "../support/require.h"
#include "platform/scan.h"

static void check(const char *at, const char *end)
{
    REQUIRE(scan_value_end(at, end) == scan_value_end_scalar(at, end));
    REQUIRE(scan_path_end(at, end) == scan_path_end_scalar(at, end));
    REQUIRE(scan_normal_end(at, end) == scan_normal_end_scalar(at, end));
    REQUIRE(scan_plain_end(at, end) == scan_plain_end_scalar(at, end));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    enum { CUTS = 40 };
    for (size_t cut = 0; cut < CUTS && cut <= size; cut++) {
        char *copy = exact_copy(bytes + cut, size - cut);
        check(copy, copy + (size - cut));
        free(copy);
        copy = exact_copy(bytes, size - cut);
        check(copy, copy + (size - cut));
        free(copy);
    }
    return 0;
}
