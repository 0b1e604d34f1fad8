/* config_rig.h - a configuration that a test reads: from lines, or from files that exist in memory only. */
#ifndef FOLIO_TESTS_CONFIG_RIG_H
#define FOLIO_TESTS_CONFIG_RIG_H

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "server/config_reader.h"

struct rig_file {
    const char *path, *text;
};

struct config_rig {
    struct config config;
    struct config_report report;
    struct config_files files;
    struct config_reader *reader;
    const struct rig_file *texts; /* up to one without a path */
    char error[8 * CONFIG_REMARK_BYTES];
};

static FILE *rig_open(void *context, const char *path)
{
    const struct config_rig *rig = context;
    for (const struct rig_file *file = rig->texts; file && file->path; file++) {
        if (strcmp(file->path, path) != 0) continue;
        size_t size = strlen(file->text);
        return size > 0 ? fmemopen((void *)(uintptr_t)file->text, size, "r") : fopen("/dev/null", "r");
    }
    errno = ENOENT;
    return NULL;
}

static bool rig_exists(void *context, const char *path)
{
    const struct config_rig *rig = context;
    for (const struct rig_file *file = rig->texts; file && file->path; file++) {
        if (strcmp(file->path, path) == 0) return true;
    }
    return false;
}

static bool rig_match(void *context, const char *pattern, bool (*found)(void *of, const char *path), void *of)
{
    const struct config_rig *rig = context;
    bool is_there = false;
    for (const struct rig_file *file = rig->texts; file && file->path; file++) {
        if (fnmatch(pattern, file->path, FNM_PATHNAME) != 0) continue;
        is_there = true;
        if (!found(of, file->path)) break;
    }
    return is_there;
}

/* `texts` may be NULL: no file exists. */
static inline void rig_open_with(struct config_rig *rig, const struct rig_file *texts)
{
    *rig = (struct config_rig){ .texts = texts };
    rig->files = (struct config_files){ rig, rig_open, rig_exists, rig_match };
    rig->reader = config_reader_new(&rig->config, &rig->report, &rig->files);
    if (!rig->reader) abort();
}

static inline void rig_close(struct config_rig *rig)
{
    config_reader_free(rig->reader);
    config_report_done(&rig->report);
    config_done(&rig->config);
}

/* Everything that was told, one a line, as "LINE:COLUMN what; did you mean that?". */
static inline const char *rig_errors(struct config_rig *rig)
{
    size_t size = 0;
    rig->error[0] = '\0';
    for (size_t i = 0; i < rig->report.remarks.count && size < sizeof rig->error; i++) {
        const struct config_remark *remark = rig->report.remarks.items[i];
        size += (size_t)snprintf(
            rig->error + size, sizeof rig->error - size, "%u:%zu %s%s%s%s\n", remark->spot.place.line,
            remark->spot.column + 1, remark->text.data, remark->suggestion.data ? "; did you mean " : "",
            remark->suggestion.data ? remark->suggestion.data : "", remark->suggestion.data ? "?" : "");
    }
    return rig->error;
}

/* A whole configuration, as /etc/folio.conf; false: rig->error is what was told. To be closed in both cases. */
static inline bool rig_read(struct config_rig *rig, const char *text)
{
    const struct rig_file files[] = { { "/etc/folio.conf", text }, { NULL, NULL } };
    rig_open_with(rig, files);
    strcpy(rig->config.server_root, "/etc");
    config_reader_include(rig->reader, SPAN("/etc/folio.conf"), false);
    config_reader_finish(rig->reader);
    rig->texts = NULL;
    if (rig->report.mistakes == 0) return true;
    (void)rig_errors(rig);
    return false;
}

/* One line; false: rig->error is what was told. */
static inline bool rig_line(struct config_rig *rig, struct span line)
{
    config_report_done(&rig->report);
    config_reader_line(rig->reader, line, "-c");
    if (rig->report.mistakes == 0) return true;
    const char *space = strchr(rig_errors(rig), ' ');
    memmove(rig->error, space + 1, strlen(space + 1) + 1);
    rig->error[strcspn(rig->error, "\n")] = '\0';
    return false;
}

#endif
