/* load_options.h - what bench/load is asked to do. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    CONNECTIONS_MAX = 19900, /* with the rest, under the 20,000 descriptors that a process may often have at most */
    PIPELINE_MAX = 64,
    SECONDS_MAX = 600,
    PATHS_MAX = 65536,
    PATH_BYTES_MAX = 1024,
    HOST_BYTES_MAX = 255,
    HEADERS_BYTES_MAX = 2048,
    REQUEST_MAX = 4096, /* a path, all headers, and what is around them */
};

enum choice { CHOOSE_IN_TURN, CHOOSE_UNIFORM, CHOOSE_HOT };

struct options {
    struct sockaddr_in server;
    unsigned connections;
    unsigned pipeline;
    double seconds;
    uint64_t requests; /* 0: no limit */
    char **paths;
    uint64_t files;      /* how many paths there are; with a pattern any number */
    const char *pattern; /* a path with {folder} and {file}: three digits and more for n / 1000, three for n % 1000 */
    enum choice choice;
    uint64_t hot; /* CHOOSE_HOT: so many of the files, evenly spread over all */
    uint64_t seed;
    int64_t size; /* the expected Content-Length; -1: any */
    unsigned status;
    const char *host;
    char headers[HEADERS_BYTES_MAX]; /* each with its line end */
    bool closes;
    unsigned idle;
    bool holds;
};

/* Reads the command line; prints help, or the mistake, and exits where there is nothing to run. */
void options_read(struct options *ret_options, int argc, char **argv);

#endif
