#include "http/proxy_protocol.h"
#include "net/conn.h"
#include "net/worker.h"

enum { DRAIN_BYTES_MAX = 64 << 10 }; /* of a body that nobody wants; beyond that the connection is closed */

static bool can_be_drained(const struct request *request)
{
    return request->framing != CONTENT_LENGTH || request->content_length <= DRAIN_BYTES_MAX;
}

/* RFC 9110, 10.1.1: whoever waits for a 100 may not send the body after another answer, and nobody could tell. */
static bool is_waiting_for_continue(const struct request *request, size_t bytes_behind_head)
{
    return request->expects_continue && bytes_behind_head == 0;
}

static void begin_drain(struct conn *conn, const struct request *request)
{
    conn->framing = (uint8_t)request->framing;
    conn->drain = (struct drain){ .left = DRAIN_BYTES_MAX };
    if (request->framing == CONTENT_LENGTH) conn->drain.left = (uint32_t)request->content_length;
}

static void end_drain(struct conn *conn)
{
    conn->framing = CONTENT_NONE;
    conn->parser = (struct h1_parser){ 0 };
}

/* Throw away what of `bytes` belongs to the body; returns how many bytes did. */
static size_t drain(struct worker *worker, struct conn *conn, struct span bytes)
{
    size_t used = bytes.size < conn->drain.left ? bytes.size : conn->drain.left;
    if (conn->framing == CONTENT_CHUNKED) {
        uint64_t data;
        enum h1_result result = h1_chunks_skip(&conn->drain.chunks, &worker->options->limits, bytes, &used, &data);
        /* Also the framing counts: an endless row of one-byte chunks is no smaller than what it costs. */
        if (result == H1_BAD || (result == H1_MORE && used > conn->drain.left)) {
            conn->closes = conn->lingers = true;
            return bytes.size;
        }
        conn->drain.left -= used < conn->drain.left ? (uint32_t)used : conn->drain.left;
        if (result == H1_DONE) end_drain(conn);
        return used;
    }
    conn->drain.left -= (uint32_t)used;
    if (conn->drain.left == 0) end_drain(conn);
    return used;
}

/* Ask the handler. False: it waits for a loader. */
static bool answer(struct worker *worker, struct conn *conn, size_t bytes_behind_head)
{
    struct request *request = &worker->request;
    struct asking asking = {
        .mailbox = &worker->mailbox,
        .cookie = (uint64_t)conn->generation << 32 | conn->slot,
        .closes = !request->is_persistent || !can_be_drained(request),
        .peer = &conn->client,
        .group = conn->group,
        .mails = conn->mails,
    };
    /* What was sent behind this request was begun, too, and is answered before the connection ends. */
    bool is_last = bytes_behind_head == 0 && !conn->is_readable;
    if (is_last && request->framing == CONTENT_NONE && (worker_wants_to_close(worker) || worker->next_one_leaves)) {
        asking.closes = true;
        worker->next_one_leaves = false;
    }
    if (conn->starved_ms) asking.waited_ms = worker->now_ms - conn->starved_ms;
    bool sends_continue = is_waiting_for_continue(request, bytes_behind_head);
    if (sends_continue && request->method >= METHOD_POST) asking.closes = true;
    struct turn *turn = &worker->turn;
    if (sends_continue && !asking.closes && !asking.mails && !conn->starved_ms) {
        memcpy(turn_room(turn), "HTTP/1.1 100 Continue\r\n\r\n", 25);
        turn_wrote(turn, 25);
    }
    switch (worker->options->handler.answer(worker->options->handler.self, request, &asking, turn)) {
    case HANDLER_WAITS: conn->is_waiting = true; return false;
    case HANDLER_STARVES:
        conn_forget_mails(conn); /* what could not be had may be there in a moment */
        if (conn->starved_ms == 0) conn->starved_ms = worker->now_ms;
        conn_starve(worker, conn);
        return false;
    case HANDLER_ANSWERED: conn_forget_mails(conn); break;
    }
    conn->starved_ms = 0;
    turn->exchanges[turn->exchange_count - 1].began_us = conn->began_us ? conn->began_us : turn->now_us;
    conn->was_asked = true;
    conn->began_us = 0;
    conn->closes = asking.closes;
    if (request->framing != CONTENT_NONE) {
        conn->lingers = asking.closes;
        bool is_empty = request->framing == CONTENT_LENGTH && request->content_length == 0;
        if (!asking.closes && !is_empty) begin_drain(conn, request);
    }
    return true;
}

static void refuse(struct worker *worker, struct conn *conn, enum http_status status)
{
    struct handler handler = worker->options->handler;
    handler.refuse(handler.self, status, &worker->request, &conn->client, &worker->turn);
    conn->was_asked = true;
    conn->closes = conn->lingers = true;
}

/* The header in which a proxy names the client. Returns how many bytes were used; 0: it is not complete. Who sends none is no proxy, and
 * gets no answer (haproxy's specification, section 2). */
static size_t take_proxy_header(struct conn *conn, struct span bytes)
{
    struct proxy_header header;
    size_t needed;
    switch (proxy_protocol_parse(bytes.data, bytes.size, &needed, &header)) {
    case PROXY_MORE: return 0;
    case PROXY_REFUSED: conn->closes = true; return bytes.size;
    case PROXY_DONE: break;
    }
    conn->awaits_proxy = false;
    if (header.has_addresses) {
        memcpy(conn->client.bytes, header.source.bytes, sizeof conn->client.bytes);
        conn->client.port = header.source_port;
        conn->client.is_unix = 0;
    }
    return header.size;
}

size_t conn_input(struct worker *worker, struct conn *conn, struct span bytes)
{
    size_t at = 0;
    conn->has_request = false;
    if (conn->awaits_proxy) {
        at = take_proxy_header(conn, bytes);
        if (conn->awaits_proxy) return at;
    }
    while (at < bytes.size && !conn->closes) {
        if (conn->framing != CONTENT_NONE) {
            at += drain(worker, conn, span_from(bytes, at));
            continue;
        }
        if (!turn_has_room(&worker->turn)) {
            conn->has_request = true;
            break;
        }
        enum http_status status;
        enum h1_result result = h1_parse(&conn->parser, &worker->options->limits, bytes.data + at, bytes.size - at,
                                         &worker->request, &status);
        if (result == H1_MORE) break;
        if (result == H1_BAD) {
            refuse(worker, conn, status);
            break;
        }
        if (!answer(worker, conn, bytes.size - at - worker->request.head_size)) break;
        at += worker->request.head_size;
        if (conn->closes && at < bytes.size) conn->lingers = true;
    }
    return at;
}
