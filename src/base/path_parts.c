#include "base/path_parts.h"

struct span path_folder(struct span path)
{
    const char *slash = path.size > 0 ? memrchr(path.data, '/', path.size) : NULL;
    return span_first(path, slash ? (size_t)(slash + 1 - path.data) : 0);
}

struct span path_parent(struct span folder)
{
    return path_folder(span_first(folder, folder.size > 0 ? folder.size - 1 : 0));
}

struct span path_name(struct span path)
{
    return span_from(path, path_folder(path).size);
}

struct span path_without_slashes(struct span path, size_t least)
{
    while (path.size > least && path.data[path.size - 1] == '/') path.size--;
    return path;
}
