#include "http/response_head.h"

#include "base/text_write.h"
#include "http/date.h"

void response_clock_set(struct response_clock *clock, int64_t now_s)
{
    if (clock->second == now_s && clock->ok_size > 0) return;
    char *at = text_append(clock->ok, SPAN("HTTP/1.1 200 OK\r\n"));
    clock->line_size = (size_t)(at - clock->ok);
    at = text_append(at, SPAN("Server: Folio\r\nDate: "));
    http_date_format(now_s, at);
    at = text_append(at + HTTP_DATE_BYTES, SPAN("\r\n"));
    clock->ok_size = (size_t)(at - clock->ok);
    clock->second = now_s;
}

size_t response_head_write(const struct response_clock *clock, enum http_status status,
                           enum response_connection connection, char *out)
{
    char *at = out;
    if (status == HTTP_OK) {
        at = text_append(at, span_of(clock->ok, clock->ok_size));
    } else {
        at = text_append(at, SPAN("HTTP/1.1 "));
        at = text_append(at, http_status_text(status));
        at = text_append(at, SPAN("\r\n"));
        at = text_append(at, span_of(clock->ok + clock->line_size, clock->ok_size - clock->line_size));
    }
    if (connection == CONNECTION_CLOSE) at = text_append(at, SPAN("Connection: close\r\n"));
    if (connection == CONNECTION_KEEP_ALIVE) at = text_append(at, SPAN("Connection: keep-alive\r\n"));
    return (size_t)(at - out);
}
