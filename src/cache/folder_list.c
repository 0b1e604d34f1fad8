#include "cache/folder_list.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#define XXH_STATIC_LINKING_ONLY /* the state of a digest, on the stack */
#include <xxhash.h>

enum { NAME_BYTES_MAX = 64 << 20, ITEMS_AT_FIRST = 256 };

void folder_list_done(struct folder_list *list)
{
    free(list->items);
    text_buffer_done(&list->names);
    *list = (struct folder_list){ .count = 0 };
}

/* What a symbolic link leads to, if that is in the tree. */
static enum status follow(const struct tree *tree, struct span folder, struct span name, struct file_facts *ret_facts,
                          struct file_identity *ret_identity)
{
    char path[PATH_MAX];
    int place;
    if (folder.size + name.size > sizeof path) return STATUS_NOT_FOUND;
    memcpy(path, folder.data + 1, folder.size - 1);
    memcpy(path + folder.size - 1, name.data, name.size);
    path[folder.size - 1 + name.size] = '\0';
    enum status status = file_find(tree->root, path, FILE_WAIT, &place, ret_facts, ret_identity);
    if (status == STATUS_OK) close(place);
    return status;
}

static bool make_room(struct folder_list *list)
{
    if (list->count < list->room) return true;
    size_t room = list->room > 0 ? 2 * list->room : ITEMS_AT_FIRST;
    struct folder_item *items = realloc(list->items, room * sizeof *items);
    if (!items) return false;
    list->items = items;
    list->room = room;
    return true;
}

/* A name that is not shown for what it is, is STATUS_OK, too. */
static enum status add(struct folder_list *list, const struct tree *tree, struct span path, DIR *folder,
                       const char *text)
{
    struct span name = span_of_string(text);
    struct file_facts facts;
    struct file_identity identity;
    if (text[0] == '.') return STATUS_OK;
    enum status status = file_look_in(folder, text, &facts, &identity);
    bool is_link = status == STATUS_OK && facts.crosses_link;
    if (is_link) status = follow(tree, path, name, &facts, &identity);
    list->needs_checks |= is_link;
    if (status == STATUS_EXHAUSTED || status == STATUS_FAILED) return status;
    if (status != STATUS_OK || facts.type == FILE_OTHER) return STATUS_OK;
    list->needs_checks |= facts.type == FILE_FOLDER || facts.has_other_names;
    if (list->count == FOLDER_ITEMS_MAX) return STATUS_REFUSED;
    if (!make_room(list)) return STATUS_EXHAUSTED;
    text_buffer_append(&list->names, name);
    if (list->names.has_failed) return STATUS_EXHAUSTED;
    list->items[list->count++] = (struct folder_item){
        .name = span_of(NULL, name.size), /* where it lies is known once all are there */
        .size = facts.type == FILE_FOLDER ? 0 : (uint64_t)identity.size,
        .modified_s = identity.modified_s,
        .is_folder = facts.type == FILE_FOLDER,
    };
    return STATUS_OK;
}

static void place_names(struct folder_list *list)
{
    const char *at = list->names.data;
    for (size_t i = 0; i < list->count; i++) {
        list->items[i].name.data = at;
        at += list->items[i].name.size;
    }
}

enum status folder_list_read(const struct tree *tree, struct span path, struct folder_list *ret_list)
{
    struct folder_list list = { .names.bytes_max = NAME_BYTES_MAX };
    errno = 0;
    DIR *folder = file_open_folder(tree->root, path);
    if (!folder) return errno != 0 ? status_from_errno(errno) : STATUS_NOT_FOUND;
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        errno = 0;
        const struct dirent *item = readdir(folder);
        if (!item) {
            status = status_from_errno(errno);
            break;
        }
        status = add(&list, tree, path, folder, item->d_name);
    }
    closedir(folder);
    if (status != STATUS_OK) {
        folder_list_done(&list);
        return status == STATUS_WOULD_BLOCK ? STATUS_FAILED : status;
    }
    place_names(&list);
    *ret_list = list;
    return STATUS_OK;
}

static int compare_names(const void *a, const void *b)
{
    struct span first = ((const struct folder_item *)a)->name, second = ((const struct folder_item *)b)->name;
    int order = memcmp(first.data, second.data, first.size < second.size ? first.size : second.size);
    return order != 0 ? order : (first.size > second.size) - (first.size < second.size);
}

void folder_list_identify(struct folder_list *list, struct file_identity *ret_identity)
{
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    (void)XXH3_128bits_reset(&state);
    /* A folder may be read in another order each time. */
    if (list->count > 1) qsort(list->items, list->count, sizeof list->items[0], compare_names);
    for (size_t i = 0; i < list->count; i++) {
        const struct folder_item *item = &list->items[i];
        uint64_t numbers[4] = { item->name.size, item->size, (uint64_t)item->modified_s, item->is_folder };
        (void)XXH3_128bits_update(&state, numbers, sizeof numbers);
        (void)XXH3_128bits_update(&state, item->name.data, item->name.size);
    }
    XXH128_hash_t hash = XXH3_128bits_digest(&state);
    *ret_identity = (struct file_identity){ .device = hash.high64, .inode = hash.low64, .size = (int64_t)list->count };
}
