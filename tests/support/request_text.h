/* request_text.h - a parsed request as text, so that two of them can be compared wherever their bytes were. */
#ifndef FOLIO_TESTS_SUPPORT_REQUEST_TEXT_H
#define FOLIO_TESTS_SUPPORT_REQUEST_TEXT_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/request.h"

static inline void request_text_span(FILE *out, const char *name, struct span span)
{
    fprintf(out, "%s=", name);
    if (span.data == NULL) {
        fputs("(absent)\n", out);
    } else {
        fprintf(out, "[%.*s]\n", (int)span.size, span.data);
    }
}

/* To be freed. Says all that h1_parse() promises of a whole request. */
static inline char *request_text(const struct request *request)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) abort();
    fprintf(out,
            "method=%d form=%d minor=%u framing=%d length=%" PRIu64 " persistent=%d continue=%d head=%zu known=%x\n",
            (int)request->method, (int)request->form, request->minor_version, (int)request->framing,
            request->content_length, request->is_persistent, request->expects_continue, request->head_size,
            request->known_mask);
    request_text_span(out, "line", request->line);
    request_text_span(out, "method", request->method_text);
    request_text_span(out, "target", request->target);
    request_text_span(out, "path", request->path);
    request_text_span(out, "query", request->query);
    request_text_span(out, "authority", request->authority);
    for (int id = 0; id < FIELD_ID_COUNT; id++) {
        if (request_has(request, (enum field_id)id)) fprintf(out, "first of %d: %u\n", id, request->first_of[id]);
    }
    for (unsigned i = 0; i < request->field_count; i++) {
        fprintf(out, "field %d ", (int)request->fields[i].id);
        request_text_span(out, "name", request->fields[i].name);
        request_text_span(out, "value", request->fields[i].value);
    }
    if (fclose(out) != 0) abort();
    return text;
}

#endif
