#include "http/accept_encoding.h"

#include "base/check.h"
#include "base/compiler.h"
#include "http/field_list.h"
#include "http/token.h"
#include "http/weight.h"

enum { UNNAMED = -1 }; /* no weight */

struct weights {
    int of[CODING_COUNT];
    int any; /* of `*` */
};

#define RANKS(br, zstd, gzip, identity)                                                                 \
    ((struct accepted){ (br) << 4 * CODING_BR | (zstd) << 4 * CODING_ZSTD | (gzip) << 4 * CODING_GZIP | \
                        (identity) << 4 * CODING_IDENTITY })

/* What nearly everybody sends, in these very bytes. A test holds them against the parser. */
static const struct {
    struct span value;
    struct accepted accepted;
} usual[] = {
    { { "gzip, deflate, br, zstd", 23 }, RANKS(2, 2, 2, 1) }, /* Chromium, Firefox */
    { { "gzip, deflate, br", 17 }, RANKS(2, 0, 2, 1) },       /* Safari */
    { { "gzip, deflate", 13 }, RANKS(0, 0, 2, 1) },           /* browsers without TLS; many libraries */
    { { "gzip", 4 }, RANKS(0, 0, 2, 1) },
    { { "identity", 8 }, RANKS(0, 0, 0, 1) },
};

/* codings [ weight ]: the name and what it weighs. False: malformed. */
static bool parse_element(struct span element, struct span *ret_name, int *ret_weight)
{
    const char *end = element.data + element.size;
    const char *name_end = token_end(element.data, end);
    *ret_name = span_of(element.data, (size_t)(name_end - element.data));
    *ret_weight = WEIGHT_MAX;
    if (ret_name->size == 0) return false;
    struct span rest = field_value_trim(span_of(name_end, (size_t)(end - name_end)));
    if (rest.size == 0) return true;
    if (rest.data[0] != ';') return false;
    rest = field_value_trim(span_from(rest, 1));
    if (rest.size < 2 || !span_equal_nocase(span_first(rest, 2), SPAN("q="))) return false;
    return weight_parse(span_from(rest, 2), ret_weight);
}

static int *weight_of(struct weights *weights, struct span name)
{
    if (span_equal(name, SPAN("*"))) return &weights->any;
    if (span_equal_nocase(name, SPAN("x-gzip"))) return &weights->of[CODING_GZIP];
    if (span_equal_nocase(name, SPAN("identity"))) return &weights->of[CODING_IDENTITY];
    for (enum coding coding = 0; coding < CODING_IDENTITY; coding++) {
        if (span_equal_nocase(name, coding_name(coding))) return &weights->of[coding];
    }
    return NULL;
}

static void weigh(struct weights *weights, struct span list)
{
    struct span element, name;
    while (field_list_next(&list, &element)) {
        int weight;
        if (!parse_element(element, &name, &weight)) continue;
        int *known = weight_of(weights, name);
        if (known && weight > *known) *known = weight;
    }
}

static struct accepted rank(const struct weights *weights)
{
    /* Twice the weight, so that the identity that nobody named fits below the lowest. */
    int of[CODING_COUNT];
    for (enum coding coding = 0; coding < CODING_COUNT; coding++) {
        int weight = weights->of[coding] != UNNAMED ? weights->of[coding] : weights->any;
        of[coding] = weight == UNNAMED ? coding == CODING_IDENTITY : 2 * weight;
    }
    struct accepted accepted = { 0 };
    for (enum coding coding = 0; coding < CODING_COUNT; coding++) {
        if (of[coding] == 0) continue;
        /* One more than how many weights, each counted once, are lower. */
        unsigned place = 1;
        for (enum coding other = 0; other < CODING_COUNT; other++) {
            bool is_counted = of[other] > 0 && of[other] < of[coding];
            for (enum coding before = 0; before < other; before++) is_counted &= of[before] != of[other];
            place += is_counted;
        }
        accepted.ranks |= (uint16_t)(place << 4 * coding);
    }
    return accepted;
}

static const struct weights nothing_named = { .of = { UNNAMED, UNNAMED, UNNAMED, UNNAMED }, .any = UNNAMED };

struct accepted accept_encoding_parse(struct span value)
{
    for (size_t i = 0; i < ARRAY_COUNT(usual); i++) {
        if (span_equal(value, usual[i].value)) return usual[i].accepted;
    }
    struct weights weights = nothing_named;
    if (value.data) weigh(&weights, value);
    return rank(&weights);
}

struct accepted accept_encoding_of(const struct request *request)
{
    uint16_t cursor = 0;
    struct span value = SPAN_NONE, another;
    (void)request_next_value(request, FIELD_ACCEPT_ENCODING, &cursor, &value);
    if (!request_next_value(request, FIELD_ACCEPT_ENCODING, &cursor, &another)) return accept_encoding_parse(value);
    struct weights weights = nothing_named;
    weigh(&weights, value);
    do weigh(&weights, another);
    while (request_next_value(request, FIELD_ACCEPT_ENCODING, &cursor, &another));
    return rank(&weights);
}

enum coding accept_encoding_choose(struct accepted accepted, const struct codings *codings)
{
    ASSERT(codings->mask >> CODING_IDENTITY & 1);
    enum coding best = CODING_IDENTITY;
    unsigned best_rank = accepted_rank(accepted, best);
    /* From the back, so that the one that the server prefers comes last and wins over its equals. */
    for (unsigned i = CODING_IDENTITY; i-- > 0;) {
        enum coding coding = (enum coding)i;
        unsigned coding_rank = accepted_rank(accepted, coding);
        if (!(codings->mask >> i & 1) || coding_rank == 0 || coding_rank < best_rank) continue;
        if (coding_rank == best_rank && codings->sizes[coding] > codings->sizes[best]) continue;
        best = coding;
        best_rank = coding_rank;
    }
    return best;
}

struct span coding_name(enum coding coding)
{
    switch (coding) {
    case CODING_BR: return SPAN("br");
    case CODING_ZSTD: return SPAN("zstd");
    case CODING_GZIP: return SPAN("gzip");
    case CODING_IDENTITY:
    case CODING_COUNT: break;
    }
    return SPAN("");
}
