#include "server/sites.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/path_parts.h"
#include "http/accept_encoding.h"
#include "http/ready_head.h"
#include "server/content_type.h"
#include "server/hosts.h"
#include "server/message.h"
#include "server/representation.h"
#include "server/site_listing.h"
#include "server/site_throttles.h"
#include "server/url_map.h"

/* What may stand for a folder. */
struct index_name {
    struct span name;
    struct span forms[FORMS_MAX]; /* with the suffix of each form */
};

struct sites {
    const struct config *config;
    const struct media_types *types;
    struct policies *policies;
    struct hosts *hosts;
    struct site_throttles *throttles;
    struct site *at; /* count of them */
    unsigned count;
    struct arena arena;                    /* of everything below */
    struct config_list trees, index_names; /* of struct tree; of struct index_name */
    struct form_rules forms;
    struct tree_list tree_list;
};

static bool complain(struct config_place place, const char *what, struct span path, const char *why)
{
    if (place.file)
        message_tell(LOG_LEVEL_CRIT, "%s:%u: cannot serve %.*s: %s%s", place.file, place.line, (int)path.size,
                     path.data, what, why);
    else
        message_tell(LOG_LEVEL_CRIT, "cannot serve %.*s: %s%s", (int)path.size, path.data, what, why);
    return false;
}

/* What may help against errno. */
static const char *remedy(void)
{
    switch (errno) {
    case ENOTDIR: return "\n  a folder is wanted; name the one that holds the file";
    case EACCES: return "\n  run folio as a user who may read it, or open it with chmod";
    default: return "";
    }
}

/* The tree of the folder at `path` (absolute), opened if it is new. NULL: told. */
static struct tree *tree_of(struct sites *sites, struct span path, struct config_place place)
{
    path = path_without_slashes(path, 1);
    for (size_t i = 0; i < sites->trees.count; i++) {
        struct tree *tree = (struct tree *)(uintptr_t)sites->trees.items[i];
        if (span_equal(span_of_string(tree->path), path)) return tree;
    }
    struct tree *tree = arena_take(&sites->arena, sizeof *tree);
    struct span copy = arena_text(&sites->arena, path);
    if (!tree || !copy.data || !config_list_add(&sites->arena, &sites->trees, tree)) {
        complain(place, "no memory", path, "");
        return NULL;
    }
    tree->path = copy.data;
    tree->root = file_root_open(tree->path);
    if (tree->root < 0) return complain(place, strerror(errno), path, remedy()), NULL;
    if (faccessat(tree->root, ".", R_OK | X_OK, AT_EACCESS) != 0)
        return complain(place, strerror(errno), path, remedy()), NULL;
    return tree;
}

/* `prefix` and what follows lead to `below` and the same in `tree`. */
static bool add_mount(struct sites *sites, struct tree *tree, const struct site *site, struct span prefix,
                      struct span below)
{
    char *text = arena_take(&sites->arena, site->key_prefix.size + prefix.size + 1);
    struct tree_mount *mounts = arena_take(&sites->arena, (tree->mount_count + 1) * sizeof *mounts);
    if (!text || !mounts) return false;
    if (site->key_prefix.size > 0) memcpy(text, site->key_prefix.data, site->key_prefix.size);
    if (prefix.size > 0) memcpy(text + site->key_prefix.size, prefix.data, prefix.size);
    if (tree->mount_count > 0) memcpy(mounts, tree->mounts, tree->mount_count * sizeof *mounts);
    mounts[tree->mount_count] =
        (struct tree_mount){ .prefix = span_of(text, site->key_prefix.size + prefix.size), .below = below };
    tree->mounts = mounts;
    tree->mount_count++;
    return true;
}

static bool is_folder(struct span path)
{
    struct stat st;
    return stat(path.data, &st) == 0 && S_ISDIR(st.st_mode);
}

/* An Alias leads to a folder, or to a single file: that is one path in the tree of its folder. */
static bool open_alias(struct sites *sites, struct site *site, unsigned index, const struct url_map *map)
{
    struct span path = path_without_slashes(map->target, 1), below = SPAN("");
    if (path.size == map->target.size && !is_folder(map->target)) {
        struct span folder = path_folder(path);
        below = span_from(path, folder.size - 1);
        path = path_without_slashes(folder, 1);
    }
    struct tree *tree = tree_of(sites, path, map->place);
    if (!tree) return false;
    site->map_trees[index] = tree;
    site->map_below[index] = below;
    return add_mount(sites, tree, site, url_map_prefix(map), below);
}

static bool open_maps(struct sites *sites, struct site *site)
{
    const struct config_list *maps = &site->config->url_maps;
    site->map_trees = arena_take(&sites->arena, (maps->count + 1) * sizeof *site->map_trees);
    site->map_below = arena_take(&sites->arena, (maps->count + 1) * sizeof *site->map_below);
    if (!site->map_trees || !site->map_below) return false;
    for (unsigned i = 0; i < maps->count; i++) {
        const struct url_map *map = maps->items[i];
        bool is_open = true;
        if (map->kind == URL_ALIAS) is_open = open_alias(sites, site, i, map);
        if (map->kind == URL_ALIAS_MATCH)
            is_open = (site->map_trees[i] = tree_of(sites, url_map_fixed_folder(map), map->place)) != NULL;
        if (!is_open) return false;
    }
    return true;
}

static const struct index_name *find_index_name(const struct sites *sites, struct span name)
{
    for (size_t i = 0; i < sites->index_names.count; i++) {
        const struct index_name *known = sites->index_names.items[i];
        if (span_equal(known->name, name)) return known;
    }
    return NULL;
}

static bool add_index_name(struct sites *sites, struct span name)
{
    struct index_name *known = arena_take(&sites->arena, sizeof *known);
    if (!known) return false;
    known->name = name;
    for (unsigned form = 0; form < sites->forms.count; form++) {
        struct span suffix = sites->forms.suffixes[form];
        char *text = arena_take(&sites->arena, name.size + suffix.size);
        if (!text) return false;
        memcpy(text, name.data, name.size);
        memcpy(text + name.size, suffix.data, suffix.size);
        known->forms[form] = span_of(text, name.size + suffix.size);
    }
    return config_list_add(&sites->arena, &sites->index_names, known);
}

static bool note_index_names(struct sites *sites, const struct rules *rules)
{
    for (size_t i = 0; i < rules->directory_index.count; i++) {
        const struct text_rule *rule = rules->directory_index.items[i];
        if (!find_index_name(sites, rule->text) && !add_index_name(sites, rule->text)) return false;
    }
    return true;
}

/* A folder that links may lead to has a <Directory> of its own with Options FollowSymLinks. */
static bool note_link_folders(struct sites *sites, struct site *site)
{
    const struct config_list *sections = &site->config->sections;
    struct span *folders = arena_take(&sites->arena, (sections->count + 1) * sizeof *folders);
    if (!folders) return false;
    site->has_owner_links = (site->config->rules.options.added & OPTION_LINKS_IF_OWNER) != 0;
    for (size_t i = 0; i < sections->count; i++) {
        const struct section *section = sections->items[i];
        unsigned added = rules_have(&section->rules, RULE_OPTIONS) ? section->rules.options.added : 0;
        site->has_owner_links |= (added & OPTION_LINKS_IF_OWNER) != 0;
        bool allows = added & (OPTION_FOLLOW_LINKS | OPTION_LINKS_IF_OWNER);
        if (!allows || section->kind != SECTION_DIRECTORY || section->has_wildcards) continue;
        char *real = realpath(section->pattern.data, NULL);
        struct span folder = real ? arena_text(&sites->arena, span_of_string(real)) : section->pattern;
        free(real);
        if (!folder.data) return false;
        folders[site->links.folder_count++] = folder;
    }
    site->links.folders = folders;
    site->owner_links = site->links;
    site->owner_links.owner_must_match = true;
    return true;
}

static bool open_site(struct sites *sites, unsigned number)
{
    struct site *site = &sites->at[number];
    site->config = sites->config->sites[number];
    site->number = number;
    site->key_prefix = SPAN("");
    if (number > 0) {
        char *prefix = arena_take(&sites->arena, SITE_KEY_BYTES);
        if (!prefix) return false;
        prefix[0] = (char)(0x80 | number >> 7);
        prefix[1] = (char)(0x80 | (number & 0x7f));
        site->key_prefix = span_of(prefix, SITE_KEY_BYTES);
    }
    if (site->config->document_root.data) {
        site->root = tree_of(sites, site->config->document_root, site->config->places[SITE_DOCUMENT_ROOT]);
        if (!site->root || !add_mount(sites, site->root, site, SPAN(""), SPAN(""))) return false;
    }
    if (!open_maps(sites, site) || !note_link_folders(sites, site)) return false;
    bool is_noted = note_index_names(sites, &site->config->rules);
    for (size_t i = 0; i < site->config->sections.count; i++) {
        const struct section *section = site->config->sections.items[i];
        is_noted = is_noted && note_index_names(sites, &section->rules);
    }
    struct section_subject nothing = { .url = SPAN_NONE };
    const struct rules *rules = is_noted ? policies_rules(sites->policies, number, &nothing) : NULL;
    if (!rules) return false;
    const struct throttle_set *throttled;
    if (!site_throttles_choose(sites->throttles, number, SPAN_NONE, SPAN_NONE, &throttled)) return false;
    uint16_t policy;
    if (!policies_choose(sites->policies, rules, SPAN_NONE, SPAN_NONE, false, throttled, &policy)) return false;
    site->base_policy = policies_get(sites->policies, policy);
    return site->base_policy != NULL;
}

/* The names as spans in a row. */
static bool list_trees(struct sites *sites)
{
    struct span *names = arena_take(&sites->arena, (sites->index_names.count + 1) * sizeof *names);
    struct tree **trees = arena_take(&sites->arena, (sites->trees.count + 1) * sizeof *trees);
    if (!names || !trees) return false;
    for (size_t i = 0; i < sites->index_names.count; i++)
        names[i] = ((const struct index_name *)sites->index_names.items[i])->name;
    for (size_t i = 0; i < sites->trees.count; i++) trees[i] = (struct tree *)(uintptr_t)sites->trees.items[i];
    sites->tree_list = (struct tree_list){ .at = trees,
                                           .count = (unsigned)sites->trees.count,
                                           .index_names = names,
                                           .index_count = (unsigned)sites->index_names.count };
    return true;
}

struct sites *sites_new(const struct config *config, const struct media_types *types)
{
    struct sites *sites = calloc(1, sizeof *sites);
    if (!sites) goto no_memory;
    sites->config = config;
    sites->types = types;
    sites->forms = representation_rules(sites);
    sites->policies = policies_new(config);
    sites->hosts = hosts_new(config);
    sites->throttles = site_throttles_new(config);
    sites->at = calloc(config->site_count, sizeof *sites->at);
    if (!sites->policies || !sites->hosts || !sites->throttles || !sites->at) goto no_memory;
    for (; sites->count < config->site_count; sites->count++) {
        errno = 0;
        if (open_site(sites, sites->count)) continue;
        if (errno == ENOMEM) goto no_memory;
        sites_free(sites);
        return NULL;
    }
    if (!list_trees(sites)) goto no_memory;
    if (sites->trees.count == 0 || file_beneath_supported(sites->tree_list.at[0]->root)) return sites;
    message_tell(LOG_LEVEL_CRIT, "this system has no openat2() with RESOLVE_BENEATH\n"
                                 "  Linux 5.6 or newer is needed, and a container must not forbid the call");
    sites_free(sites);
    return NULL;
no_memory:
    message_tell(LOG_LEVEL_CRIT, "no memory for the sites");
    sites_free(sites);
    return NULL;
}

void sites_free(struct sites *sites)
{
    if (!sites) return;
    for (size_t i = 0; i < sites->trees.count; i++) {
        struct tree *tree = (struct tree *)(uintptr_t)sites->trees.items[i];
        if (tree->root >= 0) close(tree->root);
        pins_free(tree->pins);
    }
    policies_free(sites->policies);
    hosts_free(sites->hosts);
    site_throttles_free(sites->throttles);
    free(sites->at);
    arena_done(&sites->arena);
    free(sites);
}

const struct tree_list *sites_trees(const struct sites *sites)
{
    return &sites->tree_list;
}

struct site *sites_at(const struct sites *sites, unsigned number)
{
    return &sites->at[number];
}

unsigned sites_count(const struct sites *sites)
{
    return sites->count;
}

const struct form_rules *sites_forms(const struct sites *sites)
{
    return &sites->forms;
}

const struct policies *sites_policies(const struct sites *sites)
{
    return sites->policies;
}

bool sites_are_one(const struct sites *sites)
{
    return sites->count == 1 && !sites->at[0].config->strict_host;
}

bool sites_have_groups(const struct sites *sites)
{
    return hosts_have_groups(sites->hosts);
}

uint16_t sites_group(const struct sites *sites, const struct peer_address *local)
{
    return hosts_group(sites->hosts, local);
}

struct site *sites_choose(const struct sites *sites, uint16_t group, struct span host, bool *ret_is_known)
{
    return &sites->at[hosts_choose(sites->hosts, group, host, ret_is_known)];
}

struct site *sites_of_key(const struct sites *sites, struct span key, struct span *ret_url)
{
    bool is_first = key.data[0] == '/';
    unsigned number = is_first ? 0 : ((unsigned char)key.data[0] & 0x7fu) << 7 | ((unsigned char)key.data[1] & 0x7fu);
    *ret_url = is_first ? key : span_from(key, SITE_KEY_BYTES);
    return &sites->at[number];
}

/* `below` and `rest` are the path in the tree. */
static bool set_path(struct load_target *target, struct span below, struct span rest)
{
    if (below.size + rest.size + 2 > sizeof target->path) return false;
    if (below.size > 0) memcpy(target->path, below.data, below.size);
    if (rest.size > 0) memcpy(target->path + below.size, rest.data, rest.size);
    target->path_size = below.size + rest.size;
    if (target->path_size == 0) { /* the tree's own folder, without its slash */
        memcpy(target->path, "/.", 2);
        target->path_size = 2;
    }
    return true;
}

/* An AliasMatch: what it writes, as a path below the part that is the same for all. */
static bool set_matched_path(struct load_target *target, const struct url_match *match)
{
    char path[2 * PATH_MAX];
    size_t size = url_map_path(match, path, sizeof path);
    struct span folder = url_map_fixed_folder(match->map), whole = span_of(path, size);
    if (folder.size == 1) folder.size = 0;
    if (size == 0 || !span_starts_with(whole, folder)) return false;
    target->needs_checks = true;
    return set_path(target, SPAN(""), span_from(whole, folder.size));
}

/* The folder that a path in a tree is in, for sections. False: it is too long. */
static bool folder_of(const struct tree *tree, struct span path, char *room, size_t room_size, struct span *ret_folder)
{
    struct span root = span_of_string(tree->path);
    if (root.size == 1) root.size = 0; /* "/" */
    path = path_without_slashes(path_folder(path), 0);
    if (root.size + path.size + 2 > room_size) return false;
    if (root.size > 0) memcpy(room, root.data, root.size);
    if (path.size > 0) memcpy(room + root.size, path.data, path.size);
    if (root.size + path.size == 0) room[0] = '/';
    *ret_folder = span_of(room, root.size + path.size > 0 ? root.size + path.size : 1);
    return true;
}

const struct rules *sites_rules(const struct sites *sites, const struct site *site, const struct tree *tree,
                                struct span path, struct span url)
{
    char room[2 * PATH_MAX];
    struct section_subject subject = { .url = url };
    if (tree && path.size > 0) {
        subject.name = path_name(path);
        if (!folder_of(tree, path, room, sizeof room, &subject.folder)) return NULL;
    }
    return policies_rules(sites->policies, site->number, &subject);
}

bool sites_place(const struct site *site, struct span url, struct load_target *ret_target)
{
    struct url_match match;
    ret_target->needs_checks = false;
    ret_target->index_count = 0;
    ret_target->links = site->links.folder_count > 0 ? &site->links : NULL;
    ret_target->tree = site->root;
    if (!url_map_find(&site->config->url_maps, url, &match))
        return !site->root || set_path(ret_target, SPAN(""), url); /* without a DocumentRoot nothing is there */
    ret_target->tree = site->map_trees[match.index];
    if (!ret_target->tree) return true;
    return match.map->kind == URL_ALIAS ? set_path(ret_target, site->map_below[match.index], match.rest)
                                        : set_matched_path(ret_target, &match);
}

bool sites_name_is_no_page(const struct sites *sites, const struct policy *policy, struct span url)
{
    struct content_type type;
    content_type_of(policy->rules, sites->types, url, &type);
    struct span bare = span_of(type.text, type.type_size);
    return !span_equal(bare, SPAN("application/octet-stream")) && !span_equal_nocase(bare, SPAN("text/html")) &&
           !span_equal_nocase(bare, SPAN("application/xhtml+xml"));
}

/* What lies beside a file has its name, and the suffix. False: it is too long. */
static bool add_suffix(struct load_target *target, struct span suffix)
{
    if (target->path_size + suffix.size > sizeof target->path) return false;
    if (suffix.size > 0) memcpy(target->path + target->path_size, suffix.data, suffix.size);
    target->path_size += suffix.size;
    return true;
}

/* The indexes of a folder, or what lies beside them (form is FORMS_MAX: themselves). */
static void name_indexes(const struct sites *sites, const struct rules *rules, unsigned form,
                         struct load_target *target)
{
    for (size_t i = 0; i < rules->directory_index.count && i < LOAD_INDEXES_MAX; i++) {
        struct span name = ((const struct text_rule *)rules->directory_index.items[i])->text;
        const struct index_name *known = form < FORMS_MAX ? find_index_name(sites, name) : NULL;
        target->index_names[target->index_count++] = known ? known->forms[form] : name;
    }
}

static bool resolve(void *context, struct span key, struct load_target *ret_target)
{
    const struct sites *sites = context;
    struct listing_view view;
    struct span url, suffix = SPAN("");
    unsigned form = FORMS_MAX;
    ret_target->wants_list = listing_key_read(key, &key, &view);
    if (form_key_read(key, &key, &form)) suffix = sites->forms.suffixes[form];
    const struct site *site = sites_of_key(sites, key, &url);
    if (!sites_place(site, url, ret_target)) return false;
    if (!ret_target->tree) return true;
    struct span path = span_of(ret_target->path, ret_target->path_size);
    bool is_folder = path.data[path.size - 1] == '/', has_index = is_folder && !ret_target->wants_list;
    if (!has_index && !site->has_owner_links) return ret_target->wants_list || add_suffix(ret_target, suffix);
    const struct rules *rules = sites_rules(sites, site, ret_target->tree, path, url);
    if (rules && rules->options.added & OPTION_LINKS_IF_OWNER) ret_target->links = &site->owner_links;
    if (!has_index) return rules && (ret_target->wants_list || add_suffix(ret_target, suffix));
    if (rules) name_indexes(sites, rules, suffix.size > 0 ? form : FORMS_MAX, ret_target);
    return rules != NULL;
}

/* What stands at the front of the head of an ENTRY_RULED. */
struct ruling_layout {
    uint16_t status;
};

void sites_read_ruling(struct span head, struct ruling *ret_ruling)
{
    struct ruling_layout layout = { .status = HTTP_NOT_FOUND };
    ret_ruling->location = SPAN_NONE;
    if (head.size >= sizeof layout) {
        memcpy(&layout, head.data, sizeof layout);
        if (head.size > sizeof layout) ret_ruling->location = span_from(head, sizeof layout);
    }
    ret_ruling->status = (enum http_status)layout.status;
}

static size_t describe_ruling(const struct site *site, struct span url, char *out)
{
    struct url_match match;
    if (!url_map_find(&site->config->url_maps, url, &match)) return 0;
    struct ruling_layout layout = { .status = (uint16_t)match.map->status };
    size_t size = 0;
    if (match.map->target.size > 0)
        size = url_map_location(&match, out + sizeof layout, LOAD_HEAD_BYTES_MAX - sizeof layout);
    if (match.map->target.size > 0 && size == 0) layout.status = HTTP_URI_TOO_LONG;
    memcpy(out, &layout, sizeof layout);
    return sizeof layout + size;
}

static size_t describe_file(const struct load_facts *facts, const struct policy *policy,
                            const struct content_type *type, struct span coding, char *out)
{
    struct ready_head_facts ready = {
        .content_type = policy->content_type.data ? policy->content_type : span_of(type->text, type->size),
        .content_encoding = coding.size > 0 ? coding : type->encoding,
        .length = (uint64_t)facts->identity.size,
        .modified_s = facts->identity.modified_s,
        .now_s = facts->now_s,
        .omits_etag = policy->omits_etag,
        .omits_modified = policy->omits_modified || facts->kind == ENTRY_MADE,
    };
    return ready_head_write(&ready, out);
}

/* The URL of the index at `path` that stands for the folder at `url`. */
static struct span index_of(struct span url, struct span path, char *room)
{
    struct span name = path_name(path);
    memcpy(room, url.data, url.size);
    memcpy(room + url.size, name.data, name.size);
    return span_of(room, url.size + name.size);
}

static size_t describe(void *context, const struct load_facts *facts, char *out, uint16_t *ret_policy)
{
    const struct sites *sites = context;
    struct span key = facts->key, url, file = facts->path, coding = SPAN("");
    struct listing_view view = { .is_json = false };
    unsigned form;
    char path[PATH_MAX + 2], index_url[2 * PATH_MAX];
    bool is_listing = listing_key_read(key, &key, &view);
    if (form_key_read(key, &key, &form) && span_ends_with(file, sites->forms.suffixes[form])) {
        coding = coding_name((enum coding)form);
        file.size -= sites->forms.suffixes[form].size; /* it is what the file beside it is */
    }
    const struct site *site = sites_of_key(sites, key, &url);
    path[0] = '/';
    if (file.size > 0) memcpy(path + 1, file.data, file.size);
    struct span whole = span_of(path, file.size + 1);
    /* As Apache, which looks for the index by a request of its own: <Location> is asked for the index's URL. */
    bool is_index = facts->kind <= ENTRY_STREAM && url.data[url.size - 1] == '/';
    struct span asked = url;
    if (is_index && url.size < sizeof index_url - NAME_MAX) url = index_of(url, whole, index_url);
    /* And what is said of a folder holds for its name without the slash. */
    if (facts->kind == ENTRY_FOLDER && whole.size < sizeof path - 1) path[whole.size++] = '/';
    const struct rules *rules = sites_rules(sites, site, facts->tree, whole, url);
    const struct throttle_set *throttled;
    if (!rules || !site_throttles_choose(sites->throttles, site->number, asked, url, &throttled))
        return LOAD_NOT_DESCRIBED;
    bool has_content = facts->kind <= ENTRY_MADE;
    struct content_type type = { .encoding = SPAN_NONE };
    if (has_content && is_listing)
        listing_content_type(view, &type);
    else if (has_content)
        content_type_of(rules, sites->types, file, &type);
    struct span bare =
        is_listing ? SPAN("text/html") : span_of(type.text, type.type_size); /* as JSON, it lasts as long */
    if (!policies_choose(sites->policies, rules, has_content ? bare : SPAN_NONE, whole,
                         is_listing || type.encoding.data != NULL, throttled, ret_policy))
        return LOAD_NOT_DESCRIBED;
    const struct policy *policy = policies_get(sites->policies, *ret_policy);
    if (facts->kind == ENTRY_RULED) return describe_ruling(site, url, out);
    if (!has_content || !policy) return 0;
    return describe_file(facts, policy, &type, coding, out);
}

static void seal(void *context, const uint64_t digest[2], char *head, size_t size)
{
    (void)context;
    if (size > 0) ready_head_seal(head, digest);
}

struct load_rules sites_load_rules(struct sites *sites)
{
    return (struct load_rules){ .forms = &sites->forms,
                                .resolve = resolve,
                                .describe = describe,
                                .seal = seal,
                                .list = site_listing_make,
                                .context = sites };
}
