#include "server/explain.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/quantity.h"
#include "base/text_escape.h"
#include "cache/cache.h"
#include "cache/forms.h"
#include "http/accept_encoding.h"
#include "http/authority.h"
#include "http/date.h"
#include "http/h1_parse.h"
#include "http/target.h"
#include "platform/clock.h"
#include "server/cache_policy.h"
#include "server/content_type.h"
#include "server/directive.h"
#include "server/handler.h"
#include "server/site_listing.h"
#include "server/site_throttles.h"
#include "server/types_file.h"
#include "server/url_map.h"

enum {
    REQUEST_BYTES_MAX = 64 << 10,
    CACHE_BYTES = 64 << 20,
    CACHE_FILES = 1024,
    CACHE_STREAMS = 16,
    LOADERS = 2,
    ROUNDS_MAX = 100,
    PATIENCE_MS = 30000,
    GRACE_MS = 2000, /* for threads that wait for a disk, at the end */
    TEXT_BYTES_MAX = 2 * PATH_MAX,
};

/* All that is needed to answer one request. */
struct explanation {
    const struct config *config;
    bool is_json, has_items;
    struct media_types *types;
    struct serving serving;
    struct cache_options cache_options;
    struct mailbox mailbox;
    struct mail *mails; /* what was found so far, for the request */
    struct turn turn;
    char request_text[REQUEST_BYTES_MAX];
    struct request request;
    uint16_t group;
    struct span url, key;
    char room[SITE_KEY_BYTES + PATH_MAX];
};

/* One thing that is told: a line, or an item of JSON. place.file NULL: it is written nowhere. */
static void tell(struct explanation *explanation, const char *label, struct config_place place, struct span text)
{
    if (explanation->is_json) {
        char *escaped = malloc((text.size + 1) * TEXT_ESCAPED_FACTOR + 1);
        if (!escaped) return;
        char *end = text_append_json(escaped, text);
        printf("%s\n    { \"what\": \"%s\", \"text\": \"%.*s\"", explanation->has_items ? "," : "", label,
               (int)(end - escaped), escaped);
        if (place.file) {
            char *file = malloc(strlen(place.file) * TEXT_ESCAPED_FACTOR + 1);
            char *file_end = file ? text_append_json(file, span_of_string(place.file)) : NULL;
            if (file) printf(", \"file\": \"%.*s\", \"line\": %u", (int)(file_end - file), file, place.line);
            free(file);
        }
        fputs(" }", stdout);
        free(escaped);
        explanation->has_items = true;
        return;
    }
    printf("%-12s%.*s", label, (int)text.size, text.data);
    if (place.file && place.line > 0) printf("   %s:%u", place.file, place.line);
    if (place.file && place.line == 0) printf("   (%s)", place.file); /* the command line */
    putchar('\n');
}

PRINTF_LIKE(4, 5)
static void tell_text(struct explanation *explanation, const char *label, struct config_place place, const char *format,
                      ...)
{
    char text[TEXT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tell(explanation, label, place, span_of(text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1));
}

static const struct config_place nowhere = { .file = NULL };

/* "http://host:port/path" or "/path", as a request. False: told. */
static bool make_request(struct explanation *explanation, const struct explain_options *options)
{
    struct span url = span_of_string(options->url), authority = SPAN("localhost");
    if (span_starts_with(url, SPAN("http://")) || span_starts_with(url, SPAN("https://"))) {
        url = span_from(url, span_starts_with(url, SPAN("https")) ? 8 : 7);
        const char *slash = memchr(url.data, '/', url.size);
        authority = span_first(url, slash ? (size_t)(slash - url.data) : url.size);
        url = span_from(url, authority.size);
        if (url.size == 0) url = SPAN("/");
    }
    const char *hash = memchr(url.data, '#', url.size);
    if (hash) url.size = (size_t)(hash - url.data); /* a browser keeps that for itself */
    char *at = explanation->request_text, *end = at + sizeof explanation->request_text;
    at += snprintf(at, (size_t)(end - at), "GET %.*s HTTP/1.1\r\nHost: %.*s\r\n", (int)url.size, url.data,
                   (int)authority.size, authority.data);
    for (unsigned i = 0; i < options->field_count && at < end; i++)
        at += snprintf(at, (size_t)(end - at), "%s\r\n", options->fields[i]);
    if (at < end) at += snprintf(at, (size_t)(end - at), "\r\n");
    struct h1_parser parser = { 0 };
    struct h1_limits limits = { LIMIT_LINE_BYTES_MAX, LIMIT_LINE_BYTES_MAX, REQUEST_FIELDS_MAX, REQUEST_BYTES_MAX };
    enum http_status status = HTTP_BAD_REQUEST;
    size_t size = (size_t)(at - explanation->request_text);
    if (at < end &&
        h1_parse(&parser, &limits, explanation->request_text, size, &explanation->request, &status) == H1_DONE)
        return true;
    struct span text = http_status_text(status);
    fprintf(stderr, "folio: explain: this is no request that could be made: it would be answered %.*s\n",
            (int)text.size, text.data);
    return false;
}

/* The site, the path of the URL, and the key. False: no path; told with the answer. */
static struct site *find_site(struct explanation *explanation, bool *ret_has_key)
{
    struct span host = SPAN_NONE, port = SPAN_NONE;
    struct peer_address local = { .port = 80 };
    const struct request *request = &explanation->request;
    uint64_t number;
    bool is_known;
    if (!authority_split(request->authority, &host, &port)) host = SPAN_NONE;
    if (port.size > 0 && quantity_parse_number(port, &number)) local.port = (uint16_t)number;
    explanation->group = sites_group(explanation->serving.sites, &local);
    struct site *site = sites_choose(explanation->serving.sites, explanation->group, host, &is_known);
    tell_text(explanation, "site", site->config->place, "%.*s%s",
              (int)(site->config->server_name.data ? site->config->server_name.size : sizeof "the main server" - 1),
              site->config->server_name.data ? site->config->server_name.data : "the main server",
              is_known || !site->config->server_name.data ? "" : " (no site has this name: the default)");
    size_t prefix = site->key_prefix.size;
    memcpy(explanation->room, site->key_prefix.data, prefix);
    *ret_has_key = request->path.data && request->path.size < PATH_MAX &&
                   target_normalise(request->path, explanation->room + prefix, &explanation->url) == TARGET_OK;
    if (*ret_has_key) {
        memmove(explanation->room + prefix, explanation->url.data, explanation->url.size);
        explanation->key = span_of(explanation->room, prefix + explanation->url.size);
        explanation->url = span_from(explanation->key, prefix);
        tell(explanation, "path", nowhere, explanation->url);
    }
    return site;
}

static void tell_map(struct explanation *explanation, const struct site *site)
{
    static const char *const names[] = { "Redirect", "RedirectMatch", "Alias", "AliasMatch" };
    struct url_match match;
    if (url_map_find(&site->config->url_maps, explanation->url, &match)) {
        const struct url_map *map = match.map;
        struct span from = map->pattern ? map->pattern_text : map->prefix;
        tell_text(explanation, "address", map->place, "%s %.*s %.*s", names[map->kind], (int)from.size, from.data,
                  (int)map->target.size, map->target.data);
    } else if (site->root) {
        struct config_place place = site->config->places[SITE_DOCUMENT_ROOT];
        if (!place.file) place = explanation->config->sites[0]->places[SITE_DOCUMENT_ROOT];
        tell_text(explanation, "folder", place, "%s", site->root->path);
    } else {
        tell(explanation, "folder", nowhere, SPAN("none: the site has no DocumentRoot"));
    }
}

/* Sections whose rules are in it. */
static void tell_sections(struct explanation *explanation, const struct site *site, const struct rules *rules)
{
    static const char *const names[] = { "Directory", "Files", "Location" };
    for (size_t i = 0; i < site->config->sections.count; i++) {
        const struct section *section = site->config->sections.items[i];
        if (!policies_rules_are_of(rules, i)) continue;
        tell_text(explanation, "section", section->place, "<%s %.*s>", names[section->kind], (int)section->pattern.size,
                  section->pattern.data);
    }
}

static void tell_headers(struct explanation *explanation, const struct rules *rules)
{
    static const char *const actions[] = { "set", "append", "add", "unset" };
    for (size_t i = 0; i < rules->headers.count; i++) {
        const struct header_rule *rule = rules->headers.items[i];
        tell_text(explanation, "rule", rule->place, "Header %s%s %.*s %.*s", rule->is_always ? "always " : "",
                  actions[rule->action], (int)rule->name.size, rule->name.data, (int)rule->value.size,
                  rule->value.size > 0 ? rule->value.data : "");
    }
}

static void tell_rules(struct explanation *explanation, const struct rules *rules)
{
    size_t count;
    const struct directive *all = directives(&count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].home != HOME_RULES || !rules_have(rules, (enum rule)all[i].id)) continue;
        if (all[i].id == RULE_HEADER) tell_headers(explanation, rules);
        if (all[i].id == RULE_HEADER) continue;
        struct config_place place = rules->places[all[i].id];
        if (place.file) tell(explanation, "rule", place, span_of_string(all[i].name));
    }
}

static const char *refusal_of(const struct entry *entry)
{
    switch ((enum entry_refusal)entry->refusal) {
    case ENTRY_UNREADABLE: return "it may not be read";
    case ENTRY_LEAVES_ROOT: return "a symbolic link leads out of the folder that is served";
    case ENTRY_LINK_OF_ANOTHER: return "a symbolic link is another user's than what it leads to";
    case ENTRY_SPECIAL: return "it is neither a file nor a folder";
    }
    return "";
}

static void tell_throttles(struct explanation *explanation, const struct site *site, const struct throttle_set *set)
{
    char rate[QUANTITY_TEXT_BYTES], least[QUANTITY_TEXT_BYTES];
    for (size_t i = 0; i < site->config->throttles.count; i++) {
        const struct throttle_rule *rule = site->config->throttles.items[i];
        if (!site_throttles_are_of(set, rule)) continue;
        bool has_least = rule->min_bytes_s > 0;
        tell_text(explanation, "throttle", rule->place, "%.*s: %s a second%s%s%s", (int)rule->pattern.size,
                  rule->pattern.data, quantity_format_bytes(rule->bytes_s, rate), has_least ? ", 503 below " : "",
                  has_least ? quantity_format_bytes(rule->min_bytes_s, least) : "", has_least ? " each" : "");
    }
}

static const char *kind_of(const struct entry *entry)
{
    switch ((enum entry_kind)entry->kind) {
    case ENTRY_SNAPSHOT: return "a snapshot, in memory";
    case ENTRY_STREAM: return "a stream, sent from its descriptor";
    case ENTRY_FOLDER: return "a folder that is named without its slash";
    case ENTRY_MADE: return "made by the rules, in memory";
    case ENTRY_BARE_FOLDER: return "a folder without an index";
    case ENTRY_ABSENT: return "nothing is there";
    case ENTRY_REFUSED: return refusal_of(entry);
    case ENTRY_RULED: return "answered by the rules alone";
    }
    return "";
}

/* Ask the handler until it has an answer. False: told. */
static bool have_answered(struct explanation *explanation)
{
    struct handler handler = serving_handler(&explanation->serving);
    struct peer_address peer = { .bytes = { [10] = 0xff, 0xff, 127, 0, 0, 1 } };
    struct asking asking = { .mailbox = &explanation->mailbox, .peer = &peer, .group = explanation->group };
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        explanation->turn.now_us = clock_monotonic_us();
        explanation->turn.now_s = clock_calendar_exact_us() / 1000000;
        response_clock_set(&explanation->turn.clock, explanation->turn.now_s);
        if (handler.answer(handler.self, &explanation->request, &asking, &explanation->turn) == HANDLER_ANSWERED)
            return true;
        rcu_offline();
        struct pollfd wait = { .fd = explanation->mailbox.wakeup, .events = POLLIN };
        bool has_mail = poll(&wait, 1, PATIENCE_MS) > 0;
        rcu_online();
        struct mail *mail = has_mail ? mailbox_take(&explanation->mailbox) : NULL;
        if (!mail) break;
        mail->next = explanation->mails; /* one waits for one thing at a time */
        asking.mails = explanation->mails = mail;
    }
    fputs("folio: explain: the disk does not answer\n", stderr);
    return false;
}

static void drop_answer(struct explanation *explanation)
{
    entry_unref(explanation->turn.stream.entry);
    explanation->turn.stream = (struct stream_part){ .entry = NULL };
    turn_reset(&explanation->turn);
    for (struct mail *next; explanation->mails; explanation->mails = next) {
        next = explanation->mails->next;
        mail_free(explanation->mails);
    }
}

static void tell_forms(struct explanation *explanation, const struct policy *policy, struct entry *entry)
{
    const struct form_rules *forms = sites_forms(explanation->serving.sites);
    unsigned there = atomic_load_explicit(&entry->forms, memory_order_relaxed);
    for (unsigned form = 0; form < forms->count; form++) {
        struct span coding = coding_name((enum coding)form);
        if (!(there >> form & ENTRY_FORM_BESIDE)) continue;
        tell_text(explanation, "form", nowhere, "%.*s, beside it (%.*s)", (int)coding.size, coding.data,
                  (int)forms->suffixes[form].size, forms->suffixes[form].data);
    }
    bool is_made =
        policy->is_compressed && entry->body_size >= forms->least_bytes && entry->body_size <= forms->most_bytes;
    if (is_made)
        tell(explanation, "form", policy->rules->places[RULE_COMPRESS],
             SPAN("those that are missing are made in idle time (Compress)"));
}

static void tell_file(struct explanation *explanation, const struct policy *policy, const struct load_target *target,
                      const char *path, struct entry *entry)
{
    char size[QUANTITY_TEXT_BYTES], date[HTTP_DATE_BYTES], room[CACHE_POLICY_BYTES];
    http_date_format(entry->identity.modified_s, date);
    tell_text(explanation, "file", nowhere, "%s%s", target->tree->path, path);
    tell_text(explanation, "version", nowhere, "%s, of %.*s", quantity_format_bytes(entry->body_size, size),
              HTTP_DATE_BYTES, date);
    struct content_type type;
    content_type_of(policy->rules, explanation->types, span_of_string(path), &type);
    struct cache_policy cache =
        cache_policy_of(policy->rules, span_of(type.text, type.type_size), span_of_string(path), room);
    tell_text(explanation, "age", cache.place, "%.*s%sbecause of: %s", (int)cache.control.size,
              cache.control.data ? cache.control.data : "", cache.control.size > 0 ? ", " : "", cache.reason);
    tell_forms(explanation, policy, entry);
}

/* What the URL leads to, and under which rules. The caller is an online reader, and the entry is in the table. */
static void tell_entry(struct explanation *explanation, const struct site *site, struct entry *entry)
{
    struct load_target target;
    char path[PATH_MAX + 1] = "/";
    const struct policy *policy = policies_get(sites_policies(explanation->serving.sites), entry->policy);
    if (!policy || !sites_place(site, explanation->url, &target)) return;
    rcu_offline();
    bool is_file = target.tree && load_find_path(&explanation->cache_options.rules, explanation->key, path + 1);
    if (is_file) forms_find(&explanation->cache_options.rules, cache_table(explanation->serving.cache), entry);
    rcu_online();
    if (is_file) tell_file(explanation, policy, &target, path, entry);
    tell_text(explanation, "kind", nowhere, "%s", kind_of(entry));
    tell_sections(explanation, site, policy->rules);
    tell_rules(explanation, policy->rules);
    tell_throttles(explanation, site, policy->throttles);
}

static void tell_head(struct explanation *explanation)
{
    struct span text = span_of(explanation->turn.scratch, explanation->turn.scratch_used);
    const char *end = memmem(text.data, text.size, "\r\n\r\n", 4);
    if (end) text.size = (size_t)(end - text.data);
    if (!explanation->is_json) putchar('\n');
    while (text.size > 0) {
        const char *line_end = memmem(text.data, text.size, "\r\n", 2);
        struct span line = span_first(text, line_end ? (size_t)(line_end - text.data) : text.size);
        if (explanation->is_json)
            tell(explanation, "head", nowhere, line);
        else
            printf("%.*s\n", (int)line.size, line.data);
        text = span_from(text, line.size + (line_end ? 2 : 0));
    }
}

/* The request is there, and so is the cache. */
static int explain(struct explanation *explanation)
{
    bool has_key;
    struct cache_found found;
    struct site *site = find_site(explanation, &has_key);
    if (!have_answered(explanation)) return 1;
    if (has_key) {
        tell_map(explanation, site);
        if (cache_find(explanation->serving.cache, explanation->key, clock_monotonic_us(), true, &found) == STATUS_OK) {
            tell_entry(explanation, site, found.entry);
            if (found.is_owned) entry_unref(found.entry);
        }
        drop_answer(explanation); /* now with the forms that lie beside it */
        if (!have_answered(explanation)) return 1;
    }
    tell_head(explanation);
    drop_answer(explanation);
    return 0;
}

static bool open_serving(struct explanation *explanation)
{
    const struct config *config = explanation->config;
    explanation->types = types_file_load(config->types_path);
    if (!explanation->types) return false;
    explanation->serving.sites = sites_new(config, explanation->types);
    explanation->serving.logs = explanation->serving.sites ? server_logs_open_none(config) : NULL;
    if (!explanation->serving.logs) return false;
    explanation->serving.authenticator = authenticator_new(config);
    if (!explanation->serving.authenticator || !client_rules_init(&explanation->serving.clients, config)) return false;
    explanation->cache_options = (struct cache_options){
        .rules = sites_load_rules(explanation->serving.sites),
        .limits = { CACHE_BYTES, CACHE_FILES, CACHE_STREAMS, CACHE_FILES },
        .trees = *sites_trees(explanation->serving.sites),
        .revalidate_ms = PATIENCE_MS,
        .loaders_max = LOADERS,
    };
    explanation->cache_options.rules.snapshot_bytes_max = config->snapshot_bytes;
    explanation->cache_options.rules.asked_ms_max = PATIENCE_MS;
    explanation->serving.cache = cache_new(&explanation->cache_options);
    if (explanation->serving.cache && turn_init(&explanation->turn, explanation->serving.cache) &&
        mailbox_init(&explanation->mailbox) == STATUS_OK)
        return true;
    fputs("folio: explain: no memory\n", stderr);
    return false;
}

int explain_run(const struct config *config, const struct explain_options *options)
{
    struct explanation *explanation = calloc(1, sizeof *explanation);
    if (!explanation) return 1;
    explanation->config = config;
    explanation->is_json = options->is_json;
    explanation->mailbox.wakeup = -1;
    int exit_status = 1;
    if (make_request(explanation, options) && open_serving(explanation)) {
        if (options->is_json) printf("{\n  \"items\": [");
        rcu_reader_begin();
        exit_status = explain(explanation);
        rcu_reader_end();
        if (options->is_json) printf("\n  ]\n}\n");
    }
    /* The process ends: what a disk holds up is not waited for long. */
    if (explanation->serving.cache && !cache_stop(explanation->serving.cache, GRACE_MS)) return exit_status;
    authenticator_free(explanation->serving.authenticator);
    client_rules_done(&explanation->serving.clients);
    mailbox_done(&explanation->mailbox);
    turn_done(&explanation->turn);
    cache_free(explanation->serving.cache, NULL);
    server_logs_close(explanation->serving.logs);
    sites_free(explanation->serving.sites);
    media_types_free(explanation->types);
    free(explanation);
    return exit_status;
}
