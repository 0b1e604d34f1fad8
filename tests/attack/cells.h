/* cells.h - content that tells of itself which version of which file it is.
 *
 * Role:   files are made of cells of 512 bytes; each is stamped, and what the stamp says decides every byte of it. So any
 *         byte of an answer can be compared with what it has to be, once its version is known.
 * Owns:   nothing.
 * Thread: any.
 */
#ifndef ATTACK_CELLS_H
#define ATTACK_CELLS_H

#include <stdbool.h>
#include <stdint.h>

enum { CELL_BYTES = 512 };

struct stamp {
    uint32_t file;       /* its number */
    uint32_t generation; /* the version that wrote the cell */
    uint32_t era;        /* the version that began the file; others only append to it */
    uint32_t index;      /* of the cell in the file */
    uint64_t length;     /* bytes of the file in that generation */
};

void cell_write(const struct stamp *stamp, unsigned char out[CELL_BYTES]);

/* False: these bytes are no cell. */
bool cell_read(const unsigned char cell[CELL_BYTES], struct stamp *ret_stamp);

#endif
