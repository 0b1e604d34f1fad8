/* load_rig.h - rules for loading from a scratch folder, with heads that say what they were made of.
 *
 * A head is "PATH|SIZE|DIGEST|", the digest in 32 hexadecimal digits.
 */
#ifndef FOLIO_TESTS_SUPPORT_LOAD_RIG_H
#define FOLIO_TESTS_SUPPORT_LOAD_RIG_H

#include <inttypes.h>

#include "cache/load.h"
#include "scratch.h"

enum { RIG_SNAPSHOT_BYTES_MAX = 64 << 10 };

static inline size_t rig_make_head(void *context, const struct load_facts *facts, char *out)
{
    (void)context;
    int size =
        snprintf(out, LOAD_HEAD_BYTES_MAX, "%.*s|%" PRId64 "|%016" PRIx64 "%016" PRIx64 "|", (int)facts->path.size,
                 facts->path.data, facts->identity.size, facts->digest[0], facts->digest[1]);
    return (size_t)size;
}

static inline struct load_rules rig_rules(const struct scratch *scratch)
{
    return (struct load_rules){ .root = scratch->fd,
                                .index_name = SPAN("index.html"),
                                .snapshot_bytes_max = RIG_SNAPSHOT_BYTES_MAX,
                                .make_head = rig_make_head };
}

#endif
