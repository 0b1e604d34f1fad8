/* oracle.h - says of an answer whether it may be.
 *
 * Role:   compares an answer, byte by byte, with what the file was (history.h).
 * Owns:   nothing.
 * Thread: any.
 */
#ifndef ATTACK_ORACLE_H
#define ATTACK_ORACLE_H

#include <stdint.h>

#include "client.h"
#include "history.h"

enum verdict {
    VERDICT_VERIFIED,
    VERDICT_ABORTED, /* visibly: shorter than its Content-Length */
    VERDICT_TORN,    /* not one whole version, or a validator or length of another one */
    VERDICT_EARLY,   /* a version whose writer was still at it, and was not given up waiting for */
    VERDICT_STALE,   /* superseded for longer than the bound before it was asked for */
    VERDICT_WRONG,   /* another status than it can be, or no HTTP */
    VERDICT_LOST,    /* no answer at all */
    VERDICTS,
};

struct oracle {
    int64_t bound_us;  /* how long an old version may still be served */
    int64_t settle_us; /* how long a writer is waited for */
};

struct judgement {
    enum verdict verdict;
    const char *why;
    uint32_t generation; /* that was served; 0: cannot be told */
    int64_t late_us;     /* for how long it was superseded when it was asked for; 0: it was not */
};

struct judgement oracle_judge(const struct oracle *oracle, struct file *file, const struct question *question,
                              const struct answer *answer);

#endif
