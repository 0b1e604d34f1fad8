/* pace.h - how fast a connection may send, where a Throttle holds for its answer.
 *
 * Role:   takes a share from each bucket that holds for the answer (net/throttle.h), and tells when there will be more. Those who would send
 *         share a bucket evenly: each takes what it earned since its last turn, divided by them; one alone takes what there is. While more lies there than all
 *         take, as some do not want theirs, shares are doubled from turn to turn; so others use it.
 * Owns:   the connection's hold on its client's buckets, until pace_done().
 * Thread: the connection's worker. Time is passed in (monotonic).
 */
#ifndef FOLIO_NET_PACE_H
#define FOLIO_NET_PACE_H

#include "net/throttle.h"

/* Zeroed memory is that of a connection which nothing ever held back. */
struct pace {
    const struct throttle_set *set; /* of the present answer; NULL: nothing holds it back */
    struct throttle_client *clients[THROTTLE_CLIENT_RULES_MAX];
    uint64_t allowed;  /* bytes that were taken, and not sent yet */
    int64_t took_us;   /* when it took some last */
    int64_t until_ms;  /* if is_paused, when there will be more */
    bool is_paused;    /* it waits for its share, and for nothing else */
    bool is_sender;    /* counted as one */
    bool is_under_way; /* its answer is counted as one */
};

/* An answer begins, to the client at `address`. */
void pace_begin(struct pace *pace, const struct throttle_set *set, const struct ip_address *address);

/* How many bytes may be sent now of `wanted`, which are left of the answer; 0: it is paused. */
uint64_t pace_take(struct pace *pace, uint64_t wanted, int64_t now_us);

/* So much of `size` may be sent, after pace_take(). */
static inline uint64_t pace_most(const struct pace *pace, uint64_t size)
{
    return pace->set && pace->allowed < size ? pace->allowed : size;
}

void pace_note_sent(struct pace *pace, uint64_t bytes);

/* The answer is not over yet. is_sender: nothing but the throttle keeps it from going on. */
void pace_go_on(struct pace *pace, bool is_sender);

/* The answer is over; or the connection is. */
void pace_end(struct pace *pace);
void pace_done(struct pace *pace);

#endif
