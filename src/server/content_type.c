#include "server/content_type.h"

static const struct span unknown_type = { .data = "application/octet-stream", .size = 24 };

static struct span value_for(const struct config_list *rules, struct span extension)
{
    for (size_t i = rules->count; i-- > 0;) {
        const struct extension_rule *rule = rules->items[i];
        if (span_equal_nocase(rule->extension, extension)) return rule->value;
    }
    return SPAN_NONE;
}

/* The last extension of `name`, without its dot; empty: there is none. */
static struct span last_extension(struct span name)
{
    for (size_t i = name.size; i-- > 0 && name.data[i] != '/';) {
        if (name.data[i] == '.') return span_from(name, i + 1);
    }
    return SPAN_NONE;
}

static void put(struct content_type *out, struct span text)
{
    if (out->size + text.size > sizeof out->text) return;
    if (text.size > 0) memcpy(out->text + out->size, text.data, text.size);
    out->size += text.size;
}

static struct span without_parameters(struct span type)
{
    const char *semicolon = type.size > 0 ? memchr(type.data, ';', type.size) : NULL;
    if (semicolon) type.size = (size_t)(semicolon - type.data);
    while (type.size > 0 && type.data[type.size - 1] == ' ') type.size--;
    return type;
}

/* AddDefaultCharset is for these two, as in Apache. */
static bool takes_default_charset(struct span type)
{
    return span_equal_nocase(type, SPAN("text/html")) || span_equal_nocase(type, SPAN("text/plain"));
}

/* type: as configured, perhaps with parameters of its own. charset: by AddCharset; data NULL: none. */
static void write_type(const struct rules *rules, struct span type, bool is_from_table, struct span charset,
                       struct content_type *out)
{
    struct span bare = without_parameters(type);
    bool has_own = !is_from_table && bare.size < type.size;
    put(out, has_own ? type : bare);
    out->type_size = bare.size;
    if (has_own) return;
    if (!charset.data && takes_default_charset(bare) && rules_have(rules, RULE_ADD_DEFAULT_CHARSET))
        charset = rules->default_charset;
    else if (!charset.data && media_type_is_text(bare))
        charset = SPAN("utf-8");
    if (charset.data) {
        put(out, SPAN("; charset="));
        put(out, charset);
    }
}

void content_type_of(const struct rules *rules, const struct media_types *types, struct span name,
                     struct content_type *ret)
{
    struct span charset = SPAN_NONE, type = SPAN_NONE;
    bool is_from_table = false;
    *ret = (struct content_type){ .encoding = SPAN_NONE };
    /* From the right: what only tells an encoding or a charset stands behind what tells the type. */
    for (;;) {
        struct span extension = last_extension(name);
        if (extension.size == 0) break;
        struct span encoding = value_for(&rules->add_encoding, extension);
        struct span its_charset = value_for(&rules->add_charset, extension);
        if (encoding.data && !ret->encoding.data) ret->encoding = encoding;
        if (its_charset.data && !charset.data) charset = its_charset;
        type = value_for(&rules->add_type, extension);
        if (!type.data && !encoding.data) {
            type = media_type_of(types, name);
            is_from_table = true;
            if (its_charset.data && span_equal(type, unknown_type)) type = SPAN_NONE;
        }
        if (type.data) break;
        name = span_first(name, name.size - extension.size - 1);
    }
    write_type(rules, type.data ? type : unknown_type, is_from_table || !type.data, charset, ret);
}
