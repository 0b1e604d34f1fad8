/* eviction TRACE - replays a trace of requests through Folio's eviction and others', and prints their hit ratios.
 *
 * A line of the trace is `time object bytes`; a name that ends in .xz is read through xz. The result is a table in
 * Markdown.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/compiler.h"
#include "policy.h"

struct request {
    uint32_t object; /* objects are numbered as they appear */
    uint32_t bytes;  /* of the object when it was first asked for: one that changes its size would be another entry */
};

struct trace {
    struct request *requests;
    uint64_t count, room;
    uint64_t bytes, distinct_bytes; /* asked for; of all objects once */
    uint32_t objects;
    struct name {
        uint64_t id;
        uint32_t number; /* + 1; 0: nobody is here */
        uint32_t bytes;
    } * names; /* an open hash */
    uint64_t names_room;
};

static struct name *find_name(const struct trace *trace, uint64_t id)
{
    uint64_t at = XXH3_64bits(&id, sizeof id);
    while (trace->names[at &= trace->names_room - 1].number && trace->names[at].id != id) at++;
    return &trace->names[at];
}

static void widen_names(struct trace *trace)
{
    struct trace before = *trace;
    trace->names_room *= 2;
    trace->names = policy_memory(trace->names_room, sizeof *trace->names);
    for (uint64_t i = 0; i < before.names_room; i++) {
        if (before.names[i].number) *find_name(trace, before.names[i].id) = before.names[i];
    }
    free(before.names);
}

static void add(struct trace *trace, uint64_t id, uint32_t bytes)
{
    struct name *name = find_name(trace, id);
    if (!name->number) {
        *name = (struct name){ id, ++trace->objects, bytes };
        trace->distinct_bytes += bytes;
    }
    if (trace->count == trace->room) {
        trace->room *= 2;
        trace->requests = realloc(trace->requests, trace->room * sizeof *trace->requests);
        if (!trace->requests) abort();
    }
    trace->requests[trace->count++] = (struct request){ name->number - 1, name->bytes };
    trace->bytes += name->bytes;
    if (trace->objects > trace->names_room / 2) widen_names(trace);
}

static bool is_packed(const char *path)
{
    size_t size = strlen(path);
    return size > 3 && strcmp(path + size - 3, ".xz") == 0;
}

static FILE *open_trace(const char *path)
{
    if (!is_packed(path)) return fopen(path, "re");
    /* The path is a value to the shell, no part of its program. */
    if (setenv("TRACE", path, 1) != 0) return NULL;
    return popen("exec xz -dc -- \"$TRACE\"", "re");
}

static bool read_trace(const char *path, struct trace *trace)
{
    *trace = (struct trace){ .room = 1024, .names_room = 1024 };
    trace->requests = policy_memory(trace->room, sizeof *trace->requests);
    trace->names = policy_memory(trace->names_room, sizeof *trace->names);
    FILE *in = open_trace(path);
    if (!in) return false;
    char line[256];
    while (fgets(line, sizeof line, in)) {
        uint64_t id;
        uint32_t bytes;
        if (sscanf(line, "%*s %" SCNu64 " %" SCNu32, &id, &bytes) != 2) {
            fprintf(stderr, "eviction: line %" PRIu64 " is not `time object bytes`\n", trace->count + 1);
            break;
        }
        add(trace, id, bytes);
    }
    bool is_read = feof(in) && trace->count > 0;
    int status = is_packed(path) ? pclose(in) : fclose(in);
    return status == 0 && is_read;
}

static void replay(const struct trace *trace, const struct policy *policy, double share)
{
    void *cache = policy->begin((uint64_t)((double)trace->distinct_bytes * share), trace->objects);
    uint64_t hits = 0, hit_bytes = 0;
    for (uint64_t i = 0; i < trace->count; i++) {
        struct request request = trace->requests[i];
        if (!policy->ask(cache, request.object, request.bytes)) continue;
        hits++;
        hit_bytes += request.bytes;
    }
    policy->end(cache);
    printf(" %.1f / %.1f |", 100.0 * (double)hits / (double)trace->count,
           100.0 * (double)hit_bytes / (double)trace->bytes);
}

int main(int argc, char **argv)
{
    static const double shares[] = { 0.01, 0.05, 0.10, 0.25 };
    static const struct policy *const policies[] = { &policy_fifo, &policy_lru,   &policy_sieve,      &policy_s3_fifo,
                                                     &policy_gdsf, &policy_folio, &policy_folio_whole };
    struct trace trace;
    if (argc != 2 || argv[1][0] == '-') {
        fprintf(stderr, "usage: eviction TRACE    lines of `time object bytes`; may end in .xz\n");
        return 2;
    }
    if (!read_trace(argv[1], &trace)) {
        fprintf(stderr, "eviction: %s cannot be read\n", argv[1]);
        return 1;
    }
    printf("%" PRIu64 " requests for %" PRIu32 " objects of %.1f MB\n\n|", trace.count, trace.objects,
           (double)trace.distinct_bytes / 1e6);
    for (size_t i = 0; i < ARRAY_COUNT(shares); i++) printf(" | %.0f %%", shares[i] * 100);
    printf(" |\n|---|");
    for (size_t i = 0; i < ARRAY_COUNT(shares); i++) printf("---|");
    for (size_t i = 0; i < ARRAY_COUNT(policies); i++) {
        printf("\n| %s |", policies[i]->name);
        for (size_t j = 0; j < ARRAY_COUNT(shares); j++) replay(&trace, policies[i], shares[j]);
    }
    printf("\n");
    free(trace.requests);
    free(trace.names);
    return 0;
}
