#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/pattern.h"

#include <pcre2.h>
#include <stdlib.h>

/* Enough for any path with any sane expression; what needs more was written to run away. */
enum { STEPS_MAX = 100000, DEPTH_MAX = 1000 };

struct pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
};

struct pattern *pattern_new(struct span text, char error[PATTERN_ERROR_BYTES], size_t *ret_at)
{
    struct pattern *pattern = calloc(1, sizeof *pattern);
    int code = PCRE2_ERROR_NOMEMORY;
    PCRE2_SIZE at = 0;
    if (pattern && (pattern->limits = pcre2_match_context_create(NULL)))
        pattern->code = pcre2_compile((PCRE2_SPTR)text.data, text.size, PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
    if (pattern && pattern->code) {
        pcre2_set_match_limit(pattern->limits, STEPS_MAX);
        pcre2_set_depth_limit(pattern->limits, DEPTH_MAX);
        return pattern;
    }
    pcre2_get_error_message(code, (PCRE2_UCHAR *)error, PATTERN_ERROR_BYTES);
    *ret_at = at;
    pattern_free(pattern);
    return NULL;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern) return;
    pcre2_code_free(pattern->code);
    pcre2_match_context_free(pattern->limits);
    free(pattern);
}

bool pattern_match(const struct pattern *pattern, struct span subject, struct span ret_groups[PATTERN_GROUPS_MAX])
{
    pcre2_match_data *data = pcre2_match_data_create(PATTERN_GROUPS_MAX, NULL);
    if (!data) return false;
    int found = pcre2_match(pattern->code, (PCRE2_SPTR)subject.data, subject.size, 0, 0, data, pattern->limits);
    if (found >= 0) {
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data);
        int count = found == 0 ? PATTERN_GROUPS_MAX : found; /* 0: there are more groups than were asked for */
        for (int i = 0; i < PATTERN_GROUPS_MAX; i++) {
            bool took_part = i < count && ends[2 * i] != PCRE2_UNSET && ends[2 * i] <= ends[2 * i + 1];
            ret_groups[i] = took_part ? span_of(subject.data + ends[2 * i], ends[2 * i + 1] - ends[2 * i]) : SPAN_NONE;
        }
    }
    pcre2_match_data_free(data);
    return found >= 0;
}
