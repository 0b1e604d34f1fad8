#include "net/pace.h"

enum { WAIT_US_MAX = 1000000 }; /* it asks again after that, even if its turn is further away */

static unsigned count_of(const struct pace *pace)
{
    return pace->set->count + pace->set->client_count;
}

/* Those of patterns first, then the client's. */
static struct throttle *throttle_at(const struct pace *pace, unsigned i)
{
    const struct throttle_set *set = pace->set;
    return i < set->count ? set->at[i] : &pace->clients[i - set->count]->throttle;
}

void pace_begin(struct pace *pace, const struct throttle_set *set, const struct ip_address *address)
{
    pace->set = set;
    for (unsigned i = 0; i < set->client_count; i++) {
        struct throttle_client *held = pace->clients[i];
        if (held && held->table == set->clients[i] && throttle_client_is_of(held, address)) continue;
        throttle_client_give_back(held);
        pace->clients[i] = throttle_clients_hold(set->clients[i], address);
    }
}

/* What it may take of one of them; if that is less than `least`, *wait_us is at least how long it has to wait for that. */
static uint64_t share_of(const struct pace *pace, const struct throttle *throttle, uint64_t least, int64_t now_us,
                         int64_t *wait_us)
{
    uint64_t rate = throttle->bytes_s, piece = throttle_piece(throttle), credit = throttle_credit(throttle, now_us);
    uint64_t senders = (uint64_t)atomic_load_explicit(&throttle->senders, memory_order_relaxed) + !pace->is_sender;
    /* Of many, each has a piece in its turn, but does not save more than that. */
    uint64_t earned_us = (uint64_t)(now_us - pace->took_us), most_us = senders * piece * 1000000 / rate + 1;
    if (most_us < THROTTLE_BURST_US) most_us = THROTTLE_BURST_US;
    if (earned_us > most_us) earned_us = most_us;
    uint64_t share = rate * earned_us / 1000000 / senders << throttle_boost(throttle);
    if (senders == 1) share = credit; /* nobody else wants any */
    if (least > piece) least = piece;
    uint64_t missing_us = share < least ? (least - share) * senders * 1000000 / rate + 1 : 0;
    uint64_t unearned_us = credit < least ? (least - credit) * 1000000 / rate + 1 : 0;
    /* Of those that are counted now many may soon have left; to ask once too often costs little. */
    if (missing_us > WAIT_US_MAX) missing_us = WAIT_US_MAX;
    if (missing_us < unearned_us) missing_us = unearned_us;
    if (*wait_us < (int64_t)missing_us) *wait_us = (int64_t)missing_us;
    return share < credit ? share : credit;
}

uint64_t pace_take(struct pace *pace, uint64_t wanted, int64_t now_us)
{
    pace->is_paused = false;
    if (pace->allowed > 0) return pace->allowed;
    uint64_t share = wanted;
    int64_t wait_us = 0;
    for (unsigned i = 0; i < count_of(pace); i++) {
        uint64_t part = share_of(pace, throttle_at(pace, i), wanted, now_us, &wait_us);
        if (part < share) share = part;
    }
    if (wait_us > 0) {
        pace->is_paused = true;
        pace->until_ms = (now_us + wait_us + 999) / 1000;
        return 0;
    }
    for (unsigned i = 0; i < count_of(pace); i++) throttle_take(throttle_at(pace, i), share, now_us);
    pace->took_us = now_us;
    pace->allowed = share;
    return share;
}

void pace_note_sent(struct pace *pace, uint64_t bytes)
{
    pace->allowed -= bytes < pace->allowed ? bytes : pace->allowed;
}

/* relaxed, as all of these: counts */
static void count(_Atomic uint32_t *number, bool is_one, bool was_one)
{
    if (is_one && !was_one) atomic_fetch_add_explicit(number, 1, memory_order_relaxed);
    if (was_one && !is_one) atomic_fetch_sub_explicit(number, 1, memory_order_relaxed);
}

static void count_everywhere(struct pace *pace, bool is_under_way, bool is_sender)
{
    if (pace->is_under_way == is_under_way && pace->is_sender == is_sender) return;
    for (unsigned i = 0; i < count_of(pace); i++) {
        struct throttle *throttle = throttle_at(pace, i);
        count(&throttle->answers, is_under_way, pace->is_under_way);
        count(&throttle->senders, is_sender, pace->is_sender);
    }
    pace->is_under_way = is_under_way;
    pace->is_sender = is_sender;
}

void pace_go_on(struct pace *pace, bool is_sender)
{
    count_everywhere(pace, true, is_sender);
}

void pace_end(struct pace *pace)
{
    if (!pace->set) return;
    count_everywhere(pace, false, false);
    for (unsigned i = 0; i < count_of(pace) && pace->allowed > 0; i++)
        throttle_give_back(throttle_at(pace, i), pace->allowed);
    pace->allowed = 0;
    pace->is_paused = false;
    pace->set = NULL;
}

void pace_done(struct pace *pace)
{
    pace_end(pace);
    for (unsigned i = 0; i < THROTTLE_CLIENT_RULES_MAX; i++) {
        throttle_client_give_back(pace->clients[i]);
        pace->clients[i] = NULL;
    }
}
