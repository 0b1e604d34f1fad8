#include "server/log_target.h"

/* RFC 3164, 4.1.1, by the names that syslog.conf(5) has. Those of the kernel are not for programs. */
static const struct {
    struct span name;
    unsigned number;
} facilities[] = {
    { { "user", 4 }, 1 },    { { "mail", 4 }, 2 },      { { "daemon", 6 }, 3 },  { { "auth", 4 }, 4 },
    { { "syslog", 6 }, 5 },  { { "lpr", 3 }, 6 },       { { "news", 4 }, 7 },    { { "uucp", 4 }, 8 },
    { { "cron", 4 }, 9 },    { { "authpriv", 8 }, 10 }, { { "ftp", 3 }, 11 },    { { "local0", 6 }, 16 },
    { { "local1", 6 }, 17 }, { { "local2", 6 }, 18 },   { { "local3", 6 }, 19 }, { { "local4", 6 }, 20 },
    { { "local5", 6 }, 21 }, { { "local6", 6 }, 22 },   { { "local7", 6 }, 23 },
};

enum { FACILITY_DEFAULT = 23 /* local7, as in Apache */ };

static bool facility_find(struct span name, unsigned *ret_number)
{
    for (size_t i = 0; i < ARRAY_COUNT(facilities); i++) {
        if (!span_equal_nocase(facilities[i].name, name)) continue;
        *ret_number = facilities[i].number;
        return true;
    }
    return false;
}

/* What every receiver takes for a name: a bracket or a colon would end it. */
static bool is_tag(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        char lower = ascii_lower(text.data[i]);
        bool is_word = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        if (!is_word && !memchr("-._", text.data[i], 3)) return false;
    }
    return text.size > 0 && text.size <= LOG_TAG_BYTES_MAX;
}

static bool system_parse(struct span text, struct log_target *ret_target, const char **ret_wanted, size_t *ret_at)
{
    struct log_target target = { .kind = LOG_TO_SYSTEM, .facility = FACILITY_DEFAULT, .tag = SPAN("folio") };
    struct span rest = span_from(text, SPAN("syslog").size);
    if (rest.size > 0) {
        rest = span_from(rest, 1);
        const char *colon = memchr(rest.data, ':', rest.size);
        struct span facility = span_first(rest, colon ? (size_t)(colon - rest.data) : rest.size);
        *ret_at = (size_t)(rest.data - text.data);
        *ret_wanted = "a facility of syslog: daemon, user, auth, local0 to local7 ...";
        if (facility.size > 0 && !facility_find(facility, &target.facility)) return false;
        if (colon) {
            target.tag = span_from(rest, facility.size + 1);
            *ret_at += facility.size + 1;
            *ret_wanted = "a tag for syslog: 1 to 32 letters, digits, '-', '.' and '_'";
            if (!is_tag(target.tag)) return false;
        }
    }
    *ret_target = target;
    return true;
}

bool log_target_parse(struct span text, struct log_target *ret_target, const char **ret_wanted, size_t *ret_at)
{
    if (span_equal(text, SPAN("syslog")) || span_starts_with(text, SPAN("syslog:")))
        return system_parse(text, ret_target, ret_wanted, ret_at);
    *ret_target = (struct log_target){ .kind = LOG_TO_FILE, .path = text };
    if (span_equal(text, SPAN("-"))) ret_target->kind = LOG_TO_STANDARD_OUTPUT;
    if (span_equal(text, SPAN("stderr"))) ret_target->kind = LOG_TO_STANDARD_ERROR;
    return true;
}
