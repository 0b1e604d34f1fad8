/* rules.h - what a section may say about the files and URLs that it is for.
 *
 * Role:   plain values, each with whether it was said and where, and the merge of two sets with Apache's meaning: of a
 *         single value the inner one holds, lists grow or are replaced, as each field says.
 * Owns:   nothing; texts and lists are an arena's, each text with a NUL behind it.
 * Thread: made by one, then constant.
 */
#ifndef FOLIO_SERVER_RULES_H
#define FOLIO_SERVER_RULES_H

#include <stdbool.h>

#include "base/cidr.h"
#include "server/config_list.h"

enum rule {
    RULE_ADD_CHARSET,
    RULE_ADD_DEFAULT_CHARSET,
    RULE_ADD_ENCODING,
    RULE_ADD_TYPE,
    RULE_AUTH_NAME,
    RULE_AUTH_TYPE,
    RULE_AUTH_USER_FILE,
    RULE_CACHE_CONTROL,
    RULE_CACHE_DEFAULT_AGE,
    RULE_COMPRESS,
    RULE_DIRECTORY_INDEX,
    RULE_ERROR_DOCUMENT,
    RULE_EXPIRES_ACTIVE,
    RULE_EXPIRES_BY_TYPE,
    RULE_FALLBACK_RESOURCE,
    RULE_FILE_ETAG,
    RULE_HEADER,
    RULE_INDEX_IGNORE,
    RULE_INDEX_OPTIONS,
    RULE_MAX_RANGES,
    RULE_OPTIONS,
    RULE_REQUIRE,
    RULE_REWRITE_CLEAN,
    RULE_COUNT
};

/* Options, IndexOptions: bits, of which some may be added to or taken from those of the outer section. */
struct rule_flags {
    unsigned added, removed;
    bool is_whole; /* `added` is all of it, whatever holds outside */
};

enum { OPTION_INDEXES = 1, OPTION_FOLLOW_LINKS = 2, OPTION_LINKS_IF_OWNER = 4 };

enum {
    INDEX_FOLDERS_FIRST = 1,
    INDEX_IGNORE_CASE = 2,
    INDEX_VERSION_SORT = 4,
    INDEX_SUPPRESS_SIZE = 8,
    INDEX_SUPPRESS_TIME = 16,
};

enum auth_type { AUTH_NONE, AUTH_BASIC };
enum etag_rule { ETAG_NONE, ETAG_DIGEST };

struct text_rule {
    struct config_place place;
    struct span text;
};

/* AddType, AddCharset, AddEncoding: of those with the same extension the last one holds. */
struct extension_rule {
    struct config_place place;
    struct span extension; /* in lower case, without a dot */
    struct span value;
};

/* Of those that match a file, the last one holds. */
struct cache_control_rule {
    struct config_place place;
    struct span value;
    struct config_list matches; /* of struct span: media types ("text/html", "image/" + "*") or, without '/', globs of
                                 * names; none: every file */
};

enum error_document_kind { ERROR_DOCUMENT_DEFAULT, ERROR_DOCUMENT_TEXT, ERROR_DOCUMENT_PATH, ERROR_DOCUMENT_URL };

/* Of those with the same status, the last one holds. */
struct error_document_rule {
    struct config_place place;
    unsigned status;
    enum error_document_kind kind;
    struct span value;
};

/* Of those with the same type, the last one holds. */
struct expires_rule {
    struct config_place place;
    struct span type;          /* in lower case: "text/html" or "image/" + "*" */
    bool is_from_modification; /* else from the access */
    int64_t seconds;
};

enum header_action { HEADER_SET, HEADER_APPEND, HEADER_ADD, HEADER_UNSET };

/* Obeyed in their order. */
struct header_rule {
    struct config_place place;
    enum header_action action;
    bool is_always; /* in answers other than 2xx, too */
    struct span name, value;
};

enum require_kind { REQUIRE_GRANTED, REQUIRE_DENIED, REQUIRE_IP, REQUIRE_VALID_USER, REQUIRE_USER };

/* One of them suffices. */
struct require_rule {
    struct config_place place;
    enum require_kind kind;
    struct span text;    /* of REQUIRE_IP, as it was written; of REQUIRE_USER the name */
    struct cidr network; /* of REQUIRE_IP */
};

struct rules {
    uint32_t set;                           /* 1 << enum rule, for each that was said */
    struct config_place places[RULE_COUNT]; /* where it was said last */
    struct config_list add_charset;         /* of struct extension_rule; grows */
    struct span default_charset;            /* NULL: none */
    struct config_list add_encoding;        /* of struct extension_rule; grows */
    struct config_list add_type;            /* of struct extension_rule; grows */
    struct span auth_name;
    unsigned auth_type; /* enum auth_type */
    struct span auth_user_file;
    struct config_list cache_control; /* of struct cache_control_rule; grows */
    uint64_t cache_default_age_ms;
    unsigned compress;                  /* 0 or 1 */
    struct config_list directory_index; /* of struct text_rule; replaced; empty: disabled */
    struct config_list error_documents; /* of struct error_document_rule; grows */
    unsigned expires_active;            /* 0 or 1 */
    struct config_list expires_by_type; /* of struct expires_rule; grows */
    struct span fallback_resource;      /* NULL: disabled */
    unsigned file_etag;                 /* enum etag_rule */
    struct config_list headers;         /* of struct header_rule; grows */
    struct config_list index_ignore;    /* of struct text_rule: globs of names; grows */
    struct rule_flags index_options;    /* INDEX_... */
    uint64_t max_ranges;                /* 0: none is served */
    struct rule_flags options;          /* OPTION_... */
    struct config_list require;         /* of struct require_rule; replaced */
    unsigned rewrite_clean;             /* 0 or 1 */
};

static inline bool rules_have(const struct rules *rules, enum rule rule)
{
    return (rules->set >> rule & 1) != 0;
}

/* Whether everybody is let in, whoever he is. */
bool rules_are_open(const struct rules *rules);

/* Whether somebody is let in by a name and a password. */
bool rules_name_users(const struct rules *rules);

/* What holds where `over` (the inner one) is written within `base`. Lists are shared where they can be, or made in
 * `arena`. ret_rules may be `base` or `over`. False: no memory. */
NODISCARD bool rules_merge(struct arena *arena, const struct rules *base, const struct rules *over,
                           struct rules *ret_rules);

#endif
