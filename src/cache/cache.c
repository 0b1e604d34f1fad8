#include "cache/cache.h"

#include <stdlib.h>

#include "base/check.h"
#include "cache/forms.h"
#include "cache/keeper.h"
#include "cache/spares.h"
#include "platform/clock.h"

struct cache {
    struct load_rules rules; /* constant */
    struct tree_list trees;  /* constant */
    uint32_t revalidate_ms;  /* constant */
    struct table *table;
    struct lookout *lookout;
    struct leases *leases;
    struct spares *spares;
    struct loader *loader;
    struct keeper *keeper;
    struct observer *observer;
    struct forms *forms; /* NULL: the rules know of none */
};

/* What is known of folders comes on top of the budget, in proportion to it. */
static size_t folder_bytes_max(uint64_t budget_bytes)
{
    enum { LEAST = 4 << 20, MOST = 256 << 20, SHARE = 8 };
    uint64_t share = budget_bytes / SHARE;
    return share < LEAST ? LEAST : share > MOST ? MOST : (size_t)share;
}

static bool watch_trees(struct cache *cache, size_t bytes_max)
{
    cache->lookout = lookout_new(bytes_max);
    if (!cache->lookout) return false;
    for (unsigned i = 0; i < cache->trees.count; i++) {
        struct tree *tree = cache->trees.at[i];
        tree->watch = lookout_watch(cache->lookout, tree, tree->root, tree->path);
        if (!tree->watch) return false;
    }
    return true;
}

struct cache *cache_new(const struct cache_options *options)
{
    struct cache *cache = calloc(1, sizeof *cache);
    if (!cache) return NULL;
    cache->rules = options->rules;
    cache->revalidate_ms = (uint32_t)options->revalidate_ms;
    cache->spares = cache->rules.spares = spares_new(); /* first: by low numbers */
    if (!cache->spares) goto fail;
    cache->table = table_new(&options->limits);
    if (!cache->table) goto fail;
    cache->leases = cache->rules.leases = leases_new(cache->table);
    if (!cache->leases) goto fail;
    cache->trees = options->trees;
    if (!watch_trees(cache, folder_bytes_max(options->limits.bytes))) goto fail;
    if (cache->rules.forms && !(cache->forms = forms_new(&cache->rules, cache->table))) goto fail;
    cache->loader = loader_new(&cache->rules, cache->table, options->loaders_max);
    if (!cache->loader) goto fail;
    cache->keeper = keeper_new(&cache->rules, cache->lookout, cache->table, cache->loader, options->revalidate_ms,
                               options->expire_ms);
    if (!cache->keeper) goto fail;
    cache->observer =
        observer_new(&cache->rules, &cache->trees, cache->lookout, cache->table, cache->loader, cache->keeper);
    if (!cache->observer) goto fail;
    return cache;
fail:
    cache_free(cache, NULL);
    return NULL;
}

bool cache_stop(struct cache *cache, int64_t patience_ms)
{
    bool observer_ended = !cache->observer || observer_stop(cache->observer, patience_ms);
    bool keeper_ended = !cache->keeper || keeper_stop(cache->keeper, observer_ended ? patience_ms : 0);
    bool loaders_ended = !cache->loader || loader_stop(cache->loader, keeper_ended ? patience_ms : 0);
    bool forms_ended = !cache->forms || forms_stop(cache->forms, loaders_ended ? patience_ms : 0);
    if (!observer_ended || !keeper_ended || !loaders_ended || !forms_ended) return false;
    observer_free(cache->observer);
    cache->observer = NULL;
    keeper_free(cache->keeper);
    cache->keeper = NULL;
    loader_free(cache->loader);
    cache->loader = NULL;
    forms_free(cache->forms);
    cache->forms = NULL;
    return true;
}

void cache_free(struct cache *cache, uint64_t *ret_held)
{
    if (!cache) return;
    bool is_stopped = cache_stop(cache, -1);
    ASSERT(is_stopped);
    leases_stop(cache->leases);
    table_free(cache->table, ret_held);
    leases_free(cache->leases);
    for (unsigned i = 0; i < cache->trees.count; i++) cache->trees.at[i]->watch = NULL;
    lookout_free(cache->lookout);
    spares_free(cache->spares);
    free(cache);
}

void cache_enlist(struct cache *cache, struct lease_borrower *borrower)
{
    if (cache) leases_enlist(cache->leases, borrower);
}

void cache_dismiss(struct cache *cache, struct lease_borrower *borrower)
{
    if (cache) leases_dismiss(cache->leases, borrower);
}

int cache_keep_off_spares(const struct cache *cache, int fd)
{
    return cache ? spares_keep_off(cache->spares, fd) : fd;
}

int cache_spares_end(const struct cache *cache)
{
    return cache ? spares_end(cache->spares) : 0;
}

void cache_forget(struct cache *cache, struct entry *entry)
{
    table_remove(cache->table, entry);
}

void cache_relieve(struct cache *cache)
{
    enum { STREAMS_AT_ONCE = 8 };
    table_shed_streams(cache->table, STREAMS_AT_ONCE);
    keeper_call(cache->keeper);
}

uint64_t cache_preload(struct cache *cache, struct preload *preload)
{
    return preload_run(preload, &cache->rules, cache->table);
}

void cache_shrink(struct cache *cache)
{
    rcu_reader_begin();
    table_clear(cache->table);
    rcu_reader_end();
    keeper_call(cache->keeper);
}

/* Load `key` here and now, if that takes no waiting. STATUS_BUSY: somebody writes it. */
static enum status load_in_place(struct cache *cache, struct span key, uint64_t hash, struct cache_found *ret_found)
{
    struct entry *entry;
    bool may_publish;
    enum status status = load_entry(&cache->rules, cache->table, key, hash, FILE_NOWAIT, false, &entry, &may_publish);
    if (status == STATUS_EXHAUSTED) cache_relieve(cache);
    if (status != STATUS_OK) return status;
    struct entry *there = may_publish ? load_publish(&cache->rules, cache->table, entry) : entry;
    if (!there && entry->is_pinned) loader_reload(cache->loader, key, hash, false);
    if (!there) there = entry;
    if (there != entry) entry_unref(entry);
    *ret_found = (struct cache_found){ .entry = there, .outcome = CACHE_MISS, .is_owned = there == entry };
    if (!may_publish || table_needs_care_now(cache->table)) keeper_call(cache->keeper);
    return STATUS_OK;
}

static enum status find_in_place(struct cache *cache, struct span key, uint64_t hash, struct cache_found *ret_found)
{
    enum status status = load_in_place(cache, key, hash, ret_found);
    return status == STATUS_BUSY ? STATUS_WOULD_BLOCK : status; /* a loader waits for the writer */
}

static uint32_t low_ms(int64_t us)
{
    return (uint32_t)(us / 1000);
}

/* An entry that was not looked at for revalidate_ms: look at its file, without waiting. */
static enum status find_again(struct cache *cache, struct entry *entry, int64_t now_us, struct cache_found *ret_found)
{
    enum status status = load_check(&cache->rules, entry, FILE_NOWAIT);
    if (status == STATUS_CHANGED) return find_in_place(cache, entry_key(entry), entry->hash, ret_found);
    if (status != STATUS_OK) return status;
    atomic_store_explicit(&entry->checked_ms, low_ms(now_us), memory_order_relaxed);
    *ret_found = (struct cache_found){ .entry = entry, .outcome = CACHE_REVALIDATED };
    return STATUS_OK;
}

/* Something happened above or in the folder that the entry was loaded from. */
static bool is_void(const struct entry *entry)
{
    const struct folder *folder = entry->folder;
    if (!folder) return false;
    /* acquire: what is looked at after this is what made the difference, or later */
    if (atomic_load_explicit(&folder->version, memory_order_acquire) != entry->folder_version) return true;
    if (entry->follows_events)
        return atomic_load_explicit(&folder->events, memory_order_acquire) != entry->folder_appearances;
    return entry->follows_appearances &&
           atomic_load_explicit(&folder->appearances, memory_order_acquire) != entry->folder_appearances;
}

/* Events do not tell everything of this entry: its age counts. */
static enum status find_by_age(struct cache *cache, struct entry *entry, int64_t now_us, struct cache_found *ret_found)
{
    enum { TURN_MS_MAX = 60000 };
    uint32_t good_for_ms = cache->revalidate_ms;
    if (entry->is_racy && good_for_ms > LOAD_RACY_MS) good_for_ms = LOAD_RACY_MS;
    uint32_t age_ms = low_ms(now_us) - atomic_load_explicit(&entry->checked_ms, memory_order_relaxed);
    /* Another worker may have looked later than this turn began: that is not an age of 49 days. */
    if (age_ms > UINT32_MAX - TURN_MS_MAX) age_ms = 0;
    if (age_ms >= good_for_ms) return find_again(cache, entry, now_us, ret_found);
    if (age_ms >= good_for_ms / 2) keeper_queue_check(cache->keeper, entry);
    *ret_found = (struct cache_found){ .entry = entry, .outcome = CACHE_HIT };
    return STATUS_OK;
}

/* The observer may not have had its turn: whatever was told of `entry` can be seen. What is still being written settles; but when
 * the observer, who tells when that is over, has no turn for long, somebody who writes again and again would go unseen. */
static enum status find_in_doubt(struct cache *cache, struct entry *entry, int64_t now_us, int64_t doubt_us,
                                 struct cache_found *ret_found)
{
    enum status status = load_check(&cache->rules, entry, FILE_NOWAIT);
    if (status == STATUS_CHANGED)
        status = load_in_place(cache, entry_key(entry), entry->hash, ret_found);
    else if (status == STATUS_OK)
        *ret_found = (struct cache_found){ .entry = entry, .outcome = CACHE_REVALIDATED };
    if (status == STATUS_WOULD_BLOCK && entry->is_remote) return find_by_age(cache, entry, now_us, ret_found);
    if (status != STATUS_BUSY) return status;
    int64_t turn_us = observer_turn_us(cache->observer), since_us = turn_us > doubt_us ? turn_us : doubt_us;
    if (now_us - since_us > cache->rules.settle_ms * 1000)
        return STATUS_WOULD_BLOCK; /* a loader waits for the writer */
    *ret_found = (struct cache_found){ .entry = entry, .outcome = CACHE_HIT };
    return STATUS_OK;
}

int cache_signal(const struct cache *cache)
{
    return lookout_descriptor(cache->lookout);
}

bool cache_is_obeying(const struct cache *cache)
{
    return observer_is_obeying(cache->observer);
}

enum status cache_find(struct cache *cache, struct span key, int64_t now_us, int64_t doubt_us,
                       struct cache_found *ret_found)
{
    uint64_t hash = table_hash(cache->table, key);
    struct entry *entry = table_look_up(cache->table, key, hash);
    enum status status;
    if (!entry || is_void(entry)) {
        status = find_in_place(cache, key, hash, ret_found);
    } else {
        table_note_hit(cache->table, entry, (uint32_t)(now_us / 1000000));
        if (doubt_us != 0) {
            status = find_in_doubt(cache, entry, now_us, doubt_us, ret_found);
        } else if (entry->needs_checks) {
            status = find_by_age(cache, entry, now_us, ret_found);
        } else {
            *ret_found = (struct cache_found){ .entry = entry, .outcome = CACHE_HIT };
            return STATUS_OK;
        }
    }
    /* Loaders have descriptors of their own. */
    return status == STATUS_EXHAUSTED ? STATUS_WOULD_BLOCK : status;
}

void cache_want_forms(struct cache *cache, struct entry *entry)
{
    if (cache->forms) forms_want(cache->forms, entry);
}

struct entry *cache_look_up(struct cache *cache, struct span key, int64_t now_us)
{
    struct entry *entry = table_look_up(cache->table, key, table_hash(cache->table, key));
    if (entry) table_note_hit(cache->table, entry, (uint32_t)(now_us / 1000000));
    return entry;
}

static struct mail *mail_new(struct mailbox *mailbox, uint64_t cookie)
{
    struct mail *mail = malloc(sizeof *mail);
    if (mail) *mail = (struct mail){ .to = mailbox, .cookie = cookie };
    return mail;
}

enum status cache_ask(struct cache *cache, struct span key, struct mailbox *mailbox, uint64_t cookie)
{
    struct mail *mail = mail_new(mailbox, cookie);
    if (!mail) return STATUS_EXHAUSTED;
    mail->hash = table_hash(cache->table, key);
    enum status status = loader_load(cache->loader, key, mail->hash, mail);
    if (status != STATUS_OK) free(mail);
    return status;
}

const struct mail *cache_mail_about(const struct cache *cache, const struct mail *mails, struct span key)
{
    uint64_t hash = mails ? table_hash(cache->table, key) : 0;
    while (mails && !(mails->hash == hash && (!mails->entry || span_equal(entry_key(mails->entry), key))))
        mails = mails->next;
    return mails;
}

enum status cache_bring(struct cache *cache, struct entry *stream, const struct loader_window *window, bool copies,
                        struct mailbox *mailbox, uint64_t cookie)
{
    struct mail *mail = mail_new(mailbox, cookie);
    if (!mail) return STATUS_EXHAUSTED;
    enum status status =
        copies ? loader_copy(cache->loader, stream, window, mail) : loader_warm(cache->loader, stream, window, mail);
    if (status != STATUS_OK) free(mail);
    return status;
}

void cache_drop(struct cache *cache, struct entry *stream, const struct loader_window *window)
{
    loader_drop(cache->loader, stream, window);
}

struct table *cache_table(struct cache *cache)
{
    return cache->table;
}

struct cache_counts cache_counts(struct cache *cache)
{
    return (struct cache_counts){
        .table = table_counts(cache->table),
        .loads = cache->loader ? loader_loads(cache->loader) : 0,
        .keeper = keeper_counts(cache->keeper),
        .leases = leases_counts(cache->leases),
        .lookout = lookout_counts(cache->lookout),
        .observer = observer_counts(cache->observer),
    };
}
