/* stamped.c - the attack: files are changed in every way while they are asked for in every way, and every answer is judged.
 *
 * Role:   starts the writers and the clients, ends them, asks for everything once more when nothing changes any longer,
 *         and prints a table with a row for each kind of writer and size of file.
 * Status: 0 if nothing was torn, early, stale, wrong or lost; 1 if something was; 2 if it could not do its part.
 */
#include <arpa/inet.h>
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "history.h"
#include "oracle.h"
#include "writers.h"

enum {
    FILES_MAX = 16, /* of each kind and size */
    CLIENTS_MAX = 64,
    CLASSES = WRITER_KINDS * 2,
    SHOWN_MAX = 10,      /* of each kind of failure */
    LAST_LOOKS = 8,      /* at each file, by each client, when nothing changes any longer */
    REST_US_MAX = 20000, /* before an answer is read that lies in the client's queue */
};

struct counts {
    _Atomic uint64_t answers, status_200, status_206, status_304, status_404, status_416, verdicts[VERDICTS];
};

struct attack {
    struct oracle oracle;
    struct writers_plan plan;
    struct sockaddr_in address;
    struct file *files;
    unsigned file_count, client_count;
    unsigned slow_one_in; /* of so many requests for big files, one takes its answer slowly */
    unsigned big_one_in;  /* of so many requests, one is for a big file */
    struct counts counts[CLASSES];
    _Atomic uint64_t verified, shown[VERDICTS];
    _Atomic bool is_quiet; /* the writers have ended: whole files are asked for a last time, and the clients end */
    int64_t begun_us;      /* monotonic */
    int seconds;
    uint64_t answers_max; /* stop when so many are verified; 0: only when the time is over */
};

struct asker {
    struct attack *attack;
    struct client client;
    uint64_t random;
    struct known {
        char etag[ETAG_BYTES_MAX], modified[ETAG_BYTES_MAX];
        uint32_t generation;
        uint64_t length;
    } * known; /* by file: what was answered last */
};

static const char *const verdict_names[VERDICTS] = { "verified", "aborted", "torn", "early", "stale", "wrong", "lost" };

static unsigned class_of(const struct file *file)
{
    return (unsigned)file->kind * 2 + file->is_big;
}

static void swap(uint64_t *a, uint64_t *b)
{
    uint64_t kept = *a;
    *a = *b;
    *b = kept;
}

/* Two ranges apart from each other, in either order. */
static void choose_two_ranges(struct asker *asker, uint64_t first, uint64_t least, struct question *question)
{
    question->has_second = true;
    question->range_first = first;
    question->range_last = first + least + random_below(&asker->random, first + 1);
    question->second_first = question->range_last + 2 + random_below(&asker->random, first + 1);
    question->second_last = question->second_first + least + random_below(&asker->random, first + 1);
    if (random_below(&asker->random, 2) == 0) {
        swap(&question->range_first, &question->second_first);
        swap(&question->range_last, &question->second_last);
    }
    snprintf(question->range, sizeof question->range, "bytes=%" PRIu64 "-%" PRIu64 ",%" PRIu64 "-%" PRIu64,
             question->range_first, question->range_last, question->second_first, question->second_last);
}

static void choose_range(struct asker *asker, const struct known *known, struct question *question)
{
    enum { LEAST = 1200 }; /* there is a whole cell in it, wherever it begins */
    uint64_t length = known->length > 2 * LEAST ? known->length : 2 * LEAST;
    uint64_t first = random_below(&asker->random, length - LEAST);
    question->has_range = true;
    switch (random_below(&asker->random, 5)) {
    case 0:
        question->range_suffix = LEAST + first;
        snprintf(question->range, sizeof question->range, "bytes=-%" PRIu64, question->range_suffix);
        return;
    case 1:
        question->range_last = UINT64_MAX;
        snprintf(question->range, sizeof question->range, "bytes=%" PRIu64 "-", first);
        break;
    case 2: choose_two_ranges(asker, first / 5, LEAST, question); return;
    case 3: first = 0; __attribute__((fallthrough));
    default:
        question->range_last = first + LEAST + random_below(&asker->random, length - first);
        snprintf(question->range, sizeof question->range, "bytes=%" PRIu64 "-%" PRIu64, first, question->range_last);
        break;
    }
    question->range_first = first;
}

static void choose_question(struct asker *asker, const struct file *file, const struct known *known,
                            struct question *question)
{
    *question = (struct question){ .file = file, .condition_generation = known->generation };
    question->is_http10 = random_below(&asker->random, 16) == 0;
    if (atomic_load(&asker->attack->is_quiet)) return;
    if (file->is_big && random_below(&asker->random, asker->attack->slow_one_in) == 0) {
        question->is_slow = random_below(&asker->random, 2) == 0;
        if (!question->is_slow) question->rest_us = (int64_t)random_below(&asker->random, REST_US_MAX);
    }
    uint64_t way = random_below(&asker->random, 16);
    if (way < 8) return;
    if (way < 12 && known->etag[0])
        memcpy(question->if_none_match, known->etag, sizeof known->etag);
    else
        choose_range(asker, known, question);
    bool by_date = random_below(&asker->random, 4) == 0;
    const char *validator = by_date ? known->modified : known->etag;
    if (way >= 14) memcpy(question->if_range, validator, sizeof question->if_range);
}

static void count_status(struct counts *counts, int status)
{
    switch (status) {
    case 200: atomic_fetch_add(&counts->status_200, 1); break;
    case 206: atomic_fetch_add(&counts->status_206, 1); break;
    case 304: atomic_fetch_add(&counts->status_304, 1); break;
    case 404: atomic_fetch_add(&counts->status_404, 1); break;
    case 416: atomic_fetch_add(&counts->status_416, 1); break;
    default: break;
    }
}

static void show(struct attack *attack, const struct question *question, const struct answer *answer,
                 const struct judgement *judgement)
{
    if (judgement->verdict == VERDICT_VERIFIED || judgement->verdict == VERDICT_ABORTED) return;
    if (atomic_fetch_add(&attack->shown[judgement->verdict], 1) >= SHOWN_MAX) return;
    fprintf(stderr,
            "%s after %.3f s: %s: %s; status %d, generation %u of %u, %.1f ms late, %s, %s%s%s%s, %zu bytes of %" PRIu64
            ", ETag %s\n",
            verdict_names[judgement->verdict], (double)(answer->sent_us - attack->begun_us) / 1e6,
            question->file->target, judgement->why, answer->status, judgement->generation,
            atomic_load(&question->file->newest), (double)judgement->late_us / 1000,
            question->is_http10 ? "HTTP/1.0" : "HTTP/1.1", question->has_range ? question->range : "whole",
            question->if_range[0] ? ", If-Range: " : "", question->if_range,
            question->if_none_match[0] ? ", If-None-Match" : "", answer->body_size, answer->content_length,
            answer->etag);
}

static void ask_one(struct asker *asker, unsigned number)
{
    struct attack *attack = asker->attack;
    struct file *file = &attack->files[number];
    struct known *known = &asker->known[number];
    struct counts *counts = &attack->counts[class_of(file)];
    struct question question;
    struct answer answer;
    choose_question(asker, file, known, &question);
    client_ask(&asker->client, &question, &answer);
    struct judgement judgement = oracle_judge(&attack->oracle, file, &question, &answer);
    atomic_fetch_add(&counts->answers, 1);
    atomic_fetch_add(&counts->verdicts[judgement.verdict], 1);
    if (judgement.verdict == VERDICT_VERIFIED) count_status(counts, answer.status);
    if (judgement.verdict == VERDICT_VERIFIED) atomic_fetch_add(&attack->verified, 1);
    if (judgement.generation) history_note_lateness(file, judgement.generation, judgement.late_us);
    show(attack, &question, &answer, &judgement);
    if (judgement.verdict == VERDICT_VERIFIED && (answer.status == 200 || answer.status == 206)) {
        memcpy(known->etag, answer.etag, sizeof known->etag);
        memcpy(known->modified, answer.modified, sizeof known->modified);
        known->generation = judgement.generation;
        known->length = answer.status == 206 ? answer.total : answer.content_length;
    }
}

static void *asker_thread(void *argument)
{
    struct asker *asker = argument;
    struct attack *attack = asker->attack;
    while (!atomic_load(&attack->is_quiet)) {
        unsigned number = (unsigned)random_below(&asker->random, attack->file_count);
        bool is_big = random_below(&asker->random, attack->big_one_in) == 0;
        while (attack->files[number].is_big != is_big)
            number = (unsigned)random_below(&asker->random, attack->file_count);
        ask_one(asker, number);
    }
    /* Whatever was told too late is still wrong now. */
    usleep((useconds_t)attack->oracle.bound_us + 1000);
    for (unsigned look = 0; look < LAST_LOOKS; look++)
        for (unsigned number = 0; number < attack->file_count; number++) ask_one(asker, number);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* How late the versions of a class came, in order; returns their number. */
static size_t lateness_of(const struct attack *attack, unsigned class, int64_t **ret_sorted)
{
    size_t count = 0, room = 0;
    for (unsigned i = 0; i < attack->file_count; i++) room += atomic_load(&attack->files[i].newest);
    int64_t *sorted = calloc(room, sizeof *sorted);
    if (!sorted) err(2, "calloc");
    for (unsigned i = 0; i < attack->file_count; i++) {
        const struct file *file = &attack->files[i];
        for (uint32_t generation = 2; class_of(file) == class && generation <= atomic_load(&file->newest); generation++)
            sorted[count++] = atomic_load(&file->versions[generation].lateness_us);
    }
    qsort(sorted, count, sizeof *sorted, compare);
    *ret_sorted = sorted;
    return count;
}

static void print_row(struct attack *attack, unsigned class)
{
    struct counts *counts = &attack->counts[class];
    int64_t *sorted;
    size_t versions = lateness_of(attack, class, &sorted);
    double p99 = versions ? (double)sorted[versions * 99 / 100] / 1000 : 0;
    double most = versions ? (double)sorted[versions - 1] / 1000 : 0;
    free(sorted);
    printf("%-9s %-5s %8zu %9" PRIu64 " %9" PRIu64 " %8" PRIu64 " %7" PRIu64 " %7" PRIu64 " %5" PRIu64,
           writer_kind_name(class / 2), class % 2 ? "big" : "small", versions, atomic_load(&counts->answers),
           atomic_load(&counts->status_200), atomic_load(&counts->status_206), atomic_load(&counts->status_304),
           atomic_load(&counts->status_404), atomic_load(&counts->status_416));
    for (unsigned i = 0; i < VERDICTS; i++)
        printf(i == VERDICT_VERIFIED ? " %9" PRIu64 : " %7" PRIu64, atomic_load(&counts->verdicts[i]));
    printf(" %8.1f %8.1f\n", p99, most);
}

/* Returns how many answers must not have been. */
static uint64_t report(struct attack *attack)
{
    uint64_t failures = 0;
    printf("%-9s %-5s %8s %9s %9s %8s %7s %7s %5s", "writer", "size", "versions", "answers", "200", "206", "304", "404",
           "416");
    for (unsigned i = 0; i < VERDICTS; i++) printf(i == VERDICT_VERIFIED ? " %9s" : " %7s", verdict_names[i]);
    printf(" %8s %8s\n", "late-p99", "late-max");
    for (unsigned class = 0; class < CLASSES; class ++) {
        print_row(attack, class);
        for (unsigned verdict = VERDICT_TORN; verdict < VERDICTS; verdict++)
            failures += atomic_load(&attack->counts[class].verdicts[verdict]);
    }
    printf("verified %" PRIu64 ", must not have been %" PRIu64 "\n", atomic_load(&attack->verified), failures);
    return failures;
}

static void set_address(struct attack *attack, char *text)
{
    char *colon = strrchr(text, ':');
    if (!colon) errx(2, "--address: host:port");
    *colon = '\0';
    attack->address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1)) };
    if (inet_pton(AF_INET, text, &attack->address.sin_addr) != 1) errx(2, "--address: an IPv4 address and a port");
}

static unsigned amount(const char *text, unsigned most)
{
    unsigned long value = strtoul(text, NULL, 10);
    if (value < 1 || value > most) errx(2, "%s: from 1 to %u", text, most);
    return (unsigned)value;
}

static void read_options(struct attack *attack, int argc, char **argv)
{
    static const struct option options[] = {
        { "address", required_argument, NULL, 'a' },     { "root", required_argument, NULL, 'r' },
        { "seconds", required_argument, NULL, 's' },     { "answers", required_argument, NULL, 'n' },
        { "bound", required_argument, NULL, 'b' },       { "settle", required_argument, NULL, 'w' },
        { "clients", required_argument, NULL, 'c' },     { "files", required_argument, NULL, 'f' },
        { "pause", required_argument, NULL, 'p' },       { "big-one-in", required_argument, NULL, 'g' },
        { "slow-one-in", required_argument, NULL, 'l' }, { NULL, 0, NULL, 0 },
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'a': set_address(attack, optarg); break;
        case 'r': attack->plan.root = optarg; break;
        case 's': attack->seconds = (int)amount(optarg, 86400); break;
        case 'n': attack->answers_max = amount(optarg, UINT32_MAX); break;
        case 'b': attack->oracle.bound_us = (int64_t)amount(optarg, 60000) * 1000; break;
        case 'w': attack->oracle.settle_us = (int64_t)amount(optarg, 600000) * 1000; break;
        case 'c': attack->client_count = amount(optarg, CLIENTS_MAX); break;
        case 'f': attack->plan.files = amount(optarg, FILES_MAX); break;
        case 'p': attack->plan.pause_us = (int64_t)amount(optarg, 1000) * 1000; break;
        case 'g': attack->big_one_in = amount(optarg, 1000); break;
        case 'l': attack->slow_one_in = amount(optarg, UINT32_MAX); break;
        default: exit(2);
        }
    }
    if (attack->address.sin_port == 0 || !attack->plan.root) errx(2, "--address and --root are needed");
}

static void begin_files(struct attack *attack, struct writer *writers)
{
    for (unsigned i = 0; i < attack->file_count; i++) {
        struct file *file = &attack->files[i];
        file->number = i;
        file->kind = i / 2 % WRITER_KINDS;
        file->is_big = i % 2;
        writers[i] =
            (struct writer){ .plan = &attack->plan, .file = file, .random = 88172645463325252u + i * 1000003u };
        writer_begin(&writers[i]);
    }
}

static void start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    if (pthread_create(thread, NULL, run, argument) != 0) errx(2, "pthread_create");
}

static void wait_until_over(struct attack *attack)
{
    int64_t end_us = history_now_us() + (int64_t)attack->seconds * 1000000;
    while (history_now_us() < end_us && (!attack->answers_max || atomic_load(&attack->verified) < attack->answers_max))
        usleep(10000);
}

int main(int argc, char **argv)
{
    static struct attack attack = {
        .oracle = { .bound_us = 50000, .settle_us = 2000000 },
        .plan = { .files = 1, .pause_us = 20000 },
        .client_count = 4,
        .big_one_in = 12,
        .slow_one_in = 6,
        .seconds = 10,
    };
    static pthread_t writer_threads[FILES_MAX * CLASSES], asker_threads[CLIENTS_MAX];
    static struct asker askers[CLIENTS_MAX];
    read_options(&attack, argc, argv);
    attack.begun_us = history_now_us();
    attack.plan.rest_us = 4 * attack.oracle.bound_us < 2000000 ? 4 * attack.oracle.bound_us : 2000000;
    attack.file_count = attack.plan.files * CLASSES;
    attack.files = calloc(attack.file_count, sizeof *attack.files);
    struct writer *writers = calloc(attack.file_count, sizeof *writers);
    if (!attack.files || !writers) err(2, "calloc");
    begin_files(&attack, writers);
    for (unsigned i = 0; i < attack.client_count; i++) {
        askers[i] = (struct asker){ .attack = &attack, .random = 362436069362436069u + i * 7919u };
        askers[i].known = calloc(attack.file_count, sizeof *askers[i].known);
        if (!askers[i].known || !client_init(&askers[i].client, &attack.address)) err(2, "malloc");
        start(&asker_threads[i], asker_thread, &askers[i]);
    }
    for (unsigned i = 0; i < attack.file_count; i++) start(&writer_threads[i], writer_thread, &writers[i]);
    wait_until_over(&attack);
    atomic_store(&attack.plan.is_ending, true);
    for (unsigned i = 0; i < attack.file_count; i++) pthread_join(writer_threads[i], NULL);
    atomic_store(&attack.is_quiet, true);
    for (unsigned i = 0; i < attack.client_count; i++) {
        pthread_join(asker_threads[i], NULL);
        client_done(&askers[i].client);
    }
    return report(&attack) > 0;
}
