/* pending.h - answers that a socket would not take all at once.
 *
 * Role:   what is left of a turn, in one block of its own: parts, the rest of a stream, and what the log is still owed.
 * Owns:   its block, and a reference to each entry that it refers to.
 * Thread: the connection's worker.
 */
#ifndef FOLIO_NET_PENDING_H
#define FOLIO_NET_PENDING_H

#include "base/block_pool.h"
#include "net/handler.h"

struct pending_part {
    const char *data;
    size_t size;
    struct entry *owner; /* a reference; NULL: the bytes are in the block */
};

struct pending {
    size_t capacity; /* of the block */
    struct pending_part *parts;
    struct exchange *exchanges;
    unsigned part, part_count;         /* parts before `part` were sent */
    unsigned exchange, exchange_count; /* exchanges before `exchange` are over */
    size_t part_sent;                  /* bytes of the present part */
    uint64_t sent;                     /* bytes of the whole turn's output so far */
    struct stream_part stream;         /* follows the parts */
    struct stream_leg *legs;           /* follow the stream; those before `leg` were begun */
    unsigned leg, leg_count;
    bool is_corked;     /* the socket is, until the stream's end */
    bool is_copied;     /* some of the stream was */
    bool by_loader;     /* a loader copies what is left of the stream */
    bool has_settled;   /* a change since then would be told by the times of the stream's file */
    int64_t warm_until; /* bytes of the stream before this offset were in memory when they were looked at or brought */
    int64_t doubt_ms;   /* from then on (monotonic) they are looked at again before each slice */
    int64_t warm_from_us;        /* when a loader was last asked for a window */
    int64_t cold_from;           /* bytes of the stream from here on were brought for this answer; -1: none were */
    char *copy;                  /* the bytes at the stream's offset, from a loader; NULL: none yet */
    size_t copy_size, copy_sent; /* bytes of it */
    int64_t rate_from_us;        /* when the present SendMinRate window began */
    uint64_t rate_taken;         /* bytes that the peer had taken then; 0 in the first window, which is lenient */
    uint64_t rate_sent;          /* the same of bytes that it had been sent */
};

/* Move what is left of `turn`, of which `sent` bytes were taken by the socket, into a block of `pool`. The turn's
 * references stay the turn's, but for the stream's. NULL: no memory; nothing was changed. */
NODISCARD struct pending *pending_new(struct block_pool *pool, struct turn *turn, uint64_t sent);
void pending_free(struct pending *pending, struct block_pool *pool); /* takes NULL */

/* The next parts to send, at most `max`; returns how many. */
unsigned pending_parts(const struct pending *pending, struct iovec *parts, unsigned max);

/* The socket took `size` bytes of the parts. */
void pending_sent(struct pending *pending, size_t size);

/* The socket took `size` bytes of the stream. */
void pending_stream_sent(struct pending *pending, size_t size);

/* Parts and stream were sent: go on to what follows them, which is then in their place. False: nothing does. */
NODISCARD bool pending_next_leg(struct pending *pending);

/* Whether something follows the parts. */
static inline bool pending_has_more(const struct pending *pending)
{
    return pending->stream.left > 0 || pending->leg < pending->leg_count;
}

/* Content bytes of `exchange` among the first `sent` bytes of its turn. */
uint64_t exchange_content_sent(const struct exchange *exchange, uint64_t sent);

/* The same with its head. */
uint64_t exchange_sent(const struct exchange *exchange, uint64_t sent);

#endif
