#include "server/client_address.h"

#include <stdlib.h>

bool client_rules_init(struct client_rules *rules, const struct config *config)
{
    const struct config_list *proxies = &config->remote_proxies;
    *rules = (struct client_rules){ .field = config->remote_ip_header };
    if (!rules->field.data) return true;
    rules->networks = calloc(proxies->count + 1, sizeof *rules->networks);
    if (!rules->networks) return false;
    for (size_t i = 0; i < proxies->count; i++)
        rules->networks[i] = ((const struct proxy_rule *)proxies->items[i])->network;
    /* A Unix socket's peer has the address ::, which no other has. */
    bool is_parsed = cidr_parse(SPAN("::/128"), &rules->networks[proxies->count]);
    rules->trusted = (struct trusted_proxies){ rules->networks, proxies->count + is_parsed };
    return is_parsed;
}

void client_rules_done(struct client_rules *rules)
{
    free(rules->networks);
    *rules = (struct client_rules){ .networks = NULL };
}

bool client_address_of(const struct client_rules *rules, const struct request *request, const struct peer_address *peer,
                       struct peer_address *ret_client)
{
    struct ip_address address;
    if (!rules->field.data) return false;
    memcpy(address.bytes, peer->bytes, sizeof address.bytes);
    struct ip_address client = forwarded_client(request, rules->field, &address, &rules->trusted);
    if (ip_address_equal(&client, &address)) return false;
    *ret_client = (struct peer_address){ .port = 0 };
    memcpy(ret_client->bytes, client.bytes, sizeof ret_client->bytes);
    return true;
}
