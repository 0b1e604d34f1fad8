/* load_queue.h - what the loaders have to do, in an order in which nobody holds up the others.
 *
 * Role:   a lane for each device, and for each folder of which the device is not known yet. Of what lies in one lane only so
 *         many tasks run at a time: a device that hangs keeps those, and nothing of another lane waits for it.
 *         Lanes take turns; in a lane whoever asked first comes first. A connection waits for one task at a time, so that
 *         is fair between connections, however much each has asked for. Windows of streams and hints have limits below
 *         their lane's: a small file never waits until all of eight windows are read.
 * Owns:   its lanes. Tasks are the caller's, and are in one lane each from add to finish.
 * Thread: none of its own; under the caller's lock. No I/O, no clock.
 * Limits: waiting tasks are bounded by the connections, since each waits for one, and what waited for too long is taken out
 *         (load_queue_expire); hints by LOAD_HINTS_MAX.
 */
#ifndef FOLIO_CACHE_LOAD_QUEUE_H
#define FOLIO_CACHE_LOAD_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/status.h"

enum load_class {
    LOAD_ASKED,  /* a request waits for it */
    LOAD_WINDOW, /* of a stream */
    LOAD_HINT,   /* nobody waits */
    LOAD_CLASSES,
};

/* How many tasks run at a time. */
enum {
    LOAD_DEVICE_MAX = 8,
    LOAD_WINDOWS_MAX = 6,   /* of those, windows */
    LOAD_HINTS_RUNNING = 2, /* of those, hints */
    LOAD_BRANCH_MAX = 2,    /* below one folder that nothing is known of; below all of a device: LOAD_DEVICE_MAX */
    LOAD_HINTS_MAX = 4096,  /* that wait */
};

/* Where a task will have to wait. */
struct load_origin {
    uint64_t device; /* of the nearest folder that is known */
    uint64_t branch; /* 0: it lies in that folder; else a hash that tells the unknown folder below it */
};

struct load_lane;

struct load_task {
    struct list link; /* while it waits in its lane */
    struct load_lane *lane;
    int64_t asked_us; /* monotonic, when somebody asked last */
    uint8_t kind;     /* enum load_class */
    bool is_running;
};

enum { LOAD_LANE_BUCKETS = 256 };

struct load_queue {
    struct list lanes; /* those in which something waits; the first one's turn is next */
    struct load_lane *buckets[LOAD_LANE_BUCKETS];
    unsigned waiting, hints; /* tasks; of those, hints */
};

void load_queue_init(struct load_queue *queue);

/* `task` waits from now on. STATUS_EXHAUSTED: there is no memory, or it is a hint and too many wait. */
NODISCARD enum status load_queue_add(struct load_queue *queue, struct load_task *task, struct load_origin origin,
                                     enum load_class kind, int64_t now_us);

/* The next task that may run, which then does; NULL: none may now. */
NODISCARD struct load_task *load_queue_take(struct load_queue *queue);

/* Whether load_queue_take() would give something. */
bool load_queue_has_work(const struct load_queue *queue);

/* `task` does not run now, and waits for nothing here; it will be resumed, or is over. */
void load_queue_pause(struct load_queue *queue, struct load_task *task);
void load_queue_resume(struct load_queue *queue, struct load_task *task);

/* `task` is over, whether it ran, was paused, or waited. */
void load_queue_finish(struct load_queue *queue, struct load_task *task);

/* Somebody waits for `task`, which was a hint or was asked for earlier. */
void load_queue_ask(struct load_queue *queue, struct load_task *task, int64_t now_us);

/* Put what waits in the lane of `task`, and was last asked for before `before_us`, into the list `out`; it is
 * over. Hints stay. */
void load_queue_expire(struct load_queue *queue, const struct load_task *task, int64_t before_us, struct list *out);

/* Put everything that waits into the list `out`; it is over. */
void load_queue_clear(struct load_queue *queue, struct list *out);

#endif
