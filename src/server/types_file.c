#include "server/types_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { TYPES_BYTES_MAX = 4 << 20 };

struct media_types *types_file_load(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "re");
    if (!file && errno != ENOENT) {
        fprintf(stderr, "folio: cannot read %s: %s\n  name another with -c 'TypesConfig FILE'\n", path,
                strerror(errno));
        return NULL;
    }
    if (file) {
        text = malloc(TYPES_BYTES_MAX);
        size = text ? fread(text, 1, TYPES_BYTES_MAX, file) : 0;
        fclose(file);
    }
    struct media_types *types = media_types_new(span_of(text ? text : "", size));
    free(text);
    if (!types) fputs("folio: no memory for media types\n", stderr);
    return types;
}
