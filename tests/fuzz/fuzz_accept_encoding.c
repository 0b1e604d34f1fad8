/* The input is lines of Accept-Encoding, one a line of the input. Their weights are read a second time by a plain reader, and
 * the ranks must order the codings as the weights do; what is chosen is the best of what there is. */
#include <ctype.h>
#include <strings.h>

#include "../support/require.h"
#include "http/accept_encoding.h"

enum { LINES_MAX = 50 };
static const char *const names[] = { "br", "zstd", "gzip", "identity", "*" };
static double weights[5]; /* of names; below 0: not named */

static bool is_token(const char *text)
{
    for (; *text; text++) {
        if (!isalnum((unsigned char)*text) && !strchr("!#$%&'*+-.^_`|~", *text)) return false;
    }
    return true;
}

/* [01] [ "." digits ], at most 1 */
static bool read_weight(const char *text, double *ret_weight)
{
    if ((*text != '0' && *text != '1') || (text[1] != '.' && text[1] != '\0')) return false;
    for (const char *at = text + 1; *at == '.' || *at; at++) {
        if (at > text + 1 && !isdigit((unsigned char)*at)) return false;
        if (at > text + 1 && *text == '1' && *at != '0') return false;
    }
    /* Three digits count; what is not 0 is at least the least of them. */
    char first[6] = { 0 };
    for (size_t i = 0; i < 5 && text[i]; i++) first[i] = text[i];
    *ret_weight = strtod(first, NULL);
    if (*ret_weight == 0 && strpbrk(text, "123456789") != NULL) *ret_weight = 0.001;
    return true;
}

static char *trim(char *text)
{
    while (*text == ' ' || *text == '\t') text++;
    size_t size = strlen(text);
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t')) text[--size] = '\0';
    return text;
}

static void read_element(char *element)
{
    double weight = 1;
    char *semicolon = strchr(element, ';');
    if (semicolon != NULL) {
        *semicolon = '\0';
        char *rest = trim(semicolon + 1);
        if (strncasecmp(rest, "q=", 2) != 0 || !read_weight(rest + 2, &weight)) return;
    }
    char *name = trim(element);
    if (!is_token(name)) return;
    if (strcasecmp(name, "x-gzip") == 0) name += 2;
    for (unsigned i = 0; i < 5; i++) {
        if (strcasecmp(name, names[i]) == 0 && weight > weights[i]) weights[i] = weight;
    }
}

static void read_line(struct span line)
{
    char *copy = malloc(line.size + 1);
    REQUIRE(copy != NULL);
    memcpy(copy, line.data, line.size);
    copy[line.size] = '\0';
    for (char *at = copy, *comma; at != NULL; at = comma ? comma + 1 : NULL) {
        comma = strchr(at, ',');
        if (comma) *comma = '\0';
        read_element(trim(at));
    }
    free(copy);
}

static double weight_of(unsigned coding)
{
    if (weights[coding] >= 0) return weights[coding];
    if (weights[4] >= 0) return weights[4];
    return coding == CODING_IDENTITY ? 0.0001 : 0;
}

static void require_order(struct accepted accepted)
{
    unsigned seen = 0, highest = 0;
    for (unsigned i = 0; i < CODING_COUNT; i++) {
        unsigned rank = accepted_rank(accepted, (enum coding)i);
        REQUIRE((rank > 0) == (weight_of(i) > 0));
        if (rank > 0) seen |= 1u << (rank - 1);
        if (rank > highest) highest = rank;
        for (unsigned j = 0; j < CODING_COUNT; j++) {
            unsigned other = accepted_rank(accepted, (enum coding)j);
            if (weight_of(i) < weight_of(j)) REQUIRE(rank < other);
            if (!(weight_of(i) < weight_of(j)) && !(weight_of(j) < weight_of(i))) REQUIRE(rank == other);
        }
    }
    REQUIRE(seen == (1u << highest) - 1); /* no rank is left out: the form is normal */
}

static void require_choice(struct accepted accepted, const struct codings *codings)
{
    enum coding chosen = accept_encoding_choose(accepted, codings);
    REQUIRE(codings->mask >> chosen & 1);
    for (unsigned i = 0; i < CODING_COUNT; i++) {
        if (!(codings->mask >> i & 1)) continue;
        unsigned rank = accepted_rank(accepted, (enum coding)i), best = accepted_rank(accepted, chosen);
        REQUIRE(rank <= best);
        if (rank != best || rank == 0) continue;
        REQUIRE(codings->sizes[chosen] <= codings->sizes[i]);
        REQUIRE(codings->sizes[chosen] < codings->sizes[i] || chosen <= (enum coding)i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct request request;
    if (memchr(bytes, '\0', size) != NULL) return 0; /* stands in no field value */
    char *copy = exact_copy(bytes, size);
    request.field_count = 0;
    request.known_mask = 1u << FIELD_ACCEPT_ENCODING;
    for (unsigned i = 0; i < 5; i++) weights[i] = -1;
    for (size_t at = 0; at <= size && request.field_count < LINES_MAX;) {
        const char *stop = at < size ? memchr(copy + at, '\n', size - at) : NULL;
        size_t end = stop ? (size_t)(stop - copy) : size;
        struct span line = span_of(copy + at, end - at);
        request.fields[request.field_count++] = (struct field){ .value = line, .id = FIELD_ACCEPT_ENCODING };
        read_line(line);
        at = end + 1;
    }
    struct accepted accepted = accept_encoding_of(&request);
    require_order(accepted);
    for (unsigned mask = 0; mask < 8; mask++) {
        struct codings codings = { mask | 1u << CODING_IDENTITY, { 20, 20, 40, 30 } };
        require_choice(accepted, &codings);
    }
    if (request.field_count == 1) {
        REQUIRE(accept_encoding_parse(request.fields[0].value).ranks == accepted.ranks);
    }
    free(copy);
    return 0;
}
