#include "server/fallbacks.h"

#include "base/path_parts.h"
#include "http/accept.h"
#include "server/access.h"

enum { LEVELS_MAX = 16 };

/* `end` behind `front` of a key. data NULL: it is too long. */
static struct span join(char *room, struct span front, struct span end)
{
    if (front.size + end.size > QUESTION_KEY_BYTES_MAX) return SPAN_NONE;
    if (front.size > 0) memcpy(room, front.data, front.size);
    if (end.size > 0) memcpy(room + front.size, end.data, end.size);
    return span_of(room, front.size + end.size);
}

/* A file that anybody who asks may have. STATUS_OK: *ret_entry is it, or NULL. */
static enum status find_file(struct question *question, struct span key, struct entry **ret_entry)
{
    struct entry *entry;
    *ret_entry = NULL;
    if (!key.data) return STATUS_OK;
    enum status status = question_look_up(question, key, &entry);
    if (status == STATUS_WOULD_BLOCK) return status;
    if (status != STATUS_OK || !entry_has_content(entry)) return STATUS_OK; /* then there is none to be had */
    const struct policy *policy = policies_get(sites_policies(question->sites), entry->policy);
    if (!policy) return STATUS_OK;
    enum access access = access_decide(question, policy);
    if (access == ACCESS_WAITS) return STATUS_WOULD_BLOCK;
    if (access != ACCESS_GRANTED) return STATUS_OK;
    *ret_entry = entry;
    return STATUS_OK;
}

/* Whoever asks for a page, by a link or by typing: not a script's or a picture's loader, nor a name that is none of a page. */
static bool is_navigation(const struct question *question, const struct policy *policy)
{
    return accept_weight(question->to.request, SPAN("text/html")) > 0 &&
           !sites_name_is_no_page(question->sites, policy, question->url);
}

enum status fallbacks_find(struct question *question, const struct entry *entry, struct entry **ret_other,
                           struct span *ret_fields)
{
    char room[QUESTION_KEY_BYTES_MAX];
    const struct policy *policy = question->to.policy;
    const struct rules *rules = policy->rules;
    enum status status = STATUS_OK;
    bool is_folder = question->url.data[question->url.size - 1] == '/';
    *ret_other = NULL;
    if (rules->rewrite_clean && entry->kind == ENTRY_ABSENT && !is_folder) {
        status = find_file(question, join(room, question->key, SPAN(".html")), ret_other);
        if (status != STATUS_OK) return status;
    }
    if (!*ret_other && rules->fallback_resource.data) {
        *ret_fields = SPAN("Vary: Accept\r\n");
        if (is_navigation(question, policy))
            status = find_file(question, join(room, question->site->key_prefix, rules->fallback_resource), ret_other);
    }
    if (*ret_other) question->to.policy = policies_get(sites_policies(question->sites), (*ret_other)->policy);
    return status;
}

static const struct error_document_rule *document_for(const struct rules *rules, enum http_status status)
{
    for (size_t i = rules->error_documents.count; i-- > 0;) {
        const struct error_document_rule *rule = rules->error_documents.items[i];
        if (rule->status == (unsigned)status) return rule->kind == ERROR_DOCUMENT_DEFAULT ? NULL : rule;
    }
    return NULL;
}

static size_t slashes(struct span path)
{
    size_t count = 0;
    for (size_t i = 0; i < path.size; i++) count += path.data[i] == '/';
    return count;
}

/* How many folders from the end of the URL on are not there, as far as the entry can tell. */
static size_t missing_folders(const struct question *question, const struct entry *entry)
{
    struct load_target target;
    if (!entry || !entry->folder || !sites_place(question->site, question->url, &target) || !target.tree) return 0;
    size_t wanted = slashes(span_of(target.path, target.path_size));
    size_t there = slashes(span_of(entry->folder->key, entry->folder->key_size));
    return wanted > there ? wanted - there : 0;
}

/* The 404.html of the nearest folder that has one, up to the site's own. */
static enum status find_nearest_404(struct question *question, const struct entry *entry, struct entry **ret_document)
{
    char room[QUESTION_KEY_BYTES_MAX];
    struct span folder = question->url.data ? question->key : SPAN_NONE, prefix = question->site->key_prefix;
    size_t missing = missing_folders(question, entry);
    *ret_document = NULL;
    for (unsigned level = 0; level <= LEVELS_MAX; level++) {
        folder = path_folder(folder);
        for (; missing > 0 && folder.size > prefix.size + 1; missing--) folder = path_parent(folder);
        bool is_last = folder.size <= prefix.size + 1 || level == LEVELS_MAX;
        struct span key = is_last ? join(room, prefix, SPAN("/404.html")) : join(room, folder, SPAN("404.html"));
        enum status status = find_file(question, key, ret_document);
        if (status != STATUS_OK || *ret_document || is_last) return status;
        folder.size--;
    }
    return STATUS_OK;
}

/* STATUS_OK: the entry to answer with, or NULL for the page. */
static enum status find_document(struct question *question, const struct error_document_rule *rule,
                                 enum http_status status, const struct entry *entry, struct entry **ret_document)
{
    char room[QUESTION_KEY_BYTES_MAX];
    *ret_document = NULL;
    if (rule && rule->kind == ERROR_DOCUMENT_PATH)
        return find_file(question, join(room, question->site->key_prefix, rule->value), ret_document);
    if (!rule && status == HTTP_NOT_FOUND) return find_nearest_404(question, entry, ret_document);
    return STATUS_OK;
}

enum handler_verdict fallbacks_answer_error(struct question *question, enum http_status status, struct span fields,
                                            const struct entry *entry)
{
    const struct error_document_rule *rule = document_for(question->to.policy->rules, status);
    struct entry *document;
    if (find_document(question, rule, status, entry, &document) == STATUS_WOULD_BLOCK) return HANDLER_WAITS;
    if (document) {
        question->content = document;
        answer_error_document(&question->to, status, fields, document);
    } else if (rule && rule->kind == ERROR_DOCUMENT_TEXT) {
        answer_text(&question->to, status, fields, rule->value);
    } else if (rule && rule->kind == ERROR_DOCUMENT_URL) {
        answer_redirect(&question->to, HTTP_FOUND, rule->value, false);
    } else {
        answer_page(&question->to, status, fields);
    }
    return HANDLER_ANSWERED;
}
