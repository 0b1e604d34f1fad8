/* section_match.h - which sections of the configuration are for a file and its URL.
 *
 * Role:   Apache's rules: a <Directory> is for what is in the folder and below it, a <Files> for names, a <Location> for a URL and
 *         what is below it; with wildcards (base/glob.h), for what the pattern matches, and what is below that.
 * Owns:   nothing. Thread: any; pure functions.
 */
#ifndef FOLIO_SERVER_SECTION_MATCH_H
#define FOLIO_SERVER_SECTION_MATCH_H

#include "server/site_config.h"

/* What is looked for. */
struct section_subject {
    struct span
        folder; /* absolute path of the folder that the file is in, without '/' at its end but for "/"; NULL: there is none */
    struct span name; /* of the file; may be empty */
    struct span url;  /* path of the URL, normalised */
};

bool section_matches(const struct section *section, const struct section_subject *subject);

#endif
