/* The input, behind a '/', is a path. What comes of it is what a plain reader, who decodes, splits and stacks, makes of it; it is
 * normal; and it survives being encoded and read again. */
#include "../support/require.h"
#include "http/target.h"

enum { SEGMENTS_MAX = 4096 };

static struct {
    struct span segments[SEGMENTS_MAX];
    size_t count;
    bool is_folder;
    char *text; /* the segments, decoded; an encoded '/' as "%2F" */
} model;

/* Decode into `model.text`; false: a bad escape or NUL. */
static bool decode(struct span path, size_t *ret_size)
{
    size_t to = 0;
    for (size_t i = 0; i < path.size; i++) {
        if (path.data[i] == '\0') return false;
        if (path.data[i] != '%') {
            model.text[to++] = path.data[i];
            continue;
        }
        char digits[3] = { 0 };
        if (path.size - i < 3) return false;
        memcpy(digits, path.data + i + 1, 2);
        if (strspn(digits, "0123456789abcdefABCDEF") != 2) return false;
        long c = strtol(digits, NULL, 16);
        if (c == 0) return false;
        if (c == '/') {
            memcpy(model.text + to, "\0/", 2); /* a pair that nothing else is decoded to */
            to += 2;
        } else {
            model.text[to++] = (char)c;
        }
        i += 2;
    }
    *ret_size = to;
    return true;
}

static enum target_result judge(void)
{
    for (size_t i = 0; i < model.count; i++) {
        struct span segment = model.segments[i];
        bool is_well_known = span_equal(segment, SPAN(".well-known"));
        if ((segment.data[0] == '.' && !is_well_known) || memchr(segment.data, '\0', segment.size) != NULL) {
            return TARGET_HIDDEN;
        }
    }
    return TARGET_OK;
}

static enum target_result read_plainly(struct span path)
{
    size_t size;
    model.count = 0;
    model.is_folder = true;
    if (!decode(path, &size)) return TARGET_BAD;
    size_t begin = 1;
    for (size_t i = 1; i <= size; i++) {
        bool is_end = i == size || (model.text[i] == '/' && model.text[i - 1] != '\0');
        if (!is_end) continue;
        struct span segment = span_of(model.text + begin, i - begin);
        bool is_up = span_equal(segment, SPAN(".."));
        begin = i + 1;
        model.is_folder = true;
        if (is_up && model.count == 0) return TARGET_BAD;
        if (is_up) model.count--;
        if (is_up || segment.size == 0 || span_equal(segment, SPAN("."))) continue;
        REQUIRE(model.count < SEGMENTS_MAX);
        model.segments[model.count++] = segment;
        model.is_folder = i < size;
    }
    return judge();
}

static void require_model(struct span path)
{
    const char *at = path.data;
    for (size_t i = 0; i < model.count; i++) {
        struct span segment = model.segments[i];
        REQUIRE(*at++ == '/');
        REQUIRE((size_t)(path.data + path.size - at) >= segment.size && memcmp(at, segment.data, segment.size) == 0);
        at += segment.size;
    }
    REQUIRE(at + model.is_folder == path.data + path.size);
    REQUIRE(!model.is_folder || *at == '/');
}

static void require_survives(struct span path)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$()*+,;=:@/%";
    char *room = exact_copy(path.data, path.size);
    char *encoded = malloc(3 * path.size);
    REQUIRE(encoded != NULL);
    size_t size = target_encode(path, encoded);
    REQUIRE(size <= 3 * path.size && encoded[0] == '/' && (size == 1 || encoded[1] != '/'));
    for (size_t i = 0; i < size; i++) REQUIRE(encoded[i] != '\0' && strchr(plain, encoded[i]) != NULL);
    struct span back;
    char *exact = exact_copy(encoded, size);
    char *back_room = exact_copy(encoded, size);
    REQUIRE(target_normalise(span_of(exact, size), back_room, &back) == TARGET_OK);
    REQUIRE(span_equal(back, span_of(room, path.size)));
    free(back_room);
    free(exact);
    free(encoded);
    free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size >= SEGMENTS_MAX) return 0;
    char *path = malloc(size + 1);
    char *room = malloc(size + 1);
    model.text = malloc(size + 1);
    REQUIRE(path != NULL && room != NULL && model.text != NULL);
    path[0] = '/';
    if (size > 0) memcpy(path + 1, bytes, size);
    struct span given = span_of(path, size + 1);
    struct span normal = SPAN_NONE;
    enum target_result result = target_normalise(given, room, &normal);
    REQUIRE(result == read_plainly(given));
    if (result == TARGET_OK) {
        REQUIRE(normal.data == (span_equal(normal, given) ? given.data : room));
        require_model(normal);
        require_survives(normal);
    }
    free(model.text);
    free(room);
    free(path);
    return 0;
}
