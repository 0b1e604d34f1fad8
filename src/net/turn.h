/* turn.h - what one connection is answered in one turn of the loop: gathered, then sent at once.
 *
 * Role:   heads and small bodies are copied one behind the other into the worker's scratch; big bodies are referred to
 *         where they are. One system call sends all of it. What the socket does not take becomes a `struct pending`.
 * Owns:   the scratch, the worker's for all its connections; references that a handler handed over (turn_hold), until the end of the turn.
 * Thread: one worker's.
 * Limits: TURN_EXCHANGES_MAX answers and TURN_BYTES_MAX bytes a turn; beyond that the connection waits for its next turn.
 */
#ifndef FOLIO_NET_TURN_H
#define FOLIO_NET_TURN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/ip_address.h"
#include "cache/cache.h"
#include "http/ranges.h"
#include "http/request.h"
#include "http/response_head.h"
#include "platform/socket.h"

enum {
    TURN_EXCHANGES_MAX = 64,
    TURN_ANSWER_PARTS_MAX = 2 * RANGES_MAX + 1, /* text and a range of the file in turn, and text at the end */
    TURN_PARTS_MAX = 2 * TURN_EXCHANGES_MAX + 4 + TURN_ANSWER_PARTS_MAX,
    TURN_BYTES_MAX = 512 << 10,
    TURN_ANSWER_BYTES_MAX = 48 << 10, /* what one answer may write to the scratch */
    TURN_COPY_BYTES_MAX = 2 << 10,    /* a body up to this is cheaper copied than referred to */
    EXCHANGE_FIELDS_MAX = 8,          /* that logs may want beside Referer and User-Agent */
    TURN_SCRATCH_BYTES = TURN_EXCHANGES_MAX * 3 * 1024 + TURN_ANSWER_BYTES_MAX,
};

enum { EXCHANGE_USER_BYTES = 64 }; /* of a longer name, the first */

/* One request and its answer: what the log tells of it. */
struct exchange {
    int64_t began_us;   /* monotonic: when its first byte was there */
    int64_t time_s;     /* calendar: when its head was complete */
    uint64_t begins_at; /* bytes of the connection's output in this turn before its head */
    uint64_t starts_at; /* bytes of the connection's output in this turn before its content */
    uint64_t ends_at;   /* and with its content */
    unsigned status;
    uint16_t site;       /* the handler's to number */
    bool closes;         /* the connection was to end with the answer */
    bool is_turned_away; /* Throttle's LEAST refused it */
    uint8_t field_count;
    enum cache_outcome outcome;
    uint64_t received;          /* bytes of the request: its head, and what it says is the length of its content */
    bool has_client;            /* it is another than the peer */
    uint8_t user_size;          /* 0: nobody said who he is, or rightly */
    struct peer_address client; /* for whom a trusted proxy asked */
    char user[EXCHANGE_USER_BYTES];
    struct span line, method, target, referer, agent; /* in the input, or, when pending, in its block */
    struct span fields[EXCHANGE_FIELDS_MAX]; /* field_count, the handler's to choose; the same, or in the scratch */
};

struct throttle_set;

struct stream_part {
    struct entry *entry;  /* a reference, from turn_stream() on; NULL: no stream follows */
    int64_t offset, left; /* left 0: there is none */
};

/* What follows the first stretch of a stream: text, and another stretch of it. */
struct stream_leg {
    struct span text;     /* in the scratch, or, when pending, in its block */
    int64_t offset, size; /* size 0: it ends with the text */
};

struct turn {
    struct cache *cache;
    int64_t now_us, now_s; /* monotonic, calendar; of this turn of the loop */
    /* Since then files were changed, and not all of that may be known: what is kept is looked at before use. 0: all is known. */
    int64_t doubt_us;
    struct response_clock clock;
    char *scratch;
    size_t scratch_used;
    uint64_t bytes; /* gathered, a stream's too */
    unsigned part_count, held_count, exchange_count, leg_count;
    const struct throttle_set
        *throttles;              /* hold for the last answer, and so for all that is sent with it; NULL: none */
    struct ip_address throttled; /* if they do: its client */
    struct stream_part stream;
    struct stream_leg legs[RANGES_MAX]; /* behind the stream, in this order */
    struct iovec parts[TURN_PARTS_MAX];
    struct entry *owners[TURN_PARTS_MAX]; /* of what a part refers to; NULL: the scratch */
    struct entry *held[TURN_EXCHANGES_MAX];
    struct exchange exchanges[TURN_EXCHANGES_MAX];
};

NODISCARD bool turn_init(struct turn *turn, struct cache *cache);
void turn_done(struct turn *turn);

/* Whether another answer fits. */
static inline bool turn_has_room(const struct turn *turn)
{
    return turn->exchange_count < TURN_EXCHANGES_MAX && turn->bytes < TURN_BYTES_MAX &&
           turn->scratch_used + TURN_ANSWER_BYTES_MAX <= TURN_SCRATCH_BYTES && !turn->stream.entry &&
           !turn->throttles && turn->part_count + TURN_ANSWER_PARTS_MAX <= TURN_PARTS_MAX;
}

/* Room for an answer's own bytes, of which turn_wrote() then takes `size`. Behind a stream they follow it. */
static inline char *turn_room(struct turn *turn)
{
    return turn->scratch + turn->scratch_used;
}

void turn_wrote(struct turn *turn, size_t size);

/* Bytes offset..offset+size-1 of the snapshot `entry`, which the caller may use until the end of the turn. */
void turn_body(struct turn *turn, struct entry *entry, uint64_t offset, size_t size);

/* The same, but never copied: an answer of many such parts is not bounded by the scratch. */
void turn_refer(struct turn *turn, struct entry *entry, uint64_t offset, size_t size);

/* The same of a stream, with which the turn ends, but for what is written behind it and further stretches of that stream, at most
 * RANGES_MAX in all, with text between any two. Takes a reference. */
void turn_stream(struct turn *turn, struct entry *entry, int64_t offset, int64_t size);

/* Take over the caller's reference until the end of the turn. */
void turn_hold(struct turn *turn, struct entry *entry);

/* `throttles` hold for the answer that was just gathered, to `client`: it is the last of the turn. */
void turn_throttle(struct turn *turn, const struct throttle_set *throttles, const struct peer_address *client);

/* The next answer begins; its exchange, with time and request filled in. `request` may be NULL. */
struct exchange *turn_exchange(struct turn *turn, const struct request *request);

/* Everything was sent or moved away: give up what was held, and start anew. */
void turn_reset(struct turn *turn);

#endif
