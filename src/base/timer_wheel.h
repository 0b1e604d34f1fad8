/* timer_wheel.h - coarse deadlines for very many connections.
 *
 * Role:   a ring of slots, each a tick wide. A timer whose deadline moves later is left where it is: when its slot comes up,
 *         the owner compares, and adds it again. So the hot path touches no timer at all.
 * Owns:   nothing; timers are links in things of the owner's.
 * Thread: one worker's. Time is passed in, in milliseconds of any clock that only goes forward.
 * Limits: deadlines are met up to one tick late; one beyond the ring's horizon (TIMER_WHEEL_SLOTS ticks) comes up early,
 *         at the horizon, and is to be added again.
 */
#ifndef FOLIO_BASE_TIMER_WHEEL_H
#define FOLIO_BASE_TIMER_WHEEL_H

#include <stdint.h>

#include "base/list.h"

enum { TIMER_WHEEL_SLOTS = 512, TIMER_WHEEL_TICK_MS = 128 };

struct timer_wheel {
    int64_t tick;   /* every slot up to and with this tick was emptied */
    uint64_t count; /* timers in the ring */
    struct list slots[TIMER_WHEEL_SLOTS];
};

void timer_wheel_init(struct timer_wheel *wheel, int64_t now_ms);

/* Add `timer`, which is in no list, so that it comes up at deadline_ms or up to a tick later. */
void timer_wheel_add(struct timer_wheel *wheel, struct list *timer, int64_t deadline_ms);

/* Take `timer`, which is in the ring, out. */
void timer_wheel_remove(struct timer_wheel *wheel, struct list *timer);

/* Move every timer that came up by now_ms to the end of `due`. */
void timer_wheel_advance(struct timer_wheel *wheel, int64_t now_ms, struct list *due);

/* Milliseconds until something may come up; -1: the ring is empty. */
int timer_wheel_wait_ms(const struct timer_wheel *wheel, int64_t now_ms);

#endif
