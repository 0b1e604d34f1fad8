#include "cache/spares.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/file.h"
#include "platform/machine.h"
#include "platform/thread.h"

enum { WAIT_US = 20000 }; /* for others; whoever asked is asked to try again after that */

struct spares {
    int first, end;       /* constant: their numbers at the start were in first..end-1 */
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t is_back;
    int held[SPARES_MAX];
    unsigned held_count;
    const void *lanes[SPARES_LOADS_MAX]; /* that have some; NULL: nobody */
};

static bool is_spare(const struct spares *spares, int fd)
{
    return fd >= spares->first && fd < spares->end;
}

/* Under the lock: hold as many as there should be, by the numbers of the start where these are free. */
static void refill(struct spares *spares, unsigned wanted)
{
    for (unsigned i = spares->held_count; i-- > 0;) {
        if (is_spare(spares, spares->held[i])) continue;
        close(spares->held[i]);
        spares->held[i] = spares->held[--spares->held_count];
    }
    while (spares->held_count < wanted) {
        int fd = file_root_open("/");
        if (fd < 0) return;
        spares->held[spares->held_count++] = fd;
    }
}

struct spares *spares_new(void)
{
    struct spares *spares = calloc(1, sizeof *spares);
    if (!spares) return NULL;
    pthread_mutex_init(&spares->lock, NULL);
    thread_condition_init(&spares->is_back);
    refill(spares, SPARES_MAX);
    spares->first = spares->held_count > 0 ? spares->held[0] : 0;
    for (unsigned i = 0; i < spares->held_count; i++) {
        if (spares->held[i] < spares->first) spares->first = spares->held[i];
        if (spares->held[i] >= spares->end) spares->end = spares->held[i] + 1;
    }
    return spares; /* of those that could not be had, others may be later */
}

void spares_free(struct spares *spares)
{
    if (!spares) return;
    for (unsigned i = 0; i < spares->held_count; i++) close(spares->held[i]);
    pthread_cond_destroy(&spares->is_back);
    pthread_mutex_destroy(&spares->lock);
    free(spares);
}

/* Under the lock: where `lane` is noted (NULL: who has none); NULL: nowhere. */
static const void **find_lane(struct spares *spares, const void *lane)
{
    for (unsigned i = 0; i < SPARES_LOADS_MAX; i++) {
        if (spares->lanes[i] == lane) return &spares->lanes[i];
    }
    return NULL;
}

/* Under the lock. */
static unsigned users(const struct spares *spares)
{
    unsigned count = 0;
    for (unsigned i = 0; i < SPARES_LOADS_MAX; i++) count += spares->lanes[i] != NULL;
    return count;
}

/* Under the lock. */
static bool may_use(struct spares *spares, const void *lane)
{
    if (users(spares) == 0)
        refill(spares, SPARES_MAX); /* what another had when the last one came back may be free now */
    return !find_lane(spares, lane) && find_lane(spares, NULL) && spares->held_count > 0;
}

bool spares_give_up(struct spares *spares, const void *lane)
{
    if (!spares) return false;
    int64_t until_us = clock_monotonic_us() + WAIT_US;
    pthread_mutex_lock(&spares->lock);
    bool is_early = true, may = may_use(spares, lane);
    while (!may && is_early) {
        is_early = thread_condition_wait(&spares->is_back, &spares->lock, until_us);
        may = may_use(spares, lane);
    }
    if (may) *find_lane(spares, NULL) = lane;
    for (unsigned i = 0; may && i < SPARES_A_LOAD && spares->held_count > 0; i++)
        close(spares->held[--spares->held_count]);
    pthread_mutex_unlock(&spares->lock);
    return may;
}

void spares_take_back(struct spares *spares, const void *lane)
{
    pthread_mutex_lock(&spares->lock);
    *find_lane(spares, lane) = NULL;
    refill(spares, SPARES_MAX - users(spares) * SPARES_A_LOAD);
    pthread_cond_broadcast(&spares->is_back);
    pthread_mutex_unlock(&spares->lock);
}

int spares_keep_off(const struct spares *spares, int fd)
{
    if (!spares || !is_spare(spares, fd)) return fd;
    int moved = machine_descriptor_copy(fd, spares->end);
    if (moved < 0) return fd;
    close(fd);
    return moved;
}

bool spares_can_miss(struct spares *spares, int fd)
{
    if (!spares || !is_spare(spares, fd)) return true;
    pthread_mutex_lock(&spares->lock);
    /* Beside what is given up at present, and comes back. */
    bool can = spares->held_count + users(spares) * SPARES_A_LOAD > SPARES_A_LOAD;
    pthread_mutex_unlock(&spares->lock);
    return can;
}

int spares_end(const struct spares *spares)
{
    return spares ? spares->end : 0;
}
