/* The input is the start of a connection. What comes of it does not depend on how it came in pieces, and a header that was taken,
 * written anew, is taken for the same. */
#include <arpa/inet.h>

#include "../support/require.h"
#include "http/proxy_protocol.h"

static enum proxy_result parse(const uint8_t *bytes, size_t size, size_t *ret_needed, struct proxy_header *ret_header)
{
    char *copy = exact_copy(bytes, size);
    enum proxy_result result = proxy_protocol_parse(copy, size, ret_needed, ret_header);
    free(copy);
    return result;
}

static void require_same(const struct proxy_header *a, const struct proxy_header *b)
{
    REQUIRE(a->has_addresses == b->has_addresses);
    if (!a->has_addresses) return;
    REQUIRE(ip_address_equal(&a->source, &b->source) && ip_address_equal(&a->destination, &b->destination));
    REQUIRE(a->source_port == b->source_port && a->destination_port == b->destination_port);
}

static void require_rewritten(const struct proxy_header *header)
{
    char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN], line[128];
    REQUIRE(inet_ntop(AF_INET6, header->source.bytes, source, sizeof source) != NULL);
    REQUIRE(inet_ntop(AF_INET6, header->destination.bytes, destination, sizeof destination) != NULL);
    int size = snprintf(line, sizeof line, "PROXY TCP6 %s %s %u %u\r\n", source, destination, header->source_port,
                        header->destination_port);
    struct proxy_header again;
    size_t needed;
    REQUIRE(proxy_protocol_parse(line, (size_t)size, &needed, &again) == PROXY_DONE);
    REQUIRE(again.size == (size_t)size);
    require_same(header, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct proxy_header header = { .size = 0 };
    size_t needed = 0;
    enum proxy_result result = parse(bytes, size, &needed, &header);
    if (result == PROXY_DONE) {
        REQUIRE(header.size > 0 && header.size <= size && header.size <= PROXY_HEADER_BYTES_MAX);
        if (header.has_addresses) require_rewritten(&header);
    }
    /* In pieces: more until it is done or refused, and then no sooner than it was promised. */
    for (size_t i = 0, least = 0; i <= size; i++) {
        struct proxy_header early = { .size = 0 };
        size_t missing = 0;
        enum proxy_result so_far = parse(bytes, i, &missing, &early);
        if (so_far == PROXY_MORE) {
            REQUIRE(missing > 0);
            if (i + missing > least) least = i + missing;
            continue;
        }
        REQUIRE(so_far == result);
        if (so_far == PROXY_DONE) {
            REQUIRE(i == header.size && i >= least);
            require_same(&early, &header);
        }
        return 0;
    }
    REQUIRE(result == PROXY_MORE);
    return 0;
}
