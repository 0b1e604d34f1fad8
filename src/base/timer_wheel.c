#include "base/timer_wheel.h"

void timer_wheel_init(struct timer_wheel *wheel, int64_t now_ms)
{
    wheel->tick = now_ms / TIMER_WHEEL_TICK_MS;
    wheel->count = 0;
    for (int i = 0; i < TIMER_WHEEL_SLOTS; i++) list_init(&wheel->slots[i]);
}

static struct list *slot_of(struct timer_wheel *wheel, int64_t tick)
{
    return &wheel->slots[(uint64_t)tick % TIMER_WHEEL_SLOTS];
}

void timer_wheel_add(struct timer_wheel *wheel, struct list *timer, int64_t deadline_ms)
{
    int64_t tick = (deadline_ms + TIMER_WHEEL_TICK_MS - 1) / TIMER_WHEEL_TICK_MS;
    if (tick <= wheel->tick) tick = wheel->tick + 1;
    if (tick > wheel->tick + TIMER_WHEEL_SLOTS - 1) tick = wheel->tick + TIMER_WHEEL_SLOTS - 1;
    list_append(slot_of(wheel, tick), timer);
    wheel->count++;
}

void timer_wheel_remove(struct timer_wheel *wheel, struct list *timer)
{
    list_remove(timer);
    wheel->count--;
}

void timer_wheel_advance(struct timer_wheel *wheel, int64_t now_ms, struct list *due)
{
    int64_t until = now_ms / TIMER_WHEEL_TICK_MS;
    /* After a long sleep one round empties every slot. */
    if (until - wheel->tick > TIMER_WHEEL_SLOTS) wheel->tick = until - TIMER_WHEEL_SLOTS;
    while (wheel->tick < until) {
        wheel->tick++;
        struct list *slot = slot_of(wheel, wheel->tick);
        for (struct list *at = slot->next; at != slot; at = at->next) wheel->count--;
        list_splice(due, slot);
    }
}

int timer_wheel_wait_ms(const struct timer_wheel *wheel, int64_t now_ms)
{
    if (wheel->count == 0) return -1;
    for (int64_t tick = wheel->tick + 1; tick <= wheel->tick + TIMER_WHEEL_SLOTS; tick++) {
        if (list_is_empty(&wheel->slots[(uint64_t)tick % TIMER_WHEEL_SLOTS])) continue;
        int64_t wait = tick * TIMER_WHEEL_TICK_MS - now_ms;
        return wait > 0 ? (int)wait : 0;
    }
    return 0;
}
