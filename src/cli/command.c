#include "cli/command.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/quantity.h"
#include "cli/check.h"
#include "cli/directives.h"
#include "server/config_print.h"
#include "server/config_reader.h"
#include "server/explain.h"
#include "server/identity.h"
#include "server/inheritance.h"
#include "server/message.h"
#include "server/supervisor.h"

enum {
    BINDS_MAX = CONFIG_LISTENS_MAX,
    DEFAULT_PORT = 8080,
    OPTION_THREADS = 256,
    OPTION_ACCESS_LOG,
    OPTION_STRICT,
    OPTION_JSON,
};

enum command_mode { COMMAND_SERVE, COMMAND_CHECK, COMMAND_PRINT, COMMAND_SITES, COMMAND_EXPLAIN };

struct command {
    int argc;
    char **argv;
    enum command_mode mode;
    bool is_strict, is_json;
    struct explain_options explain;
    const char *file;    /* of directives; NULL: none */
    const char *operand; /* DIR; NULL: none */
    struct config config;
    struct config_report report;
    struct config_reader *reader;
    const char *binds[BINDS_MAX];
    unsigned bind_count;
    uint16_t port;
    bool has_port;
    bool is_misused; /* an option's value is wrong */
};

static const char usage_text[] =
    "usage: folio [OPTIONS] [DIR]\n"
    "       folio check [OPTIONS] [FILE]\n"
    "       folio explain [OPTIONS] URL [DIR]\n"
    "       folio directives [NAME|--man]\n"
    "\n"
    "Serve the files in DIR (default: the present folder) over HTTP; look for mistakes in\n"
    "a FILE of directives; say how a URL would be answered, and why; tell what directives\n"
    "there are.\n"
    "\n"
    "  -p, --port N             port to listen at (default 8080; 0: any free one)\n"
    "  -b, --bind ADDRESS       address to listen at, or unix:PATH; may be repeated\n"
    "                           (default: every address, IPv4 and IPv6)\n"
    "      --threads N          worker threads (default: one for each CPU)\n"
    "      --access-log FILE    log requests to FILE; - is standard output\n"
    "  -f, --file FILE          read directives from FILE; options and -c come after it\n"
    "  -t, --check              say what is wrong with the configuration, as `folio check`\n"
    "      --strict             with -t: what is legal but hardly meant is wrong, too\n"
    "      --json               with -t or explain: say it as JSON, on standard output\n"
    "  -H, --header 'NAME: VALUE'\n"
    "                           with explain: a field of the request; may be repeated\n"
    "  -T, --print              print the configuration that holds, defaults included\n"
    "  -S, --sites              print the virtual hosts by address and name\n"
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

static const char short_options[] = "p:b:f:tTSc:H:Vh";
static const struct option options[] = {
    { "port", required_argument, NULL, 'p' },
    { "bind", required_argument, NULL, 'b' },
    { "threads", required_argument, NULL, OPTION_THREADS },
    { "access-log", required_argument, NULL, OPTION_ACCESS_LOG },
    { "file", required_argument, NULL, 'f' },
    { "check", no_argument, NULL, 't' },
    { "strict", no_argument, NULL, OPTION_STRICT },
    { "json", no_argument, NULL, OPTION_JSON },
    { "print", no_argument, NULL, 'T' },
    { "sites", no_argument, NULL, 'S' },
    { "directive", required_argument, NULL, 'c' },
    { "header", required_argument, NULL, 'H' },
    { "version", no_argument, NULL, 'V' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* What must be known before anything is applied: what is to be done, and with which file. Returns -1, or the exit status. */
static int look_ahead(struct command *command)
{
    unsigned files = 0;
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(command->argc, command->argv, short_options, options, NULL)) != -1;) {
        if (option == 't') command->mode = COMMAND_CHECK;
        if (option == 'T') command->mode = COMMAND_PRINT;
        if (option == 'S') command->mode = COMMAND_SITES;
        if (option != 'f') continue;
        command->file = optarg;
        files++;
    }
    opterr = 1;
    if (files > 1) return usage_error("more than one --file; the first may Include the others", NULL);
    if (command->mode == COMMAND_EXPLAIN) {
        if (optind >= command->argc)
            return usage_error("explain wants a URL, such as http://localhost/index.html", NULL);
        command->explain.url = command->argv[optind++];
    }
    command->operand = optind < command->argc ? command->argv[optind] : NULL;
    if (command->argc - optind > 1) return usage_error("more than one operand: unexpected", command->argv[optind + 1]);
    struct stat st;
    bool is_folder = command->operand && stat(command->operand, &st) == 0 && S_ISDIR(st.st_mode);
    bool takes_file = command->mode != COMMAND_SERVE && command->mode != COMMAND_EXPLAIN;
    if (takes_file && command->operand && !is_folder && !command->file) {
        command->file = command->operand;
        command->operand = NULL;
    }
    return -1;
}

/* Returns -1 to go on, or the exit status. */
static int read_options(struct command *command)
{
    uint64_t port;
    optind = 1;
    for (int option; (option = getopt_long(command->argc, command->argv, short_options, options, NULL)) != -1;) {
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
        case 'f':
        case 't':
        case 'T':
        case 'S': break; /* seen by look_ahead() */
        case OPTION_STRICT: command->is_strict = true; break;
        case OPTION_JSON: command->is_json = true; break;
        case 'H':
            if (command->explain.field_count == EXPLAIN_FIELDS_MAX) return usage_error("too many --header", NULL);
            command->explain.fields[command->explain.field_count++] = optarg;
            break;
        case 'c': config_reader_line(command->reader, span_of_string(optarg), "-c"); break;
        case 'V': printf("folio %s\n", FOLIO_VERSION); return 0;
        case 'h': fputs(usage_text, stdout); return 0;
        default: fputs("  see folio --help\n", stderr); return EXIT_USAGE;
        }
    }
    return -1;
}

/* An option that would say nothing here was meant to say something: who serves with --strict is not served strictly. */
static int refuse_idle_options(const struct command *command)
{
    bool is_check = command->mode == COMMAND_CHECK, is_explain = command->mode == COMMAND_EXPLAIN;
    if (command->is_strict && !is_check) return usage_error("--strict goes with --check", NULL);
    if (command->is_json && !is_check && !is_explain) return usage_error("--json goes with --check or explain", NULL);
    if (command->explain.field_count > 0 && !is_explain) return usage_error("--header goes with explain", NULL);
    return -1;
}

/* Read the file and the command line, which has the last word. Returns -1, or the exit status. */
static int read_all(struct command *command)
{
    const struct site_config *main_site = command->config.sites[0];
    int exit_status = look_ahead(command);
    if (exit_status >= 0) return exit_status;
    if (command->file) config_reader_file(command->reader, command->file);
    exit_status = read_options(command);
    if (exit_status < 0) exit_status = refuse_idle_options(command);
    if (exit_status >= 0) return exit_status;
    apply_listens(command);
    /* Whoever writes virtual hosts says himself what is served, and where. */
    bool wants_root = !main_site->document_root.data && command->config.site_count == 1;
    if (command->operand || wants_root)
        apply(command, "DIR", "DocumentRoot", command->operand ? command->operand : ".");
    config_reader_finish(command->reader);
    return -1;
}

/* Make command->config and command->report. Returns -1, or the exit status. */
static int configure(struct command *command)
{
    command->port = DEFAULT_PORT;
    command->has_port = command->is_misused = false;
    command->bind_count = 0;
    command->file = NULL;
    command->reader = config_reader_new(&command->config, &command->report, &config_files_of_system);
    if (!command->reader) {
        fprintf(stderr, "folio: cannot read a configuration: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    int exit_status = read_all(command);
    config_reader_free(command->reader);
    command->reader = NULL;
    return exit_status;
}

/* Whether it can be served by; else it is told what is wrong. */
static bool is_right(const struct command *command)
{
    if (command->report.mistakes == 0) return true;
    if (message_is_logged())
        config_report_tell(&command->report);
    else
        config_report_print(&command->report, stderr);
    if (command->is_misused) fputs("  see folio --help\n", stderr);
    return false;
}

static bool configure_again(void *context, struct config *config)
{
    struct command *command = context;
    bool is_configured = configure(command) < 0 && is_right(command) && identity_is_possible(&command->config);
    config_report_done(&command->report);
    *config = command->config;
    command->config = (struct config){ 0 };
    return is_configured;
}

/* Everything that does not serve. */
static int look(struct command *command)
{
    if (command->mode == COMMAND_CHECK) {
        struct check_options check = { .is_strict = command->is_strict, .is_json = command->is_json };
        int exit_status = check_run(&command->config, &command->report, &check);
        return command->is_misused ? EXIT_USAGE : exit_status;
    }
    if (!is_right(command)) return command->is_misused ? EXIT_USAGE : EXIT_BAD_CONFIG;
    command->explain.is_json = command->is_json;
    if (command->mode == COMMAND_EXPLAIN) return explain_run(&command->config, &command->explain);
    if (command->mode == COMMAND_PRINT)
        config_print(&command->config, stdout);
    else
        config_print_sites(&command->config, stdout);
    return 0;
}

static int serve(struct command *command)
{
    bool can_serve = is_right(command);
    struct config config = command->config;
    config_report_done(&command->report);
    command->config = (struct config){ 0 };
    if (can_serve && identity_is_possible(&config))
        return supervisor_run(&config, configure_again, command, command->argv);
    config_done(&config);
    return command->is_misused ? EXIT_USAGE : EXIT_BAD_CONFIG;
}

int command_run(int argc, char **argv)
{
    static struct command command;
    if (argc > 1 && strcmp(argv[1], "directives") == 0) return directives_run(argc - 1, argv + 1);
    bool is_check = argc > 1 && strcmp(argv[1], "check") == 0;
    bool is_explain = argc > 1 && strcmp(argv[1], "explain") == 0;
    command.mode = is_check ? COMMAND_CHECK : is_explain ? COMMAND_EXPLAIN : COMMAND_SERVE;
    command.argc = argc - (is_check || is_explain);
    command.argv = argv + (is_check || is_explain);
    if (inheritance_is_ours()) return supervisor_run(NULL, configure_again, &command, argv);
    int exit_status = configure(&command);
    if (exit_status < 0 && command.mode == COMMAND_SERVE) return serve(&command);
    if (exit_status < 0) exit_status = look(&command);
    config_report_done(&command.report);
    config_done(&command.config);
    return exit_status;
}
