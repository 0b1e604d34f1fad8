#include "http/media_type.h"

#include <stdint.h>
#include <stdlib.h>

#include "http/token.h"

struct entry {
    struct span extension; /* in any case of letters; data NULL: a free slot */
    struct span value;
};

/* Open addressing over a power of two of slots, at most half of them taken. One block of memory: the texts follow the slots. */
struct media_types {
    size_t slot_count;
    struct entry slots[];
};

/* What a bare image should know. Each line: a media type, and its extensions. */
static const char built_in[] = "text/html html htm shtml\n"
                               "text/css css\n"
                               "text/javascript js mjs cjs\n"
                               "text/plain txt text log conf ini cfg asc diff patch\n"
                               "text/markdown md markdown\n"
                               "text/csv csv\n"
                               "text/tab-separated-values tsv\n"
                               "text/calendar ics\n"
                               "text/vcard vcf vcard\n"
                               "text/vtt vtt\n"
                               "text/x-c c h cc cpp hh\n"
                               "text/x-python py\n"
                               "text/x-sh sh\n"
                               "text/x-rst rst\n"
                               "application/json json map\n"
                               "application/ld+json jsonld\n"
                               "application/geo+json geojson\n"
                               "application/manifest+json webmanifest\n"
                               "application/xml xml xsl xsd\n"
                               "application/xhtml+xml xhtml xht\n"
                               "application/atom+xml atom\n"
                               "application/rss+xml rss\n"
                               "application/yaml yaml yml\n"
                               "application/toml toml\n"
                               "application/wasm wasm\n"
                               "application/pdf pdf\n"
                               "application/postscript ps eps\n"
                               "application/rtf rtf\n"
                               "application/epub+zip epub\n"
                               "application/zip zip\n"
                               "application/gzip gz tgz\n"
                               "application/zstd zst\n"
                               "application/x-bzip2 bz2\n"
                               "application/x-xz xz\n"
                               "application/x-7z-compressed 7z\n"
                               "application/x-tar tar\n"
                               "application/vnd.rar rar\n"
                               "application/java-archive jar\n"
                               "application/vnd.debian.binary-package deb\n"
                               "application/x-rpm rpm\n"
                               "application/vnd.android.package-archive apk\n"
                               "application/vnd.sqlite3 sqlite sqlite3\n"
                               "application/msword doc\n"
                               "application/vnd.ms-excel xls\n"
                               "application/vnd.ms-powerpoint ppt\n"
                               "application/vnd.openxmlformats-officedocument.wordprocessingml.document docx\n"
                               "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx\n"
                               "application/vnd.openxmlformats-officedocument.presentationml.presentation pptx\n"
                               "application/vnd.oasis.opendocument.text odt\n"
                               "application/vnd.oasis.opendocument.spreadsheet ods\n"
                               "application/vnd.oasis.opendocument.presentation odp\n"
                               "application/vnd.apple.mpegurl m3u8\n"
                               "application/dash+xml mpd\n"
                               "font/woff woff\n"
                               "font/woff2 woff2\n"
                               "font/ttf ttf\n"
                               "font/otf otf\n"
                               "font/collection ttc\n"
                               "application/vnd.ms-fontobject eot\n"
                               "image/png png\n"
                               "image/apng apng\n"
                               "image/jpeg jpg jpeg jpe\n"
                               "image/gif gif\n"
                               "image/webp webp\n"
                               "image/avif avif\n"
                               "image/jxl jxl\n"
                               "image/heic heic\n"
                               "image/svg+xml svg\n"
                               "image/vnd.microsoft.icon ico\n"
                               "image/bmp bmp\n"
                               "image/tiff tif tiff\n"
                               "audio/mpeg mp3\n"
                               "audio/mp4 m4a\n"
                               "audio/aac aac\n"
                               "audio/ogg oga ogg opus\n"
                               "audio/flac flac\n"
                               "audio/x-wav wav\n"
                               "audio/midi mid midi\n"
                               "video/mp4 mp4 m4v\n"
                               "video/webm webm\n"
                               "video/ogg ogv\n"
                               "video/mpeg mpeg mpg\n"
                               "video/quicktime mov\n"
                               "video/x-matroska mkv\n"
                               "video/x-msvideo avi\n"
                               "video/mp2t m2ts mts\n"
                               "model/gltf+json gltf\n"
                               "model/gltf-binary glb\n"
                               "model/stl stl\n";

static const struct span charset = { "; charset=utf-8", sizeof "; charset=utf-8" - 1 };

static bool ends_with_nocase(struct span s, struct span end)
{
    return s.size >= end.size && span_equal_nocase(span_from(s, s.size - end.size), end);
}

/* RFC 9239 made all the others of JavaScript's names obsolete. */
static bool is_old_javascript(struct span type)
{
    static const struct span names[] = {
        SPAN("application/javascript"), SPAN("application/x-javascript"), SPAN("text/x-javascript"),
        SPAN("application/ecmascript"), SPAN("application/x-ecmascript"), SPAN("text/ecmascript"),
    };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (span_equal_nocase(type, names[i])) return true;
    }
    return false;
}

static bool is_text(struct span type)
{
    static const struct span names[] = {
        SPAN("application/json"),
        SPAN("application/xml"),
        SPAN("application/yaml"),
        SPAN("application/toml"),
    };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (span_equal_nocase(type, names[i])) return true;
    }
    return (type.size >= 5 && span_equal_nocase(span_first(type, 5), SPAN("text/"))) ||
           ends_with_nocase(type, SPAN("+xml")) || ends_with_nocase(type, SPAN("+json"));
}

static bool is_media_type(struct span type)
{
    const char *slash = type.size > 0 ? memchr(type.data, '/', type.size) : NULL;
    if (slash == NULL) return false;
    size_t size = (size_t)(slash - type.data);
    return token_is(span_first(type, size)) && token_is(span_from(type, size + 1));
}

static struct span take_line(struct span *rest)
{
    const char *newline = memchr(rest->data, '\n', rest->size);
    size_t size = newline != NULL ? (size_t)(newline - rest->data) : rest->size;
    struct span line = span_first(*rest, size);
    *rest = span_from(*rest, newline != NULL ? size + 1 : size);
    return line;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word of a line; a comment ends it. Empty: there is none. */
static struct span take_word(struct span *line)
{
    while (line->size > 0 && is_blank(line->data[0])) *line = span_from(*line, 1);
    size_t size = 0;
    while (size < line->size && !is_blank(line->data[size])) size++;
    struct span word = span_first(*line, size);
    if (size > 0 && word.data[0] == '#') return span_first(word, 0);
    *line = span_from(*line, size);
    return word;
}

static uint32_t hash_of(struct span extension)
{
    uint32_t hash = 2166136261u; /* FNV-1a: the keys are short, and the administrator's */
    for (size_t i = 0; i < extension.size; i++) {
        hash = (hash ^ (unsigned char)ascii_lower(extension.data[i])) * 16777619u;
    }
    return hash;
}

/* Where `extension` is, or the free slot where it would be. */
static size_t slot_of(const struct media_types *types, struct span extension)
{
    size_t slot = hash_of(extension) & (types->slot_count - 1);
    while (types->slots[slot].extension.data != NULL && !span_equal_nocase(types->slots[slot].extension, extension)) {
        slot = (slot + 1) & (types->slot_count - 1);
    }
    return slot;
}

static struct span copy(struct span s, char **text)
{
    char *at = *text;
    if (s.size > 0) memcpy(at, s.data, s.size);
    *text += s.size;
    return span_of(at, s.size);
}

/* Enter the types of `lines`; what is known already is replaced. *text is where copies go. */
static void add_lines(struct media_types *types, struct span lines, char **text)
{
    while (lines.size > 0) {
        struct span line = take_line(&lines);
        struct span type = take_word(&line);
        if (!is_media_type(type)) continue;
        if (is_old_javascript(type)) type = SPAN("text/javascript");
        struct span value = copy(type, text);
        if (is_text(type)) value.size += copy(charset, text).size;
        for (struct span word = take_word(&line); word.size > 0; word = take_word(&line)) {
            struct entry *entry = &types->slots[slot_of(types, word)];
            if (entry->extension.data == NULL) entry->extension = copy(word, text);
            if (!span_equal(entry->value, SPAN("text/javascript; charset=utf-8"))) entry->value = value;
        }
    }
}

/* At least as many words as a text has. */
static size_t count_words(struct span text)
{
    size_t words = 0;
    for (size_t i = 0; i < text.size; i++) {
        words += !is_blank(text.data[i]) && (i == 0 || is_blank(text.data[i - 1]));
    }
    return words;
}

struct media_types *media_types_new(struct span mime_types)
{
    struct span known = span_of(built_in, sizeof built_in - 1);
    size_t words = count_words(known) + count_words(mime_types);
    size_t slot_count = 1;
    while (slot_count < 2 * words) slot_count *= 2;
    /* Each line's type is copied at most once, and made longer by the charset; no JavaScript name is shorter than the right one. */
    size_t text_bytes = known.size + mime_types.size + words * charset.size;
    struct media_types *types = calloc(1, sizeof *types + slot_count * sizeof types->slots[0] + text_bytes);
    if (types == NULL) return NULL;
    types->slot_count = slot_count;
    char *text = (char *)&types->slots[slot_count];
    add_lines(types, known, &text);
    add_lines(types, mime_types, &text);
    return types;
}

void media_types_free(struct media_types *types)
{
    free(types);
}

struct span media_type_of(const struct media_types *types, struct span path)
{
    const char *dot = path.size > 0 ? memrchr(path.data, '.', path.size) : NULL;
    /* The dot that hides a file begins no extension. */
    if (dot != NULL && dot > path.data && dot[-1] != '/') {
        struct span extension = span_from(path, (size_t)(dot + 1 - path.data));
        const struct entry *entry = &types->slots[slot_of(types, extension)];
        if (entry->extension.data != NULL) return entry->value;
    }
    return SPAN("application/octet-stream");
}

bool media_type_is_text(struct span type)
{
    return is_text(type);
}
