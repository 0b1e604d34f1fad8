#include "http/field_name.h"

#include <stdint.h>

/* Setting the bit 0x20 makes letters small and leaves '-' alone. The only other byte that it would turn into '-' is CR, and
 * into a small letter only its capital: no token but the name itself matches. */
static uint32_t small4(const char *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word | 0x20202020u;
}

static uint64_t small8(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word | 0x2020202020202020u;
}

/* Whether the `size` bytes at `name` are `small`, which is written small; words that overlap cover what is left over. */
static inline __attribute__((always_inline)) bool is(const char *name, const char *small, size_t size)
{
    if (size <= 8) return small4(name) == small4(small) && small4(name + size - 4) == small4(small + size - 4);
    for (size_t i = 0; i + 8 < size; i += 8) {
        if (small8(name + i) != small8(small + i)) return false;
    }
    return small8(name + size - 8) == small8(small + size - 8);
}

#define IS(literal, id) (is(name.data, literal, sizeof(literal) - 1) ? (id) : FIELD_OTHER)

enum field_id field_name_id(struct span name)
{
    enum field_id id;
    switch (name.size) {
    case 4: return IS("host", FIELD_HOST);
    case 5: return IS("range", FIELD_RANGE);
    case 6: id = IS("accept", FIELD_ACCEPT); return id != FIELD_OTHER ? id : IS("expect", FIELD_EXPECT);
    case 7: return IS("referer", FIELD_REFERER);
    case 8: id = IS("if-range", FIELD_IF_RANGE); return id != FIELD_OTHER ? id : IS("if-match", FIELD_IF_MATCH);
    case 10:
        id = IS("connection", FIELD_CONNECTION);
        return id != FIELD_OTHER ? id : IS("user-agent", FIELD_USER_AGENT);
    case 13:
        id = IS("if-none-match", FIELD_IF_NONE_MATCH);
        return id != FIELD_OTHER ? id : IS("authorization", FIELD_AUTHORIZATION);
    case 14: return IS("content-length", FIELD_CONTENT_LENGTH);
    case 15: return IS("accept-encoding", FIELD_ACCEPT_ENCODING);
    case 17:
        id = IS("if-modified-since", FIELD_IF_MODIFIED_SINCE);
        return id != FIELD_OTHER ? id : IS("transfer-encoding", FIELD_TRANSFER_ENCODING);
    case 19: return IS("if-unmodified-since", FIELD_IF_UNMODIFIED_SINCE);
    default: return FIELD_OTHER;
    }
}
