#include "server/authenticator.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/list.h"
#include "base/siphash.h"
#include "platform/clock.h"
#include "platform/thread.h"
#include "server/password.h"
#include "server/user_file.h"

enum {
    CHECKERS_MAX = 16,
    WAITING_MAX = 256,
    SETS = 1024,
    WAYS = 4,
    LOOK_MS = 1000, /* files are looked at so often once something was found by way of them */
    CHECK_MS = 50,  /* a password takes about so long, or a few times that */
};

/* What is checked for somebody whom nobody knows: bcrypt, of nothing that anybody types. */
static const char nobody[] = "$2y$10$abcdefghijklmnopqrstuu4T826PRnz0Hu6YlprUuxkZxOOj5Fw5S";

struct known_file {
    struct span path; /* a NUL follows */
    struct user_file users;
    _Atomic uint64_t version; /* raised when it was read anew: release; part of what is remembered by: acquire */
};

struct print {
    uint64_t half[2];
};

struct job {
    struct list link;
    struct print print;
    struct known_file *file;
    struct mail *waiters;
    unsigned waiter_count;
    struct credentials credentials; /* its spans are in its own room */
};

struct authenticator {
    uint64_t keys[2][2]; /* constant; random */
    struct known_file *files;
    size_t file_count;
    _Atomic uint64_t known[SETS][WAYS][2]; /* prints; relaxed: a torn pair is nobody's */
    pthread_mutex_t file_lock;             /* guards the users of all files; held while one is read */
    pthread_mutex_t lock;                  /* guards everything below; never held across a call that waits */
    pthread_cond_t has_work;
    struct list queue, running;
    unsigned queued, waiting, threads, idle, threads_max;
    int64_t look_at_us; /* monotonic: when files are looked at next */
    bool is_stopping;
    pthread_t ids[CHECKERS_MAX];
};

/* Of name and password as they stand in this version of the file. */
static struct print print_of(const struct authenticator *authenticator, const struct known_file *file,
                             const struct credentials *credentials)
{
    char text[CREDENTIALS_BYTES_MAX + 32];
    struct print print;
    uint64_t numbers[2] = { (uint64_t)(file - authenticator->files),
                            atomic_load_explicit(&file->version, memory_order_acquire) };
    size_t size = sizeof numbers;
    memcpy(text, numbers, sizeof numbers);
    memcpy(text + size, credentials->user.data, credentials->user.size);
    size += credentials->user.size;
    text[size++] = ':'; /* no name has one */
    memcpy(text + size, credentials->password.data, credentials->password.size);
    size += credentials->password.size;
    print.half[0] = siphash(authenticator->keys[0], span_of(text, size)) | 1; /* 0 is nobody's */
    print.half[1] = siphash(authenticator->keys[1], span_of(text, size));
    explicit_bzero(text, size);
    return print;
}

static size_t set_of(struct print print)
{
    return print.half[0] / 2 % SETS; /* its lowest bit says nothing */
}

static bool is_known(struct authenticator *authenticator, struct print print)
{
    _Atomic uint64_t(*set)[2] = authenticator->known[set_of(print)];
    for (unsigned way = 0; way < WAYS; way++) {
        if (atomic_load_explicit(&set[way][0], memory_order_relaxed) == print.half[0] &&
            atomic_load_explicit(&set[way][1], memory_order_relaxed) == print.half[1])
            return true;
    }
    return false;
}

static void remember(struct authenticator *authenticator, struct print print)
{
    if (is_known(authenticator, print)) return;
    _Atomic uint64_t(*set)[2] = authenticator->known[set_of(print)];
    unsigned way = 0;
    while (way < WAYS && atomic_load_explicit(&set[way][0], memory_order_relaxed) != 0) way++;
    if (way == WAYS) way = (unsigned)(print.half[1] % WAYS);
    atomic_store_explicit(&set[way][0], print.half[0], memory_order_relaxed);
    atomic_store_explicit(&set[way][1], print.half[1], memory_order_relaxed);
}

static void answer(struct mail *waiters, enum status status)
{
    for (struct mail *next; waiters; waiters = next) {
        next = waiters->next;
        waiters->status = status;
        mailbox_post(waiters);
    }
}

static void job_free(struct job *job)
{
    credentials_forget(&job->credentials);
    free(job);
}

/* The hash of whom the job is about. False: the file cannot be read. *ret_is_user: it is somebody's whom the file names. */
static bool find_hash(struct authenticator *authenticator, struct job *job, char out[PASSWORD_HASH_BYTES_MAX],
                      bool *ret_is_user)
{
    bool has_changed;
    pthread_mutex_lock(&authenticator->file_lock);
    enum status status = user_file_refresh(&job->file->users, job->file->path.data, &has_changed);
    /* release: whoever sees it makes other prints, and asks anew */
    if (has_changed) atomic_fetch_add_explicit(&job->file->version, 1, memory_order_release);
    struct span user = job->credentials.user, hash = SPAN_NONE;
    if (status == STATUS_OK && user.size > 0) hash = user_file_find(&job->file->users, user);
    *ret_is_user = hash.data && password_hash_is_known(hash);
    /* As costly as whoever comes first, so that the time does not tell who is known. */
    if (!*ret_is_user) hash = user_file_find(&job->file->users, SPAN(""));
    if (!hash.data || !password_hash_is_known(hash)) hash = span_of(nobody, sizeof nobody - 1);
    memcpy(out, hash.data, hash.size);
    out[hash.size] = '\0';
    pthread_mutex_unlock(&authenticator->file_lock);
    return status == STATUS_OK;
}

static enum status check(struct authenticator *authenticator, struct job *job, struct crypt_data *room)
{
    char hash[PASSWORD_HASH_BYTES_MAX], password[CREDENTIALS_BYTES_MAX + 1];
    bool is_user;
    if (!find_hash(authenticator, job, hash, &is_user)) return STATUS_FAILED;
    struct print print = print_of(authenticator, job->file, &job->credentials);
    size_t size = job->credentials.password.size;
    memcpy(password, job->credentials.password.data, size);
    password[size] = '\0';
    bool matches = password_matches(password, hash, room);
    explicit_bzero(password, sizeof password);
    explicit_bzero(hash, sizeof hash);
    if (!matches || !is_user) return STATUS_REFUSED;
    remember(authenticator, print);
    return STATUS_OK;
}

/* What was found by way of a file that has changed holds no more. */
static void look_at_files(struct authenticator *authenticator)
{
    pthread_mutex_lock(&authenticator->file_lock);
    for (size_t i = 0; i < authenticator->file_count; i++) {
        struct known_file *file = &authenticator->files[i];
        bool has_changed = false;
        enum status status = STATUS_OK;
        if (file->users.is_read) status = user_file_refresh(&file->users, file->path.data, &has_changed);
        if (has_changed || status != STATUS_OK) atomic_fetch_add_explicit(&file->version, 1, memory_order_release);
    }
    pthread_mutex_unlock(&authenticator->file_lock);
}

/* Under the lock: the next job; NULL: there is none by the time when files are to be looked at, or no more. */
static struct job *next_job(struct authenticator *authenticator)
{
    bool is_early = true;
    authenticator->idle++;
    while (is_early && !authenticator->is_stopping && list_is_empty(&authenticator->queue))
        is_early = thread_condition_wait(&authenticator->has_work, &authenticator->lock, authenticator->look_at_us);
    authenticator->idle--;
    if (authenticator->is_stopping || list_is_empty(&authenticator->queue)) return NULL;
    struct job *job = CONTAINER_OF(authenticator->queue.next, struct job, link);
    list_remove(&job->link);
    list_append(&authenticator->running, &job->link);
    authenticator->queued--;
    return job;
}

/* Under the lock, which is not held meanwhile. */
static void do_job(struct authenticator *authenticator, struct job *job, struct crypt_data *room)
{
    pthread_mutex_unlock(&authenticator->lock);
    enum status status = room ? check(authenticator, job, room) : STATUS_EXHAUSTED;
    pthread_mutex_lock(&authenticator->lock);
    list_remove(&job->link);
    authenticator->waiting -= job->waiter_count;
    answer(job->waiters, status);
    job_free(job);
}

/* The same. However busy all are: who guesses at one file must not keep the changes of another from being seen. */
static void look_if_due(struct authenticator *authenticator)
{
    int64_t now_us = clock_monotonic_us();
    if (authenticator->is_stopping || now_us < authenticator->look_at_us) return;
    authenticator->look_at_us = now_us + LOOK_MS * 1000;
    pthread_mutex_unlock(&authenticator->lock);
    look_at_files(authenticator);
    pthread_mutex_lock(&authenticator->lock);
}

static void *authenticator_thread(void *argument)
{
    struct authenticator *authenticator = argument;
    struct crypt_data *room = malloc(sizeof *room);
    pthread_mutex_lock(&authenticator->lock);
    while (!authenticator->is_stopping) {
        struct job *job = next_job(authenticator);
        if (job) do_job(authenticator, job, room);
        look_if_due(authenticator);
    }
    pthread_mutex_unlock(&authenticator->lock);
    free(room);
    return NULL;
}

static void add_file(struct authenticator *authenticator, struct span path)
{
    if (!path.data) return;
    for (size_t i = 0; i < authenticator->file_count; i++) {
        if (span_equal(authenticator->files[i].path, path)) return;
    }
    authenticator->files[authenticator->file_count++].path = path;
}

/* Each that some rules name; merged rules name no other. */
static bool gather_files(struct authenticator *authenticator, const struct config *config)
{
    size_t most = 1;
    for (size_t i = 0; i < config->site_count; i++) most += 1 + config->sites[i]->sections.count;
    authenticator->files = calloc(most, sizeof *authenticator->files);
    if (!authenticator->files) return false;
    for (size_t i = 0; i < config->site_count; i++) {
        const struct site_config *site = config->sites[i];
        add_file(authenticator, site->rules.auth_user_file);
        for (size_t j = 0; j < site->sections.count; j++)
            add_file(authenticator, ((const struct section *)site->sections.items[j])->rules.auth_user_file);
    }
    return true;
}

struct authenticator *authenticator_new(const struct config *config)
{
    struct authenticator *authenticator = calloc(1, sizeof *authenticator);
    if (!authenticator) return NULL;
    list_init(&authenticator->queue);
    list_init(&authenticator->running);
    pthread_mutex_init(&authenticator->lock, NULL);
    pthread_mutex_init(&authenticator->file_lock, NULL);
    thread_condition_init(&authenticator->has_work);
    unsigned half = thread_cpus() / 2;
    authenticator->threads_max = half < 1 ? 1 : half < CHECKERS_MAX ? half : CHECKERS_MAX;
    bool is_random = getrandom(authenticator->keys, sizeof authenticator->keys, 0) == sizeof authenticator->keys;
    if (is_random && gather_files(authenticator, config)) return authenticator;
    authenticator_free(authenticator);
    return NULL;
}

/* Whether one is at a user file, whose device may never answer. What else they do comes to its end. */
static bool is_reading(struct authenticator *authenticator)
{
    if (pthread_mutex_trylock(&authenticator->file_lock) != 0) return true;
    pthread_mutex_unlock(&authenticator->file_lock);
    return false;
}

bool authenticator_stop(struct authenticator *authenticator, int64_t patience_ms)
{
    int64_t until_us = clock_monotonic_us() + patience_ms * 1000;
    pthread_mutex_lock(&authenticator->lock);
    authenticator->is_stopping = true;
    pthread_cond_broadcast(&authenticator->has_work);
    pthread_mutex_unlock(&authenticator->lock);
    for (; authenticator->threads > 0; authenticator->threads--) { /* nobody starts any more */
        int64_t left_ms = (until_us - clock_monotonic_us()) / 1000;
        if (patience_ms >= 0 && left_ms < 0) left_ms = 0;
        while (!thread_join_within(authenticator->ids[authenticator->threads - 1], patience_ms < 0 ? -1 : left_ms)) {
            if (is_reading(authenticator)) return false;
            left_ms = CHECK_MS;
        }
    }
    while (!list_is_empty(&authenticator->queue)) {
        struct job *job = CONTAINER_OF(authenticator->queue.next, struct job, link);
        list_remove(&job->link);
        answer(job->waiters, STATUS_FAILED);
        job_free(job);
    }
    return true;
}

void authenticator_free(struct authenticator *authenticator)
{
    if (!authenticator) return;
    bool is_stopped = authenticator_stop(authenticator, -1);
    ASSERT(is_stopped);
    for (size_t i = 0; i < authenticator->file_count; i++) user_file_done(&authenticator->files[i].users);
    free(authenticator->files);
    pthread_cond_destroy(&authenticator->has_work);
    pthread_mutex_destroy(&authenticator->file_lock);
    pthread_mutex_destroy(&authenticator->lock);
    explicit_bzero(authenticator, sizeof *authenticator);
    free(authenticator);
}

/* Under the lock: one who is checked, or waits for it, with the same name and password. */
static struct job *find_job(struct authenticator *authenticator, struct print print)
{
    struct list *lists[] = { &authenticator->queue, &authenticator->running };
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        for (struct list *at = lists[i]->next; at != lists[i]; at = at->next) {
            struct job *job = CONTAINER_OF(at, struct job, link);
            if (memcmp(&job->print, &print, sizeof print) == 0) return job;
        }
    }
    return NULL;
}

static void copy_credentials(struct credentials *to, const struct credentials *from)
{
    memcpy(to->room, from->user.data, from->user.size);
    to->user = span_of(to->room, from->user.size);
    memcpy(to->room + from->user.size, from->password.data, from->password.size);
    to->password = span_of(to->room + from->user.size, from->password.size);
}

/* Under the lock: have it checked. False: no thread. */
static bool enqueue(struct authenticator *authenticator, struct job *job)
{
    list_append(&authenticator->queue, &job->link);
    authenticator->queued++;
    /* Who was woken for another counts as idle until he runs. */
    if (authenticator->queued > authenticator->idle && authenticator->threads < authenticator->threads_max &&
        thread_start(&authenticator->ids[authenticator->threads], "authenticator", authenticator_thread,
                     authenticator) == STATUS_OK)
        authenticator->threads++;
    pthread_cond_signal(&authenticator->has_work);
    if (authenticator->threads > 0) return true;
    list_remove(&job->link);
    authenticator->queued--;
    return false;
}

static enum status have_checked(struct authenticator *authenticator, struct known_file *file, struct print print,
                                const struct credentials *credentials, struct mail *mail)
{
    enum status status = STATUS_WOULD_BLOCK;
    struct job *fresh = NULL;
    pthread_mutex_lock(&authenticator->lock);
    struct job *job = find_job(authenticator, print);
    if (authenticator->waiting == WAITING_MAX) {
        status = STATUS_BUSY;
    } else if (!job && (job = fresh = calloc(1, sizeof *fresh)) == NULL) {
        status = STATUS_EXHAUSTED;
    } else if (fresh) {
        fresh->print = print;
        fresh->file = file;
        list_init(&fresh->link);
        copy_credentials(&fresh->credentials, credentials);
        if (!enqueue(authenticator, fresh)) status = STATUS_EXHAUSTED;
    }
    if (status == STATUS_WOULD_BLOCK) {
        mail->next = job->waiters;
        job->waiters = mail;
        job->waiter_count++;
        authenticator->waiting++;
    } else if (fresh) {
        job_free(fresh);
    }
    pthread_mutex_unlock(&authenticator->lock);
    return status;
}

enum status authenticator_ask(struct authenticator *authenticator, struct span path,
                              const struct credentials *credentials, const struct mail *mails, struct mailbox *mailbox,
                              uint64_t cookie)
{
    struct known_file *file = NULL;
    for (size_t i = 0; i < authenticator->file_count && !file; i++) {
        if (span_equal(authenticator->files[i].path, path)) file = &authenticator->files[i];
    }
    if (!file) return STATUS_FAILED;
    struct print print = print_of(authenticator, file, credentials);
    if (is_known(authenticator, print)) return STATUS_OK;
    for (; mails; mails = mails->next) {
        if (mails->hash == print.half[0] && !mails->entry) return mails->status;
    }
    struct mail *mail = calloc(1, sizeof *mail);
    if (!mail) return STATUS_EXHAUSTED;
    mail->to = mailbox;
    mail->cookie = cookie;
    mail->hash = print.half[0];
    enum status status = have_checked(authenticator, file, print, credentials, mail);
    if (status != STATUS_WOULD_BLOCK) free(mail);
    return status;
}
