#include "server/config_list.h"

bool config_list_add(struct arena *arena, struct config_list *list, const void *item)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 4;
        const void **items = arena_take(arena, room * sizeof *items);
        if (!items) return false;
        if (list->count > 0) memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = item;
    return true;
}

bool config_list_join(struct arena *arena, const struct config_list *first, const struct config_list *second,
                      struct config_list *ret_list)
{
    if (first->count == 0 || second->count == 0) {
        /* Without room: whoever adds to the one does not write into the other. */
        const struct config_list *whole = first->count > 0 ? first : second;
        *ret_list = (struct config_list){ whole->items, whole->count, whole->count };
        return true;
    }
    size_t count = first->count + second->count;
    const void **items = arena_take(arena, count * sizeof *items);
    if (!items) return false;
    memcpy(items, first->items, first->count * sizeof *items);
    memcpy(items + first->count, second->items, second->count * sizeof *items);
    *ret_list = (struct config_list){ items, count, count };
    return true;
}
