#include "server/access.h"

static bool address_suffices(const struct config_list *rules, const struct peer_address *client)
{
    struct ip_address address;
    memcpy(address.bytes, client->bytes, sizeof address.bytes);
    for (size_t i = 0; i < rules->count; i++) {
        const struct require_rule *rule = rules->items[i];
        if (rule->kind == REQUIRE_GRANTED) return true;
        if (rule->kind == REQUIRE_IP && !client->is_unix && cidr_has(&rule->network, &address)) return true;
    }
    return rules->count == 0;
}

static bool name_suffices(const struct config_list *rules, struct span user)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct require_rule *rule = rules->items[i];
        if (rule->kind == REQUIRE_VALID_USER) return true;
        if (rule->kind == REQUIRE_USER && span_equal(rule->text, user)) return true;
    }
    return false;
}

static void note_user(struct question *question, struct span user)
{
    size_t size = user.size < EXCHANGE_USER_BYTES ? user.size : EXCHANGE_USER_BYTES;
    memcpy(question->room->user, user.data, size);
    question->user_size = (uint8_t)size;
}

/* Whether he is who he says, and is meant. */
static enum access decide_by_name(struct question *question, const struct rules *rules)
{
    struct credentials credentials;
    const struct asking *asking = question->asking;
    if (authorization_of(question->to.request, &credentials) != AUTHORIZATION_BASIC) return ACCESS_ASKS;
    enum access access = ACCESS_BROKEN;
    switch (authenticator_ask(question->authenticator, rules->auth_user_file, &credentials, asking->mails,
                              asking->mailbox, asking->cookie)) {
    case STATUS_OK:
        note_user(question, credentials.user);
        access = name_suffices(&rules->require, credentials.user) ? ACCESS_GRANTED : ACCESS_DENIED;
        break;
    case STATUS_REFUSED: access = ACCESS_ASKS; break;
    case STATUS_WOULD_BLOCK: access = ACCESS_WAITS; break;
    case STATUS_BUSY:
    case STATUS_EXHAUSTED: access = ACCESS_OVERWHELMED; break;
    case STATUS_NOT_FOUND:
    case STATUS_NOT_REGULAR:
    case STATUS_CHANGED:
    case STATUS_FAILED: break;
    }
    credentials_forget(&credentials);
    return access;
}

enum access access_decide(struct question *question, const struct policy *policy)
{
    const struct rules *rules = policy->rules;
    if (!policy->is_restricted || address_suffices(&rules->require, question->peer)) return ACCESS_GRANTED;
    if (!rules_name_users(rules) || rules->auth_type != AUTH_BASIC || !rules->auth_user_file.data) return ACCESS_DENIED;
    return decide_by_name(question, rules);
}
