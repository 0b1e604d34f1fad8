#include "oracle.h"

#include <string.h>

#include "cells.h"

static struct judgement judged(enum verdict verdict, const char *why, uint32_t generation)
{
    return (struct judgement){ .verdict = verdict, .why = why, .generation = generation };
}

/* What a byte of the body is in the file. */
static uint64_t body_begin(const struct answer *answer)
{
    return answer->status == 206 ? answer->first : 0;
}

static uint64_t file_length(const struct answer *answer)
{
    return answer->status == 206 ? answer->total : answer->content_length;
}

/* Whether every byte of the body is what it is in version `generation`. */
static bool is_all_of(const struct file *file, const struct answer *answer, uint32_t generation)
{
    uint64_t begin = body_begin(answer), end = begin + answer->body_size;
    for (uint64_t at = begin; at < end;) {
        uint32_t index = (uint32_t)(at / CELL_BYTES), writer = history_cell_writer(file, generation, index);
        const struct version *version = &file->versions[writer];
        struct stamp stamp = { file->number, writer, version->era, index, version->length };
        unsigned char cell[CELL_BYTES];
        cell_write(&stamp, cell);
        uint64_t skip = at % CELL_BYTES, size = CELL_BYTES - skip;
        if (size > end - at) size = end - at;
        if (memcmp(answer->body + (at - begin), cell + skip, size) != 0) return false;
        at += size;
    }
    return true;
}

/* The latest version that these bytes can be of: there is no whole cell among them, as the file is shorter than it was
 * when the range was chosen. */
static uint32_t generation_by_bytes(const struct file *file, const struct answer *answer)
{
    uint32_t generation = answer->body_size > 0 ? atomic_load(&file->newest) : 0;
    while (generation > 0 &&
           (file->versions[generation].length != file_length(answer) || !is_all_of(file, answer, generation)))
        generation--;
    return generation;
}

/* The version that the first whole cell of the body belongs to; 0: none. */
static uint32_t generation_of(const struct file *file, const struct answer *answer)
{
    uint64_t begin = body_begin(answer), skip = (CELL_BYTES - begin % CELL_BYTES) % CELL_BYTES;
    struct stamp stamp;
    if (skip + CELL_BYTES > answer->body_size) return generation_by_bytes(file, answer);
    if (!cell_read(answer->body + skip, &stamp) || stamp.file != file->number) return 0;
    return history_version_of(file, stamp.generation, file_length(answer));
}

/* Was it complete, and not superseded for too long? */
static struct judgement in_time(const struct oracle *oracle, const struct file *file, const struct answer *answer,
                                uint32_t generation)
{
    const struct version *version = &file->versions[generation];
    int64_t ending_us = atomic_load(&version->ending_us), begun_us = atomic_load(&version->begun_us);
    bool was_complete = ending_us != 0 && ending_us <= answer->received_us;
    if (!was_complete && begun_us + oracle->settle_us > answer->received_us)
        return judged(VERDICT_EARLY, "its writer was still at it", generation);
    struct judgement judgement = judged(VERDICT_VERIFIED, "", generation);
    int64_t late_us = history_superseded_us(file, generation, answer->sent_us);
    judgement.late_us = late_us > 0 ? late_us : 0;
    if (late_us > oracle->bound_us) {
        judgement.verdict = VERDICT_STALE;
        judgement.why = "a later version was complete";
    }
    return judgement;
}

/* What was asked for is what was told: RFC 9110, 14.1.2 and 14.4. */
static bool is_the_range(const struct question *question, const struct answer *answer)
{
    uint64_t total = answer->total, first = question->range_first, last = question->range_last;
    /* Of two ranges one is alone if the other lies beyond the end. */
    if (question->has_second && first < total && question->second_first < total) return false;
    if (question->has_second && first >= total) {
        first = question->second_first;
        last = question->second_last;
    }
    if (question->range_suffix) {
        first = total > question->range_suffix ? total - question->range_suffix : 0;
        last = total - 1;
    }
    if (last >= total) last = total - 1;
    return answer->first == first && answer->last == last && answer->content_length == last - first + 1;
}

static struct judgement judge_content(const struct oracle *oracle, struct file *file, const struct question *question,
                                      const struct answer *answer)
{
    if (answer->status == 206 && !question->has_range) return judged(VERDICT_WRONG, "206 without a range", 0);
    if (answer->status == 206 && !is_the_range(question, answer))
        return judged(VERDICT_TORN, "another range than was asked for", 0);
    uint32_t generation = generation_of(file, answer);
    if (generation == 0) return judged(VERDICT_TORN, "of a length that its version never had", 0);
    if (!is_all_of(file, answer, generation)) return judged(VERDICT_TORN, "a mix of versions", generation);
    if (!answer->etag[0]) return judged(VERDICT_WRONG, "no ETag", generation);
    if (!history_note_etag(file, answer->etag, generation))
        return judged(VERDICT_TORN, "its ETag stands for another version", generation);
    if (answer->status == 206 && question->if_range[0] && question->condition_generation != generation)
        return judged(VERDICT_TORN, "If-Range named another version", generation);
    if (question->if_none_match[0] && strcmp(question->if_none_match, answer->etag) == 0)
        return judged(VERDICT_WRONG, "not 304", generation);
    return in_time(oracle, file, answer, generation);
}

/* Each of several parts is judged as if it were alone; and all are of one version. */
static struct judgement judge_parts(const struct oracle *oracle, struct file *file, const struct question *question,
                                    const struct answer *answer)
{
    struct judgement all = judged(VERDICT_VERIFIED, "", 0);
    if (!question->has_second || answer->part_count != 2)
        return judged(VERDICT_WRONG, "parts that were not asked for", 0);
    for (unsigned i = 0; i < answer->part_count; i++) {
        const struct answer_part *part = &answer->parts[i];
        struct question alone = *question;
        struct answer of_it = *answer;
        alone.has_second = false;
        if (i == 1) {
            alone.range_first = question->second_first;
            alone.range_last = question->second_last;
        }
        of_it.first = part->first;
        of_it.last = part->last;
        of_it.total = part->total;
        of_it.body = part->body;
        of_it.body_size = of_it.content_length = part->last - part->first + 1;
        struct judgement judgement = judge_content(oracle, file, &alone, &of_it);
        if (judgement.verdict != VERDICT_VERIFIED) return judgement;
        if (i > 0 && judgement.generation != all.generation)
            return judged(VERDICT_TORN, "parts of two versions", judgement.generation);
        all = judgement;
    }
    return all;
}

static struct judgement judge_not_modified(const struct oracle *oracle, const struct file *file,
                                           const struct question *question, const struct answer *answer)
{
    if (!question->if_none_match[0]) return judged(VERDICT_WRONG, "304 without a condition", 0);
    if (strcmp(question->if_none_match, answer->etag) != 0)
        return judged(VERDICT_TORN, "304 with another ETag", question->condition_generation);
    return in_time(oracle, file, answer, question->condition_generation);
}

/* The file was gone, or too short for the range: some version may be found for which that is so. */
static struct judgement judge_without_content(const struct oracle *oracle, const struct file *file,
                                              const struct question *question, const struct answer *answer)
{
    struct judgement best = judged(VERDICT_WRONG, "no version was ever like this", 0);
    for (uint32_t generation = atomic_load(&file->newest); generation > 0; generation--) {
        const struct version *version = &file->versions[generation];
        bool fits = answer->status == 404
                        ? version->is_gone
                        : question->has_range && !question->range_suffix && !version->is_gone &&
                              answer->total == version->length && question->range_first >= version->length &&
                              (!question->has_second || question->second_first >= version->length);
        if (!fits) continue;
        best = in_time(oracle, file, answer, generation);
        if (best.verdict == VERDICT_VERIFIED || best.verdict == VERDICT_STALE) break;
    }
    return best;
}

struct judgement oracle_judge(const struct oracle *oracle, struct file *file, const struct question *question,
                              const struct answer *answer)
{
    switch (answer->end) {
    case ANSWER_NONE: return judged(VERDICT_LOST, "the connection ended without an answer", 0);
    case ANSWER_RESET:
    case ANSWER_CUT: return judged(VERDICT_ABORTED, "", 0);
    case ANSWER_MALFORMED: return judged(VERDICT_WRONG, answer->why, 0);
    case ANSWER_WHOLE: break;
    }
    switch (answer->status) {
    case 206:
        if (answer->boundary[0]) return judge_parts(oracle, file, question, answer);
        return judge_content(oracle, file, question, answer);
    case 200: return judge_content(oracle, file, question, answer);
    case 304: return judge_not_modified(oracle, file, question, answer);
    case 404:
    case 416: return judge_without_content(oracle, file, question, answer);
    default: return judged(VERDICT_WRONG, "status", 0);
    }
}
