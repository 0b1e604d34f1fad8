#include "server/types_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/message.h"

enum { TYPES_BYTES_MAX = 4 << 20 };

struct media_types *types_file_load(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "re");
    bool is_read = file || errno == ENOENT;
    if (file) {
        text = malloc(TYPES_BYTES_MAX);
        size = text ? fread(text, 1, TYPES_BYTES_MAX, file) : 0;
        is_read = !ferror(file);
        int error = errno;
        fclose(file);
        errno = error;
    }
    if (!is_read) {
        message_tell(LOG_LEVEL_CRIT, "cannot read %s: %s\n  name another with -c 'TypesConfig FILE'", path,
                     strerror(errno));
        free(text);
        return NULL;
    }
    struct media_types *types = media_types_new(span_of(text ? text : "", size));
    free(text);
    if (!types) message_tell(LOG_LEVEL_CRIT, "no memory for media types");
    return types;
}
