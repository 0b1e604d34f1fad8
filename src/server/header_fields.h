/* header_fields.h - the Header directives, obeyed once for all answers that they are for.
 *
 * Role:   makes the field lines of a policy (server/policy.h) from `Header set|append|add|unset`, as Apache's mod_headers would for
 *         each answer: those of successes and those of all (`always`) are two tables.
 * Owns:   nothing; the lines are the arena's. Thread: one at a time for an arena.
 */
#ifndef FOLIO_SERVER_HEADER_FIELDS_H
#define FOLIO_SERVER_HEADER_FIELDS_H

#include "server/policy.h"

/* rules: of struct header_rule. cache_control: what Cache-Control would be without them; data NULL: none, or, if policy->expires_sets_age,
 * one for each answer. Sets the policy's fields and what is to be left out. False: no memory. */
NODISCARD bool header_fields_make(struct arena *arena, const struct config_list *rules, struct span cache_control,
                                  struct policy *policy);

/* Bytes of all lines that could come together in one answer if every rule were for it, or more: a configuration may have
 * POLICY_FIELDS_BYTES_MAX (server/config_limits.h). */
size_t header_fields_bytes(const struct config_list *rules);

#endif
