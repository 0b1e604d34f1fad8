#include "server/config_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/path_parts.h"
#include "server/log_target.h"

/* The line that is written at `place`, as far as a spot can show it. Nothing, if it is gone. */
static void look_up_line(struct config_place place, struct span word, struct config_spot *spot, char **room)
{
    size_t size = 0;
    ssize_t got = -1;
    FILE *file = place.line > 0 ? fopen(place.file, "re") : NULL;
    if (!file) return;
    for (uint32_t i = 0; i < place.line; i++) got = getline(room, &size, file);
    fclose(file);
    if (got <= 0) return;
    spot->line = span_of(*room, (size_t)got);
    while (spot->line.size > 0 && memchr(" \t\r\n\\", spot->line.data[spot->line.size - 1], 5)) spot->line.size--;
    while (spot->line.size > 0 && memchr(" \t", spot->line.data[0], 2)) spot->line = span_from(spot->line, 1);
    const char *at = word.size > 0 ? memmem(spot->line.data, spot->line.size, word.data, word.size) : NULL;
    if (!at && word.size > 0) {
        /* A path may have been written relative to another: its last part is there. */
        const char *slash = memrchr(word.data, '/', word.size);
        if (slash) word = span_from(word, (size_t)(slash + 1 - word.data));
        at = word.size > 0 ? memmem(spot->line.data, spot->line.size, word.data, word.size) : NULL;
    }
    if (!at) return;
    spot->column = (size_t)(at - spot->line.data);
    spot->size = word.size;
}

void config_check_warn(struct config_checking *checking, struct config_place place, struct span word,
                       const char *format, ...)
{
    char text[CONFIG_REMARK_BYTES], *line = NULL;
    struct config_spot spot = { .place = place };
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (checking->report->remarks.count < CONFIG_REMARKS_KEPT_MAX) look_up_line(place, word, &spot, &line);
    config_report_add(checking->report, true, &spot, SPAN_NONE, "%s", text);
    free(line);
}

/* "/srv/www: Permission denied", or the part of the way that is to blame. */
static bool can_read(struct config_checking *checking, struct config_place place, const char *what, struct span path,
                     int wanted)
{
    char where[USER_PATH_BYTES] = "";
    int error = user_rights_walk(&checking->rights, path.data, wanted, where);
    if (error == EACCES)
        config_check_warn(checking, place, path, "%s: %s may not %s %s", what, checking->user_name,
                          strcmp(where, path.data) == 0 ? "read" : "enter", where);
    else if (error != 0)
        config_check_warn(checking, place, path, "%s: %s: %s", what, where, strerror(error));
    checking->has_unreadable |= error != 0;
    return error == 0;
}

static void check_root(struct config_checking *checking, const struct site_config *site)
{
    struct stat st;
    struct config_place place = site->places[SITE_DOCUMENT_ROOT];
    if (!site_says(site, SITE_DOCUMENT_ROOT)) return;
    if (!can_read(checking, place, "DocumentRoot", site->document_root, R_OK | X_OK)) return;
    bool is_folder = stat(site->document_root.data, &st) == 0 && S_ISDIR(st.st_mode);
    checking->has_unreadable |= !is_folder;
    if (is_folder)
        config_check_files(checking, site);
    else
        config_check_warn(checking, place, site->document_root, "DocumentRoot: %s is not a folder",
                          site->document_root.data);
}

static void check_aliases(struct config_checking *checking, const struct site_config *site)
{
    for (size_t i = 0; i < site->own_url_maps.count; i++) {
        const struct url_map *map = site->own_url_maps.items[i];
        char path[CONFIG_PATH_BYTES];
        if (map->kind != URL_ALIAS && map->kind != URL_ALIAS_MATCH) continue;
        struct span root = path_without_slashes(config_check_alias_root(map), 1);
        snprintf(path, sizeof path, "%.*s", (int)root.size, root.data);
        (void)can_read(checking, map->place, map->pattern ? "AliasMatch" : "Alias", span_of(path, strlen(path)), R_OK);
    }
}

/* Rules that need others to say anything; `outer` is what holds around them. */
static void check_rules(struct config_checking *checking, const struct rules *rules, const struct rules *outer)
{
    struct rules whole;
    struct arena arena = { 0 };
    if (!rules_merge(&arena, outer, rules, &whole)) return;
    bool wants_user = false;
    for (size_t i = 0; i < whole.require.count; i++) {
        const struct require_rule *rule = whole.require.items[i];
        wants_user |= rule->kind == REQUIRE_VALID_USER || rule->kind == REQUIRE_USER;
    }
    if (rules_have(rules, RULE_REQUIRE) && wants_user && whole.auth_type == AUTH_NONE)
        config_check_warn(checking, rules->places[RULE_REQUIRE], SPAN_NONE,
                          "Require: nobody is asked for a name: AuthType Basic is missing");
    if (rules_have(rules, RULE_AUTH_TYPE) && whole.auth_type == AUTH_BASIC && !whole.auth_user_file.data)
        config_check_warn(checking, rules->places[RULE_AUTH_TYPE], SPAN_NONE,
                          "AuthType: nobody has a password: AuthUserFile is missing");
    if (rules_have(rules, RULE_AUTH_USER_FILE))
        (void)can_read(checking, rules->places[RULE_AUTH_USER_FILE], "AuthUserFile", rules->auth_user_file, R_OK);
    if (rules_have(rules, RULE_EXPIRES_BY_TYPE) && !whole.expires_active)
        config_check_warn(checking, rules->places[RULE_EXPIRES_BY_TYPE], SPAN_NONE,
                          "ExpiresByType: it says nothing while ExpiresActive is off");
    arena_done(&arena);
}

static void check_networks(struct config_checking *checking, const struct rules *rules)
{
    for (size_t i = 0; i < rules->require.count; i++) {
        const struct require_rule *rule = rules->require.items[i];
        if (rule->kind == REQUIRE_IP && rule->network.has_host_bits)
            config_check_warn(checking, rule->place, rule->text,
                              "Require: %s names an address in a network; the whole network is meant", rule->text.data);
    }
}

/* Whether there is a folder for a log that is a file, or a socket for the system's. Whether it may be written to is not asked: who
 * opens it is who starts the server, perhaps another than who serves, and than who asks. */
static void check_log(struct config_checking *checking, struct config_place place, const char *directive,
                      struct span text)
{
    char folder[CONFIG_PATH_BYTES];
    struct log_target target;
    const char *wanted;
    size_t at;
    struct stat st;
    if (!text.data || !log_target_parse(text, &target, &wanted, &at)) return;
    const char *socket = checking->config->syslog_socket.data;
    if (target.kind == LOG_TO_SYSTEM && stat(socket, &st) != 0)
        config_check_warn(checking, place, text, "%s: %s: %s", directive, socket, strerror(errno));
    if (target.kind != LOG_TO_FILE) return;
    struct span above = path_without_slashes(path_folder(text), 1);
    snprintf(folder, sizeof folder, "%.*s", (int)above.size, above.data);
    if (stat(folder, &st) != 0)
        config_check_warn(checking, place, text, "%s: %s: %s", directive, folder, strerror(errno));
    else if (stat(text.data, &st) == 0 && S_ISDIR(st.st_mode))
        config_check_warn(checking, place, text, "%s: %s is a folder", directive, text.data);
}

static void check_logs(struct config_checking *checking, const struct site_config *site)
{
    if (site_says(site, SITE_ERROR_LOG)) check_log(checking, site->places[SITE_ERROR_LOG], "ErrorLog", site->error_log);
    for (size_t i = 0; i < site->own_logs.count; i++) {
        const struct log_config *log = site->own_logs.items[i];
        check_log(checking, log->place, "CustomLog", log->target);
    }
}

static void check_site(struct config_checking *checking, const struct site_config *site)
{
    const struct config *config = checking->config;
    check_root(checking, site);
    check_aliases(checking, site);
    check_logs(checking, site);
    check_rules(checking, &site->own_rules,
                site == config->sites[0] ? &config->default_rules : &config->sites[0]->rules);
    check_networks(checking, &site->own_rules);
    config_check_throttles(checking, site);
    for (size_t i = 0; i < site->own_sections.count; i++) {
        const struct section *section = site->own_sections.items[i];
        check_rules(checking, &section->rules, &site->rules);
        check_networks(checking, &section->rules);
    }
}

void config_check(const struct config *config, struct config_report *report)
{
    char name[128] = "this user";
    bool is_group;
    struct config_checking checking = { .config = config, .report = report, .user_name = name };
    if (config->user.data) snprintf(name, sizeof name, "User %.100s", config->user.data);
    if (!user_rights_find(config->user, config->group, &checking.rights, &is_group)) {
        struct config_spot nowhere = { 0 };
        config_report_add(report, false, &nowhere, SPAN_NONE, "%s: there is no %s %s", is_group ? "Group" : "User",
                          is_group ? "group" : "user", is_group ? config->group.data : config->user.data);
        return;
    }
    for (size_t i = 0; i < config->site_count; i++) check_site(&checking, config->sites[i]);
    config_check_sites(&checking);
    if (!checking.has_unreadable) config_check_pins(&checking);
}
