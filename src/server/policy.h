/* policy.h - what the rules say of an entry, worked out when the entry is made.
 *
 * Role:   matches the sections of a site against a file and its URL, merges their rules, and makes of them what answers need at
 *         once: ready-made field lines, and what is still to be asked per request. Equal ones are one, and have a number.
 * Owns:   the merged rules and the policies, until the end.
 * Thread: policies_choose() by any, under a lock that is held for no call that waits; a policy is constant from when its
 *         number is known.
 * Limits: POLICIES_MAX different ones. From POLICIES_ORDINARY_MAX on there is but one for the same rules and throttles: a makeshift, under which
 *         files are served uncompressed and nobody may keep them, whatever their type. When no number is left for that either,
 *         what is asked for is answered 500, and that answer is not kept.
 */
#ifndef FOLIO_SERVER_POLICY_H
#define FOLIO_SERVER_POLICY_H

#include "cache/load.h"
#include "net/throttle.h"
#include "server/config.h"
#include "server/section_match.h"

enum {
    POLICIES_MAX = LOAD_POLICY_UNKEPT - 1, /* their numbers begin at 1 */
    POLICIES_ORDINARY_MAX = POLICIES_MAX / 4 * 3,
    POLICY_NONE = LOAD_POLICY_UNKEPT,
    POLICY_FIELDS_BYTES_MAX = 8192,
    POLICY_SECTIONS_MAX = 8192,
};

struct policy {
    const struct rules *rules;    /* merged */
    struct span success_fields;   /* field lines of 200 and 206, each with its CRLF */
    struct span validated_fields; /* those of them that a 304 has, too (RFC 9110, 15.4.5) */
    struct span always_fields;    /* of every answer */
    struct span content_type;     /* by Header set; data NULL: by the file's name */
    bool omits_etag, omits_modified, omits_ranges;
    unsigned ranges_max; /* of an answer; 0: none is served */
    bool expires;        /* an Expires and, if expires_sets_age, a Cache-Control is made for each answer */
    bool expires_sets_age;
    bool expires_from_modification;
    int64_t expires_s;
    bool may_have_forms;                  /* compressed ones, of a type that is not compressed already */
    bool is_compressed;                   /* Compress is on, and the type is one of text */
    bool is_restricted;                   /* `Require` does not grant it to all */
    bool is_makeshift;                    /* it stands for others, for which no number was left */
    const struct throttle_set *throttles; /* NULL: none holds */
};

struct policies;

/* For the sites of `config`, which must outlive it. NULL: no memory. */
NODISCARD struct policies *policies_new(const struct config *config);
void policies_free(struct policies *policies); /* takes NULL */

/* Merged rules of site number `site` for what `subject` tells; the same for the same. NULL: no memory. */
const struct rules *policies_rules(struct policies *policies, unsigned site, const struct section_subject *subject);

/* Whether section `index` of that site is one of those that `rules` (of policies_rules()) were merged of. */
bool policies_rules_are_of(const struct rules *rules, size_t index);

/* The policy of what has the rules `rules` (of policies_rules()); type: its media type, without parameters; data NULL for what is no
 * file. path: of the file in its tree, with the '/' in front. is_encoded: it has a content coding of its own. throttles:
 * those that hold for it (equal ones are one), or NULL. ret_number: the policy's, or POLICY_NONE. False: no memory. */
NODISCARD bool policies_choose(struct policies *policies, const struct rules *rules, struct span type, struct span path,
                               bool is_encoded, const struct throttle_set *throttles, uint16_t *ret_number);

/* What a number stands for; NULL for POLICY_NONE. */
const struct policy *policies_get(const struct policies *policies, uint16_t number);

#endif
