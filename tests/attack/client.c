#include "client.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PATIENCE_S = 30, /* only ends what hangs */
    SLOW_PIECE_BYTES = 48 << 10,
    SLOW_PAUSE_US = 500,
    SLOW_BUFFER_BYTES = 32 << 10,
    RESTING_BUFFER_BYTES = 2 << 20, /* or what net.core.rmem_max allows: as much as can be lies in it */
};

bool client_init(struct client *client, const struct sockaddr_in *address)
{
    client->address = *address;
    client->fd = -1;
    client->buffer = malloc(ANSWER_BYTES_MAX + 1);
    return client->buffer != NULL;
}

static void disconnect(struct client *client)
{
    if (client->fd >= 0) close(client->fd);
    client->fd = -1;
}

void client_done(struct client *client)
{
    disconnect(client);
    free(client->buffer);
}

static bool connect_anew(struct client *client, const struct question *question)
{
    const struct timeval patience = { .tv_sec = PATIENCE_S };
    const int on = 1, room = question->is_slow ? SLOW_BUFFER_BYTES : RESTING_BUFFER_BYTES;
    disconnect(client);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0) return false;
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (question->is_slow || question->rest_us > 0) setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    return connect(client->fd, (const struct sockaddr *)&client->address, sizeof client->address) == 0;
}

static size_t write_request(const struct question *question, char *out, size_t room)
{
    bool has_tag = question->if_none_match[0], has_if_range = question->if_range[0];
    int size = snprintf(out, room, "GET %s HTTP/1.%d\r\nHost: attack\r\n%s%s%s%s%s%s%s%s%s\r\n", question->file->target,
                        question->is_http10 ? 0 : 1, has_tag ? "If-None-Match: " : "", question->if_none_match,
                        has_tag ? "\r\n" : "", question->has_range ? "Range: " : "",
                        question->has_range ? question->range : "", question->has_range ? "\r\n" : "",
                        has_if_range ? "If-Range: " : "", question->if_range, has_if_range ? "\r\n" : "");
    return (size_t)size;
}

static bool read_range(const char *text, uint64_t *ret_first, uint64_t *ret_last, uint64_t *ret_total)
{
    return sscanf(text, "%" SCNu64 "-%" SCNu64 "/%" SCNu64, ret_first, ret_last, ret_total) == 3;
}

static void read_field(const char *line, struct answer *answer)
{
    static const char several[] = "Content-Type: multipart/byteranges; boundary=";
    if (strncasecmp(line, "Content-Length: ", 16) == 0) {
        answer->content_length = strtoull(line + 16, NULL, 10);
    } else if (strncasecmp(line, "ETag: ", 6) == 0) {
        snprintf(answer->etag, sizeof answer->etag, "%s", line + 6);
    } else if (strncasecmp(line, "Last-Modified: ", 15) == 0) {
        snprintf(answer->modified, sizeof answer->modified, "%s", line + 15);
    } else if (strncasecmp(line, "Content-Range: bytes */", 23) == 0) {
        answer->total = strtoull(line + 23, NULL, 10);
    } else if (strncasecmp(line, "Content-Range: bytes ", 21) == 0) {
        if (!read_range(line + 21, &answer->first, &answer->last, &answer->total)) answer->why = "Content-Range";
    } else if (strncasecmp(line, several, sizeof several - 1) == 0) {
        snprintf(answer->boundary, sizeof answer->boundary, "--%s", line + sizeof several - 1);
    } else if (strncasecmp(line, "Transfer-Encoding:", 18) == 0) {
        answer->why = "Transfer-Encoding, which no file needs";
    }
}

/* `head` ends with an empty line, and is taken apart. */
static void read_head(char *head, struct answer *answer)
{
    char *rest = NULL, *line = strtok_r(head, "\r\n", &rest);
    if (!line || sscanf(line, "HTTP/1.1 %3d ", &answer->status) != 1) answer->why = "status line";
    while ((line = strtok_r(NULL, "\r\n", &rest))) read_field(line, answer);
    bool has_body = answer->status != 304;
    if (has_body && answer->content_length == UINT64_MAX) answer->why = "no Content-Length";
    if (has_body && answer->content_length > 1 << 20) answer->why = "a Content-Length that no file ever had";
    if (answer->why) answer->end = ANSWER_MALFORMED;
}

/* `text` at *at, which goes on behind it. */
static bool take(const unsigned char **at, const unsigned char *end, const char *text)
{
    size_t size = strlen(text);
    bool is_there = (size_t)(end - *at) >= size && memcmp(*at, text, size) == 0;
    if (is_there) *at += size;
    return is_there;
}

/* A part behind its delimiter, up to and with the line break behind its bytes. */
static bool read_part(const unsigned char **at, const unsigned char *end, struct answer_part *ret_part)
{
    static const char field[] = "\r\nContent-Range: bytes ";
    const unsigned char *head_end = memmem(*at, (size_t)(end - *at), "\r\n\r\n", 4);
    const unsigned char *range = head_end ? memmem(*at, (size_t)(head_end - *at), field, sizeof field - 1) : NULL;
    if (!range ||
        !read_range((const char *)range + sizeof field - 1, &ret_part->first, &ret_part->last, &ret_part->total))
        return false;
    ret_part->body = head_end + 4;
    if (ret_part->last < ret_part->first || ret_part->last - ret_part->first >= (uint64_t)(end - ret_part->body))
        return false;
    *at = ret_part->body + (ret_part->last - ret_part->first) + 1;
    return take(at, end, "\r\n");
}

/* RFC 9110, 14.6: the answer is whole. */
static void read_parts(struct answer *answer)
{
    const unsigned char *at = answer->body, *end = at + answer->body_size;
    bool is_right = true;
    while (is_right && answer->part_count < PARTS_MAX && take(&at, end, answer->boundary) && !take(&at, end, "--"))
        is_right = read_part(&at, end, &answer->parts[answer->part_count++]);
    if (answer->part_count == PARTS_MAX)
        is_right = is_right && take(&at, end, answer->boundary) && take(&at, end, "--");
    if (is_right && take(&at, end, "\r\n") && at == end) return;
    answer->end = ANSWER_MALFORMED;
    answer->why = "multipart/byteranges";
}

/* More of the answer behind the `size` bytes that are there. 0: that was all that comes. */
static size_t receive(struct client *client, const struct question *question, size_t size)
{
    size_t room = ANSWER_BYTES_MAX - size;
    if (question->is_slow && room > SLOW_PIECE_BYTES) room = SLOW_PIECE_BYTES;
    ssize_t n;
    do {
        n = recv(client->fd, client->buffer + size, room, 0);
    } while (n < 0 && errno == EINTR);
    client->was_reset = n < 0 && errno == ECONNRESET;
    if (n > 0 && question->is_slow) usleep(SLOW_PAUSE_US);
    return n > 0 ? (size_t)n : 0;
}

static void read_answer(struct client *client, const struct question *question, struct answer *answer)
{
    size_t size = 0, n, head_size = 0;
    while (head_size == 0 && (n = receive(client, question, size)) > 0) {
        size += n;
        client->buffer[size] = '\0';
        char *end = strstr(client->buffer, "\r\n\r\n");
        if (end) head_size = (size_t)(end - client->buffer) + 4;
    }
    if (head_size == 0) {
        answer->end = size > 0 ? ANSWER_CUT : client->was_reset ? ANSWER_RESET : ANSWER_NONE;
        return;
    }
    client->buffer[head_size - 1] = '\0';
    answer->end = ANSWER_WHOLE;
    read_head(client->buffer, answer);
    if (answer->end == ANSWER_MALFORMED) return;
    size_t whole = head_size + (answer->status == 304 ? 0 : answer->content_length);
    while (size < whole && (n = receive(client, question, size)) > 0) size += n;
    answer->received_us = history_now_us();
    answer->body = (unsigned char *)client->buffer + head_size;
    answer->body_size = size < whole ? size - head_size : whole - head_size;
    if (size < whole) answer->end = ANSWER_CUT;
    /* What an HTTP/1.0 client would take for a part of the body. */
    if (size == whole && question->is_http10 && receive(client, question, size) > 0) size++;
    if (size > whole) {
        answer->end = ANSWER_MALFORMED;
        answer->why = "more bytes than were told";
    }
    if (answer->end == ANSWER_WHOLE && answer->boundary[0]) read_parts(answer);
}

void client_ask(struct client *client, const struct question *question, struct answer *ret_answer)
{
    char request[1024];
    *ret_answer = (struct answer){ .end = ANSWER_NONE, .content_length = UINT64_MAX, .total = UINT64_MAX };
    size_t size = write_request(question, request, sizeof request);
    bool needs_own = question->is_http10 || question->is_slow || question->rest_us > 0;
    bool is_connected = !needs_own && client->fd >= 0 ? true : connect_anew(client, question);
    ret_answer->sent_us = history_now_us();
    if (is_connected && send(client->fd, request, size, MSG_NOSIGNAL) == (ssize_t)size) {
        if (question->rest_us > 0) usleep((useconds_t)question->rest_us);
        read_answer(client, question, ret_answer);
    }
    if (ret_answer->received_us == 0) ret_answer->received_us = history_now_us();
    if (needs_own || ret_answer->end != ANSWER_WHOLE) disconnect(client);
}
