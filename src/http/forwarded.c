#include "http/forwarded.h"

#include "http/field_list.h"
#include "http/token.h"

/* The last elements of the list, in a ring: `count` were seen in all. */
struct hops {
    struct span nodes[FORWARDED_HOPS_MAX]; /* data NULL: an element without an address */
    size_t count;
};

static void add(struct hops *hops, struct span node)
{
    hops->nodes[hops->count++ % FORWARDED_HOPS_MAX] = node;
}

static void add_addresses(struct hops *hops, struct span list)
{
    struct span element;
    while (field_list_next(&list, &element)) {
        if (element.size > 0) add(hops, element); /* RFC 9110, 5.6.1.2 */
    }
}

/* Take a quoted-string (RFC 9110, 5.6.4) off the front of `rest`. What is escaped in it stays so: no address needs that. */
static bool take_quoted(struct span *rest, struct span *ret_text)
{
    for (size_t i = 1; i < rest->size; i++) {
        if (rest->data[i] == '\\') {
            i++;
        } else if (rest->data[i] == '"') {
            *ret_text = span_of(rest->data + 1, i - 1);
            *rest = span_from(*rest, i + 1);
            return true;
        }
    }
    return false;
}

static struct span take_token(struct span *rest)
{
    const char *end = token_end(rest->data, rest->data + rest->size);
    struct span token = span_first(*rest, (size_t)(end - rest->data));
    *rest = span_from(*rest, token.size);
    return token;
}

/* RFC 7239, section 4: forwarded-pair = token "=" value, nothing around the "=". */
static bool take_pair(struct span *rest, struct span *ret_name, struct span *ret_value)
{
    *ret_name = take_token(rest);
    if (ret_name->size == 0 || rest->size < 2 || rest->data[0] != '=') return false;
    *rest = span_from(*rest, 1);
    if (rest->data[0] == '"') return take_quoted(rest, ret_value);
    *ret_value = take_token(rest);
    return ret_value->size > 0;
}

/* forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] ), up to a comma or the end. */
static bool take_element(struct span *rest, struct span *ret_node)
{
    *ret_node = SPAN_NONE;
    for (;;) {
        *rest = field_value_trim(*rest);
        if (rest->size > 0 && rest->data[0] != ';' && rest->data[0] != ',') {
            struct span name, value;
            if (!take_pair(rest, &name, &value)) return false;
            if (span_equal_nocase(name, SPAN("for"))) {
                if (ret_node->data) return false; /* each parameter only once */
                *ret_node = value;
            }
            *rest = field_value_trim(*rest);
        }
        if (rest->size == 0 || rest->data[0] == ',') return true;
        if (rest->data[0] != ';') return false;
        *rest = span_from(*rest, 1);
    }
}

static bool add_forwarded(struct hops *hops, struct span list)
{
    for (;;) {
        struct span before = field_value_trim(list), node;
        list = before;
        if (!take_element(&list, &node)) return false;
        if (list.size < before.size) add(hops, node); /* an empty element is none */
        if (list.size == 0) return true;
        list = span_from(list, 1);
    }
}

static struct ip_address walk(const struct hops *hops, struct ip_address client, const struct trusted_proxies *trusted)
{
    size_t kept = hops->count < FORWARDED_HOPS_MAX ? hops->count : FORWARDED_HOPS_MAX;
    for (size_t i = 0; i < kept && cidr_list_has(trusted->list, trusted->count, &client); i++) {
        struct ip_address next;
        struct span node = hops->nodes[(hops->count - 1 - i) % FORWARDED_HOPS_MAX];
        if (!ip_address_parse_node(node, &next)) break;
        client = next;
    }
    return client;
}

struct ip_address forwarded_client(const struct request *request, struct span field, const struct ip_address *peer,
                                   const struct trusted_proxies *trusted)
{
    struct hops hops = { .count = 0 };
    bool is_rfc_7239 = span_equal_nocase(field, SPAN("Forwarded"));
    if (!cidr_list_has(trusted->list, trusted->count, peer)) return *peer;
    for (unsigned i = 0; i < request->field_count; i++) {
        if (!span_equal_nocase(request->fields[i].name, field)) continue;
        if (!is_rfc_7239)
            add_addresses(&hops, request->fields[i].value);
        else if (!add_forwarded(&hops, request->fields[i].value))
            return *peer;
    }
    return walk(&hops, *peer, trusted);
}
