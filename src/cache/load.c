#include "cache/load.h"

#include <limits.h>
#include <unistd.h>
#define XXH_STATIC_LINKING_ONLY /* the state of a digest, on the stack */
#include <xxhash.h>

#include "base/check.h"
#include "cache/spares.h"
#include "cache/table.h"
#include "platform/clock.h"

enum {
    TRIES_MAX = 3,                      /* at a file that changes while it is read */
    WALKS_MAX = 100,                    /* to a file while others rename */
    IN_PLACE_BYTES_MAX = 128 << 10,     /* more is not copied on a worker: others wait for their turn */
    UNCACHED_COPY_BYTES_MAX = 16 << 10, /* without room, what is bigger is sent from its descriptor */
    LIST_BYTES_MAX = 256 << 20,         /* of what is made of a folder's list */
    UNCACHED_LIST_BYTES_MAX = 1 << 20,  /* without room, it is refused if it is bigger: many may ask for it at once */
    READ_BLOCK_BYTES = 16 << 10,
    EVICTIONS_IN_PLACE_MAX = 16,
    EVICTIONS_MAX = 4096,
};

/* What a key leads to. */
struct place {
    int64_t began_us; /* monotonic, before the look: what is read later was found then */
    int fd;           /* O_PATH of a regular file; -1 for everything else */
    bool is_file;
    bool crosses_link;          /* a symbolic link leads to it, or to where nothing is */
    bool is_remote;             /* its file system is another than its folder's, and remote */
    bool is_watched_alone;      /* it can be changed by way of a folder that is not watched: it is watched itself */
    enum entry_kind kind;       /* if it is no file */
    enum entry_refusal refusal; /* if that is ENTRY_REFUSED */
    struct file_identity identity;
    struct load_target target;
    struct span path;    /* beneath the tree, without leading '/', in `name` */
    char name[PATH_MAX]; /* the same, NUL-terminated */
};

static struct watch *watch_of(const struct place *place)
{
    return place->target.tree ? place->target.tree->watch : NULL;
}

static struct span target_path(const struct place *place)
{
    return span_of(place->target.path, place->target.path_size);
}

static enum status nothing_there(struct place *place, enum status status)
{
    place->kind = status == STATUS_NOT_FOUND ? ENTRY_ABSENT : ENTRY_REFUSED;
    switch (status) {
    case STATUS_NOT_FOUND:
    case STATUS_REFUSED:
    case STATUS_NOT_REGULAR: return STATUS_OK;
    case STATUS_OK:
    case STATUS_WOULD_BLOCK:
    case STATUS_CHANGED:
    case STATUS_BUSY:
    case STATUS_EXHAUSTED:
    case STATUS_FAILED: break;
    }
    return status;
}

static bool is_allowed(const struct link_rules *links, struct span real)
{
    for (unsigned i = 0; i < links->folder_count; i++) {
        struct span folder = links->folders[i];
        if (!span_starts_with(real, folder)) continue;
        if (folder.size == 1 || real.size == folder.size || real.data[folder.size] == '/') return true;
    }
    return false;
}

/* A link leads out of the tree: perhaps to where it may. What it leads to is opened first, and then asked where it is. */
static enum status look_beyond(const struct place *place, int *ret_fd, struct file_facts *ret_facts,
                               struct file_identity *ret_identity)
{
    char real[PATH_MAX];
    enum status found = file_find_beyond(place->target.tree->root, place->name, ret_fd, ret_facts, ret_identity);
    if (found != STATUS_OK) return found;
    if (file_path_of(*ret_fd, real, sizeof real) && is_allowed(place->target.links, span_of_string(real)))
        return STATUS_OK;
    close(*ret_fd);
    return STATUS_REFUSED;
}

/* What the rules say of links, beyond what beneath means. */
static enum status obey_link_rules(struct place *place, enum file_patience patience, enum status found, int *fd,
                                   struct file_facts *facts, struct file_identity *identity)
{
    const struct link_rules *links = place->target.links;
    bool leaves = found == STATUS_REFUSED && facts->crosses_link && links->folder_count > 0;
    bool is_asked = found == STATUS_OK && facts->crosses_link && links->owner_must_match;
    if (!leaves && !is_asked) return found;
    if (patience == FILE_NOWAIT) {
        if (is_asked) close(*fd);
        return STATUS_WOULD_BLOCK;
    }
    if (leaves) found = look_beyond(place, fd, facts, identity);
    if (found != STATUS_OK || !links->owner_must_match) return found;
    if (file_links_keep_owner(place->target.tree->root, place->name)) return STATUS_OK;
    close(*fd);
    place->refusal = ENTRY_LINK_OF_ANOTHER;
    return STATUS_REFUSED;
}

/* Look at place->name. */
static enum status place_look(struct place *place, enum file_patience patience)
{
    int fd, root = place->target.tree->root;
    struct file_facts facts = { .crosses_link = false };
    enum status found = file_find(root, place->name, patience, &fd, &facts, &place->identity);
    /* Something was renamed under a walk that went upward: measured, one in thirty while others do nothing else. */
    for (int tries = 1; found == STATUS_WOULD_BLOCK && patience == FILE_WAIT; tries++) {
        if (tries == WALKS_MAX) return STATUS_FAILED;
        found = file_find(root, place->name, patience, &fd, &facts, &place->identity);
    }
    place->refusal = facts.leaves_root ? ENTRY_LEAVES_ROOT : ENTRY_UNREADABLE;
    if (place->target.links) found = obey_link_rules(place, patience, found, &fd, &facts, &place->identity);
    place->crosses_link |= facts.crosses_link;
    if (found != STATUS_OK) return nothing_there(place, found);
    if (facts.type == FILE_REGULAR) {
        place->is_file = true;
        place->is_watched_alone |= facts.crosses_link || facts.has_other_names;
        place->fd = fd;
        return STATUS_OK;
    }
    close(fd);
    place->kind = facts.type == FILE_FOLDER ? ENTRY_FOLDER : ENTRY_REFUSED;
    place->refusal = ENTRY_SPECIAL;
    return STATUS_OK;
}

/* The target's path without its first '/', and `name` behind it. False: longer than any path can be. */
static bool place_name(struct place *place, struct span name)
{
    struct span path = span_from(target_path(place), 1);
    if (path.size + name.size >= sizeof place->name) return false;
    if (path.size > 0) memcpy(place->name, path.data, path.size);
    if (name.size > 0) memcpy(place->name + path.size, name.data, name.size);
    place->path = span_of(place->name, path.size + name.size);
    place->name[place->path.size] = '\0';
    return true;
}

/* The first of its indexes that is a file stands for a folder. Without one: is there a folder? */
static enum status place_find_index(struct place *place, enum file_patience patience)
{
    bool is_refused = false;
    enum entry_refusal refusal = ENTRY_UNREADABLE;
    for (unsigned i = 0; i < place->target.index_count; i++) {
        if (!place_name(place, place->target.index_names[i])) continue;
        enum status looked = place_look(place, patience);
        if (looked != STATUS_OK || place->is_file) return looked;
        if (place->kind != ENTRY_REFUSED) continue;
        is_refused = true;
        refusal = place->refusal;
    }
    place->kind = ENTRY_REFUSED;
    place->refusal = refusal;
    if (is_refused) return STATUS_OK;
    place->kind = ENTRY_ABSENT;
    if (!place_name(place, SPAN("."))) return STATUS_OK; /* longer than any path can be */
    enum status looked = place_look(place, patience);
    if (place->kind == ENTRY_FOLDER) place->kind = ENTRY_BARE_FOLDER;
    return looked;
}

/* Where the key leads, which never changes. */
static void place_resolve(struct place *place, const struct load_rules *rules, struct span key)
{
    place->target.tree = NULL;
    place->target.wants_list = false;
    bool is_resolved = rules->resolve(rules->context, key, &place->target);
    if (!is_resolved) place->target.tree = NULL; /* nothing is there */
    place->kind = is_resolved ? ENTRY_RULED : ENTRY_ABSENT;
}

/* Look there. STATUS_OK: `place` says what is there, and holds a descriptor if that is a file. */
static enum status place_find(struct place *place, enum file_patience patience)
{
    place->began_us = clock_monotonic_us();
    place->fd = -1;
    place->is_file = place->crosses_link = place->is_remote = false;
    place->identity = (struct file_identity){ 0 };
    place->path = SPAN_NONE;
    if (!place->target.tree) return STATUS_OK;
    struct span path = target_path(place);
    place->kind = ENTRY_ABSENT;
    place->is_watched_alone = place->target.needs_checks;
    if (memchr(path.data, '\0', path.size)) return STATUS_OK;
    if (path.data[path.size - 1] == '/') return place_find_index(place, patience);
    return place_name(place, SPAN_NONE) ? place_look(place, patience) : STATUS_OK;
}

static void digest_of(const void *data, size_t size, uint64_t ret_digest[2])
{
    XXH128_hash_t hash = XXH3_128bits(data, size);
    ret_digest[0] = hash.high64;
    ret_digest[1] = hash.low64;
}

/* Workers are online already; a loader goes online for as long as it touches the table. */
static bool reserve(struct table *table, enum entry_kind kind, bool is_pinned, size_t bytes,
                    enum file_patience patience)
{
    if (patience == FILE_NOWAIT) return table_reserve(table, kind, is_pinned, bytes, EVICTIONS_IN_PLACE_MAX);
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        rcu_online();
        bool has_room = table_reserve(table, kind, is_pinned, bytes, EVICTIONS_MAX);
        rcu_offline();
        if (has_room) return true;
        if (!table_reclaim(table)) return false;
    }
    return false;
}

/* An entry with its share of the budget, or, if there is no room, without: then *may_publish is false. */
static struct entry *new_entry(struct table *table, enum entry_kind kind, bool is_pinned, struct span key,
                               uint64_t hash, size_t head_size, uint64_t body_size, enum file_patience patience,
                               bool *may_publish)
{
    size_t cost = entry_cost(key.size, head_size, entry_body_bytes(kind, body_size));
    bool is_charged = *may_publish && reserve(table, kind, is_pinned, cost, patience);
    bool is_too_big = kind == ENTRY_SNAPSHOT && !is_charged && body_size > UNCACHED_COPY_BYTES_MAX;
    struct entry *entry = entry_new(is_too_big ? ENTRY_STREAM : kind, key, hash, head_size, body_size);
    if (is_charged && entry) table_charge(table, entry, cost);
    if (is_charged && entry) entry->is_pinned = is_pinned;
    if (is_charged && !entry) table_unreserve(table, cost);
    *may_publish = is_charged && entry;
    if (entry) return entry;
    /* The system has less than the budget allows: others make room, and this one goes from its descriptor. */
    if (patience == FILE_WAIT) rcu_online();
    table_shed_snapshots(table, cost, clock_monotonic_us() / 1000);
    if (patience == FILE_WAIT) rcu_offline();
    return kind == ENTRY_SNAPSHOT ? entry_new(ENTRY_STREAM, key, hash, head_size, body_size) : NULL;
}

/* Fill in a snapshot's body. STATUS_CHANGED: what was read is not the version that `identity` tells. */
static enum status read_body(struct entry *entry, int fd, const struct file_identity *identity,
                             enum file_patience patience)
{
    size_t got;
    enum status read = file_read(fd, entry_body(entry), (size_t)entry->body_size, 0, patience, &got);
    if (read != STATUS_OK) return read;
    struct file_identity after;
    enum status identified = file_identify(fd, &after);
    if (identified != STATUS_OK) return identified;
    return got == entry->body_size && file_identity_equal(identity, &after) ? STATUS_OK : STATUS_CHANGED;
}

/* The same as digest_of() of all the content, which is read for it and thrown away. */
static enum status digest_content(int fd, uint64_t size, enum file_patience patience, uint64_t ret_digest[2])
{
    XXH3_state_t state;
    char block[READ_BLOCK_BYTES];
    XXH3_INITSTATE(&state);
    (void)XXH3_128bits_reset(&state);
    for (uint64_t at = 0; at < size;) {
        size_t want = size - at < sizeof block ? (size_t)(size - at) : sizeof block, got;
        enum status read = file_read(fd, block, want, (int64_t)at, patience, &got);
        if (read != STATUS_OK) return read;
        if (got < want) return STATUS_CHANGED;
        (void)XXH3_128bits_update(&state, block, got);
        at += got;
    }
    XXH128_hash_t hash = XXH3_128bits_digest(&state);
    ret_digest[0] = hash.high64;
    ret_digest[1] = hash.low64;
    return STATUS_OK;
}

/* A small file that there is no room for is sent like a big one, and is still the same version to whoever holds it. */
static enum status digest_unkept(int fd, const struct file_identity *identity, enum file_patience patience,
                                 uint64_t ret_digest[2])
{
    struct file_identity after;
    enum status status = digest_content(fd, (uint64_t)identity->size, patience, ret_digest);
    if (status == STATUS_OK) status = file_identify(fd, &after);
    if (status == STATUS_OK && !file_identity_equal(identity, &after)) status = STATUS_CHANGED;
    return status;
}

/* What one load is about. */
struct load {
    const struct load_rules *rules;
    struct table *table;
    struct span key;
    uint64_t hash;
    enum file_patience patience;
    bool takes_unsettled;
    bool keeps_still; /* it was not seen to change too often */
    uint64_t device;  /* that its folder lies on; 0: that is not known */
    struct place place;
};

/* A time that is clearly to come was set, or is of a clock that was set back: whoever writes now sets another. */
static bool is_within(int64_t now_us, int64_t seconds, uint32_t nanoseconds, int64_t ms)
{
    enum { AHEAD_MS = 1000 };
    int64_t since_ms = now_us / 1000 - (seconds * 1000 + nanoseconds / 1000000);
    return since_ms > -AHEAD_MS && since_ms < ms;
}

/* Changed within the last `ms`, by its own times. */
static bool is_younger_than(const struct file_identity *identity, int64_t ms)
{
    int64_t now_us = clock_calendar_exact_us();
    return is_within(now_us, identity->modified_s, identity->modified_ns, ms) ||
           is_within(now_us, identity->changed_s, identity->changed_ns, ms);
}

bool load_is_racy(const struct file_identity *identity)
{
    return is_younger_than(identity, LOAD_RACY_MS);
}

/* A stream keeps its lease, so that its pages may be lent. */
static bool keeps_lease(const struct load *load, const struct entry *entry)
{
    return entry->kind == ENTRY_STREAM && load->rules->leases && load->keeps_still;
}

/* Read, or only digest, what `entry` is of. */
static enum status take_in(const struct load *load, struct entry *entry, int fd, const struct file_identity *identity,
                           uint64_t ret_digest[2])
{
    struct file_identity after;
    if (entry->kind == ENTRY_SNAPSHOT) {
        enum status status = read_body(entry, fd, identity, load->patience);
        if (status == STATUS_OK) digest_of(entry_body(entry), (size_t)entry->body_size, ret_digest);
        return status;
    }
    if (entry->body_size <= load->rules->snapshot_bytes_max && load->keeps_still)
        return digest_unkept(fd, identity, load->patience, ret_digest);
    digest_of(identity, sizeof *identity, ret_digest);
    if (!load->keeps_still) return STATUS_OK;
    /* It may have been written to before the lease was taken. */
    enum status identified = file_identify(fd, &after);
    if (identified != STATUS_OK) return identified;
    return file_identity_equal(identity, &after) ? STATUS_OK : STATUS_CHANGED;
}

/* Fill in the content that is kept, while a lease keeps writers out if one can be had.
 * Whoever only has it open for writing, and has not written for settle_ms, is not waited for. Where no lease can be had
 * at all, what was written a moment ago is let be for that moment: a write sets the file's times before it copies a
 * byte, so one that is under way while the file is read leaves no trace in them. */
static enum status fill(const struct load *load, struct entry *entry, int fd, const struct file_identity *identity,
                        uint64_t ret_digest[2])
{
    struct lease reading;
    bool is_stream = entry->kind == ENTRY_STREAM;
    struct lease *lease = is_stream ? &entry_stream(entry)->lease : &reading;
    /* A worker reads only what waits for no disk: nobody waits long for it. A loader may be with a disk that hangs. */
    struct leases *holder = is_stream || load->patience == FILE_WAIT ? load->rules->leases : NULL;
    enum file_lease taken = lease_take(holder, lease, fd, is_stream ? entry : NULL);
    /* Nor does a lease tell of one who is about to write: open() makes the file first, and its writer after. */
    bool is_new = identity->size == 0;
    int64_t quiet_ms = taken == FILE_LEASE_TAKEN && !is_new ? 0 : LOAD_RACY_MS;
    if (taken == FILE_LEASE_REFUSED && load->rules->settle_ms > quiet_ms) quiet_ms = load->rules->settle_ms;
    bool is_busy = quiet_ms > 0 && !load->takes_unsettled && is_younger_than(identity, quiet_ms);
    /* Asked before it is read, which may take its time: a change in the same grain of time would not be told. */
    entry->is_racy = taken != FILE_LEASE_TAKEN && load_is_racy(identity);
    enum status status = is_busy ? STATUS_BUSY : take_in(load, entry, fd, identity, ret_digest);
    if (status == STATUS_OK && keeps_lease(load, entry)) return STATUS_OK;
    bool was_held = lease_return(lease);
    return status == STATUS_OK && !was_held ? STATUS_CHANGED : status;
}

static enum pinned how_pinned(const struct load *load)
{
    char path[PATH_MAX + 1], root[PATH_MAX];
    const struct tree *tree = load->place.target.tree;
    const struct pins *pins = tree_pins(tree);
    if (!pins) return PINNED_NOT;
    path[0] = '/';
    memcpy(path + 1, load->place.path.data, load->place.path.size);
    enum pinned pinned = pins_ask(pins, span_of(path, load->place.path.size + 1));
    if (pinned != PINNED_NOT || !load->place.crosses_link) return pinned;
    if (!file_path_of(load->place.fd, path, sizeof path) || !file_path_of(tree->root, root, sizeof root))
        return PINNED_NOT;
    struct span whole = span_of_string(path), above = span_of_string(root);
    if (above.size == 1) above.size = 0; /* "/" */
    return span_starts_with(whole, above) ? pins_ask(pins, span_from(whole, above.size)) : PINNED_NOT;
}

/* A big pinned file is held in memory by a map that nobody reads. Without it, it is served all the same. */
static void hold_pages(const struct load *load, struct entry *entry, int fd)
{
    int error;
    if (!entry->is_pinned || load->patience == FILE_NOWAIT || entry->body_size == 0) return;
    if (how_pinned(load) != PINNED_IN_MEMORY) return;
    entry_stream(entry)->map =
        file_map(fd, entry->body_size, pins_lock_big_files(tree_pins(load->place.target.tree)), &error);
}

static struct load_facts facts_of(const struct load *load)
{
    return (struct load_facts){
        .key = load->key,
        .tree = load->place.target.tree,
        .path = load->place.path,
        .now_s = clock_calendar_exact_us() / 1000000,
    };
}

/* One try at the file that `fd` is open on. */
static enum status load_version(const struct load *load, int fd, struct entry **ret_entry, bool *ret_may_publish)
{
    const struct load_rules *rules = load->rules;
    struct load_facts facts = facts_of(load);
    char head[LOAD_HEAD_BYTES_MAX];
    uint64_t digest[2];
    uint16_t policy = 0;
    bool may_publish = load->keeps_still;
    enum status status = file_identify(fd, &facts.identity);
    if (status != STATUS_OK) return status;
    uint64_t size = (uint64_t)facts.identity.size;
    enum pinned pinned = load->keeps_still ? how_pinned(load) : PINNED_NOT;
    bool is_small = size <= rules->snapshot_bytes_max && load->keeps_still && pinned != PINNED_BY_DESCRIPTOR;
    enum entry_kind kind = is_small ? ENTRY_SNAPSHOT : ENTRY_STREAM;
    if (kind == ENTRY_SNAPSHOT && load->patience == FILE_NOWAIT && size > IN_PLACE_BYTES_MAX) return STATUS_WOULD_BLOCK;
    facts.kind = kind;
    size_t head_size = rules->describe(rules->context, &facts, head, &policy);
    if (head_size == LOAD_NOT_DESCRIBED) return STATUS_EXHAUSTED;
    may_publish &= policy != LOAD_POLICY_UNKEPT;
    struct entry *entry = new_entry(load->table, kind, pinned != PINNED_NOT, load->key, load->hash, head_size, size,
                                    load->patience, &may_publish);
    if (!entry) return STATUS_EXHAUSTED;
    status = fill(load, entry, fd, &facts.identity, digest);
    if (status != STATUS_OK) {
        entry_unref(entry);
        return status;
    }
    rules->seal(rules->context, digest, head, head_size);
    memcpy(entry->bytes, head, head_size);
    entry->policy = policy;
    entry->identity = facts.identity;
    entry_stamp(entry, load->place.began_us);
    *ret_entry = entry;
    *ret_may_publish = may_publish;
    return STATUS_OK;
}

/* `fd` is the stream's from now on. False: it cannot be kept open. */
static bool keep_open(const struct load *load, struct entry *stream, int fd)
{
    stream->fd = fd;
    if (!spares_can_miss(load->rules->spares, fd)) return false;
    hold_pages(load, stream, fd);
    return true;
}

static enum status load_file(struct load *load, struct entry **ret_entry, bool *ret_may_publish)
{
    int fd;
    struct entry *entry;
    enum status status = file_open_place(load->place.fd, load->patience, &fd);
    if (status != STATUS_OK) return status;
    fd = spares_keep_off(load->rules->spares, fd);
    struct watch *watch = watch_of(&load->place);
    if (load->place.is_watched_alone && watch) watch_file(watch, load->place.fd, load->key);
    for (int tries = 0; tries <= TRIES_MAX; tries++) {
        /* A file that is written to all the time is sent from its descriptor in the end, and not kept. */
        load->keeps_still = tries < TRIES_MAX;
        status = load_version(load, fd, &entry, ret_may_publish);
        if (status != STATUS_CHANGED) break;
        if (load->patience == FILE_NOWAIT) status = STATUS_WOULD_BLOCK;
        if (load->patience == FILE_NOWAIT) break;
    }
    bool is_stream = status == STATUS_OK && entry->kind == ENTRY_STREAM;
    if (!is_stream) close(fd);
    if (is_stream && !keep_open(load, entry, fd)) {
        entry_unref(entry);
        status = STATUS_EXHAUSTED;
    }
    if (status == STATUS_OK) *ret_entry = entry;
    return status;
}

static enum status load_contentless(const struct load *load, struct entry **ret_entry, bool *ret_may_publish)
{
    const struct place *place = &load->place;
    struct load_facts facts = facts_of(load);
    char head[LOAD_HEAD_BYTES_MAX];
    uint16_t policy = 0;
    bool may_publish = true;
    facts.kind = place->kind;
    size_t head_size = load->rules->describe(load->rules->context, &facts, head, &policy);
    if (head_size == LOAD_NOT_DESCRIBED) return STATUS_EXHAUSTED;
    may_publish &= policy != LOAD_POLICY_UNKEPT;
    struct entry *entry =
        new_entry(load->table, place->kind, false, load->key, load->hash, head_size, 0, load->patience, &may_publish);
    if (!entry) return STATUS_EXHAUSTED;
    if (head_size > 0) memcpy(entry->bytes, head, head_size);
    entry->policy = policy;
    entry->refusal = place->refusal & 3;
    /* What a link leads to changes where no event is of this name, and is not watched alone if it was not opened. */
    entry->needs_checks = place->crosses_link || place->is_watched_alone;
    entry_stamp(entry, place->began_us);
    *ret_entry = entry;
    *ret_may_publish = may_publish;
    return STATUS_OK;
}

/* What is in the folder that was found. */
static enum status load_listing(struct load *load, struct entry **ret_entry, bool *ret_may_publish)
{
    const struct load_rules *rules = load->rules;
    struct load_facts facts = facts_of(load);
    struct folder_list list;
    struct text_buffer content = { .bytes_max = LIST_BYTES_MAX };
    struct file_identity identity;
    struct entry *entry = NULL;
    char head[LOAD_HEAD_BYTES_MAX];
    uint64_t digest[2];
    uint16_t policy = 0;
    bool may_publish = true;
    enum status status = folder_list_read(load->place.target.tree, target_path(&load->place), &list);
    if (status != STATUS_OK) {
        load->place.refusal = ENTRY_UNREADABLE;
        status = nothing_there(&load->place, status);
        return status == STATUS_OK ? load_contentless(load, ret_entry, ret_may_publish) : status;
    }
    facts.kind = ENTRY_MADE;
    folder_list_identify(&list, &identity);
    rules->list(rules->context, &facts, &list, &content);
    if (!content.has_failed) {
        digest_of(content.data, content.size, digest);
        facts.identity.size = (int64_t)content.size;
        size_t head_size = rules->describe(rules->context, &facts, head, &policy);
        bool is_described = head_size != LOAD_NOT_DESCRIBED;
        may_publish &= policy != LOAD_POLICY_UNKEPT;
        if (is_described) rules->seal(rules->context, digest, head, head_size);
        if (is_described)
            entry = new_entry(load->table, ENTRY_MADE, false, load->key, load->hash, head_size, content.size,
                              load->patience, &may_publish);
        if (entry) memcpy(entry->bytes, head, head_size);
        if (entry && content.size > 0) memcpy(entry_body(entry), content.data, content.size);
    }
    bool needs_checks = list.needs_checks, is_refused = !may_publish && content.size > UNCACHED_LIST_BYTES_MAX;
    folder_list_done(&list);
    text_buffer_done(&content);
    if (!entry) return STATUS_EXHAUSTED;
    if (is_refused) {
        entry_unref(entry);
        load->place.kind = ENTRY_REFUSED;
        load->place.refusal = ENTRY_UNREADABLE;
        status = load_contentless(load, ret_entry, ret_may_publish);
        *ret_may_publish = false; /* there may be room for it next time */
        return status;
    }
    entry->policy = policy;
    entry->identity = identity;
    entry->needs_checks = needs_checks;
    entry_stamp(entry, load->place.began_us);
    *ret_entry = entry;
    *ret_may_publish = may_publish;
    return STATUS_OK;
}

/* What is there now, whether or not it stays. */
static enum status load_once(struct load *load, struct entry **ret_entry, bool *ret_may_publish)
{
    struct place *place = &load->place;
    enum status status = place_find(place, load->patience);
    if (status != STATUS_OK) return status;
    if (place->is_file && load->device && place->identity.device != load->device) {
        if (load->patience == FILE_NOWAIT) close(place->fd);
        if (load->patience == FILE_NOWAIT) return STATUS_WOULD_BLOCK;
        place->is_remote = file_system_of(place->fd) == FILE_SYSTEM_REMOTE;
    }
    if (place->is_file) {
        status = load_file(load, ret_entry, ret_may_publish);
        close(place->fd);
        if (status == STATUS_OK) (*ret_entry)->needs_checks = place->is_watched_alone;
        if (status == STATUS_OK) (*ret_entry)->is_remote = place->is_remote;
        if (status == STATUS_OK) return STATUS_OK;
        place->refusal = ENTRY_UNREADABLE;
        status = nothing_there(place, status); /* found, but not to be opened */
        if (status != STATUS_OK) return status;
    }
    if (!place->target.wants_list || place->kind != ENTRY_BARE_FOLDER)
        return load_contentless(load, ret_entry, ret_may_publish);
    return load->patience == FILE_WAIT ? load_listing(load, ret_entry, ret_may_publish) : STATUS_WOULD_BLOCK;
}

/* The entry goes on where the mark was taken: an event there voids it. */
static void tie_to_folder(struct entry *entry, struct watch_mark *mark, bool wants_list)
{
    entry->folder = mark->folder;
    mark->folder = NULL;
    entry->folder_version = mark->version;
    entry->folder_appearances = mark->appearances;
    entry->folder_events = mark->events;
    entry->follows_appearances = mark->is_above;
    entry->follows_events = wants_list && !mark->is_above;
    if (entry->follows_events) entry->folder_appearances = mark->events;
    entry->needs_checks |= mark->needs_checks;
    entry->is_remote |= mark->is_remote;
    /* Loaders copy it; and the lease thread must not wait for another machine. */
    if (entry->is_remote && entry->kind == ENTRY_STREAM) (void)lease_return(&entry_stream(entry)->lease);
}

enum status load_entry(const struct load_rules *rules, struct table *table, struct span key, uint64_t hash,
                       enum file_patience patience, bool takes_unsettled, struct entry **ret_entry,
                       bool *ret_may_publish)
{
    struct load load = { .rules = rules, .table = table, .key = key, .hash = hash, .patience = patience };
    load.takes_unsettled = takes_unsettled;
    place_resolve(&load.place, rules, key);
    if (!load.place.target.tree) return load_contentless(&load, ret_entry, ret_may_publish); /* for good */
    struct watch *watch = watch_of(&load.place);
    struct span path = target_path(&load.place);
    for (int tries = 1;; tries++) {
        struct watch_mark mark = { .needs_checks = true };
        enum status status = watch ? watch_enter(watch, path, patience, &mark) : STATUS_OK;
        if (status != STATUS_OK) return status;
        if (patience == FILE_NOWAIT && mark.is_remote) {
            watch_leave(&mark);
            return STATUS_WOULD_BLOCK;
        }
        load.device = mark.device;
        status = load_once(&load, ret_entry, ret_may_publish);
        bool holds = status != STATUS_OK || !watch || watch_holds(watch, &mark, path);
        if (status == STATUS_OK && (holds || tries == TRIES_MAX)) {
            tie_to_folder(*ret_entry, &mark, load.place.target.wants_list);
            *ret_may_publish &= holds;
        }
        watch_leave(&mark);
        if (holds || tries == TRIES_MAX) return status;
        entry_unref(*ret_entry); /* something happened there meanwhile: look again */
        if (patience == FILE_NOWAIT) return STATUS_WOULD_BLOCK;
    }
}

/* Whether nothing happened to what the entry was loaded from since its mark was taken. */
static bool holds(const struct load_rules *rules, const struct entry *entry, const struct watch_mark *mark)
{
    struct load_target target = { .tree = NULL };
    if (!mark->folder || !rules->resolve(rules->context, entry_key(entry), &target)) return true;
    return watch_holds(target.tree->watch, mark, span_of(target.path, target.path_size));
}

struct entry *load_publish(const struct load_rules *rules, struct table *table, struct entry *entry)
{
    struct watch_mark mark = {
        .folder = entry->folder,
        .version = entry->folder_version,
        .appearances = entry->folder_appearances,
        .events = entry->folder_events, /* whose place in the entry is another's once it is published */
        .is_above = entry->follows_appearances,
    };
    struct entry *there = table_publish(table, entry);
    if (there != entry || holds(rules, entry, &mark)) return there;
    table_remove(table, entry);
    return NULL;
}

bool load_find_path(const struct load_rules *rules, struct span key, char out[PATH_MAX])
{
    struct place place;
    place_resolve(&place, rules, key);
    if (place_find(&place, FILE_WAIT) != STATUS_OK || !place.is_file) return false;
    close(place.fd);
    memcpy(out, place.name, place.path.size + 1);
    return true;
}

/* The same of what is in a folder. */
static enum status check_listing(const struct entry *entry, const struct place *place, enum file_patience patience)
{
    struct folder_list list;
    struct file_identity identity;
    if (place->is_file || place->kind != ENTRY_BARE_FOLDER) return STATUS_CHANGED;
    if (patience == FILE_NOWAIT) return STATUS_WOULD_BLOCK;
    enum status status = folder_list_read(place->target.tree, target_path(place), &list);
    if (status == STATUS_NOT_FOUND || status == STATUS_REFUSED) return STATUS_CHANGED;
    if (status != STATUS_OK) return status;
    folder_list_identify(&list, &identity);
    folder_list_done(&list);
    return file_identity_equal(&identity, &entry->identity) ? STATUS_OK : STATUS_CHANGED;
}

enum status load_check(const struct load_rules *rules, const struct entry *entry, enum file_patience patience)
{
    struct place place;
    if (entry->is_remote && patience == FILE_NOWAIT) return STATUS_WOULD_BLOCK;
    if (entry->is_racy && clock_monotonic_us() - entry->sampled_us > LOAD_RACY_MS * 1000) return STATUS_CHANGED;
    place_resolve(&place, rules, entry_key(entry));
    enum status status = place_find(&place, patience);
    if (status != STATUS_OK) return status;
    if (place.is_file) close(place.fd);
    if (entry->kind == ENTRY_MADE) return check_listing(entry, &place, patience);
    bool same = entry_has_content(entry) ? place.is_file && file_identity_equal(&place.identity, &entry->identity)
                                         : !place.is_file && place.kind == (enum entry_kind)entry->kind;
    return same ? STATUS_OK : STATUS_CHANGED;
}

enum status load_check_queued(const struct load_rules *rules, struct table *table, struct entry *entry,
                              enum file_patience patience)
{
    uint32_t now_ms = (uint32_t)(clock_monotonic_us() / 1000);
    enum status status = load_check(rules, entry, patience);
    if (status == STATUS_WOULD_BLOCK && patience == FILE_NOWAIT) return status;
    if (status == STATUS_OK) atomic_store_explicit(&entry->checked_ms, now_ms, memory_order_relaxed);
    if (status == STATUS_CHANGED) {
        rcu_online();
        table_remove(table, entry);
        rcu_offline();
    }
    /* Anything else could not be told: a worker will look, once the entry is due. */
    atomic_store_explicit(&entry->is_queued, 0, memory_order_relaxed);
    return status;
}
