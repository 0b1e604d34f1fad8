#include "cache/load_queue.h"

#include <stdlib.h>

#include "base/check.h"

static const uint64_t ALL_BRANCHES = UINT64_MAX; /* no lane for tasks: it counts those of all branches of a device */

struct load_lane {
    struct list link;         /* in queue->lanes, while something waits in it */
    struct load_lane *next;   /* in its bucket */
    struct load_lane *parent; /* what runs here counts there, too; or NULL */
    struct load_origin origin;
    unsigned users; /* its tasks, and lanes of which it is the parent */
    unsigned running, limit;
    unsigned running_of[LOAD_CLASSES];
    unsigned turn; /* the class that is asked first */
    struct list waiting[LOAD_CLASSES];
};

static const unsigned class_limit[LOAD_CLASSES] = {
    [LOAD_ASKED] = LOAD_DEVICE_MAX,
    [LOAD_WINDOW] = LOAD_WINDOWS_MAX,
    [LOAD_HINT] = LOAD_HINTS_RUNNING,
};

void load_queue_init(struct load_queue *queue)
{
    *queue = (struct load_queue){ .waiting = 0 };
    list_init(&queue->lanes);
}

static struct load_lane **bucket_of(struct load_queue *queue, struct load_origin origin)
{
    uint64_t mixed = (origin.device * 31 + origin.branch) * 0x9e3779b97f4a7c15u;
    return &queue->buckets[mixed >> 56];
}

/* With one user more. NULL: no memory. */
static struct load_lane *lane_at(struct load_queue *queue, struct load_origin origin)
{
    struct load_lane **bucket = bucket_of(queue, origin), *lane = *bucket;
    while (lane && !(lane->origin.device == origin.device && lane->origin.branch == origin.branch)) lane = lane->next;
    if (lane) {
        lane->users++;
        return lane;
    }
    lane = calloc(1, sizeof *lane);
    if (!lane) return NULL;
    bool is_branch = origin.branch != 0 && origin.branch != ALL_BRANCHES;
    if (is_branch) {
        lane->parent = lane_at(queue, (struct load_origin){ origin.device, ALL_BRANCHES });
        if (!lane->parent) {
            free(lane);
            return NULL;
        }
    }
    lane->origin = origin;
    lane->users = 1;
    lane->limit = is_branch ? LOAD_BRANCH_MAX : LOAD_DEVICE_MAX;
    list_init(&lane->link);
    for (unsigned kind = 0; kind < LOAD_CLASSES; kind++) list_init(&lane->waiting[kind]);
    bucket = bucket_of(queue, origin); /* the parent may have come first in it */
    lane->next = *bucket;
    *bucket = lane;
    return lane;
}

static void lane_leave(struct load_queue *queue, struct load_lane *lane)
{
    while (lane && --lane->users == 0) {
        struct load_lane **at = bucket_of(queue, lane->origin), *parent = lane->parent;
        ASSERT(lane->running == 0 && list_is_empty(&lane->link));
        while (*at != lane) at = &(*at)->next;
        *at = lane->next;
        free(lane);
        lane = parent;
    }
}

static bool has_waiting(const struct load_lane *lane)
{
    for (unsigned kind = 0; kind < LOAD_CLASSES; kind++) {
        if (!list_is_empty(&lane->waiting[kind])) return true;
    }
    return false;
}

static void wait_in_lane(struct load_queue *queue, struct load_task *task)
{
    list_append(&task->lane->waiting[task->kind], &task->link);
    if (list_is_empty(&task->lane->link)) list_append(&queue->lanes, &task->lane->link);
    queue->waiting++;
    queue->hints += task->kind == LOAD_HINT;
}

static void leave_waiting(struct load_queue *queue, struct load_task *task)
{
    if (list_is_empty(&task->link)) return;
    list_remove(&task->link);
    if (!has_waiting(task->lane)) list_remove(&task->lane->link);
    queue->waiting--;
    queue->hints -= task->kind == LOAD_HINT;
}

enum status load_queue_add(struct load_queue *queue, struct load_task *task, struct load_origin origin,
                           enum load_class kind, int64_t now_us)
{
    if (kind == LOAD_HINT && queue->hints >= LOAD_HINTS_MAX) return STATUS_EXHAUSTED;
    if (origin.branch == ALL_BRANCHES) origin.branch--; /* a hash may be anything */
    struct load_lane *lane = lane_at(queue, origin);
    if (!lane) return STATUS_EXHAUSTED;
    *task = (struct load_task){ .lane = lane, .asked_us = now_us, .kind = (uint8_t)kind };
    list_init(&task->link);
    wait_in_lane(queue, task);
    return STATUS_OK;
}

/* The class of which something may run now; LOAD_CLASSES: nothing may. */
static unsigned class_to_run(const struct load_lane *lane)
{
    if (lane->running >= lane->limit || (lane->parent && lane->parent->running >= lane->parent->limit))
        return LOAD_CLASSES;
    for (unsigned i = 0; i < LOAD_CLASSES; i++) {
        unsigned kind = (lane->turn + i) % LOAD_CLASSES;
        if (!list_is_empty(&lane->waiting[kind]) && lane->running_of[kind] < class_limit[kind]) return kind;
    }
    return LOAD_CLASSES;
}

static struct load_lane *lane_to_run(const struct load_queue *queue)
{
    for (struct list *at = queue->lanes.next; at != &queue->lanes; at = at->next) {
        struct load_lane *lane = CONTAINER_OF(at, struct load_lane, link);
        if (class_to_run(lane) != LOAD_CLASSES) return lane;
    }
    return NULL;
}

bool load_queue_has_work(const struct load_queue *queue)
{
    return lane_to_run(queue) != NULL;
}

struct load_task *load_queue_take(struct load_queue *queue)
{
    struct load_lane *lane = lane_to_run(queue);
    if (!lane) return NULL;
    unsigned kind = class_to_run(lane);
    struct load_task *task = CONTAINER_OF(lane->waiting[kind].next, struct load_task, link);
    leave_waiting(queue, task);
    task->is_running = true;
    lane->running++;
    lane->running_of[kind]++;
    if (lane->parent) lane->parent->running++;
    lane->turn = (kind + 1) % LOAD_CLASSES;
    if (!list_is_empty(&lane->link)) { /* then it is another lane's turn */
        list_remove(&lane->link);
        list_append(&queue->lanes, &lane->link);
    }
    return task;
}

void load_queue_pause(struct load_queue *queue, struct load_task *task)
{
    leave_waiting(queue, task);
    if (!task->is_running) return;
    struct load_lane *lane = task->lane;
    task->is_running = false;
    lane->running--;
    lane->running_of[task->kind]--;
    if (lane->parent) lane->parent->running--;
}

void load_queue_resume(struct load_queue *queue, struct load_task *task)
{
    ASSERT(!task->is_running && list_is_empty(&task->link));
    wait_in_lane(queue, task);
}

void load_queue_finish(struct load_queue *queue, struct load_task *task)
{
    load_queue_pause(queue, task);
    lane_leave(queue, task->lane);
    task->lane = NULL;
}

void load_queue_ask(struct load_queue *queue, struct load_task *task, int64_t now_us)
{
    task->asked_us = now_us;
    if (task->kind != LOAD_HINT) return;
    if (task->is_running) { /* as what it began, it ends */
        task->lane->running_of[LOAD_HINT]--;
        task->lane->running_of[LOAD_ASKED]++;
        task->kind = LOAD_ASKED;
        return;
    }
    bool is_waiting = !list_is_empty(&task->link);
    leave_waiting(queue, task);
    task->kind = LOAD_ASKED;
    if (is_waiting) wait_in_lane(queue, task);
}

void load_queue_expire(struct load_queue *queue, const struct load_task *task, int64_t before_us, struct list *out)
{
    struct load_lane *lane = task->lane;
    lane->users++; /* it stays until we are through */
    for (unsigned kind = LOAD_ASKED; kind <= LOAD_WINDOW; kind++) {
        for (struct list *at = lane->waiting[kind].next, *next; at != &lane->waiting[kind]; at = next) {
            struct load_task *late = CONTAINER_OF(at, struct load_task, link);
            next = at->next;
            if (late->asked_us >= before_us) continue;
            load_queue_finish(queue, late);
            list_append(out, &late->link);
        }
    }
    lane_leave(queue, lane);
}

void load_queue_clear(struct load_queue *queue, struct list *out)
{
    while (!list_is_empty(&queue->lanes)) {
        struct load_lane *lane = CONTAINER_OF(queue->lanes.next, struct load_lane, link);
        unsigned kind = 0;
        while (list_is_empty(&lane->waiting[kind])) kind++;
        struct load_task *task = CONTAINER_OF(lane->waiting[kind].next, struct load_task, link);
        load_queue_finish(queue, task);
        list_append(out, &task->link);
    }
}
