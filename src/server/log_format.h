/* log_format.h - lines of the access log in a form of one's own: Apache's LogFormat, compiled once.
 *
 * Role:   turns a text with % directives into pieces, and pieces with a finished exchange into a line. What the three formats that
 *         are built in need is in log_line.h, and costs nothing of this.
 * Owns:   nothing: a program refers to the text that it was made of.
 * Thread: programs are made at the start, then constant; `struct log_times` is one thread's.
 * Limits: LOG_PIECES_MAX pieces, LOG_LITERAL_BYTES_MAX bytes that are no directives, LOG_TIMES_MAX of %{...}t; and of all programs
 *         together EXCHANGE_FIELDS_MAX header fields, as connections keep them until an answer is sent.
 */
#ifndef FOLIO_SERVER_LOG_FORMAT_H
#define FOLIO_SERVER_LOG_FORMAT_H

#include "net/turn.h"
#include "server/log_line.h"

enum {
    LOG_PIECES_MAX = 64,
    LOG_LITERAL_BYTES_MAX = 4096,
    LOG_TIMES_MAX = 4,
    LOG_TIME_BYTES = 128,
    LOG_ERROR_BYTES = 160,
};

/* A field whose value some log wants. */
struct log_wish {
    struct span name; /* size 0: the authority that was asked for (RFC 9110, 7.2), wherever it stood */
    bool is_of_answer;
};

/* Those of all programs: slot i of an exchange's fields is the value of at[i]. Zeroed memory: none. */
struct log_wishes {
    unsigned count;
    struct log_wish at[EXCHANGE_FIELDS_MAX];
};

enum log_piece_kind {
    LOG_PIECE_LITERAL,
    LOG_PIECE_NOBODY, /* what is never known: the client's own word of who it is (RFC 1413) */
    LOG_PIECE_CLIENT,
    LOG_PIECE_USER,
    LOG_PIECE_BYTES,
    LOG_PIECE_BYTES_OR_DASH,
    LOG_PIECE_DURATION,
    LOG_PIECE_PROTOCOL,
    LOG_PIECE_RECEIVED,
    LOG_PIECE_SENT,
    LOG_PIECE_METHOD,
    LOG_PIECE_PORT,
    LOG_PIECE_PROCESS,
    LOG_PIECE_QUERY,
    LOG_PIECE_LINE,
    LOG_PIECE_STATUS,
    LOG_PIECE_TIME,
    LOG_PIECE_TIME_TEXT,
    LOG_PIECE_PATH,
    LOG_PIECE_SITE,
    LOG_PIECE_HOST,
    LOG_PIECE_CLOSING,
    LOG_PIECE_FIELD,
};

struct log_piece {
    uint8_t kind;     /* enum log_piece_kind */
    uint8_t slot;     /* of a field, or of a text of the time */
    uint32_t divisor; /* of a duration in us */
    struct span text; /* of a literal; of a time: what strftime(3) is given */
};

struct log_program {
    unsigned count, time_count;
    size_t literal_bytes;
    uint64_t process; /* the id of who writes, set by whoever opens the log */
    struct log_piece pieces[LOG_PIECES_MAX];
};

/* The texts of %{...}t, which hold for a second. Zeroed memory is fine. */
struct log_times {
    struct {
        int64_t second;
        unsigned char size;
        char text[LOG_TIME_BYTES];
    } at[LOG_TIMES_MAX];
};

/* Compile `text`, which the program refers to from then on; what it wants of requests and answers is added to `wishes`. False: it
 * cannot be; `error` says why, and bytes ret_at..ret_at+ret_size-1 of the text are to blame. */
NODISCARD bool log_program_compile(struct span text, struct log_wishes *wishes, struct log_program *ret_program,
                                   char error[LOG_ERROR_BYTES], size_t *ret_at, size_t *ret_size);

/* What strftime(3) makes of `format` (at most LOG_TIME_BYTES-1 bytes) at `second`, in local time; 0: nothing, or more than there is room
 * for. */
size_t log_time_text(struct span format, int64_t second, char out[LOG_TIME_BYTES]);

/* Put the values that are wished for into `fields`, which has EXCHANGE_FIELDS_MAX; they are parts of the request, and of the head of the
 * answer (status line and fields, as sent). Of a field on several lines it is the first. */
void log_wishes_read(const struct log_wishes *wishes, const struct request *request, struct span head,
                     struct span *fields);

/* Write the line of `record`, with its '\n', to out, which has LOG_LINE_BYTES_MAX bytes; returns how many. Values are escaped as in
 * Apache's logs; "-" stands for what is absent. */
size_t log_program_write(const struct log_program *program, struct log_clock *clock, struct log_times *times,
                         const struct log_record *record, char *out);

#endif
