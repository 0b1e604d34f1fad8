/* directive.h - the directives: the one table from which parser, checker, defaults and documentation come.
 *
 * Role:   what each directive and section is called, takes, means, and where it may stand; and how a line of it becomes a
 *         value of the configuration, or a mistake that names the remedy.
 * Owns:   nothing. Thread: at the start.
 */
#ifndef FOLIO_SERVER_DIRECTIVE_H
#define FOLIO_SERVER_DIRECTIVE_H

#include <stddef.h>

#include "base/compiler.h"
#include "server/config_words.h"
#include "server/site_config.h"

struct config;
struct config_reader;
struct directive_call;

/* Where a directive may stand. */
enum {
    CONTEXT_SERVER = 1, /* outside of all sections */
    CONTEXT_SITE = 2,   /* in <VirtualHost> */
    CONTEXT_DIRECTORY = 4,
    CONTEXT_LOCATION = 8,
    CONTEXT_FILES = 16,
    CONTEXT_SITES = CONTEXT_SERVER | CONTEXT_SITE,
    CONTEXT_ANY = CONTEXT_SITES | CONTEXT_DIRECTORY | CONTEXT_LOCATION | CONTEXT_FILES,
};

/* What its value is part of. */
enum directive_home {
    HOME_NONE,   /* it has none, or several */
    HOME_CONFIG, /* struct config */
    HOME_SITE,   /* struct site_config; id is its enum site_setting, or SITE_SETTING_COUNT */
    HOME_RULES,  /* struct rules; id is its enum rule */
};

enum { ARGUMENTS_ANY = CONFIG_WORDS_MAX - 1 };

struct directive {
    const char *name;      /* letters' case is ignored; of a section with its brackets: "<Files>" */
    const char *arguments; /* as documentation writes them */
    const char *fallback;  /* what holds where it is not given, as it would be written; NULL: nothing, or "computed" */
    const char *text;      /* one paragraph */
    const char *example;   /* lines of a configuration, each with its \n; NULL: none is needed */
    unsigned contexts;     /* CONTEXT_... */
    unsigned least_arguments, most_arguments;
    bool (*set)(struct directive_call *call);
    enum directive_home home;
    unsigned id;
    size_t offset;        /* of its value in its home */
    uint64_t least, most; /* of numbers, bytes and milliseconds; least of a section: the context in it */
    const char *choices;  /* of choices: in the order of the enum, separated by '|' */
};

/* One line, on its way into the configuration. */
struct directive_call {
    const struct directive *directive;
    struct config_reader *reader;
    struct config *config;
    struct site_config *site;
    struct rules *rules; /* the section's, or the site's */
    struct config_place place;
    const struct config_words *words; /* the first is the name */
};

/* All of them, by name, those that are not built too; ret_count says how many. */
const struct directive *directives(size_t *ret_count);

/* The one of that name; NULL: there is none. */
const struct directive *directive_find(struct span name);

/* The one of their names that is nearest to `name`; data is NULL: none is near. */
struct span directive_nearest(struct span name);

/* "outside of all sections and in <VirtualHost>". Returns `out`. */
enum { CONTEXTS_TEXT_BYTES = 128 };
const char *directive_contexts_text(unsigned contexts, char out[CONTEXTS_TEXT_BYTES]);

/* For a `set`: tell that an argument (from 1; 0: the name, the whole line) is wrong. False, to be returned. */
PRINTF_LIKE(3, 4) bool directive_mistake(struct directive_call *call, size_t argument, const char *format, ...);

/* The same, as: NAME: "the argument" is not `wanted`. `near` is what may have been meant, or SPAN_NONE. */
bool directive_wrong(struct directive_call *call, size_t argument, const char *wanted, struct span near);

static inline struct span directive_argument(const struct directive_call *call, size_t argument)
{
    return call->words->words[argument].text;
}

static inline size_t directive_argument_count(const struct directive_call *call)
{
    return call->words->count - 1;
}

#endif
