/* throttle.h - how many bytes a second a Throttle lets through, over all connections and workers together.
 *
 * Role:   a bucket that fills at a steady rate up to a moment's worth, and from which connections take what they send
 *         (net/pace.h says how they share it). Of `Throttle client` there is a bucket for each client: an address of IPv4, or a
 *         network of IPv6 (/64), which is what one household or one machine is given.
 * Owns:   the table of clients; a bucket is its holder's.
 * Thread: any; a bucket is a few atomics, each a count of its own. The table has locks of its own, held for a look-up.
 * Units:  bytes, microseconds (monotonic, passed in).
 * Limits: THROTTLE_BYTES_S_MAX. THROTTLE_CLIENTS buckets in a table; when those that a client may have are all in use, it shares
 *         one. A bucket that nobody uses is another's when it is needed, the one that was used least lately first.
 */
#ifndef FOLIO_NET_THROTTLE_H
#define FOLIO_NET_THROTTLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/ip_address.h"

enum {
    THROTTLE_TICK_US = 128 * 1000,            /* between two turns of a connection that waits */
    THROTTLE_BURST_US = 2 * THROTTLE_TICK_US, /* what nobody took for longer than this is lost */
    THROTTLE_PIECE_BYTES = 1460,              /* less is not worth a packet, unless the rate is lower still */
    THROTTLE_PIECES_MIN = 4,                  /* that a bucket holds, however low its rate */
    THROTTLE_CLIENTS = 1 << 16,
    THROTTLE_CLIENT_RULES_MAX = 2, /* that hold for one answer: the site's and the main server's */
};

#define THROTTLE_BYTES_S_MAX ((uint64_t)32 << 30) /* beyond it, products of bytes and nanoseconds would not fit */

struct throttle {
    uint64_t bytes_s, least_bytes_s; /* constant; least_bytes_s 0: everybody is let in */
    int64_t burst_us;                /* constant */
    _Atomic int64_t paid_ns;  /* when all that was taken will have been earned; relaxed: nothing else hangs on it */
    _Atomic int64_t turn;     /* the present one: relaxed, as these hints are */
    _Atomic uint64_t lowest;  /* what was left when it was least in this turn */
    _Atomic uint32_t boost;   /* shares are doubled so often, as not all is taken */
    _Atomic uint32_t senders; /* connections that would send now; relaxed: a count */
    _Atomic uint32_t answers; /* answers under way, those whose reader is slow too; relaxed: a count */
};

void throttle_init(struct throttle *throttle, uint64_t bytes_s, uint64_t least_bytes_s);

/* The fewest bytes that are taken at once. */
uint64_t throttle_piece(const struct throttle *throttle);

/* Bytes that could be taken now. */
uint64_t throttle_credit(const struct throttle *throttle, int64_t now_us);

/* Take so many, whether they are there or not: what is missing is earned before anybody takes more. */
void throttle_take(struct throttle *throttle, uint64_t bytes, int64_t now_us);
void throttle_give_back(struct throttle *throttle, uint64_t bytes);

/* How often a share is to be doubled, so that what others leave is used. */
static inline unsigned throttle_boost(const struct throttle *throttle)
{
    return atomic_load_explicit(&throttle->boost, memory_order_relaxed);
}

/* One more answer would get no fewer bytes a second than `least_bytes_s`. */
bool throttle_has_room(const struct throttle *throttle);

/* The buckets of a `Throttle client`. */
struct throttle_clients;

struct throttle_client {
    struct throttle throttle;
    struct throttle_clients *table; /* that it is of; NULL: it was nobody's yet */
    uint8_t key[16];                /* the address, or the network's; constant while it is held */
    uint32_t users;                 /* connections that hold it; under the lock */
};

/* NULL: no memory, or no random numbers. */
NODISCARD struct throttle_clients *throttle_clients_new(uint64_t bytes_s, uint64_t least_bytes_s);
void throttle_clients_free(struct throttle_clients *clients); /* takes NULL; nobody holds any */

/* The bucket of the client at `address`, to be given back. */
struct throttle_client *throttle_clients_hold(struct throttle_clients *clients, const struct ip_address *address);
void throttle_client_give_back(struct throttle_client *client); /* takes NULL */

/* Whether `client`, which the caller holds, is the bucket of `address`. */
bool throttle_client_is_of(const struct throttle_client *client, const struct ip_address *address);

/* All that hold for an answer. */
struct throttle_set {
    unsigned count, client_count;
    struct throttle *const *at; /* count of them */
    struct throttle_clients *clients[THROTTLE_CLIENT_RULES_MAX];
};

/* Whether one more answer, to the client at `address`, would get enough of each. */
bool throttle_set_has_room(const struct throttle_set *set, const struct ip_address *address);

#endif
