/* load_options.c - bench/load's command line. */
#include "load_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "usage: load [OPTIONS] PORT | 127.x.x.x:PORT\n"
                           "  --connections N   active connections (64)\n"
                           "  --pipeline N      requests in a batch, 1 to 64 (1)\n"
                           "  --seconds S       at most so long, up to 600 (2)\n"
                           "  --requests N      at most so many (any)\n"
                           "  --path PATH       what to ask for (/); repeat it for several\n"
                           "  --paths FILE      what to ask for, one path a line\n"
                           "  --pattern PATH    what to ask for: {folder} is n / 1000, {file} n % 1000 ...\n"
                           "  --files N         ... for n from 0 to N - 1\n"
                           "  --choose HOW      turn, uniform, or hot:N (N of them, evenly spread) (turn)\n"
                           "  --seed N          of the random choice (1)\n"
                           "  --size BYTES      the only right Content-Length (any)\n"
                           "  --status N        the only right status (200)\n"
                           "  --host NAME       the site that is asked (localhost)\n"
                           "  --header LINE     send this field too; repeat it for several\n"
                           "  --close           a connection for each request; the server must end it\n"
                           "  --idle N          first open N more, each answered once, and keep them idle\n"
                           "  --hold            with --idle: print how many, and go on at the next line of input\n";

static void refuse(const char *what, const char *why)
{
    fprintf(stderr, "load: %s: %s\n", what, why);
    exit(2);
}

static uint64_t number(const char *name, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);

    if (errno || end == text || *end || *text == '-' || value < least || value > most) {
        fprintf(stderr, "load: --%s takes a number from %llu to %llu, not \"%s\"\n", name, (unsigned long long)least,
                (unsigned long long)most, text);
        exit(2);
    }
    return value;
}

static void add_path(struct options *o, const char *path)
{
    if (*path != '/' || strlen(path) > PATH_BYTES_MAX) refuse(path, "a path begins with / and has at most 1024 bytes");
    if (o->files == PATHS_MAX) refuse(path, "too many paths");
    if (!o->paths) o->paths = calloc(PATHS_MAX, sizeof *o->paths);
    if (!o->paths || !(o->paths[o->files++] = strdup(path))) refuse(path, "out of memory");
}

static void add_paths_of(struct options *o, const char *name)
{
    char line[REQUEST_MAX];
    FILE *list = fopen(name, "r");

    if (!list) refuse(name, strerror(errno));
    while (fgets(line, sizeof line, list)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line) add_path(o, line);
    }
    fclose(list);
}

static const char *host(const char *name)
{
    if (!*name || strlen(name) > HOST_BYTES_MAX || strpbrk(name, " \t\r\n"))
        refuse("--host", "a name of at most 255 bytes");
    return name;
}

static void add_header(struct options *o, const char *line)
{
    size_t used = strlen(o->headers);

    if (used + strlen(line) + 3 > sizeof o->headers) refuse(line, "too many fields");
    snprintf(o->headers + used, sizeof o->headers - used, "%s\r\n", line);
}

static void read_server(struct options *o, const char *text)
{
    char address[INET_ADDRSTRLEN] = "127.0.0.1";
    const char *colon = strrchr(text, ':');

    if (colon) snprintf(address, sizeof address, "%.*s", (int)(colon - text), text);
    o->server = (struct sockaddr_in){ .sin_family = AF_INET };
    o->server.sin_port = htons((uint16_t)number("PORT", colon ? colon + 1 : text, 1, 65535));
    if (inet_pton(AF_INET, address, &o->server.sin_addr) != 1 ||
        ntohl(o->server.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
        refuse(text, "only servers on this machine (127.0.0.0/8) are asked");
}

static void read_choice(struct options *o, const char *text)
{
    if (!strcmp(text, "turn")) {
        o->choice = CHOOSE_IN_TURN;
    } else if (!strcmp(text, "uniform")) {
        o->choice = CHOOSE_UNIFORM;
    } else if (!strncmp(text, "hot:", 4)) {
        o->choice = CHOOSE_HOT;
        o->hot = number("choose hot", text + 4, 1, UINT32_MAX);
    } else {
        refuse(text, "--choose takes turn, uniform or hot:N");
    }
}

static void read_option(struct options *o, int option, const char *value)
{
    switch (option) {
    case 'c': o->connections = (unsigned)number("connections", value, 1, CONNECTIONS_MAX); break;
    case 'p': o->pipeline = (unsigned)number("pipeline", value, 1, PIPELINE_MAX); break;
    case 's': o->seconds = strtod(value, NULL); break;
    case 'r': o->requests = number("requests", value, 1, UINT32_MAX); break;
    case 'a': add_path(o, value); break;
    case 'A': add_paths_of(o, value); break;
    case 'P': o->pattern = value; break;
    case 'f': o->files = number("files", value, 1, UINT32_MAX); break;
    case 'C': read_choice(o, value); break;
    case 'S': o->seed = number("seed", value, 1, UINT64_MAX); break;
    case 'b': o->size = (int64_t)number("size", value, 0, INT64_MAX); break;
    case 't': o->status = (unsigned)number("status", value, 100, 599); break;
    case 'n': o->host = host(value); break;
    case 'H': add_header(o, value); break;
    case 'x': o->closes = true; break;
    case 'i': o->idle = (unsigned)number("idle", value, 0, CONNECTIONS_MAX); break;
    case 'h': o->holds = true; break;
    case 'e': printf("%s", help); exit(0);
    default: fprintf(stderr, "%s", help); exit(2);
    }
}

void options_read(struct options *o, int argc, char **argv)
{
    static const struct option names[] = {
        { "connections", 1, NULL, 'c' },
        { "pipeline", 1, NULL, 'p' },
        { "seconds", 1, NULL, 's' },
        { "requests", 1, NULL, 'r' },
        { "path", 1, NULL, 'a' },
        { "paths", 1, NULL, 'A' },
        { "pattern", 1, NULL, 'P' },
        { "files", 1, NULL, 'f' },
        { "choose", 1, NULL, 'C' },
        { "seed", 1, NULL, 'S' },
        { "size", 1, NULL, 'b' },
        { "status", 1, NULL, 't' },
        { "header", 1, NULL, 'H' },
        { "close", 0, NULL, 'x' },
        { "idle", 1, NULL, 'i' },
        { "hold", 0, NULL, 'h' },
        { "host", 1, NULL, 'n' },
        { "help", 0, NULL, 'e' },
        { 0 },
    };
    int option;

    *o = (struct options){
        .connections = 64, .pipeline = 1, .seconds = 2, .seed = 1, .size = -1, .status = 200, .host = "localhost"
    };
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) read_option(o, option, optarg);
    if (optind + 1 != argc) read_option(o, '?', NULL);
    read_server(o, argv[optind]);
    if (!(o->seconds > 0 && o->seconds <= SECONDS_MAX)) refuse("--seconds", "more than 0 and at most 600");
    if (o->closes) add_header(o, "Connection: close");
    if (o->closes && (o->pipeline > 1 || o->idle)) refuse("--close", "cannot be joined with --pipeline or --idle");
    if (o->connections + o->idle > CONNECTIONS_MAX) refuse("--connections and --idle", "19,900 together at most");
    if (o->pattern && (o->paths || !o->files || *o->pattern != '/' || strlen(o->pattern) > PATH_BYTES_MAX / 2))
        refuse("--pattern", "needs --files, a path of at most 512 bytes, and no --path");
    if (!o->pattern && !o->paths) add_path(o, "/");
}
