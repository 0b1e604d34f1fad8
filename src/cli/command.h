/* command.h - the command line.
 *
 * Role:   options and arguments to a configuration, and that to a running server.
 * Thread: the first.
 */
#ifndef FOLIO_CLI_COMMAND_H
#define FOLIO_CLI_COMMAND_H

enum { EXIT_USAGE = 2, EXIT_BAD_CONFIG = 78 }; /* beside 0 and 1 */

/* main(): returns the exit status. */
int command_run(int argc, char **argv);

#endif
