#include "net/turn.h"

#include <stdlib.h>

#include "base/check.h"

bool turn_init(struct turn *turn, struct cache *cache)
{
    turn->cache = cache;
    turn->scratch = malloc(TURN_SCRATCH_BYTES);
    return turn->scratch != NULL;
}

void turn_done(struct turn *turn)
{
    free(turn->scratch);
    turn->scratch = NULL;
}

/* Text behind the stream: that of the leg which is begun with it, or goes on. */
static void add_to_leg(struct turn *turn, const char *text, size_t size)
{
    if (turn->leg_count > 0 && turn->legs[turn->leg_count - 1].size == 0) {
        turn->legs[turn->leg_count - 1].text.size += size;
        return;
    }
    ASSERT(turn->leg_count < RANGES_MAX);
    turn->legs[turn->leg_count++] = (struct stream_leg){ .text = span_of(text, size) };
}

void turn_wrote(struct turn *turn, size_t size)
{
    char *at = turn_room(turn);
    ASSERT(turn->scratch_used + size <= TURN_SCRATCH_BYTES);
    turn->scratch_used += size;
    turn->bytes += size;
    if (turn->stream.entry) {
        add_to_leg(turn, at, size);
        return;
    }
    if (turn->part_count > 0) {
        struct iovec *last = &turn->parts[turn->part_count - 1];
        if ((char *)last->iov_base + last->iov_len == at && !turn->owners[turn->part_count - 1]) {
            last->iov_len += size;
            return;
        }
    }
    ASSERT(turn->part_count < TURN_PARTS_MAX);
    turn->owners[turn->part_count] = NULL;
    turn->parts[turn->part_count++] = (struct iovec){ .iov_base = at, .iov_len = size };
}

void turn_body(struct turn *turn, struct entry *entry, uint64_t offset, size_t size)
{
    if (size == 0) return;
    if (size <= TURN_COPY_BYTES_MAX) {
        memcpy(turn_room(turn), entry_body(entry) + offset, size);
        turn_wrote(turn, size);
        return;
    }
    turn_refer(turn, entry, offset, size);
}

void turn_refer(struct turn *turn, struct entry *entry, uint64_t offset, size_t size)
{
    ASSERT(turn->part_count < TURN_PARTS_MAX);
    turn->owners[turn->part_count] = entry;
    turn->parts[turn->part_count++] = (struct iovec){ .iov_base = entry_body(entry) + offset, .iov_len = size };
    turn->bytes += size;
}

void turn_stream(struct turn *turn, struct entry *entry, int64_t offset, int64_t size)
{
    if (size == 0) return;
    turn->bytes += (uint64_t)size;
    if (turn->stream.entry) {
        ASSERT(turn->stream.entry == entry && turn->leg_count > 0);
        struct stream_leg *leg = &turn->legs[turn->leg_count - 1];
        ASSERT(leg->size == 0);
        leg->offset = offset;
        leg->size = size;
        return;
    }
    entry_ref(entry);
    turn->stream = (struct stream_part){ .entry = entry, .offset = offset, .left = size };
}

void turn_hold(struct turn *turn, struct entry *entry)
{
    ASSERT(turn->held_count < TURN_EXCHANGES_MAX);
    turn->held[turn->held_count++] = entry;
}

void turn_throttle(struct turn *turn, const struct throttle_set *throttles, const struct peer_address *client)
{
    turn->throttles = throttles;
    memcpy(turn->throttled.bytes, client->bytes, sizeof turn->throttled.bytes);
}

struct exchange *turn_exchange(struct turn *turn, const struct request *request)
{
    ASSERT(turn->exchange_count < TURN_EXCHANGES_MAX);
    struct exchange *exchange = &turn->exchanges[turn->exchange_count++];
    exchange->began_us = turn->now_us;
    exchange->time_s = turn->now_s;
    exchange->begins_at = turn->bytes;
    exchange->received = request ? request->head_size + request->content_length : 0;
    exchange->outcome = CACHE_NONE;
    exchange->closes = false;
    exchange->is_turned_away = false;
    exchange->site = 0;
    exchange->field_count = 0;
    exchange->has_client = false;
    exchange->user_size = 0;
    exchange->line = request ? request->line : SPAN_NONE;
    exchange->method = request ? request->method_text : SPAN_NONE;
    exchange->target = request ? request->target : SPAN_NONE;
    exchange->referer = SPAN_NONE;
    exchange->agent = SPAN_NONE;
    return exchange;
}

void turn_reset(struct turn *turn)
{
    for (unsigned i = 0; i < turn->held_count; i++) entry_unref(turn->held[i]);
    ASSERT(!turn->stream.entry);
    turn->throttles = NULL;
    turn->scratch_used = 0;
    turn->bytes = 0;
    turn->part_count = turn->held_count = turn->exchange_count = turn->leg_count = 0;
}
