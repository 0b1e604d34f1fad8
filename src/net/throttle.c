#include "net/throttle.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/siphash.h"

enum {
    WAYS = 16, /* buckets that a client may have */
    SETS = THROTTLE_CLIENTS / WAYS,
    LOCKS = 64,
    BOOST_MAX = 12,
    NETWORK_BYTES = 8, /* of an address of IPv6: RFC 4291, 2.5.4 */
};

struct throttle_clients {
    uint64_t bytes_s, least_bytes_s;
    uint64_t key[2]; /* so that nobody can choose addresses that meet */
    pthread_mutex_t locks[LOCKS];
    struct throttle_client at[SETS][WAYS];
};

uint64_t throttle_piece(const struct throttle *throttle)
{
    return throttle->bytes_s < THROTTLE_PIECE_BYTES ? throttle->bytes_s : THROTTLE_PIECE_BYTES;
}

void throttle_init(struct throttle *throttle, uint64_t bytes_s, uint64_t least_bytes_s)
{
    *throttle = (struct throttle){ .bytes_s = bytes_s, .least_bytes_s = least_bytes_s };
    /* At a low rate a moment is worth less than a piece. */
    uint64_t pieces_us = (THROTTLE_PIECES_MIN * throttle_piece(throttle) * 1000000 + bytes_s - 1) / bytes_s;
    throttle->burst_us = pieces_us > THROTTLE_BURST_US ? (int64_t)pieces_us : THROTTLE_BURST_US;
    atomic_store_explicit(&throttle->lowest, UINT64_MAX, memory_order_relaxed);
}

uint64_t throttle_credit(const struct throttle *throttle, int64_t now_us)
{
    int64_t earned_us = now_us - atomic_load_explicit(&throttle->paid_ns, memory_order_relaxed) / 1000;
    if (earned_us <= 0) return 0;
    if (earned_us > throttle->burst_us) earned_us = throttle->burst_us;
    return throttle->bytes_s * (uint64_t)earned_us / 1000000;
}

static int64_t time_of(const struct throttle *throttle, uint64_t bytes)
{
    return (int64_t)(bytes * 1000000000 / throttle->bytes_s);
}

/* What was left in the turn before tells whether all is taken. Of several threads one asks; hints that meet do no harm. */
static void begin_turn(struct throttle *throttle, int64_t turn)
{
    int64_t before = atomic_load_explicit(&throttle->turn, memory_order_relaxed);
    if (before == turn || !atomic_compare_exchange_strong_explicit(&throttle->turn, &before, turn, memory_order_relaxed,
                                                                   memory_order_relaxed))
        return;
    uint64_t lowest = atomic_exchange_explicit(&throttle->lowest, UINT64_MAX, memory_order_relaxed);
    uint64_t worth = throttle->bytes_s * THROTTLE_TICK_US / 1000000;
    unsigned boost = throttle_boost(throttle);
    if (lowest > worth / 2 + throttle_piece(throttle))
        boost += boost < BOOST_MAX;
    else if (lowest < worth / 8)
        boost -= boost > 0;
    atomic_store_explicit(&throttle->boost, boost, memory_order_relaxed);
}

static void note_left(struct throttle *throttle, uint64_t left)
{
    uint64_t lowest = atomic_load_explicit(&throttle->lowest, memory_order_relaxed);
    if (left < lowest) atomic_store_explicit(&throttle->lowest, left, memory_order_relaxed);
}

void throttle_take(struct throttle *throttle, uint64_t bytes, int64_t now_us)
{
    int64_t oldest_ns = (now_us - throttle->burst_us) * 1000, cost_ns = time_of(throttle, bytes), from_ns;
    int64_t paid_ns = atomic_load_explicit(&throttle->paid_ns, memory_order_relaxed);
    begin_turn(throttle, now_us / THROTTLE_TICK_US);
    do from_ns = paid_ns > oldest_ns ? paid_ns : oldest_ns;
    while (!atomic_compare_exchange_weak_explicit(&throttle->paid_ns, &paid_ns, from_ns + cost_ns, memory_order_relaxed,
                                                  memory_order_relaxed));
    note_left(throttle, throttle_credit(throttle, now_us));
}

void throttle_give_back(struct throttle *throttle, uint64_t bytes)
{
    atomic_fetch_sub_explicit(&throttle->paid_ns, time_of(throttle, bytes), memory_order_relaxed);
}

bool throttle_has_room(const struct throttle *throttle)
{
    uint64_t answers = (uint64_t)atomic_load_explicit(&throttle->answers, memory_order_relaxed) + 1;
    return throttle->bytes_s / answers >= throttle->least_bytes_s;
}

struct throttle_clients *throttle_clients_new(uint64_t bytes_s, uint64_t least_bytes_s)
{
    struct throttle_clients *clients = calloc(1, sizeof *clients);
    if (!clients) return NULL;
    if (getrandom(clients->key, sizeof clients->key, 0) != sizeof clients->key) {
        free(clients);
        return NULL;
    }
    clients->bytes_s = bytes_s;
    clients->least_bytes_s = least_bytes_s;
    for (unsigned i = 0; i < LOCKS; i++) pthread_mutex_init(&clients->locks[i], NULL);
    return clients;
}

void throttle_clients_free(struct throttle_clients *clients)
{
    if (!clients) return;
    for (unsigned i = 0; i < LOCKS; i++) pthread_mutex_destroy(&clients->locks[i]);
    free(clients);
}

/* The bytes that tell clients apart. */
static struct ip_address key_of(const struct ip_address *address)
{
    struct ip_address key = *address;
    if (!ip_address_is_v4(address)) memset(key.bytes + NETWORK_BYTES, 0, sizeof key.bytes - NETWORK_BYTES);
    return key;
}

bool throttle_client_is_of(const struct throttle_client *client, const struct ip_address *address)
{
    struct ip_address key = key_of(address);
    return memcmp(client->key, key.bytes, sizeof client->key) == 0;
}

static int64_t paid_ns_of(const struct throttle_client *client)
{
    return atomic_load_explicit(&client->throttle.paid_ns, memory_order_relaxed);
}

/* Under the lock. The one of `key` in `set`; else one that nobody uses; else one that others use. */
static struct throttle_client *find(struct throttle_clients *clients, struct throttle_client *set,
                                    const struct ip_address *key, uint64_t hash)
{
    struct throttle_client *unused = NULL;
    for (unsigned i = 0; i < WAYS; i++) {
        struct throttle_client *client = &set[i];
        if (client->table && memcmp(client->key, key->bytes, sizeof key->bytes) == 0) return client;
        if (client->users == 0 && (!unused || paid_ns_of(client) < paid_ns_of(unused))) unused = client;
    }
    if (!unused) return &set[hash / SETS % WAYS];
    throttle_init(&unused->throttle, clients->bytes_s, clients->least_bytes_s);
    memcpy(unused->key, key->bytes, sizeof unused->key);
    unused->table = clients;
    return unused;
}

struct throttle_client *throttle_clients_hold(struct throttle_clients *clients, const struct ip_address *address)
{
    struct ip_address key = key_of(address);
    uint64_t hash = siphash(clients->key, span_of((const char *)key.bytes, sizeof key.bytes));
    size_t set = hash % SETS;
    pthread_mutex_lock(&clients->locks[set % LOCKS]);
    struct throttle_client *client = find(clients, clients->at[set], &key, hash);
    client->users++;
    pthread_mutex_unlock(&clients->locks[set % LOCKS]);
    return client;
}

void throttle_client_give_back(struct throttle_client *client)
{
    if (!client) return;
    struct throttle_clients *clients = client->table;
    size_t set = (size_t)(client - clients->at[0]) / WAYS;
    pthread_mutex_lock(&clients->locks[set % LOCKS]);
    client->users--;
    pthread_mutex_unlock(&clients->locks[set % LOCKS]);
}

bool throttle_set_has_room(const struct throttle_set *set, const struct ip_address *address)
{
    bool has_room = true;
    for (unsigned i = 0; i < set->count && has_room; i++) has_room = throttle_has_room(set->at[i]);
    for (unsigned i = 0; i < set->client_count && has_room; i++) {
        if (set->clients[i]->least_bytes_s == 0) continue;
        struct throttle_client *client = throttle_clients_hold(set->clients[i], address);
        has_room = throttle_has_room(&client->throttle);
        throttle_client_give_back(client);
    }
    return has_room;
}
