#include "net/pending.h"

#include <stdlib.h>

#include "base/check.h"

/* What of part i of the turn is still to be sent. */
static struct span part_left(const struct turn *turn, unsigned i, uint64_t skip)
{
    return span_of((const char *)turn->parts[i].iov_base + skip, turn->parts[i].iov_len - skip);
}

static size_t texts_size(const struct exchange *exchange)
{
    size_t size = exchange->line.size + exchange->referer.size + exchange->agent.size;
    for (unsigned i = 0; i < exchange->field_count; i++) size += exchange->fields[i].size;
    return size;
}

static struct span keep(char **at, struct span text)
{
    if (!text.data) return text;
    struct span kept = span_of(*at, text.size);
    if (text.size > 0) memcpy(*at, text.data, text.size);
    *at += text.size;
    return kept;
}

/* The same part of `copy` that `part` is of `whole`; nothing if it is no part of it. */
static struct span same_part(struct span part, struct span whole, struct span copy)
{
    if (!part.data || !whole.data || part.data < whole.data || part.data + part.size > whole.data + whole.size)
        return SPAN_NONE;
    return span_of(copy.data + (part.data - whole.data), part.size);
}

/* Copy an exchange, with its texts at *at. Method and target are parts of the line. */
static void keep_exchange(struct exchange *to, const struct exchange *from, char **at)
{
    *to = *from;
    to->line = keep(at, from->line);
    to->method = same_part(from->method, from->line, to->line);
    to->target = same_part(from->target, from->line, to->line);
    to->referer = keep(at, from->referer);
    to->agent = keep(at, from->agent);
    for (unsigned i = 0; i < from->field_count; i++) to->fields[i] = keep(at, from->fields[i]);
}

struct pending *pending_new(struct block_pool *pool, struct turn *turn, uint64_t sent)
{
    unsigned first_part = 0, first_exchange = 0;
    uint64_t skip = sent;
    while (first_part < turn->part_count && skip >= turn->parts[first_part].iov_len)
        skip -= turn->parts[first_part++].iov_len;
    while (first_exchange < turn->exchange_count && turn->exchanges[first_exchange].ends_at <= sent) first_exchange++;
    unsigned part_count = turn->part_count - first_part, exchange_count = turn->exchange_count - first_exchange;
    unsigned parts_room = part_count > 0 ? part_count : 1; /* for a leg's text */
    size_t size = sizeof(struct pending) + parts_room * sizeof(struct pending_part) +
                  exchange_count * sizeof(struct exchange) + turn->leg_count * sizeof(struct stream_leg);
    for (unsigned i = first_part; i < turn->part_count; i++) {
        if (!turn->owners[i]) size += turn->parts[i].iov_len;
    }
    for (unsigned i = first_exchange; i < turn->exchange_count; i++) size += texts_size(&turn->exchanges[i]);
    for (unsigned i = 0; i < turn->leg_count; i++) size += turn->legs[i].text.size;

    size_t capacity;
    struct pending *pending = block_take(pool, size, &capacity);
    if (!pending) return NULL;
    *pending = (struct pending){ .capacity = capacity, .sent = sent, .stream = turn->stream };
    turn->stream = (struct stream_part){ .entry = NULL };
    pending->by_loader = pending->stream.entry && pending->stream.entry->is_remote;
    pending->warm_until = pending->stream.offset;
    pending->cold_from = -1;
    pending->rate_from_us = turn->now_us;
    pending->parts = (struct pending_part *)(void *)(pending + 1);
    pending->exchanges = (struct exchange *)(void *)(pending->parts + parts_room);
    pending->legs = (struct stream_leg *)(void *)(pending->exchanges + exchange_count);
    char *at = (char *)(pending->legs + turn->leg_count);
    for (unsigned i = first_part; i < turn->part_count; i++, skip = 0) {
        struct span left = part_left(turn, i, i == first_part ? skip : 0);
        struct entry *owner = turn->owners[i];
        if (owner)
            entry_ref(owner);
        else
            left = keep(&at, left);
        pending->parts[pending->part_count++] = (struct pending_part){ left.data, left.size, owner };
    }
    for (unsigned i = first_exchange; i < turn->exchange_count; i++)
        keep_exchange(&pending->exchanges[pending->exchange_count++], &turn->exchanges[i], &at);
    for (; pending->leg_count < turn->leg_count; pending->leg_count++) {
        struct stream_leg *leg = &pending->legs[pending->leg_count];
        *leg = turn->legs[pending->leg_count];
        leg->text = keep(&at, leg->text);
    }
    ASSERT((size_t)(at - (char *)pending) <= capacity);
    return pending;
}

void pending_free(struct pending *pending, struct block_pool *pool)
{
    if (!pending) return;
    for (unsigned i = pending->part; i < pending->part_count; i++) entry_unref(pending->parts[i].owner);
    entry_unref(pending->stream.entry);
    free(pending->copy);
    block_give(pool, pending, pending->capacity);
}

unsigned pending_parts(const struct pending *pending, struct iovec *parts, unsigned max)
{
    unsigned count = 0;
    size_t skip = pending->part_sent;
    for (unsigned i = pending->part; i < pending->part_count && count < max; i++, skip = 0) {
        parts[count++] = (struct iovec){ .iov_base = (void *)(uintptr_t)(pending->parts[i].data + skip),
                                         .iov_len = pending->parts[i].size - skip };
    }
    return count;
}

void pending_sent(struct pending *pending, size_t size)
{
    pending->sent += size;
    size += pending->part_sent;
    while (pending->part < pending->part_count && size >= pending->parts[pending->part].size) {
        size -= pending->parts[pending->part].size;
        entry_unref(pending->parts[pending->part].owner);
        pending->part++;
    }
    pending->part_sent = size;
}

void pending_stream_sent(struct pending *pending, size_t size)
{
    pending->sent += size;
    pending->stream.offset += (int64_t)size;
    pending->stream.left -= (int64_t)size;
    if (!pending->copy) return;
    pending->copy_sent += size;
    if (pending->copy_sent < pending->copy_size) return;
    free(pending->copy);
    pending->copy = NULL;
}

bool pending_next_leg(struct pending *pending)
{
    ASSERT(pending->part == pending->part_count && pending->stream.left == 0 && !pending->copy);
    if (pending->leg == pending->leg_count) return false;
    const struct stream_leg *leg = &pending->legs[pending->leg++];
    pending->parts[0] = (struct pending_part){ leg->text.data, leg->text.size, NULL };
    pending->part = 0;
    pending->part_count = 1;
    pending->part_sent = 0;
    pending->stream.offset = leg->offset;
    pending->stream.left = leg->size;
    pending->warm_until = leg->offset;
    pending->cold_from = -1;
    return true;
}

uint64_t exchange_content_sent(const struct exchange *exchange, uint64_t sent)
{
    uint64_t until = sent < exchange->ends_at ? sent : exchange->ends_at;
    return until > exchange->starts_at ? until - exchange->starts_at : 0;
}

uint64_t exchange_sent(const struct exchange *exchange, uint64_t sent)
{
    uint64_t until = sent < exchange->ends_at ? sent : exchange->ends_at;
    return until > exchange->begins_at ? until - exchange->begins_at : 0;
}
