#include "server/question.h"

static void own(struct question *question, struct entry *entry)
{
    question->owned[question->owned_count++] = entry;
}

/* What a loader found for this look-up. */
static enum status take_loaded(struct question *question, struct entry **ret_entry)
{
    struct asking *asking = question->asking;
    asking->was_loaded = false;
    *ret_entry = asking->loaded;
    asking->loaded = NULL;
    if (*ret_entry) {
        own(question, *ret_entry);
        question->outcome = CACHE_LOAD;
        return STATUS_OK;
    }
    if (asking->load_status == STATUS_EXHAUSTED) cache_relieve(question->to.turn->cache);
    return asking->load_status == STATUS_OK ? STATUS_FAILED : asking->load_status;
}

enum status question_look_up(struct question *question, struct span key, struct entry **ret_entry)
{
    struct asking *asking = question->asking;
    struct turn *turn = question->to.turn;
    if (question->step == QUESTION_LOOK_UPS_MAX) return STATUS_FAILED;
    question->step++;
    if (asking->was_loaded && asking->step == question->step) return take_loaded(question, ret_entry);
    struct cache_found found;
    enum status status = cache_find(turn->cache, key, turn->now_us, &found);
    if (status == STATUS_OK) {
        *ret_entry = found.entry;
        if (found.is_owned) own(question, found.entry);
        /* Asked again, it is there because a loader was waited for. */
        if (question->step == 1) question->outcome = asking->round > 0 ? CACHE_LOAD : found.outcome;
        return STATUS_OK;
    }
    if (status != STATUS_WOULD_BLOCK) return status;
    /* What is not kept, as there is no room, is loaded each time: two such look-ups would go on for ever. */
    if (asking->round == QUESTION_ROUNDS_MAX) return STATUS_FAILED;
    status = cache_ask(turn->cache, key, asking->mailbox, asking->cookie);
    if (status != STATUS_OK) return status;
    asking->step = question->step;
    return STATUS_WOULD_BLOCK;
}

struct entry *question_try(struct question *question, struct span key)
{
    struct turn *turn = question->to.turn;
    struct cache_found found;
    if (!key.data || question->owned_count == QUESTION_OWNED_MAX) return NULL;
    if (cache_find(turn->cache, key, turn->now_us, &found) != STATUS_OK) return NULL;
    if (found.is_owned) own(question, found.entry);
    return found.entry;
}

void question_end(struct question *question, bool is_answered)
{
    for (unsigned i = 0; i < question->owned_count; i++) {
        struct entry *entry = question->owned[i];
        if (is_answered && entry == question->content)
            turn_hold(question->to.turn, entry);
        else
            entry_unref(entry);
    }
    if (question->asking->loaded) entry_unref(question->asking->loaded);
    question->asking->loaded = NULL;
}
