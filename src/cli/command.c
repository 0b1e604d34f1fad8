#include "cli/command.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quantity.h"
#include "server/config_reader.h"
#include "server/inheritance.h"
#include "server/supervisor.h"

enum { BINDS_MAX = CONFIG_LISTENS_MAX, DEFAULT_PORT = 8080, OPTION_THREADS = 256, OPTION_ACCESS_LOG };

struct command {
    int argc;
    char **argv;
    bool only_checks; /* -t */
    struct config config;
    struct config_report report;
    struct config_reader *reader;
    const char *binds[BINDS_MAX];
    unsigned bind_count;
    uint16_t port;
    bool has_port;
    bool is_misused; /* an option's value is wrong */
};

static const char usage_text[] = "usage: folio [OPTIONS] [DIR]\n"
                                 "\n"
                                 "Serve the files in DIR (default: the present folder) over HTTP.\n"
                                 "\n"
                                 "  -p, --port N             port to listen at (default 8080; 0: any free one)\n"
                                 "  -b, --bind ADDRESS       address to listen at, or unix:PATH; may be repeated\n"
                                 "                           (default: every address, IPv4 and IPv6)\n"
                                 "      --threads N          worker threads (default: one for each CPU)\n"
                                 "      --access-log FILE    log requests to FILE; - is standard output\n"
                                 "  -f, --file FILE          read directives from FILE; options and -c come after it\n"
                                 "  -t, --check              only say whether the configuration is right\n"
                                 "  -c, --directive 'NAME VALUE'\n"
                                 "                           any directive, for example -c 'MMapMaxBytes 512M';\n"
                                 "                           may be repeated\n"
                                 "  -V, --version            print the version\n"
                                 "  -h, --help               print this\n"
                                 "\n"
                                 "Examples:\n"
                                 "  folio                              this folder, at http://localhost:8080/\n"
                                 "  folio -p 80 /srv/www               a site\n"
                                 "  folio -b 127.0.0.1 --access-log - public\n"
                                 "  folio -b unix:/run/folio.sock -c 'MMapMaxBytes 2G' /srv/www\n"
                                 "\n"
                                 "Signals: TERM and INT stop (a second one at once), QUIT finishes what was begun,\n"
                                 "HUP and USR1 read the configuration again, USR2 upgrades to the binary that is\n"
                                 "there now, without losing a request. RTMIN tells counts.\n";

static int usage_error(const char *message, const char *argument)
{
    fprintf(stderr, "folio: %s%s%s\n  see folio --help\n", message, argument ? " " : "", argument ? argument : "");
    return EXIT_USAGE;
}

/* Apply a directive that an option stands for; a mistake is one of the command line. */
static void apply(struct command *command, const char *option, const char *name, const char *value)
{
    char line[2 * CONFIG_PATH_BYTES], *at = line;
    size_t room = sizeof line - 4, mistakes = command->report.mistakes;
    at += snprintf(at, room, "%s \"", name);
    for (; *value && (size_t)(at - line) < room; value++) {
        /* What was typed is meant as it is: nothing in it is quoted, and no variable is named. */
        if (*value == '"' || *value == '\\' || (value[0] == '$' && value[1] == '{')) *at++ = '\\';
        *at++ = *value;
    }
    *at++ = '"';
    config_reader_line(command->reader, span_of(line, (size_t)(at - line)), option);
    command->is_misused |= command->report.mistakes > mistakes;
}

/* -p and -b are words for Listen: each address with the port, or every address. */
static void apply_listens(struct command *command)
{
    char value[512];
    for (unsigned i = 0; i < command->bind_count; i++) {
        const char *bind = command->binds[i];
        bool is_unix = strncmp(bind, "unix:", 5) == 0, is_bare_v6 = !is_unix && bind[0] != '[' && strchr(bind, ':');
        if (is_unix)
            snprintf(value, sizeof value, "%s", bind);
        else
            snprintf(value, sizeof value, is_bare_v6 ? "[%s]:%u" : "%s:%u", bind, command->port);
        apply(command, "--bind", "Listen", value);
    }
    bool says_where = command->bind_count > 0 || command->config.listen_count > 0;
    if (says_where && !(command->has_port && command->bind_count == 0)) return;
    snprintf(value, sizeof value, "%u", command->port);
    apply(command, "--port", "Listen", value);
}

/* Returns -1 to go on, or the exit status. */
static int read_options(struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        { "port", required_argument, NULL, 'p' },
        { "bind", required_argument, NULL, 'b' },
        { "threads", required_argument, NULL, OPTION_THREADS },
        { "access-log", required_argument, NULL, OPTION_ACCESS_LOG },
        { "file", required_argument, NULL, 'f' },
        { "check", no_argument, NULL, 't' },
        { "directive", required_argument, NULL, 'c' },
        { "version", no_argument, NULL, 'V' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    uint64_t port;
    for (int option; (option = getopt_long(argc, argv, "p:b:f:tc:Vh", options, NULL)) != -1;) {
        switch (option) {
        case 'p':
            if (!quantity_parse_number(span_of_string(optarg), &port) || port > 65535)
                return usage_error("--port wants a number from 0 to 65535, not", optarg);
            command->port = (uint16_t)port;
            command->has_port = true;
            break;
        case 'b':
            if (command->bind_count == BINDS_MAX) return usage_error("too many --bind", NULL);
            command->binds[command->bind_count++] = optarg;
            break;
        case OPTION_THREADS: apply(command, "--threads", "Threads", optarg); break;
        case OPTION_ACCESS_LOG: apply(command, "--access-log", "CustomLog", optarg); break;
        case 'f': break; /* read before everything else */
        case 't': command->only_checks = true; break;
        case 'c': config_reader_line(command->reader, span_of_string(optarg), "-c"); break;
        case 'V': printf("folio %s\n", FOLIO_VERSION); return 0;
        case 'h': fputs(usage_text, stdout); return 0;
        default: fputs("  see folio --help\n", stderr); return EXIT_USAGE;
        }
    }
    return -1;
}

/* -f comes first, wherever it stands: what is said on the command line has the last word. */
static void read_file(struct command *command)
{
    for (int i = 1; i < command->argc; i++) {
        const char *argument = command->argv[i], *value = NULL;
        if (strcmp(argument, "--") == 0) break;
        if (strcmp(argument, "-f") == 0 || strcmp(argument, "--file") == 0)
            value = i + 1 < command->argc ? command->argv[i + 1] : NULL;
        else if (strncmp(argument, "--file=", 7) == 0)
            value = argument + 7;
        else if (strncmp(argument, "-f", 2) == 0)
            value = argument + 2;
        if (!value) continue;
        config_reader_file(command->reader, value);
        return;
    }
}

/* Read the file and the command line. Returns -1, or the exit status. */
static int read_all(struct command *command)
{
    const struct site_config *main_site = command->config.sites[0];
    read_file(command);
    int exit_status = read_options(command, command->argc, command->argv);
    if (exit_status >= 0) return exit_status;
    if (command->argc - optind > 1) return usage_error("more than one folder: unexpected", command->argv[optind + 1]);
    apply_listens(command);
    bool is_named = command->argc > optind || !main_site->document_root.data;
    const char *folder = command->argc > optind ? command->argv[optind] : ".";
    if (is_named) apply(command, "DIR", "DocumentRoot", folder);
    config_reader_finish(command->reader);
    if (command->report.mistakes == 0) return -1;
    config_report_print(&command->report, stderr);
    if (command->is_misused) fputs("  see folio --help\n", stderr);
    return command->is_misused ? EXIT_USAGE : EXIT_BAD_CONFIG;
}

/* Make command->config. Returns -1, or the exit status. */
static int configure(struct command *command)
{
    command->port = DEFAULT_PORT;
    command->has_port = command->is_misused = false;
    command->bind_count = 0;
    optind = 1;
    command->reader = config_reader_new(&command->config, &command->report, &config_files_of_system);
    if (!command->reader) {
        fprintf(stderr, "folio: cannot read a configuration: %s\n", strerror(errno));
        return 1;
    }
    int exit_status = read_all(command);
    config_reader_free(command->reader);
    config_report_done(&command->report);
    command->reader = NULL;
    return exit_status;
}

static bool configure_again(void *context, struct config *config)
{
    struct command *command = context;
    bool configured = configure(command) < 0;
    *config = command->config;
    command->config = (struct config){ 0 };
    return configured;
}

int command_run(int argc, char **argv)
{
    static struct command command;
    command.argc = argc;
    command.argv = argv;
    if (inheritance_is_ours()) return supervisor_run(NULL, configure_again, &command, argv);
    int exit_status = configure(&command);
    struct config config = command.config;
    command.config = (struct config){ 0 };
    if (exit_status >= 0) {
        config_done(&config);
        return exit_status;
    }
    if (!command.only_checks) return supervisor_run(&config, configure_again, &command, argv);
    config_done(&config);
    if (!inheritance_sign()) {
        fputs("folio: the sockets of that version cannot be taken over; stop it, and start this one\n", stderr);
        return EXIT_FAILURE;
    }
    puts("folio: the configuration is right");
    return 0;
}
