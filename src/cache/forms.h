/* forms.h - other forms of the same content: files that lie beside a file, and what is made of it in memory.
 *
 * Role:   a client may take a file in another form (the floors above know which, and call them codings). A form is found beside
 *         its file, by a suffix of the name, if it is no older; else it is made of the content in idle time. An entry's bits tell
 *         which forms there are; each is an entry of its own.
 * Owns:   two threads, started when first needed: one looks, one makes, at the lowest priority. No request waits for either:
 *         until they are done the file is sent as it is.
 * Thread: forms_want() by workers; the rest at start and stop.
 * Limits: FORMS_WAITING_MAX files wait to be looked for; more are looked for when they are next asked for.
 */
#ifndef FOLIO_CACHE_FORMS_H
#define FOLIO_CACHE_FORMS_H

#include "cache/load.h"

enum { FORMS_MAX = 3, FORM_KEY_BYTES_MAX = 2 * PATH_MAX, FORM_TAG_BYTES_MAX = 64, FORMS_WAITING_MAX = 4096 };

/* Bits of entry->forms. */
enum {
    ENTRY_FORM_BESIDE = 1, /* << form: lies beside the file */
    ENTRY_FORM_MADE = 8,   /* << form: was made, and may be gone */
    ENTRY_FORM_ASKED = 64, /* they are looked for, or were */
};

struct form_rules {
    unsigned count;
    struct span suffixes[FORMS_MAX];  /* of names: ".br" */
    uint64_t least_bytes, most_bytes; /* of a file that forms are made of */
    void *context;
    /* Whether forms of this entry may lie beside it; and whether they are made of it. */
    bool (*may_lie_beside)(void *context, const struct entry *entry);
    bool (*are_made_of)(void *context, const struct entry *entry);
    /* The text that names this version of the content, to `out` (FORM_TAG_BYTES_MAX): equal for equal content. Returns its size. */
    size_t (*tag_of)(void *context, const struct entry *entry, char *out);
    /* `content` in the form, to `out`. 0: it is not smaller than `room`, no memory, or *gives_up. By the making thread. */
    size_t (*make)(void *context, unsigned form, struct span content, char *out, size_t room,
                   const _Atomic bool *gives_up);
    /* The head of a made form, whose content has that digest, to `out`. Returns its size. */
    size_t (*describe)(void *context, const uint64_t digest[2], char *out);
};

struct forms;

/* NULL: no memory. `rules` and `table` must outlive it. */
NODISCARD struct forms *forms_new(const struct load_rules *rules, struct table *table);
void forms_free(struct forms *forms); /* takes NULL; stops the threads */

/* Stop the threads. False: one is still busy after patience_ms (-1: any time), for a device or at something big. */
NODISCARD bool forms_stop(struct forms *forms, int64_t patience_ms);

/* Have the forms of `entry`, a file, looked for, unless they were. The caller is an online reader, or holds a reference. */
void forms_want(struct forms *forms, struct entry *entry);

/* Look for the forms that lie beside `entry`, and publish them. This waits; the caller is an offline reader, and holds a reference. */
void forms_find(const struct load_rules *rules, struct table *table, struct entry *entry);

/* The key of what lies beside the file of `key`, in that form. data NULL: it is too long. */
struct span form_key_beside(struct span key, unsigned form, char room[FORM_KEY_BYTES_MAX]);

/* The same of what was made of the content that `tag` names. */
struct span form_key_made(struct span tag, unsigned form, char room[FORM_KEY_BYTES_MAX]);

/* Take a key of form_key_beside() apart. False: it is none. */
NODISCARD bool form_key_read(struct span key, struct span *ret_base, unsigned *ret_form);

#endif
