/* The input is a configuration of up to four files, told apart by NULs, which may include each other; no other file is there.
 * Whatever it is, reading comes to its end, a mistake is about a part of its line, and what is right is written so that it
 * is read as the same again. */
#include "../support/config_rig.h"
#include "../support/require.h"
#include "server/config_print.h"

enum { FILES_MAX = 4, INPUT_BYTES_MAX = 16384 };

static const char *const paths[FILES_MAX] = { "/etc/0", "/etc/1", "/etc/2", "/etc/3" };

static void read_files(struct config_rig *rig, const struct rig_file *texts)
{
    rig_open_with(rig, texts);
    rig->reader->variables.ignores_environment = true;
    strcpy(rig->config.server_root, "/etc");
    config_reader_include(rig->reader, SPAN("/etc/0"), false);
    config_reader_finish(rig->reader);
    REQUIRE(rig->reader->frame_count == 0 && rig->reader->file_depth == 0);
    REQUIRE(rig->reader->context == CONTEXT_SERVER && rig->reader->site == rig->config.sites[0]);
}

static void require_spots(const struct config_report *report)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    REQUIRE(stream != NULL);
    REQUIRE(report->mistakes >= report->remarks.count && report->remarks.count <= CONFIG_REMARKS_KEPT_MAX);
    for (size_t i = 0; i < report->remarks.count; i++) {
        const struct config_remark *remark = report->remarks.items[i];
        REQUIRE(remark->text.size > 0);
        REQUIRE(remark->spot.size == 0 || remark->spot.column + remark->spot.size <= remark->spot.line.size);
    }
    config_report_print(report, stream);
    config_report_print_json(report, stream);
    fclose(stream);
    free(text);
}

/* To be freed. *ret_can_be_read: no line is longer than one may be, which quotation marks can make of one that was not. */
static char *print(const struct config *config, bool *ret_can_be_read)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    REQUIRE(stream != NULL);
    config_print(config, stream);
    fclose(stream);
    REQUIRE(text != NULL);
    *ret_can_be_read = memchr(text, '\0', size) == NULL;
    for (const char *at = text; *at;) {
        size_t line = strcspn(at, "\n");
        *ret_can_be_read &= line <= CONFIG_LINE_BYTES;
        at += line + (at[line] == '\n');
    }
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct config_rig rig;
    struct rig_file texts[FILES_MAX + 1] = { 0 };
    size_t kept = size < INPUT_BYTES_MAX ? size : INPUT_BYTES_MAX;
    char *copy = malloc(kept + 1);
    REQUIRE(copy != NULL);
    if (kept > 0) memcpy(copy, bytes, kept);
    copy[kept] = '\0';
    const char *at = copy;
    for (size_t i = 0; i < FILES_MAX && at <= copy + kept; i++) {
        texts[i] = (struct rig_file){ paths[i], at };
        at += strlen(at) + 1;
    }
    read_files(&rig, texts);
    require_spots(&rig.report);
    bool is_right = rig.report.mistakes == 0, can_be_read = false, still_can = false;
    char *first = is_right ? print(&rig.config, &can_be_read) : NULL;
    rig_close(&rig);
    if (can_be_read) {
        const struct rig_file again[] = { { "/etc/0", first }, { NULL, NULL } };
        read_files(&rig, again);
        if (rig.report.mistakes > 0) fprintf(stderr, "%s\nis told\n%s", first, rig_errors(&rig));
        REQUIRE(rig.report.mistakes == 0);
        char *second = print(&rig.config, &still_can);
        REQUIRE(strcmp(first, second) == 0);
        free(second);
        rig_close(&rig);
    }
    free(first);
    free(copy);
    return 0;
}
