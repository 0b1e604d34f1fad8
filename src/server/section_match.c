#include "server/section_match.h"

#include "base/glob.h"

/* `path` is `prefix`, or below it. */
static bool is_below(struct span path, struct span prefix)
{
    if (!span_starts_with(path, prefix)) return false;
    bool ends_with_slash = prefix.size > 0 && prefix.data[prefix.size - 1] == '/';
    return path.size == prefix.size || ends_with_slash || path.data[prefix.size] == '/';
}

/* The pattern is for `path`, or for something above it. */
static bool matches_above(struct span pattern, struct span path)
{
    for (size_t size = 1; size < path.size; size++) {
        if (path.data[size] == '/' && glob_matches(pattern, span_first(path, size))) return true;
    }
    return glob_matches(pattern, path);
}

bool section_matches(const struct section *section, const struct section_subject *subject)
{
    if (section->parent && !section_matches(section->parent, subject)) return false;
    switch (section->kind) {
    case SECTION_DIRECTORY:
        if (!subject->folder.data) return false;
        return section->has_wildcards ? matches_above(section->pattern, subject->folder)
                                      : is_below(subject->folder, section->pattern);
    case SECTION_FILES: return subject->name.size > 0 && glob_matches(section->pattern, subject->name);
    case SECTION_LOCATION: break;
    }
    return section->has_wildcards ? matches_above(section->pattern, subject->url)
                                  : is_below(subject->url, section->pattern);
}
