/* The input is a field that proxies made, one line of it a line of the input. As a list of addresses it is walked a second time by a plain
 * reader; as RFC 7239 has it, the client is still nobody that an untrusted one named. */
#include "../support/require.h"
#include "http/forwarded.h"

enum { LINES_MAX = 20, ELEMENTS_MAX = 4096 };

static struct cidr trusted_list[1];
static const struct trusted_proxies trusted = { trusted_list, 1 };
static struct span elements[ELEMENTS_MAX];
static size_t element_count;

static bool is_trusted(const struct ip_address *address)
{
    return cidr_has(&trusted_list[0], address);
}

static void split(struct span line)
{
    const char *end = line.data + line.size;
    for (const char *at = line.data; at <= end;) {
        const char *stop = at;
        while (stop < end && *stop != ',') stop++;
        struct span element = span_of(at, (size_t)(stop - at));
        while (element.size > 0 && strchr(" \t", element.data[0])) element = span_from(element, 1);
        while (element.size > 0 && strchr(" \t", element.data[element.size - 1])) element.size--;
        if (element.size > 0 && element_count < ELEMENTS_MAX) elements[element_count++] = element;
        at = stop + 1;
    }
}

static struct ip_address walk_plainly(struct ip_address client)
{
    for (size_t i = element_count, hops = 0; i > 0 && hops < FORWARDED_HOPS_MAX && is_trusted(&client); i--, hops++) {
        struct ip_address next;
        if (!ip_address_parse_node(elements[i - 1], &next)) break;
        client = next;
    }
    return client;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct request request;
    struct ip_address near, far;
    if (size > ELEMENTS_MAX || memchr(bytes, '\0', size) != NULL) return 0; /* stands in no field value */
    REQUIRE(cidr_parse(SPAN("10.0.0.0/8"), &trusted_list[0]));
    REQUIRE(ip_address_parse(SPAN("10.0.0.1"), &near) && ip_address_parse(SPAN("192.0.2.1"), &far));
    char *copy = exact_copy(bytes, size);
    request.field_count = 0;
    element_count = 0;
    for (size_t at = 0; at <= size && request.field_count < LINES_MAX;) {
        const char *stop = at < size ? memchr(copy + at, '\n', size - at) : NULL;
        size_t end = stop ? (size_t)(stop - copy) : size;
        struct span line = span_of(copy + at, end - at);
        request.fields[request.field_count++] = (struct field){ SPAN("X-Forwarded-For"), line, FIELD_OTHER };
        split(line);
        at = end + 1;
    }
    struct ip_address client = forwarded_client(&request, SPAN("X-Forwarded-For"), &near, &trusted);
    struct ip_address plainly = walk_plainly(near);
    REQUIRE(ip_address_equal(&client, &plainly));
    for (unsigned i = 0; i < request.field_count; i++) request.fields[i].name = SPAN("Forwarded");
    client = forwarded_client(&request, SPAN("X-Forwarded-For"), &near, &trusted);
    REQUIRE(ip_address_equal(&client, &near));
    (void)forwarded_client(&request, SPAN("Forwarded"), &near, &trusted);
    client = forwarded_client(&request, SPAN("Forwarded"), &far, &trusted);
    REQUIRE(ip_address_equal(&client, &far));
    free(copy);
    return 0;
}
