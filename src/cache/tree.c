#include "cache/tree.h"

#include <limits.h>

enum { KEY_BYTES_MAX = 2 * PATH_MAX };

void tree_keys(const struct tree *tree, struct span path, void (*each)(void *context, struct span key), void *context)
{
    char room[KEY_BYTES_MAX];
    for (unsigned i = 0; i < tree->mount_count; i++) {
        const struct tree_mount *mount = &tree->mounts[i];
        if (!span_starts_with(path, mount->below)) continue;
        struct span rest = span_from(path, mount->below.size);
        if (rest.size > 0 && rest.data[0] != '/') continue;
        if (mount->prefix.size == 0) {
            each(context, rest);
            continue;
        }
        if (mount->prefix.size + rest.size > sizeof room) continue; /* longer than any key that was ever loaded */
        memcpy(room, mount->prefix.data, mount->prefix.size);
        if (rest.size > 0) memcpy(room + mount->prefix.size, rest.data, rest.size);
        each(context, span_of(room, mount->prefix.size + rest.size));
    }
}

bool tree_is_index(const struct tree_list *trees, struct span path, struct span *ret_folder)
{
    for (unsigned i = 0; i < trees->index_count; i++) {
        struct span index = trees->index_names[i];
        if (path.size <= index.size || path.data[path.size - index.size - 1] != '/' || !span_ends_with(path, index))
            continue;
        *ret_folder = span_first(path, path.size - index.size);
        return true;
    }
    return false;
}
