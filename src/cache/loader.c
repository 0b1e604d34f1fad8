#include "cache/loader.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/list.h"
#include "cache/table.h"
#include "platform/clock.h"
#include "platform/thread.h"

enum { THREADS_MAX = 64, PENDING_BUCKETS = 256, WARM_BLOCK_BYTES = 64 << 10, BUSY_WAIT_US = 10000 };

struct job {
    struct list link;        /* in the queue, until a thread takes it */
    struct job *bucket_next; /* jobs that load, until they have loaded */
    struct mail *waiters;
    struct entry *stream;     /* to bring into memory or, with `checks`, any entry to look at; NULL: load `key` */
    int64_t offset, size;     /* of the window, with stream */
    int64_t busy_since_us;    /* its file was first found being written; 0: it was not */
    int64_t not_before_us;    /* in the list of delayed jobs: until then */
    bool takes_unsettled;     /* a file that is still being written is taken as it is */
    bool checks;              /* look whether `stream` is still what its key leads to */
    bool has_begun;           /* somebody looks, or looked */
    bool again;               /* it is to be loaded once more: something was told when it had begun */
    const struct tree *scans; /* go through its folder `key`, and have everything in it loaded; NULL: load, or warm */
    uint64_t hash;
    size_t key_size;
    char key[];
};

struct loader {
    struct load_rules rules; /* constant */
    struct table *table;     /* constant */
    pthread_mutex_t lock;    /* guards everything below */
    pthread_cond_t has_work;
    struct list queue;
    struct list delayed; /* their file is being written: they are tried again, in the order of not_before_us */
    struct job *pending[PENDING_BUCKETS]; /* jobs that load: a second waiter joins */
    unsigned queued;                      /* jobs in the queue */
    unsigned threads, idle, threads_max;
    bool is_stopping;
    uint64_t loads;
    pthread_t ids[THREADS_MAX];
};

static struct span job_key(const struct job *job)
{
    return span_of(job->key, job->key_size);
}

static struct job **bucket_of(struct loader *loader, uint64_t hash)
{
    return &loader->pending[hash % PENDING_BUCKETS];
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
static void finish(struct job *job, enum status status, struct entry *entry)
{
    answer(job->waiters, status, entry);
    entry_unref(job->stream);
    free(job);
}

/* Under the lock. */
static void put_off(struct loader *loader, struct job *job)
{
    job->not_before_us = clock_monotonic_us() + BUSY_WAIT_US;
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

/* From now on nobody joins `job`; returns whether it is to be done once more. */
static bool close_job(struct loader *loader, struct job *job)
{
    pthread_mutex_lock(&loader->lock);
    struct job **at = bucket_of(loader, job->hash);
    while (*at != job) at = &(*at)->bucket_next;
    *at = job->bucket_next;
    loader->loads++;
    bool again = job->again;
    pthread_mutex_unlock(&loader->lock);
    return again;
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

static void *loader_thread(void *argument);

/* Under the lock: queue `job`, and see that a thread will take it. STATUS_EXHAUSTED: there is none. */
static enum status enqueue(struct loader *loader, struct job *job)
{
    list_append(&loader->queue, &job->link);
    loader->queued++;
    /* One that was woken is counted as idle until it runs: of those there must be one for each job. */
    if (loader->queued <= loader->idle) {
        pthread_cond_signal(&loader->has_work);
    } else if (loader->threads < loader->threads_max) {
        if (thread_start(&loader->ids[loader->threads], "loader", loader_thread, loader) == STATUS_OK)
            loader->threads++;
    }
    if (loader->threads > 0) return STATUS_OK; /* sooner or later one of them takes it */
    list_remove(&job->link);
    loader->queued--;
    return STATUS_EXHAUSTED;
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
        free(job);
    } else {
        open_job(loader, job);
        if (in_a_moment)
            put_off(loader, job);
        else
            (void)enqueue(loader, job); /* there is a thread: this one */
    }
    pthread_mutex_unlock(&loader->lock);
}

static void run_load(struct loader *loader, struct job *job, bool takes_unsettled)
{
    struct entry *entry = NULL;
    bool may_publish = false;
    enum status status = load_entry(&loader->rules, loader->table, job_key(job), job->hash, FILE_WAIT, takes_unsettled,
                                    &entry, &may_publish);
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

    bool again = close_job(loader, job);
    struct mail *late = status == STATUS_OK ? take_late(job, entry->sampled_us) : NULL;
    answer(job->waiters, status, entry);
    job->waiters = late;
    /* All of these asked before this look. */
    if (late && load_check(&loader->rules, entry, FILE_WAIT) == STATUS_OK) {
        answer(late, status, entry);
        job->waiters = NULL;
    }
    entry_unref(entry);
    if (job->waiters || again || is_lost)
        do_again(loader, job, !job->waiters && !again);
    else
        free(job);
}

/* Reading is the one way to be sure that the pages are there; the copy is thrown away. */
static void run_warm(struct job *job)
{
    char block[WARM_BLOCK_BYTES];
    enum status status = STATUS_OK;
    file_read_ahead(job->stream->fd, job->offset, job->size);
    for (int64_t done = 0; done < job->size && status == STATUS_OK;) {
        size_t want = job->size - done < WARM_BLOCK_BYTES ? (size_t)(job->size - done) : WARM_BLOCK_BYTES, got = 0;
        status = file_read(job->stream->fd, block, want, job->offset + done, FILE_WAIT, &got);
        if (got < want) break; /* shorter than it was: the sender will see that it changed */
        done += (int64_t)got;
    }
    finish(job, status, NULL);
}

static void run_check(struct loader *loader, struct job *job)
{
    (void)load_check_queued(&loader->rules, loader->table, job->stream, FILE_WAIT);
    finish(job, STATUS_OK, NULL);
}

static void reload_key(void *context, struct span key)
{
    struct loader *loader = context;
    loader_reload(loader, key, table_hash(loader->table, key), false);
}

/* What is in the folder now; what comes later is told by its watch, which stands before it is read. */
static void run_scan(struct loader *loader, struct job *job)
{
    char path[PATH_MAX];
    struct watch_mark mark = { 0 };
    struct span folder_path = job_key(job);
    const struct tree *tree = job->scans;
    if (tree->watch && watch_enter(tree->watch, folder_path, FILE_WAIT, &mark) == STATUS_OK) watch_leave(&mark);
    DIR *folder = file_open_folder(tree->root, folder_path);
    for (const struct dirent *item; folder && (item = readdir(folder)) != NULL;) {
        bool is_folder = file_is_folder(folder, item);
        if ((item->d_name[0] == '.' && strcmp(item->d_name, ".well-known") != 0) || folder_path.size >= sizeof path)
            continue;
        int size = snprintf(path, sizeof path, "%.*s%s%s", (int)folder_path.size, folder_path.data, item->d_name,
                            is_folder ? "/" : "");
        if (size >= (int)sizeof path) continue;
        struct span inner = span_of(path, (size_t)size);
        if (is_folder)
            loader_scan(loader, tree, inner);
        else
            tree_keys(tree, inner, reload_key, loader);
    }
    if (folder) closedir(folder);
    free(job);
}

/* Under the lock: the next job to run; NULL: the thread is to end. */
static struct job *next_job(struct loader *loader)
{
    for (;;) {
        if (loader->is_stopping) return NULL;
        int64_t now_us = clock_monotonic_us();
        struct job *delayed =
            list_is_empty(&loader->delayed) ? NULL : CONTAINER_OF(loader->delayed.next, struct job, link);
        struct job *job = list_is_empty(&loader->queue) ? NULL : CONTAINER_OF(loader->queue.next, struct job, link);
        if (delayed && delayed->not_before_us <= now_us) job = delayed;
        if (job) {
            list_remove(&job->link);
            loader->queued -= job != delayed;
            /* Whoever was woken for another job, or waited for a later one, may have taken this one: that needs somebody, too. */
            if (!list_is_empty(&loader->queue) || !list_is_empty(&loader->delayed))
                pthread_cond_signal(&loader->has_work);
            return job;
        }
        loader->idle++;
        if (delayed) {
            struct timespec until = { .tv_sec = delayed->not_before_us / 1000000,
                                      .tv_nsec = delayed->not_before_us % 1000000 * 1000 };
            pthread_cond_timedwait(&loader->has_work, &loader->lock, &until);
        } else {
            pthread_cond_wait(&loader->has_work, &loader->lock);
        }
        loader->idle--;
    }
}

static void *loader_thread(void *argument)
{
    struct loader *loader = argument;
    rcu_reader_begin();
    rcu_offline();
    pthread_mutex_lock(&loader->lock);
    for (struct job *job; (job = next_job(loader)) != NULL;) {
        bool takes_unsettled = job->takes_unsettled;
        job->has_begun = true;
        pthread_mutex_unlock(&loader->lock);
        if (job->scans)
            run_scan(loader, job);
        else if (job->checks)
            run_check(loader, job);
        else if (job->stream)
            run_warm(job);
        else
            run_load(loader, job, takes_unsettled);
        pthread_mutex_lock(&loader->lock);
    }
    pthread_mutex_unlock(&loader->lock);
    rcu_reader_end();
    return NULL;
}

struct loader *loader_new(const struct load_rules *rules, struct table *table, unsigned threads_max)
{
    struct loader *loader = calloc(1, sizeof *loader);
    if (!loader) return NULL;
    loader->rules = *rules;
    loader->table = table;
    loader->threads_max = threads_max < THREADS_MAX ? threads_max : THREADS_MAX;
    list_init(&loader->queue);
    list_init(&loader->delayed);
    pthread_mutex_init(&loader->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&loader->has_work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return loader;
}

void loader_free(struct loader *loader)
{
    if (!loader) return;
    pthread_mutex_lock(&loader->lock);
    loader->is_stopping = true;
    pthread_cond_broadcast(&loader->has_work);
    pthread_mutex_unlock(&loader->lock);
    for (unsigned i = 0; i < loader->threads; i++) pthread_join(loader->ids[i], NULL);
    list_splice(&loader->queue, &loader->delayed);
    while (!list_is_empty(&loader->queue)) {
        struct job *job = CONTAINER_OF(loader->queue.next, struct job, link);
        list_remove(&job->link);
        finish(job, STATUS_FAILED, NULL);
    }
    pthread_cond_destroy(&loader->has_work);
    pthread_mutex_destroy(&loader->lock);
    free(loader);
}

static struct job *job_new(struct span key, struct mail *mail)
{
    struct job *job = malloc(sizeof *job + key.size);
    if (!job) return NULL;
    *job = (struct job){ .waiters = mail, .key_size = key.size };
    list_init(&job->link);
    if (key.size > 0) memcpy(job->key, key.data, key.size);
    return job;
}

/* Under the lock: a new job that loads `key`; NULL: no memory, or no thread. */
static struct job *add_job(struct loader *loader, struct span key, uint64_t hash, struct mail *mail)
{
    struct job *job = job_new(key, mail);
    if (!job) return NULL;
    job->hash = hash;
    if (enqueue(loader, job) != STATUS_OK) {
        free(job);
        return NULL;
    }
    open_job(loader, job);
    return job;
}

enum status loader_load(struct loader *loader, struct span key, uint64_t hash, struct mail *mail)
{
    enum status status = STATUS_OK;
    mail->next = NULL;
    mail->asked_us = clock_monotonic_us();
    pthread_mutex_lock(&loader->lock);
    struct job *job = pending_job(loader, key, hash);
    if (job) {
        mail->next = job->waiters;
        job->waiters = mail;
    } else if (!add_job(loader, key, hash, mail)) {
        status = STATUS_EXHAUSTED;
    }
    pthread_mutex_unlock(&loader->lock);
    return status;
}

void loader_reload(struct loader *loader, struct span key, uint64_t hash, bool takes_unsettled)
{
    pthread_mutex_lock(&loader->lock);
    struct job *job = pending_job(loader, key, hash);
    if (job) job->again |= job->has_begun;
    if (!job) job = add_job(loader, key, hash, NULL);
    if (job) job->takes_unsettled |= takes_unsettled;
    pthread_mutex_unlock(&loader->lock);
}

void loader_scan(struct loader *loader, const struct tree *tree, struct span path)
{
    struct job *job = job_new(path, NULL);
    if (!job) return;
    job->scans = tree;
    pthread_mutex_lock(&loader->lock);
    enum status status = enqueue(loader, job);
    pthread_mutex_unlock(&loader->lock);
    if (status != STATUS_OK) free(job);
}

void loader_check(struct loader *loader, struct entry *entry)
{
    enum status status = STATUS_EXHAUSTED;
    struct job *job = job_new(SPAN_NONE, NULL);
    if (job) {
        entry_ref(entry);
        job->stream = entry;
        job->checks = true;
        pthread_mutex_lock(&loader->lock);
        status = enqueue(loader, job);
        pthread_mutex_unlock(&loader->lock);
    }
    if (status == STATUS_OK) return;
    atomic_store_explicit(&entry->is_queued, 0, memory_order_relaxed);
    if (job) entry_unref(entry);
    free(job);
}

enum status loader_warm(struct loader *loader, struct entry *stream, int64_t offset, int64_t size, struct mail *mail)
{
    struct job *job = job_new(SPAN_NONE, mail);
    if (!job) return STATUS_EXHAUSTED;
    mail->next = NULL;
    entry_ref(stream);
    job->stream = stream;
    job->offset = offset;
    job->size = size;
    pthread_mutex_lock(&loader->lock);
    enum status status = enqueue(loader, job);
    pthread_mutex_unlock(&loader->lock);
    if (status == STATUS_OK) return STATUS_OK;
    entry_unref(stream);
    free(job);
    return status;
}

uint64_t loader_loads(struct loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    uint64_t loads = loader->loads;
    pthread_mutex_unlock(&loader->lock);
    return loads;
}
