#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/glob.h"
#include "server/config_check.h"

/* One walk below a root. Symbolic links are not followed. */
struct walk {
    struct config_checking *checking;
    const struct site_config *site;
    unsigned entries, told;
    char path[USER_PATH_BYTES]; /* of what is looked at */
};

/* What editors, dumps and keys are called. Names that begin with a dot, such as .git, .env and .htpasswd, are never
 * served: they need no warning. */
static const char *const private_names[] = {
    "*~",      "*.bak",  "*.old", "*.orig", "*.save", "*.swp",    "*.sql",
    "*.sql.*", "*.dump", "*.pem", "*.kdbx", "id_rsa", "id_ecdsa", "id_ed25519"
};

static bool is_private(struct span name)
{
    for (size_t i = 0; i < ARRAY_COUNT(private_names); i++) {
        if (glob_matches(span_of_string(private_names[i]), name)) return true;
    }
    return false;
}

/* Whether a <Files> section keeps everybody from it. */
static bool is_denied(const struct site_config *site, struct span name)
{
    for (size_t i = 0; i < site->sections.count; i++) {
        const struct section *section = site->sections.items[i];
        const struct config_list *require = &section->rules.require;
        if (section->kind != SECTION_FILES || section->parent || require->count == 0) continue;
        const struct require_rule *first = require->items[0];
        if (first->kind == REQUIRE_DENIED && glob_matches(section->pattern, name)) return true;
    }
    return false;
}

static void tell(struct walk *walk, const char *what)
{
    if (++walk->told > CHECK_FILES_TOLD_MAX) return;
    config_check_warn(walk->checking, walk->site->places[SITE_DOCUMENT_ROOT], walk->site->document_root, "%s %s%s",
                      walk->path, what, walk->told == CHECK_FILES_TOLD_MAX ? " (more of this root is not told)" : "");
}

/* A precompressed form is served in place of its file only if it is no older. */
static void check_sibling(struct walk *walk, int folder, struct span name, const struct stat *st)
{
    static const char *const suffixes[] = { ".br", ".zst", ".gz" };
    for (size_t i = 0; i < ARRAY_COUNT(suffixes); i++) {
        struct span suffix = span_of_string(suffixes[i]);
        char plain[256];
        struct stat of_plain;
        if (!span_ends_with(name, suffix) || name.size == suffix.size || name.size >= sizeof plain) continue;
        memcpy(plain, name.data, name.size - suffix.size);
        plain[name.size - suffix.size] = '\0';
        if (fstatat(folder, plain, &of_plain, 0) != 0 || !S_ISREG(of_plain.st_mode)) return;
        bool is_older =
            st->st_mtim.tv_sec < of_plain.st_mtim.tv_sec ||
            (st->st_mtim.tv_sec == of_plain.st_mtim.tv_sec && st->st_mtim.tv_nsec < of_plain.st_mtim.tv_nsec);
        if (is_older)
            tell(walk, "is older than the file that it is a compressed form of, and so is not used; compress it again");
        else if (!user_rights_allow(&walk->checking->rights, st, R_OK))
            tell(walk, "cannot be read, so its file is sent uncompressed");
        return;
    }
}

static void check_entry(struct walk *walk, int folder, const char *name, size_t depth);

static void check_folder(struct walk *walk, int fd, size_t depth)
{
    DIR *folder = fdopendir(fd);
    size_t size = strlen(walk->path);
    if (!folder) {
        close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) && walk->entries < CHECK_ENTRIES_MAX;) {
        /* Hidden ones are not served. */
        if (entry->d_name[0] == '.' || size + 2 + strlen(entry->d_name) > sizeof walk->path) continue;
        walk->entries++;
        snprintf(walk->path + size, sizeof walk->path - size, "/%s", entry->d_name);
        check_entry(walk, dirfd(folder), entry->d_name, depth);
    }
    walk->path[size] = '\0';
    closedir(folder);
}

static void check_entry(struct walk *walk, int folder, const char *name, size_t depth)
{
    struct stat st;
    struct span text = span_of_string(name);
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (S_ISREG(st.st_mode)) {
        if (is_private(text) && !is_denied(walk->site, text))
            tell(walk, "can be had by everybody; move it away, or deny it with <Files>");
        check_sibling(walk, folder, text, &st);
    } else if (S_ISDIR(st.st_mode) && depth < CHECK_DEPTH_MAX) {
        int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0) check_folder(walk, fd, depth + 1);
    }
}

void config_check_files(struct config_checking *checking, const struct site_config *site)
{
    struct walk walk = { .checking = checking, .site = site };
    int fd = open(site->document_root.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || site->document_root.size >= sizeof walk.path) {
        if (fd >= 0) close(fd);
        return;
    }
    /* Of "/" nothing stands before the slash of a name. */
    if (site->document_root.size > 1) memcpy(walk.path, site->document_root.data, site->document_root.size + 1);
    check_folder(&walk, fd, 0);
}
