#include "server/question.h"

static void own(struct question *question, struct entry *entry)
{
    question->room->owned[question->owned_count++] = entry;
}

/* What a loader found. */
static enum status take_loaded(struct question *question, const struct mail *mail, struct entry **ret_entry)
{
    if (mail->status == STATUS_EXHAUSTED) cache_relieve(question->to.turn->cache);
    if (mail->status != STATUS_OK) return mail->status;
    entry_ref(mail->entry);
    own(question, mail->entry);
    question->outcome = CACHE_LOAD;
    *ret_entry = mail->entry;
    return STATUS_OK;
}

enum status question_look_up(struct question *question, struct span key, struct entry **ret_entry)
{
    struct asking *asking = question->asking;
    struct turn *turn = question->to.turn;
    if (question->look_ups == QUESTION_LOOK_UPS_MAX) return STATUS_FAILED;
    question->look_ups++;
    const struct mail *mail = cache_mail_about(turn->cache, asking->mails, key);
    if (mail) return take_loaded(question, mail, ret_entry);
    struct cache_found found;
    /* Who waited for a loader already was in no doubt then: were he again, files that change all the time would keep him. */
    int64_t doubt_us = asking->mails ? 0 : turn->doubt_us;
    enum status status = cache_find(turn->cache, key, turn->now_us, doubt_us, &found);
    if (status == STATUS_OK) {
        *ret_entry = found.entry;
        if (found.is_owned) own(question, found.entry);
        if (question->look_ups == 1) question->outcome = found.outcome;
        return STATUS_OK;
    }
    if (status != STATUS_WOULD_BLOCK) return status;
    status = cache_ask(turn->cache, key, asking->mailbox, asking->cookie);
    return status == STATUS_OK ? STATUS_WOULD_BLOCK : status;
}

struct entry *question_try(struct question *question, struct span key)
{
    struct turn *turn = question->to.turn;
    struct cache_found found;
    if (!key.data || question->owned_count == QUESTION_OWNED_MAX) return NULL;
    if (cache_find(turn->cache, key, turn->now_us, turn->doubt_us, &found) != STATUS_OK) return NULL;
    if (found.is_owned) own(question, found.entry);
    return found.entry;
}

void question_end(struct question *question, bool is_answered)
{
    for (unsigned i = 0; i < question->owned_count; i++) {
        struct entry *entry = question->room->owned[i];
        /* The same one may be owned twice, and is held once. */
        if (is_answered && entry == question->content) {
            turn_hold(question->to.turn, entry);
            question->content = NULL;
        } else {
            entry_unref(entry);
        }
    }
}
