/* folder_list.h - what is in a folder, read for those who want to be told of it.
 *
 * Role:   the files and folders that a folder names, with what is shown of them. Names that begin with a dot, what leads out of the
 *         tree or to nothing, and what is neither a file nor a folder are left out.
 * Owns:   its items and their names, until folder_list_done(). Thread: a loader's: reading waits.
 * Limits: FOLDER_ITEMS_MAX items; a folder that has more is refused, as half of it would not be what is there.
 */
#ifndef FOLIO_CACHE_FOLDER_LIST_H
#define FOLIO_CACHE_FOLDER_LIST_H

#include "base/text_buffer.h"
#include "cache/tree.h"

enum { FOLDER_ITEMS_MAX = 200000 };

struct folder_item {
    struct span name;   /* as the file system has it: no '/', not empty */
    uint64_t size;      /* bytes; of a folder, nothing */
    int64_t modified_s; /* seconds since 1970 */
    bool is_folder;
};

struct folder_list {
    struct folder_item *items; /* in no order */
    size_t count, room;
    struct text_buffer names;
    bool
        needs_checks; /* something of it can change without an event in the folder: a folder's time, what a link leads to */
};

/* Read the folder at `path` (it begins and ends with '/') in `tree`.
 *
 * STATUS_OK         ret_list is the caller's
 * STATUS_REFUSED    it may not be read, or has too many items; STATUS_NOT_FOUND: it is not there
 * STATUS_EXHAUSTED  no descriptor or no memory; STATUS_FAILED: the device failed
 */
NODISCARD enum status folder_list_read(const struct tree *tree, struct span path, struct folder_list *ret_list);

/* Zeroed memory is an empty list. */
void folder_list_done(struct folder_list *list);

/* What tells one state of a list from another. The items are put in order of name. */
void folder_list_identify(struct folder_list *list, struct file_identity *ret_identity);

#endif
