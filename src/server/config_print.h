/* config_print.h - a configuration as text again.
 *
 * Role:   writes what holds, defaults included, as directives that can be read again and then mean the same; and the
 *         virtual hosts, by the addresses at which they are met.
 * Owns:   nothing. Thread: any.
 */
#ifndef FOLIO_SERVER_CONFIG_PRINT_H
#define FOLIO_SERVER_CONFIG_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "server/config.h"

/* The whole of it. */
void config_print(const struct config *config, FILE *to);

/* Each address with its sites: the default first, names, and where they were written. */
void config_print_sites(const struct config *config, FILE *to);

#endif
