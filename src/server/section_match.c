#include "server/section_match.h"

#include <fnmatch.h>
#include <limits.h>
#include <string.h>

/* `path` is `prefix`, or below it. */
static bool is_below(struct span path, struct span prefix)
{
    if (!span_starts_with(path, prefix)) return false;
    bool ends_with_slash = prefix.size > 0 && prefix.data[prefix.size - 1] == '/';
    return path.size == prefix.size || ends_with_slash || path.data[prefix.size] == '/';
}

static bool matches(struct span pattern, struct span subject)
{
    char text[2 * PATH_MAX];
    if (subject.size >= sizeof text || memchr(subject.data, '\0', subject.size)) return false;
    memcpy(text, subject.data, subject.size);
    text[subject.size] = '\0';
    return fnmatch(pattern.data, text, FNM_PATHNAME) == 0;
}

static size_t segments(struct span path)
{
    size_t count = 0;
    for (size_t i = 0; i < path.size; i++) count += path.data[i] == '/';
    return count;
}

/* The pattern is for as many segments as it has itself; what is below follows. */
static bool matches_above(struct span pattern, struct span path)
{
    size_t wanted = segments(pattern), size = 0;
    for (size_t seen = 0; size < path.size; size++) {
        if (path.data[size] == '/' && seen++ == wanted) break;
    }
    return matches(pattern, span_first(path, size));
}

bool section_matches(const struct section *section, const struct section_subject *subject)
{
    if (section->parent && !section_matches(section->parent, subject)) return false;
    switch (section->kind) {
    case SECTION_DIRECTORY:
        if (!subject->folder.data) return false;
        return section->has_wildcards ? matches_above(section->pattern, subject->folder)
                                      : is_below(subject->folder, section->pattern);
    case SECTION_FILES: return subject->name.size > 0 && matches(section->pattern, subject->name);
    case SECTION_LOCATION: break;
    }
    return section->has_wildcards ? matches_above(section->pattern, subject->url)
                                  : is_below(subject->url, section->pattern);
}
