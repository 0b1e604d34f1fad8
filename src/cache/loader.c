#include "cache/loader.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "cache/table.h"
#include "platform/thread.h"

enum { THREADS_MAX = 64, PENDING_BUCKETS = 256, WARM_BLOCK_BYTES = 64 << 10 };

struct job {
    struct list link;        /* in the queue, until a thread takes it */
    struct job *bucket_next; /* jobs that load, until they have loaded */
    struct mail *waiters;
    struct entry *stream; /* NULL: load `key` */
    int64_t offset, size; /* of the window, with stream */
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
    struct job *pending[PENDING_BUCKETS]; /* jobs that load: a second waiter joins */
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

/* Answer everyone who waits for `job`, and free it. Each gets a reference of its own; the caller keeps its own. */
static void finish(struct job *job, enum status status, struct entry *entry)
{
    for (struct mail *mail = job->waiters, *next; mail; mail = next) {
        next = mail->next;
        if (entry) entry_ref(entry);
        mail->entry = entry;
        mail->status = status;
        mailbox_post(mail);
    }
    entry_unref(job->stream);
    free(job);
}

static void run_load(struct loader *loader, struct job *job)
{
    struct entry *entry = NULL;
    bool may_publish = false;
    enum status status =
        load_entry(&loader->rules, loader->table, job_key(job), job->hash, FILE_WAIT, &entry, &may_publish);
    struct entry *mine = entry;
    rcu_online();
    if (status == STATUS_OK && may_publish) entry = table_publish(loader->table, entry);
    if (entry) entry_ref(entry); /* beyond being online */
    rcu_offline();
    entry_unref(mine);

    pthread_mutex_lock(&loader->lock);
    struct job **at = bucket_of(loader, job->hash);
    while (*at != job) at = &(*at)->bucket_next;
    *at = job->bucket_next;
    loader->loads++;
    pthread_mutex_unlock(&loader->lock);
    finish(job, status, entry);
    entry_unref(entry);
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

static void *loader_thread(void *argument)
{
    struct loader *loader = argument;
    rcu_reader_begin();
    rcu_offline();
    pthread_mutex_lock(&loader->lock);
    for (;;) {
        while (list_is_empty(&loader->queue) && !loader->is_stopping) {
            loader->idle++;
            pthread_cond_wait(&loader->has_work, &loader->lock);
            loader->idle--;
        }
        if (loader->is_stopping) break;
        struct job *job = CONTAINER_OF(loader->queue.next, struct job, link);
        list_remove(&job->link);
        pthread_mutex_unlock(&loader->lock);
        if (job->stream)
            run_warm(job);
        else
            run_load(loader, job);
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
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->has_work, NULL);
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
    while (!list_is_empty(&loader->queue)) {
        struct job *job = CONTAINER_OF(loader->queue.next, struct job, link);
        list_remove(&job->link);
        finish(job, STATUS_FAILED, NULL);
    }
    pthread_cond_destroy(&loader->has_work);
    pthread_mutex_destroy(&loader->lock);
    free(loader);
}

/* Under the lock: queue `job`, and see that a thread will take it. STATUS_EXHAUSTED: there is none. */
static enum status enqueue(struct loader *loader, struct job *job)
{
    list_append(&loader->queue, &job->link);
    if (loader->idle > 0) {
        pthread_cond_signal(&loader->has_work);
    } else if (loader->threads < loader->threads_max) {
        if (thread_start(&loader->ids[loader->threads], "loader", loader_thread, loader) == STATUS_OK)
            loader->threads++;
    }
    if (loader->threads > 0) return STATUS_OK; /* sooner or later one of them takes it */
    list_remove(&job->link);
    return STATUS_EXHAUSTED;
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

enum status loader_load(struct loader *loader, struct span key, uint64_t hash, struct mail *mail)
{
    enum status status = STATUS_OK;
    mail->next = NULL;
    pthread_mutex_lock(&loader->lock);
    struct job **bucket = bucket_of(loader, hash), *job = *bucket;
    while (job && !(job->hash == hash && span_equal(job_key(job), key))) job = job->bucket_next;
    if (job) {
        mail->next = job->waiters;
        job->waiters = mail;
    } else if (!(job = job_new(key, mail))) {
        status = STATUS_EXHAUSTED;
    } else {
        job->hash = hash;
        status = enqueue(loader, job);
        if (status == STATUS_OK) {
            job->bucket_next = *bucket;
            *bucket = job;
        } else {
            free(job);
        }
    }
    pthread_mutex_unlock(&loader->lock);
    return status;
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
