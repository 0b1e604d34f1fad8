/* config_list.h - a list of what the configuration says, in an arena.
 *
 * Role:   pointers to items whose type the field's comment names, in the order in which they were written.
 * Owns:   nothing; items and list are the arena's. Thread: made by one, then constant.
 */
#ifndef FOLIO_SERVER_CONFIG_LIST_H
#define FOLIO_SERVER_CONFIG_LIST_H

#include <stdint.h>

#include "base/arena.h"

/* Where something was written: "-c" and line 0 for the command line; NULL: nowhere, it is a default. */
struct config_place {
    const char *file;
    uint32_t line; /* from 1 */
};

/* Zeroed memory is an empty list. */
struct config_list {
    const void **items;
    size_t count, room;
};

/* False: no memory; the list is as it was. */
NODISCARD bool config_list_add(struct arena *arena, struct config_list *list, const void *item);

/* `first`, then `second`, into a list of their own; shares what it can. False: no memory. */
NODISCARD bool config_list_join(struct arena *arena, const struct config_list *first, const struct config_list *second,
                                struct config_list *ret_list);

#endif
