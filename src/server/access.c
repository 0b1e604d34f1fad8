#include "server/access.h"

enum http_status access_refuses(const struct policy *policy, const struct peer_address *client)
{
    struct ip_address address;
    memcpy(address.bytes, client->bytes, sizeof address.bytes);
    const struct config_list *rules = &policy->rules->require;
    for (size_t i = 0; i < rules->count; i++) {
        const struct require_rule *rule = rules->items[i];
        if (rule->kind == REQUIRE_GRANTED) return HTTP_NONE;
        if (rule->kind == REQUIRE_IP && !client->is_unix && cidr_has(&rule->network, &address)) return HTTP_NONE;
    }
    return rules->count == 0 ? HTTP_NONE : HTTP_FORBIDDEN;
}
