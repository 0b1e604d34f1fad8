#include "server/representation.h"

#include "base/check.h"
#include "base/text_write.h"
#include "http/accept_encoding.h"
#include "server/compress.h"

enum { LEAST_BYTES = 512, MOST_BYTES = 8 << 20, CODINGS = CODING_IDENTITY };
_Static_assert((int)CODINGS <= (int)FORMS_MAX, "every coding but the identity is a form");

/* Beside its file, or made; both may be evicted at any time. */
static struct entry *find_form(struct question *question, struct entry *entry, unsigned form, unsigned forms,
                               bool *ret_is_made)
{
    char room[FORM_KEY_BYTES_MAX];
    struct turn *turn = question->to.turn;
    *ret_is_made = !(forms >> form & ENTRY_FORM_BESIDE);
    if (!*ret_is_made) return question_try(question, form_key_beside(entry_key(entry), form, room));
    struct ready_head head;
    ready_head_read(entry_head(entry), &head);
    if (head.values.etag.size == 0) return NULL;
    return cache_look_up(turn->cache, form_key_made(head.values.etag, form, room), turn->now_us);
}

/* The head of a made form: its own entity tag and length, and else what the file's head says. */
static void join_heads(const struct ready_head *file, const struct entry *made, enum coding coding,
                       struct representation *representation)
{
    struct ready_head *head = &representation->head;
    struct span tag = entry_head(made);
    size_t tag_line = sizeof "ETag: \r\n" - 1 + file->values.etag.size;
    char *begin = representation->room, *at = text_append(begin, SPAN("ETag: "));
    *head = (struct ready_head){ .values = file->values };
    head->values.etag = span_of(at, tag.size);
    at = text_append(text_append(at, tag), SPAN("\r\n"));
    at = text_append(at, span_from(file->validators, tag_line)); /* Last-Modified */
    head->validators = span_of(begin, (size_t)(at - begin));
    char *content = at;
    at = text_append(text_append(at, file->content), SPAN("Content-Encoding: "));
    at = text_append(text_append(at, coding_name(coding)), SPAN("\r\n"));
    head->content = span_of(content, (size_t)(at - content));
    at = text_append_decimal(text_append(at, SPAN("Content-Length: ")), made->body_size);
    at = text_append(at, SPAN("\r\n"));
    head->all = span_of(begin, (size_t)(at - begin));
    ASSERT((size_t)(at - begin) <= sizeof representation->room);
}

/* The coding that is liked best of those that there are. */
static enum coding choose(const struct request *request, unsigned forms)
{
    struct codings codings = { .mask = 1u << CODING_IDENTITY };
    codings.mask |= forms & ((1u << CODINGS) - 1);      /* ENTRY_FORM_BESIDE */
    codings.mask |= forms >> 3 & ((1u << CODINGS) - 1); /* ENTRY_FORM_MADE */
    return accept_encoding_choose(accept_encoding_of(request), &codings);
}

void representation_choose(struct question *question, struct entry *entry, struct representation *ret)
{
    const struct policy *policy = question->to.policy;
    const struct request *request = question->to.request;
    ret->entry = entry;
    ret->varies = false;
    ready_head_read(entry_head(entry), &ret->head);
    if (!policy->may_have_forms) return;
    bool is_in_bounds = entry->body_size >= LEAST_BYTES && entry->body_size <= MOST_BYTES;
    unsigned forms = atomic_load_explicit(&entry->forms, memory_order_relaxed);
    ret->varies = (policy->is_compressed && is_in_bounds) || forms & (((1u << CODINGS) - 1) * ENTRY_FORM_BESIDE);
    if (!request_has(request, FIELD_ACCEPT_ENCODING)) return;
    if (!(forms & ENTRY_FORM_ASKED)) cache_want_forms(question->to.turn->cache, entry);
    enum coding coding = choose(request, forms);
    if (coding == CODING_IDENTITY) return;
    bool is_made;
    struct entry *found = find_form(question, entry, (unsigned)coding, forms, &is_made);
    if (!found || !entry_has_content(found)) {
        /* It was evicted: as it is this time, and looked for anew. */
        uint8_t gone = (uint8_t)((ENTRY_FORM_BESIDE | ENTRY_FORM_MADE) << coding | ENTRY_FORM_ASKED);
        atomic_fetch_and_explicit(&entry->forms, (uint8_t)~gone, memory_order_relaxed);
        return;
    }
    struct ready_head file = ret->head;
    ret->entry = found;
    if (is_made)
        join_heads(&file, found, coding, ret);
    else
        ready_head_read(entry_head(found), &ret->head);
}

static const struct policy *policy_of(void *context, const struct entry *entry)
{
    return policies_get(sites_policies(context), entry->policy);
}

static bool may_lie_beside(void *context, const struct entry *entry)
{
    const struct policy *policy = policy_of(context, entry);
    return policy && policy->may_have_forms;
}

static bool are_made_of(void *context, const struct entry *entry)
{
    const struct policy *policy = policy_of(context, entry);
    return policy && policy->is_compressed;
}

static size_t tag_of(void *context, const struct entry *entry, char *out)
{
    (void)context;
    struct ready_head head;
    ready_head_read(entry_head(entry), &head);
    ASSERT(head.values.etag.size <= FORM_TAG_BYTES_MAX);
    return (size_t)(text_append(out, head.values.etag) - out);
}

static size_t make(void *context, unsigned form, struct span content, char *out, size_t room,
                   const _Atomic bool *gives_up)
{
    (void)context;
    return compress_content((enum coding)form, content, out, room, gives_up);
}

static size_t describe(void *context, const uint64_t digest[2], char *out)
{
    (void)context;
    return ready_head_tag_write(digest, out);
}

struct form_rules representation_rules(struct sites *sites)
{
    return (struct form_rules){
        .count = CODINGS,
        .suffixes = { [CODING_BR] = SPAN(".br"), [CODING_ZSTD] = SPAN(".zst"), [CODING_GZIP] = SPAN(".gz") },
        .least_bytes = LEAST_BYTES,
        .most_bytes = MOST_BYTES,
        .context = sites,
        .may_lie_beside = may_lie_beside,
        .are_made_of = are_made_of,
        .tag_of = tag_of,
        .make = make,
        .describe = describe,
    };
}
