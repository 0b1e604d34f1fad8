#include "http/fingerprint.h"

#include <stdint.h>

#include "base/compiler.h"
#include "base/path_parts.h"

enum {
    EXTENSIONS_MAX = 3,
    EXTENSION_BYTES_MAX = 11, /* webmanifest */
    SHORT_BYTES = 8,          /* of a fingerprint in more letters than hexadecimal ones */
    DISTINCT_MIN = 5,         /* characters of one of SHORT_BYTES that differ */
};

enum letter { SMALL, CAPITAL, DIGIT, JOINER, OTHER };

static enum letter letter_of(char c)
{
    if (c >= 'a' && c <= 'z') return SMALL;
    if (c >= 'A' && c <= 'Z') return CAPITAL;
    if (c >= '0' && c <= '9') return DIGIT;
    return c == '-' || c == '_' ? JOINER : OTHER;
}

/* Which letters follow a, b, c ... in words and in names of files and programs: at least 3 pairs in 10,000, counted over the 25,000 words of a
 * system's documentation and sources. */
static const char *const inside_words[26] = {
    "abcdfgiklmnprstuvwxy",
    "abceijlorsuy",
    "abcdefhiklmnoprstuy",
    "abcdefgilmnoprstuy",
    "abcdefghiklmnopqrstuvwxy",
    "acdefilorstuy",
    "aceghilmnorstu",
    "aeilmorsty",
    "abcdefglmnoprstvxz",
    "aeos",
    "aeilosu",
    "abcdefgilmnoprstuvy",
    "abdeilmopstuy",
    "abcdefgiklmnoprstuvwy",
    "abcdefgiklmnoprstuvwx",
    "acdefhilmoprstuy",
    "lu",
    "abcdefgiklmnoprstuvy",
    "abcdefghiklmnopqrstuvwy",
    "abcdefghiklmnoprstuvwy",
    "abcdefgilmnprst",
    "aceios",
    "acehinors",
    "ceimpt",
    "aeilmnopst",
    "aei",
};

/* The same for the first two letters of a word: at least 1 word in 1,000, and what is known from names. */
static const char *const at_front[26] = {
    "bcdglmnprstuv",
    "aeiloru",
    "abcdehilmnoprstu",
    "abeioru",
    "acdlmnrsvx",
    "adefilorsu",
    "aeilnorsu",
    "aeioty",
    "cdflmnorst",
    "aeiosu",
    "aeinouy",
    "aeilosu",
    "aeikopstuy",
    "acdeiostu",
    "bclnpruv",
    "aehiklorsuy",
    "u",
    "aeiosu",
    "acehiklmnopqstuvwy",
    "aehiortuwy",
    "finprst",
    "aceio",
    "aehiory",
    "mt",
    "aeo",
    "aeio",
};

static bool is_usual_pair(const char *const table[26], char first, char second)
{
    return strchr(table[ascii_lower(first) - 'a'], ascii_lower(second)) != NULL;
}

/* How little `token` looks like words: pairs of letters that are rare in them, and places where the kind of character changes (but for
 * the capital at a word's front). */
struct strangeness {
    unsigned rare, changes;
};

static struct strangeness strangeness_of(struct span token)
{
    struct strangeness strangeness = { 0 };
    for (size_t i = 1; i < token.size; i++) {
        char first = token.data[i - 1], second = token.data[i];
        enum letter before = letter_of(first), after = letter_of(second);
        if (before != after && !(before == CAPITAL && after == SMALL)) strangeness.changes++;
        if (before >= DIGIT || after >= DIGIT || (before == SMALL && after == CAPITAL)) continue;
        bool is_front = before != after || i == 1 || letter_of(token.data[i - 2]) >= DIGIT;
        strangeness.rare += !is_usual_pair(is_front ? at_front : inside_words, first, second);
    }
    return strangeness;
}

struct counts {
    unsigned of[OTHER + 1];
    unsigned distinct;
};

static struct counts count(struct span token)
{
    struct counts counts = { 0 };
    for (size_t i = 0; i < token.size; i++) {
        counts.of[letter_of(token.data[i])]++;
        counts.distinct += memchr(token.data, token.data[i], i) == NULL;
    }
    return counts;
}

static bool is_made_of(struct span token, const char *alphabet)
{
    for (size_t i = 0; i < token.size; i++) {
        if (token.data[i] == '\0' || strchr(alphabet, token.data[i]) == NULL) return false;
    }
    return true;
}

/* Small hexadecimal digits: not a number or a date, not a word, and not a word with a number or a date at one of its ends. */
static bool is_digest(struct span token)
{
    static const uint8_t lengths[] = { 8, 10, 12, 16, 20, 32, 40, 56, 64, 96, 128 };
    if (token.size > UINT8_MAX || memchr(lengths, (int)token.size, sizeof lengths) == NULL) return false;
    return is_made_of(token, "0123456789abcdef") && strangeness_of(token).changes >= 2;
}

/* Eight characters that no word would be written with. The thresholds let through 94 % of what is random in base 64, 85 % in base 32,
 * and 2 % of the names in programs that have eight letters of both cases, or of capitals alone. */
static bool is_short(struct span token, char separator)
{
    struct counts counts = count(token);
    struct strangeness strangeness = strangeness_of(token);
    unsigned all = strangeness.rare + strangeness.changes;
    if (counts.of[OTHER] > 0 || counts.distinct < DISTINCT_MIN) return false;
    if (counts.of[CAPITAL] == 0) {
        return separator == '-' && counts.of[JOINER] == 0 && counts.of[DIGIT] >= 2 && all >= 5;
    }
    if (counts.of[SMALL] == 0) {
        if (separator != '-' || !is_made_of(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")) return false;
        return all >= (counts.of[DIGIT] > 0 ? 3 : 4);
    }
    /* One word with a capital, however foreign. */
    if (counts.of[CAPITAL] == 1 && counts.of[SMALL] == SHORT_BYTES - 1 && letter_of(token.data[0]) == CAPITAL)
        return false;
    if (strangeness.rare == 0 && strangeness.changes < 4) return false;
    /* Names with dots in them are usual among generated files (`trait.OsStrExt.js`), and so are words joined by - and _. */
    return all >= 3u + (separator == '.' || counts.of[JOINER] > 0);
}

/* The characters from `at` on that are of one kind. */
static size_t run_at(struct span text, size_t at)
{
    size_t end = at;
    while (end < text.size && letter_of(text.data[end]) == letter_of(text.data[at])) end++;
    return end - at;
}

/* Whether capitals stand only where they do in words that are joined: `iPhone15`, `HTMLPage`, `xTermJS3`, `A4_paper`; not `BEWEleO7`. */
static bool has_capitals_of_words(struct span token)
{
    size_t part = 0; /* where it begins: behind a joiner, or digits in front */
    for (size_t at = 0, size; at < token.size; at += size) {
        enum letter kind = letter_of(token.data[at]);
        size = run_at(token, at);
        if (kind == JOINER || (kind == DIGIT && at == part)) part = at + size;
        if (kind != CAPITAL) continue;
        bool is_first = at == part || (at == part + 1 && size > 1);
        bool is_front = size == 1 && at + 1 < token.size && letter_of(token.data[at + 1]) == SMALL;
        size_t next = at + size;
        while (next < token.size && letter_of(token.data[next]) == DIGIT) next++;
        bool is_last = size > 1 && (next == token.size || letter_of(token.data[next]) == JOINER);
        if (!is_first && !is_front && !is_last) return false;
    }
    return true;
}

/* The same as is_short() in the folder that bundlers write to, where it takes less to be one: 96 % of what is random in base 64 is. */
static bool is_short_among_assets(struct span token)
{
    struct counts counts = count(token);
    struct strangeness strangeness = strangeness_of(token);
    if (counts.of[OTHER] > 0 || counts.of[CAPITAL] == 0 || counts.distinct < DISTINCT_MIN) return false;
    return strangeness.rare + strangeness.changes >= (counts.of[SMALL] > 0 ? 2 : 5) && !has_capitals_of_words(token);
}

/* 8-4-4-4-12 at the end: names what was uploaded, not what is in it. */
static bool ends_with_uuid(struct span stem)
{
    static const struct span shape = { "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", 36 };
    if (stem.size < shape.size) return false;
    for (size_t i = 0; i < shape.size; i++) {
        char c = stem.data[stem.size - shape.size + i];
        bool is_hex = (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
        if (shape.data[i] == '-' ? c != '-' : !is_hex) return false;
    }
    return true;
}

/* Whether what stands before an extension, the last one or another, ends with a fingerprint. */
static bool stem_ends_with_one(struct span stem, bool is_last, bool is_asset)
{
    if (ends_with_uuid(stem)) return false;
    size_t at = stem.size;
    while (at > 0 && stem.data[at - 1] != '.' && stem.data[at - 1] != '-') at--;
    struct span token = span_from(stem, at);
    /* Nothing but a digest: a chunk without a name. Shorter ones, and 32 digits, name other things as well (people, sessions); and
     * what two extensions follow is about the content (`.meta.json`). */
    if (at == 0) return is_last && (token.size == 20 || token.size == 40 || token.size == 64) && is_digest(token);
    if (is_digest(token)) return true;
    /* Base 64 may hold the very '-' that it is separated by. */
    if (stem.size <= SHORT_BYTES + 1) return false;
    char separator = stem.data[stem.size - SHORT_BYTES - 1];
    if (separator != '-' && separator != '.') return false;
    struct span last = span_from(stem, stem.size - SHORT_BYTES);
    return is_short(last, separator) || (is_asset && separator == '-' && is_short_among_assets(last));
}

static bool is_extension(struct span text)
{
    if (text.size == 0 || text.size > EXTENSION_BYTES_MAX) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (letter_of(text.data[i]) >= JOINER) return false;
    }
    return true;
}

/* Whether the file is a page: what people have the address of. */
static bool is_page(struct span extension)
{
    static const struct span pages[] = { { "html", 4 }, { "htm", 3 }, { "xhtml", 5 }, { "xht", 3 }, { "shtml", 5 } };
    for (size_t i = 0; i < ARRAY_COUNT(pages); i++) {
        if (span_equal_nocase(extension, pages[i])) return true;
    }
    return false;
}

static bool lies_in_immutable_folder(struct span path)
{
    static const struct span folders[] = { { "/_next/static/", 14 }, { "/_app/immutable/", 16 }, { "/_astro/", 8 } };
    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        if (memmem(path.data, path.size, folders[i].data, folders[i].size) != NULL) return true;
    }
    return false;
}

bool fingerprint_is_in(struct span path)
{
    struct span name = path_name(path), stem = name;
    bool is_asset = span_ends_with(path_folder(path), SPAN("/assets/")); /* Vite's default, and others' */
    bool has_fingerprint = false;
    for (unsigned extensions = 0; extensions < EXTENSIONS_MAX && !has_fingerprint; extensions++) {
        const char *dot = stem.size > 0 ? memrchr(stem.data, '.', stem.size) : NULL;
        if (dot == NULL) break;
        struct span extension = span_from(stem, (size_t)(dot + 1 - stem.data));
        if (!is_extension(extension)) break;
        if (extensions == 0 && is_page(extension)) return false;
        stem = span_first(stem, (size_t)(dot - stem.data));
        has_fingerprint = stem_ends_with_one(stem, extensions == 0, is_asset);
    }
    /* A name without an extension may be a page, too. */
    return has_fingerprint || (stem.size < name.size && lies_in_immutable_folder(path));
}
