#include "cache/forms.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/list.h"
#include "cache/table.h"
#include "platform/clock.h"
#include "platform/thread.h"

enum { EVICTIONS_MAX = 256, SMALLER_PERCENT = 95 };

struct waiting {
    struct list link;
    struct entry *entry; /* a reference */
};

/* A thread and what it is to do. */
struct line {
    struct list waiting;
    unsigned count;
    pthread_t thread;
    bool is_started;
    pthread_cond_t has_work;
};

struct forms {
    const struct load_rules *rules;
    struct table *table;
    _Atomic bool gives_up; /* what is being made is not to be made; relaxed: a hint */
    pthread_mutex_t lock;  /* guards everything below */
    bool is_stopping;
    struct line looking, making;
};

struct span form_key_beside(struct span key, unsigned form, char room[FORM_KEY_BYTES_MAX])
{
    if (key.size + 2 > FORM_KEY_BYTES_MAX) return SPAN_NONE;
    memcpy(room, key.data, key.size);
    room[key.size] = '\0'; /* no URL leads to it: %00 is refused */
    room[key.size + 1] = (char)('0' + form);
    return span_of(room, key.size + 2);
}

struct span form_key_made(struct span tag, unsigned form, char room[FORM_KEY_BYTES_MAX])
{
    ASSERT(tag.size <= FORM_TAG_BYTES_MAX);
    room[0] = '\1';
    room[1] = (char)('0' + form);
    memcpy(room + 2, tag.data, tag.size);
    return span_of(room, tag.size + 2);
}

bool form_key_read(struct span key, struct span *ret_base, unsigned *ret_form)
{
    if (key.size < 3 || key.data[key.size - 2] != '\0') return false;
    *ret_base = span_first(key, key.size - 2);
    *ret_form = (unsigned)(key.data[key.size - 1] - '0');
    return *ret_form < FORMS_MAX;
}

static void note(struct entry *entry, unsigned bit, unsigned form)
{
    atomic_fetch_or_explicit(&entry->forms, (uint8_t)(bit << form), memory_order_relaxed);
}

static bool is_older(const struct file_identity *a, const struct file_identity *b)
{
    return a->modified_s != b->modified_s ? a->modified_s < b->modified_s : a->modified_ns < b->modified_ns;
}

/* Of a folder's index it is the form of that file, and of no other that could be its index. */
static bool is_beside(const struct load_rules *rules, struct span key, struct span beside, struct span suffix)
{
    char file[PATH_MAX], other[PATH_MAX];
    if (key.data[key.size - 1] != '/') return true;
    if (!load_find_path(rules, key, file) || !load_find_path(rules, beside, other)) return false;
    size_t size = strlen(file);
    return strncmp(file, other, size) == 0 && span_equal(span_of_string(other + size), suffix);
}

/* One form beside `entry`, if it is there and no older than its file. */
static void find_beside(const struct load_rules *rules, struct table *table, struct entry *entry, unsigned form)
{
    char room[FORM_KEY_BYTES_MAX];
    struct span key = form_key_beside(entry_key(entry), form, room);
    struct entry *found;
    bool may_publish;
    if (!key.data) return;
    enum status status = load_entry(rules, table, key, table_hash(table, key), FILE_WAIT, false, &found, &may_publish);
    if (status != STATUS_OK) return;
    bool is_good = may_publish && entry_has_content(found) && !is_older(&found->identity, &entry->identity);
    if (is_good && is_beside(rules, entry_key(entry), key, rules->forms->suffixes[form])) {
        rcu_online();
        bool is_published = load_publish(rules, table, found) != NULL;
        rcu_offline();
        if (is_published) note(entry, ENTRY_FORM_BESIDE, form);
    }
    entry_unref(found);
}

void forms_find(const struct load_rules *rules, struct table *table, struct entry *entry)
{
    atomic_fetch_or_explicit(&entry->forms, ENTRY_FORM_ASKED, memory_order_relaxed);
    if (!rules->forms->may_lie_beside(rules->forms->context, entry)) return;
    for (unsigned form = 0; form < rules->forms->count; form++) find_beside(rules, table, entry, form);
}

/* Under the lock. */
static bool stand_in_line(struct line *line, struct entry *entry)
{
    struct waiting *waiting = line->count < FORMS_WAITING_MAX ? malloc(sizeof *waiting) : NULL;
    if (!waiting) return false;
    entry_ref(entry);
    waiting->entry = entry;
    list_append(&line->waiting, &waiting->link);
    line->count++;
    pthread_cond_signal(&line->has_work);
    return true;
}

/* The next entry, with its reference; NULL: the thread is to end. */
static struct entry *next_in_line(struct forms *forms, struct line *line)
{
    struct entry *entry = NULL;
    pthread_mutex_lock(&forms->lock);
    while (!forms->is_stopping && list_is_empty(&line->waiting)) pthread_cond_wait(&line->has_work, &forms->lock);
    if (!forms->is_stopping) {
        struct waiting *waiting = CONTAINER_OF(line->waiting.next, struct waiting, link);
        entry = waiting->entry;
        list_remove(&waiting->link);
        line->count--;
        free(waiting);
    }
    pthread_mutex_unlock(&forms->lock);
    return entry;
}

/* The whole content of `entry`, as one version. data NULL: it cannot be had. *ret_own: to be freed. */
static struct span content_of(struct entry *entry, char **ret_own)
{
    *ret_own = NULL;
    size_t size = (size_t)entry->body_size, got;
    if (entry->kind == ENTRY_SNAPSHOT) return span_of(entry_body(entry), size);
    char *content = malloc(size);
    if (!content) return SPAN_NONE;
    *ret_own = content;
    if (file_read(entry->fd, content, size, 0, FILE_WAIT, &got) != STATUS_OK || got != size) return SPAN_NONE;
    return file_keeps_version(entry->fd, &entry->identity) ? span_of(content, size) : SPAN_NONE;
}

/* Publish `content` as a form that was made. False: there is no room. */
static bool keep_made(struct forms *forms, struct span key, struct span content)
{
    char head[LOAD_HEAD_BYTES_MAX];
    XXH128_hash_t hash = XXH3_128bits(content.data, content.size);
    uint64_t digest[2] = { hash.high64, hash.low64 };
    size_t head_size = forms->rules->forms->describe(forms->rules->forms->context, digest, head);
    size_t cost = entry_cost(key.size, head_size, content.size);
    rcu_online();
    bool has_room = table_reserve(forms->table, ENTRY_SNAPSHOT, false, cost, EVICTIONS_MAX);
    struct entry *entry = NULL;
    if (has_room) entry = entry_new(ENTRY_SNAPSHOT, key, table_hash(forms->table, key), head_size, content.size);
    if (has_room && !entry) table_unreserve(forms->table, cost);
    if (entry) {
        table_charge(forms->table, entry, cost);
        memcpy(entry->bytes, head, head_size);
        memcpy(entry_body(entry), content.data, content.size);
        entry_stamp(entry, clock_monotonic_us());
        (void)table_publish(forms->table, entry);
    }
    rcu_offline();
    entry_unref(entry);
    return entry != NULL;
}

static bool is_kept_already(struct forms *forms, struct span key)
{
    rcu_online();
    bool is_there = table_look_up(forms->table, key, table_hash(forms->table, key)) != NULL;
    rcu_offline();
    return is_there;
}

static void make_form(struct forms *forms, struct entry *entry, struct span tag, struct span content, unsigned form)
{
    const struct form_rules *rules = forms->rules->forms;
    char key_room[FORM_KEY_BYTES_MAX];
    struct span key = form_key_made(tag, form, key_room);
    if (is_kept_already(forms, key)) {
        note(entry, ENTRY_FORM_MADE, form);
        return;
    }
    size_t room = content.size * SMALLER_PERCENT / 100;
    char *made = malloc(room);
    size_t size = made ? rules->make(rules->context, form, content, made, room, &forms->gives_up) : 0;
    if (size > 0 && keep_made(forms, key, span_of(made, size))) note(entry, ENTRY_FORM_MADE, form);
    free(made);
}

static bool is_wanted_made(const struct form_rules *rules, const struct entry *entry)
{
    return entry->body_size >= rules->least_bytes && entry->body_size <= rules->most_bytes &&
           rules->are_made_of(rules->context, entry);
}

static void make_forms(struct forms *forms, struct entry *entry)
{
    const struct form_rules *rules = forms->rules->forms;
    char tag[FORM_TAG_BYTES_MAX], *own;
    size_t tag_size = rules->tag_of(rules->context, entry, tag);
    struct span content = content_of(entry, &own);
    for (unsigned form = 0; content.data && form < rules->count; form++) {
        unsigned there = atomic_load_explicit(&entry->forms, memory_order_relaxed);
        if (!(there >> form & ENTRY_FORM_BESIDE)) make_form(forms, entry, span_of(tag, tag_size), content, form);
    }
    free(own);
}

static void *making_thread(void *argument)
{
    struct forms *forms = argument;
    rcu_reader_begin();
    rcu_offline();
    thread_yield_to_others();
    for (struct entry *entry; (entry = next_in_line(forms, &forms->making)) != NULL;) {
        make_forms(forms, entry);
        entry_unref(entry);
    }
    rcu_reader_end();
    return NULL;
}

/* Under the lock. */
static void start(struct forms *forms, struct line *line, const char *name, void *(*body)(void *))
{
    if (!line->is_started) line->is_started = thread_start(&line->thread, name, body, forms) == STATUS_OK;
}

static void *looking_thread(void *argument)
{
    struct forms *forms = argument;
    rcu_reader_begin();
    rcu_offline();
    for (struct entry *entry; (entry = next_in_line(forms, &forms->looking)) != NULL;) {
        forms_find(forms->rules, forms->table, entry);
        if (is_wanted_made(forms->rules->forms, entry)) {
            pthread_mutex_lock(&forms->lock);
            start(forms, &forms->making, "forms-make", making_thread);
            (void)stand_in_line(&forms->making, entry); /* no room: it stays as it is until it is loaded anew */
            pthread_mutex_unlock(&forms->lock);
        }
        entry_unref(entry);
    }
    rcu_reader_end();
    return NULL;
}

void forms_want(struct forms *forms, struct entry *entry)
{
    uint8_t before = atomic_fetch_or_explicit(&entry->forms, ENTRY_FORM_ASKED, memory_order_relaxed);
    if (before & ENTRY_FORM_ASKED) return;
    pthread_mutex_lock(&forms->lock);
    start(forms, &forms->looking, "forms-look", looking_thread);
    bool stands = stand_in_line(&forms->looking, entry);
    pthread_mutex_unlock(&forms->lock);
    if (!stands) atomic_fetch_and_explicit(&entry->forms, (uint8_t)~ENTRY_FORM_ASKED, memory_order_relaxed);
}

static void line_init(struct line *line)
{
    list_init(&line->waiting);
    pthread_cond_init(&line->has_work, NULL);
}

/* Nobody is at it any more. */
static void line_done(struct line *line)
{
    while (!list_is_empty(&line->waiting)) {
        struct waiting *waiting = CONTAINER_OF(line->waiting.next, struct waiting, link);
        list_remove(&waiting->link);
        entry_unref(waiting->entry);
        free(waiting);
    }
    pthread_cond_destroy(&line->has_work);
}

static bool line_stop(struct line *line, int64_t patience_ms)
{
    if (line->is_started && !thread_join_within(line->thread, patience_ms)) return false;
    line->is_started = false;
    return true;
}

struct forms *forms_new(const struct load_rules *rules, struct table *table)
{
    struct forms *forms = calloc(1, sizeof *forms);
    if (!forms) return NULL;
    forms->rules = rules;
    forms->table = table;
    pthread_mutex_init(&forms->lock, NULL);
    line_init(&forms->looking);
    line_init(&forms->making);
    return forms;
}

bool forms_stop(struct forms *forms, int64_t patience_ms)
{
    enum { MAKING_MS = 3000 };
    atomic_store_explicit(&forms->gives_up, true, memory_order_relaxed);
    pthread_mutex_lock(&forms->lock);
    forms->is_stopping = true;
    pthread_cond_signal(&forms->looking.has_work);
    pthread_cond_signal(&forms->making.has_work);
    pthread_mutex_unlock(&forms->lock);
    /* Who looks is who starts the other. That one waits for no device, and for others no longer. */
    if (!line_stop(&forms->looking, patience_ms)) return false;
    if (forms->making.is_started) thread_yield_no_more(forms->making.thread);
    return line_stop(&forms->making, patience_ms >= 0 && patience_ms < MAKING_MS ? MAKING_MS : patience_ms);
}

void forms_free(struct forms *forms)
{
    if (!forms) return;
    bool is_stopped = forms_stop(forms, -1);
    ASSERT(is_stopped);
    line_done(&forms->looking);
    line_done(&forms->making);
    pthread_mutex_destroy(&forms->lock);
    free(forms);
}
