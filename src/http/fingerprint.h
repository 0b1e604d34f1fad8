/* fingerprint.h - whether a file's name says that its content never changes.
 *
 * Role:   knows the names that bundlers and asset pipelines give: `main.3f9a2c1b.js`, `index-DiwrgTda.css`. What is named so may be
 *         kept for ever (`immutable`, RFC 8246): another content gets another name.
 * Owns:   nothing. Thread: any; pure functions. Asked when an entry is made, not for each request.
 *
 * A mistake here is not the same both ways: a fingerprint that is not seen costs a revalidation now and then; a name that is
 * taken for one leaves readers with an old file for a year. In doubt, it is none. That is so of 4 in 100 names that Vite makes
 * in `assets` (3.8 % of a million at random): their eight characters stand as in words that are joined (`frMaKu64`, `Xhbxwpdj`,
 * `lMStn14w`), and nothing in a path tells them from `iPhone15` or `A4_paper`. They get CacheDefaultAge; a CacheControl for the folder
 * says it for all of its files.
 */
#ifndef FOLIO_HTTP_FINGERPRINT_H
#define FOLIO_HTTP_FINGERPRINT_H

#include <stdbool.h>

#include "base/span.h"

/* Whether `path` (decoded, from the root of the site on, with its '/') carries a fingerprint of its content:
 *
 *  - hexadecimal digits behind '.' or '-', in a length that digests have: webpack, Parcel, create-react-app, Propshaft (8), Django
 *    (12), Angular, Next.js (16), webpack (20), md5, sha1, sha256 and longer (Hugo, Sprockets);
 *  - 8 of A-Z and 2-7 behind '-': esbuild, Angular; 8 of the URL-safe base 64 behind '-' or '.': Rollup, Vite, Astro; 8 small
 *    letters and digits behind '-': Bun. In a folder `assets`, Vite's, it takes less to be one of these: all but what is
 *    written as words are;
 *  - what lies in a folder of which a framework's documentation says so: _next/static/, _app/immutable/, _astro/.
 *
 * Behind the fingerprint there may be up to three extensions (`.chunk.js.map`). A page (HTML) has none, whatever it is called. */
bool fingerprint_is_in(struct span path);

#endif
