/* config_section.h - the brackets of a configuration: <NAME ARGUMENTS> and </NAME>.
 *
 * Role:   keeps what is open, and refuses what does not nest.
 * Owns:   nothing. Thread: the reader's.
 */
#ifndef FOLIO_SERVER_CONFIG_SECTION_H
#define FOLIO_SERVER_CONFIG_SECTION_H

#include "server/config_reader.h"

/* The present line begins with '<'; its variables were replaced. */
void config_section_line(struct config_reader *reader);

/* The present file is over: tell of every section that began in it and is still open, and close it. */
void config_section_close_all(struct config_reader *reader);

/* Check place and arguments of the present line, which is of `directive`, and obey it. False: a mistake was told. */
bool config_reader_obey(struct config_reader *reader, const struct directive *directive);

#endif
