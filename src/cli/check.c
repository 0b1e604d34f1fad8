#include "cli/check.h"

#include <stdlib.h>

#include "cli/command.h"
#include "server/config_check.h"
#include "server/inheritance.h"

int check_run(const struct config *config, struct config_report *report, const struct check_options *options)
{
    if (report->mistakes == 0) config_check(config, report);
    bool is_right = report->mistakes == 0 && (report->warnings == 0 || !options->is_strict);
    if (options->is_json)
        config_report_print_json(report, stdout);
    else
        config_report_print(report, stderr);
    if (!is_right && report->mistakes == 0 && !options->is_json)
        fputs("folio: with --strict a warning is a mistake\n", stderr);
    if (!is_right) return EXIT_BAD_CONFIG;
    /* Only if another process asks, before it makes way for this binary. */
    if (!inheritance_sign()) {
        fputs("folio: the sockets of that version cannot be taken over; stop it, and start this one\n", stderr);
        return EXIT_FAILURE;
    }
    if (options->is_json) return 0;
    if (report->warnings > 0)
        printf("folio: the configuration is right, with %zu warning%s\n", report->warnings,
               report->warnings == 1 ? "" : "s");
    else
        puts("folio: the configuration is right");
    return 0;
}
