#include "server/pinning.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/quantity.h"
#include "platform/clock.h"
#include "platform/machine.h"
#include "platform/thread.h"
#include "server/message.h"

enum { SKIPPED_TOLD_MAX = 50, PLAIN_LINE_US = 5000000 };

/* One for all calls of a start: the first thread's. */
struct telling {
    uint64_t skipped;
    int64_t began_us, told_us;
    bool is_terminal;
};

static struct telling *telling_of(void *context)
{
    return context;
}

static void skipped(void *context, const struct pin_wish *wish, const char *path, const char *reason)
{
    struct telling *telling = telling_of(context);
    char line[16] = "";
    if (wish->line > 0) snprintf(line, sizeof line, ":%" PRIu32, wish->line);
    if (++telling->skipped < SKIPPED_TOLD_MAX)
        message_tell(LOG_LEVEL_WARN, "%s%s: cannot pin %s: %s", wish->file, line, path, reason);
    if (telling->skipped == SKIPPED_TOLD_MAX)
        message_tell(LOG_LEVEL_WARN, "further files that cannot be pinned are not told");
}

static void progress(void *context, uint64_t files, uint64_t files_all, uint64_t bytes, uint64_t bytes_all)
{
    struct telling *telling = telling_of(context);
    char text[QUANTITY_TEXT_BYTES], rate[QUANTITY_TEXT_BYTES];
    int64_t now_us = clock_monotonic_us(), took_us = now_us - telling->began_us + 1;
    bool is_last = files == files_all;
    if (!telling->is_terminal && now_us - telling->told_us < PLAIN_LINE_US) return;
    telling->told_us = now_us;
    double part = files_all ? (double)files / (double)files_all : 1;
    uint64_t left_s = part > 0 ? (uint64_t)((double)took_us / 1e6 * (1 - part) / part) : 0;
    uint64_t bytes_s = (uint64_t)((double)bytes / ((double)took_us / 1e6));
    (void)bytes_all;
    fprintf(stderr, "%sfolio: loading %3.0f %%  %" PRIu64 " of %" PRIu64 " files, %s, %s/s, %" PRIu64 " s left%s",
            telling->is_terminal ? "\r" : "", part * 100, files, files_all, quantity_format_bytes(bytes, text),
            quantity_format_bytes(bytes_s, rate), left_s,
            !telling->is_terminal ? "\n"
            : is_last             ? "\r\033[K"
                                  : "\033[K");
    fflush(stderr);
}

static struct telling telling;
static const struct preload_report report = { .context = &telling, .skipped = skipped, .progress = progress };

/* What falls short is said to `told`. */
struct comparing {
    pinning_told *told;
    void *context;
    bool is_short;
};

static void compare(struct comparing *comparing, const char *what, uint64_t wanted, uint64_t allowed,
                    const char *remedy)
{
    char text[256];
    if (wanted <= allowed) return;
    snprintf(text, sizeof text, "the pinned files want %" PRIu64 " %s, and %" PRIu64 " are allowed; %s", wanted, what,
             allowed, remedy);
    comparing->told(comparing->context, text);
    comparing->is_short = true;
}

bool pinning_is_enough(const struct config *config, const struct table_limits *limits, const struct preload_sums *sums,
                       pinning_told *told, void *context)
{
    struct comparing comparing = { .told = told, .context = context };
    struct rlimit locked;
    compare(&comparing, "bytes of memory", sums->budget_bytes, limits->bytes, "raise MMapMaxBytes");
    compare(&comparing, "entries", sums->files, limits->files, "raise MMapMaxFiles");
    compare(&comparing, "descriptors for big files", sums->streams, limits->streams,
            "raise the limit of open files (ulimit -n, LimitNOFILE=)");
    compare(&comparing, "mappings", sums->streams, machine_number("/proc/sys/vm/max_map_count", UINT64_MAX),
            "raise vm.max_map_count with sysctl");
    compare(&comparing, "watches", sums->folders, machine_number("/proc/sys/fs/inotify/max_user_watches", UINT64_MAX),
            "raise fs.inotify.max_user_watches with sysctl; without, changes are looked for by age");
    compare(&comparing, "bytes of the machine's or the cgroup's memory", sums->budget_bytes + sums->stream_bytes,
            machine_memory_bytes(), "pin less, or give it more");
    if (config->pins_are_locked && getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur != RLIM_INFINITY &&
        geteuid() != 0)
        compare(&comparing, "bytes of locked memory", sums->stream_bytes, locked.rlim_cur,
                "raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=)");
    return !comparing.is_short;
}

static void tell_short(void *context, const char *text)
{
    (void)context;
    message_tell(LOG_LEVEL_WARN, "%s", text);
}

/* The set before is given up only when the new one is whole. */
static bool fits_beside_another(const struct preload_sums *sums)
{
    uint64_t free_bytes = machine_memory_free_bytes();
    if (sums->budget_bytes <= free_bytes) return true;
    message_tell(LOG_LEVEL_ERROR,
                 "the pinned files want %" PRIu64 " bytes of memory beside those of the server before, and %" PRIu64
                 " are free\n  pin less, give it more memory, or stop it and start it anew",
                 sums->budget_bytes, free_bytes);
    return false;
}

static struct preload *begin(const struct config *config, const struct cache_options *options)
{
    telling = (struct telling){ .is_terminal = isatty(STDERR_FILENO), .began_us = clock_monotonic_us() };
    telling.told_us = telling.began_us;
    struct preload *preload =
        preload_new(&options->trees, options->rules.snapshot_bytes_max, config->pins_are_locked != 0, &report);
    if (!preload) message_tell(LOG_LEVEL_CRIT, "no memory to plan what is pinned");
    return preload;
}

static bool plan(const struct config *config, const struct cache_options *options, bool is_beside_another,
                 struct preload *preload)
{
    struct preload_sums sums = { 0 };
    if (!preload_plan(preload, config->pins, config->pin_count, &sums)) {
        message_tell(LOG_LEVEL_CRIT, "no memory to plan what is pinned");
        return false;
    }
    bool is_well = pinning_is_enough(config, &options->limits, &sums, tell_short, NULL) && telling.skipped == 0;
    if (is_well || !config->pins_are_strict) return !is_beside_another || fits_beside_another(&sums);
    message_tell(LOG_LEVEL_ERROR, "MMapStrict is on, and not everything can be pinned");
    return false;
}

bool pinning_plan(const struct config *config, const struct cache_options *options, bool is_beside_another,
                  struct preload **ret_preload)
{
    struct preload *preload = begin(config, options);
    if (!preload || !plan(config, options, is_beside_another, preload)) {
        preload_free(preload);
        return false;
    }
    *ret_preload = preload;
    return true;
}

bool pinning_load(const struct config *config, struct preload *preload, struct cache *cache)
{
    telling.began_us = telling.told_us = clock_monotonic_us();
    uint64_t failed = cache_preload(cache, preload);
    if (failed == 0 || !config->pins_are_strict) return true;
    message_tell(LOG_LEVEL_ERROR, "MMapStrict is on, and %" PRIu64 " files could not be pinned", failed);
    return false;
}

struct pinning_behind {
    const struct config *config;
    const struct cache_options *options;
    struct preload *preload;
    struct cache *cache;
    pthread_t thread;
};

static void *behind_thread(void *argument)
{
    struct pinning_behind *behind = argument;
    if (!plan(behind->config, behind->options, false, behind->preload) ||
        !pinning_load(behind->config, behind->preload, behind->cache))
        message_tell(LOG_LEVEL_WARN, "serving goes on without them");
    return NULL;
}

struct pinning_behind *pinning_begin_behind(const struct config *config, const struct cache_options *options,
                                            struct cache *cache)
{
    struct pinning_behind *behind = calloc(1, sizeof *behind);
    if (!behind) return NULL;
    *behind = (struct pinning_behind){ .config = config, .options = options, .cache = cache };
    behind->preload = begin(config, options);
    if (behind->preload && thread_start(&behind->thread, "pinning", behind_thread, behind) == STATUS_OK) return behind;
    preload_free(behind->preload);
    free(behind);
    return NULL;
}

void pinning_cancel_behind(struct pinning_behind *behind)
{
    if (behind) preload_cancel(behind->preload);
}

bool pinning_end_behind(struct pinning_behind *behind, int64_t patience_ms)
{
    if (!behind) return true;
    pinning_cancel_behind(behind);
    if (!thread_join_within(behind->thread, patience_ms)) return false;
    preload_free(behind->preload);
    free(behind);
    return true;
}
