#include "server/config_file.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/directive.h"

enum { MISTAKES_TOLD_MAX = 100 };

static void tell(struct config *config, const char *text)
{
    config->mistakes++;
    if (config->mistakes <= MISTAKES_TOLD_MAX)
        fprintf(stderr, "folio: %s:%u: %s\n", config->reading_file, config->reading_line, text);
    if (config->mistakes == MISTAKES_TOLD_MAX) fputs("folio: further mistakes are not told\n", stderr);
}

static struct span trim(struct span line)
{
    while (line.size > 0 && (line.data[0] == ' ' || line.data[0] == '\t')) line = span_from(line, 1);
    while (line.size > 0 && strchr(" \t\r\n", line.data[line.size - 1])) line.size--;
    return line;
}

/* One logical line: a backslash at the end of a line joins the next to it. False: the file is over. */
static bool read_line(FILE *file, struct config *config, uint32_t *physical_line, char **text, size_t *room,
                      size_t *size)
{
    char *more = NULL;
    size_t more_room = 0;
    ssize_t got = getline(text, room, file);
    if (got < 0) return false;
    config->reading_line = ++*physical_line;
    *size = (size_t)got;
    while (*size >= 2 && (*text)[*size - 1] == '\n' && (*text)[*size - 2] == '\\') {
        *size -= 2;
        got = getline(&more, &more_room, file);
        if (got < 0) break;
        ++*physical_line;
        if (*size + (size_t)got + 1 > *room) {
            char *wider = realloc(*text, *size + (size_t)got + 1);
            if (!wider) break;
            *text = wider;
            *room = *size + (size_t)got + 1;
        }
        memcpy(*text + *size, more, (size_t)got);
        *size += (size_t)got;
    }
    free(more);
    return true;
}

static void apply_file(struct config *config, FILE *file)
{
    char *text = NULL, error[DIRECTIVE_ERROR_BYTES];
    size_t room = 0, size;
    uint32_t physical_line = 0;
    while (read_line(file, config, &physical_line, &text, &room, &size)) {
        struct span line = trim(span_of(text, size));
        if (line.size == 0 || line.data[0] == '#') continue;
        if (!directive_apply(config, line, error)) tell(config, error);
    }
    if (ferror(file)) {
        snprintf(error, sizeof error, "it cannot be read: %s", strerror(errno));
        tell(config, error);
    }
    free(text);
}

/* Read one file; the place that is being read is put back afterwards. */
static bool read_file(struct config *config, const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file) return false;
    const char *outer_file = config->reading_file, *name = config_source(config, path);
    uint32_t outer_line = config->reading_line;
    config->reading_file = name ? name : path;
    config->reading_depth++;
    apply_file(config, file);
    config->reading_depth--;
    config->reading_file = outer_file;
    config->reading_line = outer_line;
    fclose(file);
    return true;
}

unsigned config_file_read(struct config *config, const char *path)
{
    /* Relative paths are under the folder of the file, unless ServerRoot says otherwise. */
    char *whole = realpath(path, NULL);
    if (!whole || strlen(whole) >= sizeof config->server_root) {
        fprintf(stderr, "folio: cannot read the configuration %s: %s\n", path, strerror(whole ? ENAMETOOLONG : errno));
        free(whole);
        return 1;
    }
    char *slash = strrchr(whole, '/');
    memcpy(config->server_root, whole, (size_t)(slash - whole));
    config->server_root[slash - whole] = '\0';
    if (!read_file(config, path)) {
        fprintf(stderr, "folio: cannot read the configuration %s: %s\n", path, strerror(errno));
        config->mistakes++;
    }
    free(whole);
    return config->mistakes;
}

bool config_file_include(struct config *config, struct span pattern, bool is_optional, char *error, size_t error_room)
{
    char path[2 * CONFIG_PATH_BYTES + 2];
    glob_t found = { 0 };
    bool is_absolute = pattern.size > 0 && pattern.data[0] == '/';
    if (config->reading_depth >= CONFIG_DEPTH_MAX) {
        snprintf(error, error_room, "Include: files include each other more than %d deep", CONFIG_DEPTH_MAX);
        return false;
    }
    snprintf(path, sizeof path, "%s%s%.*s", is_absolute ? "" : config->server_root, is_absolute ? "" : "/",
             (int)pattern.size, pattern.data);
    bool is_there = glob(path, GLOB_NOESCAPE, NULL, &found) == 0;
    for (size_t i = 0; is_there && i < found.gl_pathc; i++) {
        if (read_file(config, found.gl_pathv[i])) continue;
        snprintf(error, error_room, "Include: cannot read %.300s: %s", found.gl_pathv[i], strerror(errno));
        globfree(&found);
        return false;
    }
    globfree(&found);
    if (is_there || is_optional) return true;
    snprintf(error, error_room, "Include: there is no file %.300s; IncludeOptional does not mind", path);
    return false;
}
