#include "base/text_escape.h"

#include <stdint.h>

#include "base/text_write.h"
#include "base/utf8.h"

static const struct span replacement = { "\xef\xbf\xbd", 3 }; /* U+FFFD */

/* U+2400 and on: the pictures of U+0000 to U+001F; U+2421 is DEL's. */
static char *append_picture(char *at, unsigned char control)
{
    unsigned picture = control == 0x7f ? 0x21 : control;
    at = text_append(at, SPAN("\xe2\x90"));
    *at++ = (char)(0x80 | picture);
    return at;
}

/* U+0080 to U+009F, which HTML does not allow; U+202A to U+202E and U+2066 to U+2069, which turn the direction of text;
 * U+2028 and U+2029, which break lines. */
static bool is_deceptive(struct span character)
{
    const uint8_t *at = (const uint8_t *)character.data;
    if (character.size == 2) return at[0] == 0xc2 && at[1] < 0xa0;
    if (character.size != 3 || at[0] != 0xe2) return false;
    return (at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) || (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
}

static struct span html_entity(char c)
{
    switch (c) {
    case '&': return SPAN("&amp;");
    case '<': return SPAN("&lt;");
    case '>': return SPAN("&gt;");
    case '"': return SPAN("&quot;");
    case '\'': return SPAN("&#39;");
    default: return SPAN_NONE;
    }
}

char *text_append_html(char *at, struct span text)
{
    while (text.size > 0) {
        unsigned char c = (unsigned char)text.data[0];
        size_t size = 1;
        if (c >= 0x80) {
            size = utf8_character_size(text);
            struct span character = span_first(text, size);
            at = text_append(at, size == 0 || is_deceptive(character) ? replacement : character);
            if (size == 0) size = 1;
        } else if (c < ' ' || c == 0x7f) {
            at = append_picture(at, c);
        } else {
            struct span entity = html_entity((char)c);
            at = text_append(at, entity.data ? entity : span_first(text, 1));
        }
        text = span_from(text, size);
    }
    return at;
}

static char *append_json_control(char *at, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    at = text_append(at, SPAN("\\u00"));
    *at++ = digits[c >> 4];
    *at++ = digits[c & 15];
    return at;
}

char *text_append_json(char *at, struct span text)
{
    while (text.size > 0) {
        unsigned char c = (unsigned char)text.data[0];
        size_t size = 1;
        if (c >= 0x80) {
            size = utf8_character_size(text);
            at = text_append(at, size == 0 ? replacement : span_first(text, size));
            if (size == 0) size = 1;
        } else if (c < ' ' || c == 0x7f) {
            at = append_json_control(at, c);
        } else {
            if (c == '"' || c == '\\') *at++ = '\\';
            *at++ = (char)c;
        }
        text = span_from(text, size);
    }
    return at;
}
