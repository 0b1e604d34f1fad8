/* The input is the text of a mime.types file. What its last valid line about an extension says is what counts, but for
 * JavaScript; and every value can stand in a field. */
#include "../support/require.h"
#include "http/media_type.h"
#include "http/token.h"

enum { WORDS_MAX = 400 };

struct words {
    struct span rest;
};

static bool is_blank(char c)
{
    return strchr(" \t\r\f\v\n", c) != NULL && c != '\0';
}

/* The next word of a line; empty at its end and at a comment. */
static struct span next_word(struct words *words)
{
    while (words->rest.size > 0 && is_blank(words->rest.data[0])) words->rest = span_from(words->rest, 1);
    size_t size = 0;
    while (size < words->rest.size && !is_blank(words->rest.data[size])) size++;
    struct span word = span_first(words->rest, size);
    words->rest = span_from(words->rest, size);
    return size > 0 && word.data[0] == '#' ? span_first(word, 0) : word;
}

static bool is_media_type(struct span type)
{
    const char *slash = memchr(type.data, '/', type.size);
    if (slash == NULL) return false;
    size_t size = (size_t)(slash - type.data);
    return token_is(span_first(type, size)) && token_is(span_from(type, size + 1));
}

/* The type that the last line to name `extension` gives it; data NULL: none does. */
static struct span last_type(struct span text, struct span extension)
{
    struct span found = SPAN_NONE;
    while (text.size > 0) {
        const char *newline = memchr(text.data, '\n', text.size);
        size_t size = newline != NULL ? (size_t)(newline - text.data) : text.size;
        struct words words = { span_first(text, size) };
        struct span type = next_word(&words);
        if (type.size > 0 && is_media_type(type)) {
            for (struct span word = next_word(&words); word.size > 0; word = next_word(&words)) {
                if (span_equal_nocase(word, extension)) found = type;
            }
        }
        text = span_from(text, newline != NULL ? size + 1 : size);
    }
    return found;
}

static struct span type_of_extension(const struct media_types *types, struct span extension)
{
    char path[64] = "/name.";
    size_t size = strlen(path);
    memcpy(path + size, extension.data, extension.size);
    return media_type_of(types, span_of(path, size + extension.size));
}

static void require_value(struct span value)
{
    struct span charset = SPAN("; charset=utf-8");
    struct span type = value;
    REQUIRE(!span_equal_nocase(value, SPAN("application/javascript")));
    REQUIRE(!span_equal_nocase(value, SPAN("text/ecmascript; charset=utf-8")));
    if (span_ends_with(value, charset)) type = span_first(value, value.size - charset.size);
    REQUIRE(is_media_type(type));
}

static void require_extension(const struct media_types *types, struct span text, struct span extension)
{
    struct span value = type_of_extension(types, extension);
    struct span wanted = last_type(text, extension);
    bool is_javascript = span_equal(value, SPAN("text/javascript; charset=utf-8"));
    if (wanted.data != NULL && !is_javascript) {
        REQUIRE(span_starts_with(value, wanted));
        REQUIRE(value.size == wanted.size || span_equal(span_from(value, wanted.size), SPAN("; charset=utf-8")));
    }
    if (wanted.data == NULL) REQUIRE(is_javascript || value.size > 0);
    require_value(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *copy = exact_copy(bytes, size);
    struct span text = span_of(copy, size);
    struct media_types *types = media_types_new(text);
    REQUIRE(types != NULL);
    struct words words = { text };
    for (size_t i = 0; i < WORDS_MAX && words.rest.size > 0; i++) {
        struct span word = next_word(&words);
        bool is_extension = word.size > 0 && word.size < 32 && memchr(word.data, '.', word.size) == NULL &&
                            memchr(word.data, '/', word.size) == NULL;
        if (is_extension) require_extension(types, text, word);
    }
    struct span octets = media_type_of(types, text);
    REQUIRE(octets.size > 0);
    REQUIRE(span_equal(type_of_extension(types, SPAN("mjs")), SPAN("text/javascript; charset=utf-8")));
    media_types_free(types);
    free(copy);
    return 0;
}
