/* md5.h - MD5 (RFC 1321), for what was written with it long ago: passwords as Apache's htpasswd kept them. For nothing else.
 *
 * Owns: nothing. Thread: any; one state is one's at a time.
 */
#ifndef FOLIO_BASE_MD5_H
#define FOLIO_BASE_MD5_H

#include <stdint.h>

#include "base/span.h"

enum { MD5_BYTES = 16, MD5_BLOCK_BYTES = 64 };

struct md5 {
    uint32_t state[4];
    uint64_t size; /* bytes so far */
    uint8_t block[MD5_BLOCK_BYTES];
};

void md5_begin(struct md5 *md5);
void md5_add(struct md5 *md5, struct span bytes);
void md5_end(struct md5 *md5, uint8_t out[MD5_BYTES]);

#endif
