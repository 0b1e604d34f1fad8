#include "cache/loader.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "cache/load_queue.h"
#include "cache/spares.h"
#include "cache/table.h"
#include "platform/clock.h"
#include "platform/thread.h"

enum {
    PENDING_BUCKETS = 256,
    WARM_BLOCK_BYTES = 64 << 10,
    BUSY_WAIT_US = 10000,
    MANY_WAIT = 64,           /* from so many on, it is looked whether somebody has given up */
    EXPIRE_EVERY_US = 500000, /* at most so often */
    TRIES_MAX = 3,            /* of a read that failed for want of memory, or ended early */
    LATE_FACTOR = 2,          /* whoever asked has given up after asked_ms_max; a task, after so many of these */
};

enum job_kind {
    JOB_LOAD,   /* the file that `key` leads to */
    JOB_SCAN,   /* all that is in the folder `key` */
    JOB_WINDOW, /* bytes of `entry`, a stream, into the page cache */
    JOB_COPY,   /* the same, into memory of ours */
    JOB_DROP,   /* what was sent of `entry` */
    JOB_CHECK,  /* is `entry` what its key leads to? */
};

struct job {
    struct load_task task;   /* while it waits or runs */
    struct list link;        /* in the list of delayed jobs, or of those that are over */
    struct job *bucket_next; /* JOB_LOAD, until it has loaded */
    struct mail *waiters;
    struct entry *entry; /* a reference; JOB_WINDOW, JOB_COPY, JOB_CHECK */
    struct loader_window window;
    int64_t busy_since_us;   /* its file was first found being written; 0: it was not */
    int64_t not_before_us;   /* in the list of delayed jobs: until then */
    const struct tree *tree; /* JOB_SCAN: `key` is a path in it */
    enum job_kind kind;
    bool takes_unsettled; /* a file that is still being written is taken as it is */
    bool has_begun;       /* somebody looks, or looked */
    bool again;           /* it is to be loaded once more: something was told when it had begun */
    uint64_t hash;
    size_t key_size;
    char key[];
};

struct loader {
    struct load_rules rules; /* constant */
    struct table *table;     /* constant */
    int nowhere;             /* constant; of file_open_nowhere() */
    pthread_mutex_t lock;    /* guards everything below */
    pthread_cond_t has_work;
    struct load_queue queue;
    struct list delayed; /* their file is being written: they are tried again, in the order of not_before_us */
    struct job *pending[PENDING_BUCKETS]; /* jobs that load: a second waiter joins */
    unsigned threads, threads_max;
    unsigned idle, woken; /* threads that sleep; of those, that were woken and do not run yet */
    bool is_stopping;
    int64_t expired_us; /* monotonic, of the last look for those that gave up */
    uint64_t loads;
    pthread_t ids[LOADER_THREADS_MAX];
};

static struct span job_key(const struct job *job)
{
    return span_of(job->key, job->key_size);
}

static struct job **bucket_of(struct loader *loader, uint64_t hash)
{
    return &loader->pending[hash % PENDING_BUCKETS];
}

/* Under the lock: the job that loads `key` already, or NULL. */
static struct job *pending_job(struct loader *loader, struct span key, uint64_t hash)
{
    struct job *job = *bucket_of(loader, hash);
    while (job && !(job->hash == hash && span_equal(job_key(job), key))) job = job->bucket_next;
    return job;
}

/* Under the lock: others may join it. */
static void open_job(struct loader *loader, struct job *job)
{
    struct job **bucket = bucket_of(loader, job->hash);
    job->bucket_next = *bucket;
    *bucket = job;
}

/* Under the lock: nobody joins it any more. */
static void close_job(struct loader *loader, struct job *job)
{
    if (job->kind != JOB_LOAD) return;
    struct job **at = bucket_of(loader, job->hash);
    while (*at && *at != job) at = &(*at)->bucket_next;
    if (*at) *at = job->bucket_next;
}

/* Each gets a reference of its own; the caller keeps its own. */
static void answer(struct mail *waiters, enum status status, struct entry *entry)
{
    for (struct mail *mail = waiters, *next; mail; mail = next) {
        next = mail->next;
        if (entry) entry_ref(entry);
        mail->entry = entry;
        mail->status = status;
        mailbox_post(mail);
    }
}

/* Answer everyone who waits for `job`, and free it. */
static void finish(struct job *job, enum status status)
{
    answer(job->waiters, status, NULL);
    entry_unref(job->entry);
    free(job);
}

/* It is over; its thread takes another. */
static void end_run(struct loader *loader, struct job *job)
{
    pthread_mutex_lock(&loader->lock);
    load_queue_finish(&loader->queue, &job->task);
    /* This thread may have something to do still; another can take what may run now. */
    if (load_queue_has_work(&loader->queue)) pthread_cond_signal(&loader->has_work);
    pthread_mutex_unlock(&loader->lock);
}

/* Under the lock: `job`, which runs, is tried again in a moment. */
static void put_off(struct loader *loader, struct job *job)
{
    job->not_before_us = clock_monotonic_us() + BUSY_WAIT_US;
    load_queue_pause(&loader->queue, &job->task);
    list_append(&loader->delayed, &job->link);
    pthread_cond_signal(&loader->has_work); /* somebody must wait for it */
}

/* Its file is being written: try again in a moment, and take it as it is when settle_ms have passed. */
static void delay(struct loader *loader, struct job *job)
{
    int64_t now_us = clock_monotonic_us();
    pthread_mutex_lock(&loader->lock);
    job->has_begun = false;
    if (job->busy_since_us == 0) job->busy_since_us = now_us;
    job->takes_unsettled |= now_us - job->busy_since_us >= loader->rules.settle_ms * 1000;
    put_off(loader, job);
    pthread_mutex_unlock(&loader->lock);
}

/* Take those out of the job who asked when what was loaded had been looked at already. */
static struct mail *take_late(struct job *job, int64_t looked_us)
{
    struct mail *late = NULL;
    for (struct mail **at = &job->waiters, *mail; (mail = *at) != NULL;) {
        if (mail->asked_us <= looked_us) {
            at = &mail->next;
            continue;
        }
        *at = mail->next;
        mail->next = late;
        late = mail;
    }
    return late;
}

/* Load it once more for its waiters, or, if there are none, for nobody in particular; now, or in a moment. */
static void do_again(struct loader *loader, struct job *job, bool in_a_moment)
{
    job->again = job->has_begun = false;
    pthread_mutex_lock(&loader->lock);
    struct job *other = pending_job(loader, job_key(job), job->hash);
    if (other) {
        /* Others wait already. It may have begun too early for these; they tell when they asked. */
        other->again |= other->has_begun;
        struct mail **last = &other->waiters;
        while (*last) last = &(*last)->next;
        *last = job->waiters;
        load_queue_ask(&loader->queue, &other->task, clock_monotonic_us());
        load_queue_finish(&loader->queue, &job->task);
        free(job);
    } else {
        open_job(loader, job);
        if (in_a_moment) {
            put_off(loader, job);
        } else { /* there is a thread: this one */
            load_queue_pause(&loader->queue, &job->task);
            load_queue_resume(&loader->queue, &job->task);
        }
    }
    pthread_mutex_unlock(&loader->lock);
}

/* `entry` was loaded for `job`, or could not be: answer those who asked before it was looked at. Returns whether the
 * job is to be done once more. */
static bool settle(struct loader *loader, struct job *job, enum status status, struct entry *entry)
{
    pthread_mutex_lock(&loader->lock);
    close_job(loader, job);
    loader->loads++;
    bool again = job->again;
    pthread_mutex_unlock(&loader->lock);
    struct mail *late = status == STATUS_OK ? take_late(job, entry->sampled_us) : NULL;
    answer(job->waiters, status, entry);
    job->waiters = late;
    /* All of these asked before this look. */
    if (late && load_check(&loader->rules, entry, FILE_WAIT) == STATUS_OK) {
        answer(late, status, entry);
        job->waiters = NULL;
    }
    return again;
}

/* Where no descriptor is to be had, with those that are put aside for that. */
static enum status load(struct loader *loader, struct job *job, bool takes_unsettled, struct entry **ret_entry,
                        bool *ret_may_publish)
{
    const struct load_rules *rules = &loader->rules;
    struct span key = job_key(job);
    enum status status =
        load_entry(rules, loader->table, key, job->hash, FILE_WAIT, takes_unsettled, ret_entry, ret_may_publish);
    if (status != STATUS_EXHAUSTED || !spares_give_up(rules->spares, job->task.lane)) return status;
    /* Others look for descriptors, too, and have them for a moment. */
    for (int tries = 0; status == STATUS_EXHAUSTED && tries < TRIES_MAX; tries++)
        status =
            load_entry(rules, loader->table, key, job->hash, FILE_WAIT, takes_unsettled, ret_entry, ret_may_publish);
    spares_take_back(rules->spares, job->task.lane);
    return status;
}

static void run_load(struct loader *loader, struct job *job, bool takes_unsettled)
{
    struct entry *entry = NULL;
    bool may_publish = false;
    enum status status = load(loader, job, takes_unsettled, &entry, &may_publish);
    if (status == STATUS_BUSY) {
        delay(loader, job);
        return;
    }
    /* Nobody may wait for it in place again: a file system in user space can say EAGAIN at any time. */
    if (status == STATUS_WOULD_BLOCK) status = STATUS_FAILED;
    struct entry *mine = entry, *kept = NULL;
    rcu_online();
    if (status == STATUS_OK && may_publish) kept = load_publish(&loader->rules, loader->table, entry);
    if (kept) entry = kept;
    if (entry) entry_ref(entry); /* beyond being online */
    rcu_offline();
    /* What is pinned is to be there for whoever asks; but what changes all the time is not looked at all the time. */
    bool is_lost = mine && mine->is_pinned && !kept;
    entry_unref(mine);
    bool again = settle(loader, job, status, entry);
    entry_unref(entry);
    if (job->waiters || again || is_lost) {
        do_again(loader, job, !job->waiters && !again);
    } else {
        end_run(loader, job);
        free(job);
    }
}

/* What one reads once from end to end would push out what many read again and again: measured, all of it (docs/adr/). */
static void drop_sent(struct entry *stream, const struct loader_window *window)
{
    bool is_wanted = stream->is_pinned || atomic_load_explicit(&stream->frequency, memory_order_relaxed) > 0;
    if (window->sent_size > 0 && !is_wanted) file_drop(stream->fd, window->sent_from, window->sent_size);
}

/* Waiting for each is the one way to be sure that every page is there: one that was taken back in the midst of others, and is being
 * read again, counts as resident. */
static enum status bring(const struct loader *loader, const struct entry *stream, const struct loader_window *window)
{
    char scratch[WARM_BLOCK_BYTES];
    enum status status = STATUS_OK;
    file_read_ahead(stream->fd, window->offset, window->size);
    for (int64_t done = 0; done < window->size && status == STATUS_OK; done += WARM_BLOCK_BYTES) {
        int64_t left = window->size - done;
        size_t want = left < WARM_BLOCK_BYTES ? (size_t)left : WARM_BLOCK_BYTES, there = 0;
        /* What is short for one block need not be for the next: the whole window is not begun anew for that. */
        for (int tries = 0; tries < TRIES_MAX && (tries == 0 || status == STATUS_EXHAUSTED); tries++)
            status =
                file_await(stream->fd, window->offset + done, want, loader->nowhere, scratch, sizeof scratch, &there);
        if (there < want) break; /* shorter than it was: the sender will see that it changed */
    }
    return status;
}

static void run_window(struct loader *loader, struct job *job)
{
    struct entry *stream = job->entry;
    const struct loader_window window = job->window;
    enum status status = bring(loader, stream, &window);
    end_run(loader, job);
    entry_ref(stream);
    finish(job, status);
    /* While this one is sent, the next is read. */
    if (window.ahead > 0 && status == STATUS_OK) file_read_ahead(stream->fd, window.offset + window.size, window.ahead);
    drop_sent(stream, &window);
    entry_unref(stream);
}

/* Bytes of the entry's very version. That a read ends early is no proof that the file did: its identity tells. */
static enum status copy_window(const struct entry *stream, const struct loader_window *window, char *to)
{
    size_t size = (size_t)window->size, got = 0;
    enum status status = STATUS_OK;
    for (int tries = 0; tries < TRIES_MAX && got < size && status == STATUS_OK; tries++) {
        status = file_read(stream->fd, to, size, window->offset, FILE_WAIT, &got);
        if (status == STATUS_OK && !file_keeps_version(stream->fd, &stream->identity)) status = STATUS_CHANGED;
    }
    return status == STATUS_OK && got < size ? STATUS_CHANGED : status;
}

/* No worker may touch its descriptor: the bytes go by mail, with the word that they are of the entry's version. */
static void run_copy(struct loader *loader, struct job *job)
{
    size_t size = (size_t)job->window.size;
    char *data = malloc(size);
    enum status status = data ? copy_window(job->entry, &job->window, data) : STATUS_EXHAUSTED;
    if (status == STATUS_OK) {
        job->waiters->data = data;
        job->waiters->size = size;
    } else {
        free(data);
    }
    end_run(loader, job);
    finish(job, status);
}

static void run_drop(struct loader *loader, struct job *job)
{
    drop_sent(job->entry, &job->window);
    end_run(loader, job);
    finish(job, STATUS_OK);
}

static void run_check(struct loader *loader, struct job *job)
{
    (void)load_check_queued(&loader->rules, loader->table, job->entry, FILE_WAIT);
    end_run(loader, job);
    finish(job, STATUS_OK);
}

/* Load `key` here, for nobody in particular. */
static void load_here(struct loader *loader, struct span key)
{
    struct entry *entry;
    bool may_publish;
    uint64_t hash = table_hash(loader->table, key);
    if (load_entry(&loader->rules, loader->table, key, hash, FILE_WAIT, true, &entry, &may_publish) != STATUS_OK)
        return;
    rcu_online();
    if (may_publish) (void)load_publish(&loader->rules, loader->table, entry);
    rcu_offline();
    entry_unref(entry);
}

static void reload_or_load(void *context, struct span key)
{
    struct loader *loader = context;
    /* Nobody else can take it: then it is done here. Nothing is forgotten because there is too much of it. */
    if (loader_reload(loader, key, table_hash(loader->table, key), false) != STATUS_OK) load_here(loader, key);
}

static void scan(struct loader *loader, const struct tree *tree, struct span folder_path, unsigned depth)
{
    enum { DEPTH_MAX = 16 }; /* of what is gone through in one piece, when the queue has no room */
    struct watch_mark mark = { 0 };
    if (tree->watch && watch_enter(tree->watch, folder_path, FILE_WAIT, &mark) == STATUS_OK) watch_leave(&mark);
    DIR *folder = file_open_folder(tree->root, folder_path);
    char *path = folder ? malloc(PATH_MAX) : NULL;
    for (const struct dirent *item; path && (item = readdir(folder)) != NULL;) {
        bool is_folder = file_is_folder(folder, item);
        if ((item->d_name[0] == '.' && strcmp(item->d_name, ".well-known") != 0) || folder_path.size >= PATH_MAX)
            continue;
        int size = snprintf(path, PATH_MAX, "%.*s%s%s", (int)folder_path.size, folder_path.data, item->d_name,
                            is_folder ? "/" : "");
        if (size >= PATH_MAX) continue;
        struct span inner = span_of(path, (size_t)size);
        if (!is_folder)
            tree_keys(tree, inner, reload_or_load, loader);
        else if (loader_scan(loader, tree, inner) != STATUS_OK && depth < DEPTH_MAX)
            scan(loader, tree, inner, depth + 1);
    }
    free(path);
    if (folder) closedir(folder);
}

/* What is in the folder now; what comes later is told by its watch, which stands before it is read. */
static void run_scan(struct loader *loader, struct job *job)
{
    scan(loader, job->tree, job_key(job), 0);
    end_run(loader, job);
    finish(job, STATUS_OK);
}

/* Under the lock: delayed jobs whose time has come wait like all others. Returns when the next one's will have; 0: there is none. */
static int64_t resume_delayed(struct loader *loader)
{
    int64_t now_us = clock_monotonic_us();
    while (!list_is_empty(&loader->delayed)) {
        struct job *job = CONTAINER_OF(loader->delayed.next, struct job, link);
        if (job->not_before_us > now_us) return job->not_before_us;
        list_remove(&job->link);
        load_queue_resume(&loader->queue, &job->task);
    }
    return 0;
}

/* Under the lock: the next job to run; NULL: the thread is to end. */
static struct job *next_job(struct loader *loader)
{
    for (;;) {
        if (loader->is_stopping) return NULL;
        int64_t until_us = resume_delayed(loader);
        struct load_task *task = load_queue_take(&loader->queue);
        if (task) {
            /* Whoever was woken for another job, or waited for a later one, may have taken this one: that needs somebody, too. */
            if (until_us || load_queue_has_work(&loader->queue)) pthread_cond_signal(&loader->has_work);
            return CONTAINER_OF(task, struct job, task);
        }
        loader->idle++;
        if (until_us) {
            (void)thread_condition_wait(&loader->has_work, &loader->lock, until_us);
        } else {
            pthread_cond_wait(&loader->has_work, &loader->lock);
        }
        loader->idle--;
        loader->woken -= loader->woken > 0;
    }
}

static void *loader_thread(void *argument)
{
    struct loader *loader = argument;
    thread_run_in_turn();
    rcu_reader_begin();
    rcu_offline();
    pthread_mutex_lock(&loader->lock);
    for (struct job *job; (job = next_job(loader)) != NULL;) {
        bool takes_unsettled = job->takes_unsettled;
        job->has_begun = true;
        pthread_mutex_unlock(&loader->lock);
        switch (job->kind) {
        case JOB_LOAD: run_load(loader, job, takes_unsettled); break;
        case JOB_SCAN: run_scan(loader, job); break;
        case JOB_WINDOW: run_window(loader, job); break;
        case JOB_COPY: run_copy(loader, job); break;
        case JOB_DROP: run_drop(loader, job); break;
        case JOB_CHECK: run_check(loader, job); break;
        }
        pthread_mutex_lock(&loader->lock);
    }
    pthread_mutex_unlock(&loader->lock);
    rcu_reader_end();
    return NULL;
}

/* Under the lock, or before anybody else knows of it. */
static bool add_thread(struct loader *loader)
{
    if (thread_start(&loader->ids[loader->threads], "loader", loader_thread, loader) != STATUS_OK) return false;
    loader->threads++;
    return true;
}

struct loader *loader_new(const struct load_rules *rules, struct table *table, unsigned threads_max)
{
    struct loader *loader = calloc(1, sizeof *loader);
    if (!loader) return NULL;
    loader->rules = *rules;
    loader->table = table;
    loader->nowhere = file_open_nowhere();
    loader->threads_max = threads_max < LOADER_THREADS_MAX ? threads_max : LOADER_THREADS_MAX;
    load_queue_init(&loader->queue);
    list_init(&loader->delayed);
    pthread_mutex_init(&loader->lock, NULL);
    thread_condition_init(&loader->has_work);
    if (threads_max > 0 && !add_thread(loader)) {
        loader_free(loader);
        return NULL;
    }
    return loader;
}

/* Under the lock: nobody does what waits. */
static void give_up(struct loader *loader)
{
    struct list over;
    list_init(&over);
    while (!list_is_empty(&loader->delayed)) {
        struct job *job = CONTAINER_OF(loader->delayed.next, struct job, link);
        list_remove(&job->link);
        load_queue_resume(&loader->queue, &job->task);
    }
    load_queue_clear(&loader->queue, &over);
    while (!list_is_empty(&over)) {
        struct job *job = CONTAINER_OF(CONTAINER_OF(over.next, struct load_task, link), struct job, task);
        list_remove(&job->task.link);
        close_job(loader, job);
        if (job->kind == JOB_CHECK) atomic_store_explicit(&job->entry->is_queued, 0, memory_order_relaxed);
        finish(job, STATUS_FAILED);
    }
}

bool loader_stop(struct loader *loader, int64_t patience_ms)
{
    int64_t until_us = clock_monotonic_us() + patience_ms * 1000;
    pthread_mutex_lock(&loader->lock);
    loader->is_stopping = true;
    give_up(loader);
    pthread_cond_broadcast(&loader->has_work);
    pthread_mutex_unlock(&loader->lock);
    while (loader->threads > 0) { /* nobody starts any more */
        int64_t left_ms = (until_us - clock_monotonic_us()) / 1000;
        if (patience_ms >= 0 && left_ms < 0) left_ms = 0;
        if (!thread_join_within(loader->ids[loader->threads - 1], patience_ms < 0 ? -1 : left_ms)) return false;
        loader->threads--;
    }
    give_up(loader); /* what they put back */
    return true;
}

void loader_free(struct loader *loader)
{
    if (!loader) return;
    bool is_stopped = loader_stop(loader, -1);
    ASSERT(is_stopped);
    pthread_cond_destroy(&loader->has_work);
    pthread_mutex_destroy(&loader->lock);
    if (loader->nowhere >= 0) close(loader->nowhere);
    free(loader);
}

/* Under the lock: nobody waits any more for what was asked for so long ago. */
static void expire(struct loader *loader, const struct job *job, int64_t now_us)
{
    struct list late;
    int64_t patience_us = loader->rules.asked_ms_max * 1000 * LATE_FACTOR;
    if (patience_us == 0 || loader->queue.waiting < MANY_WAIT || now_us - loader->expired_us < EXPIRE_EVERY_US) return;
    loader->expired_us = now_us;
    list_init(&late);
    load_queue_expire(&loader->queue, &job->task, now_us - patience_us, &late);
    while (!list_is_empty(&late)) {
        struct job *gone = CONTAINER_OF(CONTAINER_OF(late.next, struct load_task, link), struct job, task);
        list_remove(&gone->task.link);
        close_job(loader, gone);
        finish(gone, STATUS_FAILED);
    }
}

/* Under the lock: queue `job`, and see that a thread will take it. STATUS_EXHAUSTED: it cannot be had. */
static enum status enqueue(struct loader *loader, struct job *job, struct load_origin origin, enum load_class kind)
{
    int64_t now_us = clock_monotonic_us();
    if (loader->is_stopping) return STATUS_EXHAUSTED;
    enum status status = load_queue_add(&loader->queue, &job->task, origin, kind, now_us);
    if (status != STATUS_OK) return status;
    expire(loader, job, now_us);
    /* One that was woken is counted as idle until it runs. */
    if (load_queue_has_work(&loader->queue)) {
        if (loader->woken < loader->idle) {
            loader->woken++;
            pthread_cond_signal(&loader->has_work);
        } else if (loader->threads < loader->threads_max) {
            (void)add_thread(loader);
        }
    }
    if (loader->threads > 0) return STATUS_OK; /* sooner or later one of them takes it */
    load_queue_finish(&loader->queue, &job->task);
    return STATUS_EXHAUSTED;
}

static struct job *job_new(enum job_kind kind, struct span key, struct mail *mail)
{
    struct job *job = malloc(sizeof *job + key.size);
    if (!job) return NULL;
    *job = (struct job){ .kind = kind, .waiters = mail, .key_size = key.size };
    list_init(&job->link);
    list_init(&job->task.link);
    if (key.size > 0) memcpy(job->key, key.data, key.size);
    return job;
}

/* Where `path` has to be waited for, as far as it is known without looking. */
static struct load_origin origin_in(struct loader *loader, const struct tree *tree, struct span path)
{
    struct load_origin origin = { 0 };
    struct span unknown = SPAN_NONE;
    if (tree && tree->watch) watch_whereabouts(tree->watch, path, &origin.device, &unknown);
    if (unknown.size > 0) origin.branch = (table_hash(loader->table, unknown) ^ (uintptr_t)tree) | 1;
    return origin;
}

static struct load_origin origin_of(struct loader *loader, struct span key)
{
    struct load_target target;
    if (!loader->rules.resolve(loader->rules.context, key, &target)) return (struct load_origin){ 0 };
    return origin_in(loader, target.tree, span_of(target.path, target.path_size));
}

/* Under the lock: a new job that loads `key`; NULL: no memory, no thread, or too many hints. */
static struct job *add_load(struct loader *loader, struct span key, uint64_t hash, struct load_origin origin,
                            struct mail *mail)
{
    struct job *job = job_new(JOB_LOAD, key, mail);
    if (!job) return NULL;
    job->hash = hash;
    if (enqueue(loader, job, origin, mail ? LOAD_ASKED : LOAD_HINT) != STATUS_OK) {
        free(job);
        return NULL;
    }
    open_job(loader, job);
    return job;
}

enum status loader_load(struct loader *loader, struct span key, uint64_t hash, struct mail *mail)
{
    enum status status = STATUS_OK;
    struct load_origin origin = origin_of(loader, key);
    mail->next = NULL;
    mail->asked_us = clock_monotonic_us();
    pthread_mutex_lock(&loader->lock);
    struct job *job = pending_job(loader, key, hash);
    if (job) {
        mail->next = job->waiters;
        job->waiters = mail;
        load_queue_ask(&loader->queue, &job->task, mail->asked_us);
    } else if (!add_load(loader, key, hash, origin, mail)) {
        status = STATUS_EXHAUSTED;
    }
    pthread_mutex_unlock(&loader->lock);
    return status;
}

enum status loader_reload(struct loader *loader, struct span key, uint64_t hash, bool takes_unsettled)
{
    struct load_origin origin = origin_of(loader, key);
    pthread_mutex_lock(&loader->lock);
    struct job *job = pending_job(loader, key, hash);
    if (job) job->again |= job->has_begun;
    if (!job) job = add_load(loader, key, hash, origin, NULL);
    if (job) job->takes_unsettled |= takes_unsettled;
    pthread_mutex_unlock(&loader->lock);
    return job ? STATUS_OK : STATUS_EXHAUSTED;
}

/* Queue `job`, or free it. */
static enum status submit(struct loader *loader, struct job *job, struct load_origin origin, enum load_class kind)
{
    pthread_mutex_lock(&loader->lock);
    enum status status = enqueue(loader, job, origin, kind);
    pthread_mutex_unlock(&loader->lock);
    if (status == STATUS_OK) return STATUS_OK;
    entry_unref(job->entry);
    free(job);
    return status;
}

enum status loader_scan(struct loader *loader, const struct tree *tree, struct span path)
{
    struct job *job = job_new(JOB_SCAN, path, NULL);
    if (!job) return STATUS_EXHAUSTED;
    job->tree = tree;
    return submit(loader, job, origin_in(loader, tree, path), LOAD_HINT);
}

void loader_check(struct loader *loader, struct entry *entry)
{
    struct job *job = job_new(JOB_CHECK, SPAN_NONE, NULL);
    if (job) {
        entry_ref(entry);
        job->entry = entry;
    }
    if (!job || submit(loader, job, origin_of(loader, entry_key(entry)), LOAD_HINT) != STATUS_OK)
        atomic_store_explicit(&entry->is_queued, 0, memory_order_relaxed);
}

static enum status ask_for_window(struct loader *loader, enum job_kind kind, struct entry *stream,
                                  const struct loader_window *window, struct mail *mail)
{
    struct job *job = job_new(kind, SPAN_NONE, mail);
    if (!job) return STATUS_EXHAUSTED;
    if (mail) mail->next = NULL;
    entry_ref(stream);
    job->entry = stream;
    job->window = *window;
    return submit(loader, job, (struct load_origin){ .device = stream->identity.device },
                  mail ? LOAD_WINDOW : LOAD_HINT);
}

enum status loader_warm(struct loader *loader, struct entry *stream, const struct loader_window *window,
                        struct mail *mail)
{
    return ask_for_window(loader, JOB_WINDOW, stream, window, mail);
}

enum status loader_copy(struct loader *loader, struct entry *stream, const struct loader_window *window,
                        struct mail *mail)
{
    return ask_for_window(loader, JOB_COPY, stream, window, mail);
}

void loader_drop(struct loader *loader, struct entry *stream, const struct loader_window *window)
{
    (void)ask_for_window(loader, JOB_DROP, stream, window, NULL);
}

uint64_t loader_loads(struct loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    uint64_t loads = loader->loads;
    pthread_mutex_unlock(&loader->lock);
    return loads;
}
