/* directives.h - `folio directives`: what can be configured.
 *
 * Role:   the table of directives as text, and as the manual page folio.conf(5).
 * Owns:   nothing. Thread: the first.
 */
#ifndef FOLIO_CLI_DIRECTIVES_H
#define FOLIO_CLI_DIRECTIVES_H

/* Without arguments: one line each; with a name: all about it; with --man: the manual page. Returns the exit status. */
int directives_run(int argc, char **argv);

#endif
