/* client.h - asks for one thing at a time, and keeps everything that came back.
 *
 * Role:   sends a request, reads its answer up to the end that its own fields tell, or to where the connection ended.
 * Owns:   a connection, which is made anew when it is needed, and the buffer that an answer is in until the next one.
 * Thread: each client is of one thread.
 */
#ifndef ATTACK_CLIENT_H
#define ATTACK_CLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history.h"

enum { ANSWER_BYTES_MAX = (1 << 20) + (64 << 10), PARTS_MAX = 2, BOUNDARY_ROOM = 72 };

/* What is asked. */
struct question {
    const struct file *file;
    bool is_http10;
    bool is_slow;                       /* the answer is taken in small pieces, with pauses */
    int64_t rest_us;                    /* before anything of the answer is taken: it lies in the queue */
    char if_none_match[ETAG_BYTES_MAX]; /* "": none */
    char if_range[ETAG_BYTES_MAX];      /* "": none */
    uint32_t condition_generation;      /* what the validator of either stands for */
    bool has_range;
    char range[96];                   /* the value of Range */
    uint64_t range_first, range_last; /* from the front; last may be UINT64_MAX */
    uint64_t range_suffix;            /* not 0: so many bytes from the end, and the two above are not told */
    bool has_second;                  /* another range, apart from it */
    uint64_t second_first, second_last;
};

enum answer_end {
    ANSWER_WHOLE,
    ANSWER_CUT,       /* the connection ended in it */
    ANSWER_RESET,     /* the connection was reset before anything of it was received: it may have been on its way */
    ANSWER_NONE,      /* the connection ended before it, or could not be had */
    ANSWER_MALFORMED, /* see `why` */
};

/* Of multipart/byteranges. */
struct answer_part {
    uint64_t first, last, total;
    const unsigned char *body;
};

struct answer {
    enum answer_end end;
    const char *why;
    int64_t sent_us;     /* before the request was sent */
    int64_t received_us; /* after its last byte was received */
    int status;
    uint64_t content_length; /* UINT64_MAX: not told */
    uint64_t first, last;    /* of Content-Range */
    uint64_t total;          /* of Content-Range, of 206 and 416; UINT64_MAX: not told */
    char etag[ETAG_BYTES_MAX];
    char modified[ETAG_BYTES_MAX]; /* Last-Modified */
    const unsigned char *body;
    size_t body_size;
    char boundary[BOUNDARY_ROOM]; /* of multipart/byteranges, with the dashes before it; "": it is none */
    unsigned part_count;          /* of that, when it is whole */
    struct answer_part parts[PARTS_MAX];
};

struct client {
    struct sockaddr_in address;
    int fd;         /* -1: not connected */
    bool was_reset; /* by the peer, when last received from */
    char *buffer;
};

/* False: no memory. */
bool client_init(struct client *client, const struct sockaddr_in *address);
void client_done(struct client *client);

/* What `ret_answer` points to lives until the next call. */
void client_ask(struct client *client, const struct question *question, struct answer *ret_answer);

#endif
