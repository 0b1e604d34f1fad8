#include "server/user_rights.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/quantity.h"

/* The last one is nobody's: to setresuid(2) it says "as it is". */
static bool is_number(struct span name, uint64_t *ret_number)
{
    return name.size > 1 && name.data[0] == '#' && quantity_parse_number(span_from(name, 1), ret_number) &&
           *ret_number < UINT32_MAX;
}

/* Names in the configuration end with a NUL (server/config.h). */
static bool find_user(struct span name, struct user_rights *rights)
{
    uint64_t number = 0;
    bool is_id = is_number(name, &number);
    const struct passwd *known = is_id ? getpwuid((uid_t)number) : getpwnam(name.data);
    if (!known && !is_id) return false;
    rights->user = known ? known->pw_uid : (uid_t)number;
    rights->group_count = USER_GROUPS_MAX;
    if (known && getgrouplist(known->pw_name, known->pw_gid, rights->groups, &rights->group_count) < 0)
        rights->group_count = USER_GROUPS_MAX;
    if (!known) rights->group_count = 0;
    return true;
}

static bool find_group(struct span name, gid_t *ret_group)
{
    uint64_t number = 0;
    bool is_id = is_number(name, &number);
    const struct group *known = is_id ? NULL : getgrnam(name.data);
    if (!known && !is_id) return false;
    *ret_group = known ? known->gr_gid : (gid_t)number;
    return true;
}

bool user_rights_find(struct span user, struct span group, struct user_rights *ret_rights, bool *ret_is_group)
{
    struct user_rights rights = { .user = geteuid() };
    *ret_is_group = false;
    if (user.data) {
        if (!find_user(user, &rights)) return false;
    } else {
        int count = getgroups(USER_GROUPS_MAX - 1, rights.groups);
        rights.group_count = count > 0 ? count : 0;
        rights.groups[rights.group_count++] = getegid();
    }
    if (group.data) {
        *ret_is_group = true;
        if (!find_group(group, &rights.groups[0])) return false;
        if (rights.group_count == 0) rights.group_count = 1;
    }
    *ret_rights = rights;
    return true;
}

bool user_rights_allow(const struct user_rights *rights, const struct stat *st, int wanted)
{
    if (rights->user == 0) return true;
    unsigned shift = st->st_uid == rights->user ? 6 : 0;
    for (int i = 0; i < rights->group_count && shift == 0; i++) {
        if (rights->groups[i] == st->st_gid) shift = 3;
    }
    unsigned bits = st->st_mode >> shift;
    return (!(wanted & R_OK) || (bits & 4)) && (!(wanted & X_OK) || (bits & 1));
}

int user_rights_walk(const struct user_rights *rights, const char *path, int wanted, char ret_where[USER_PATH_BYTES])
{
    size_t size = strlen(path);
    if (size >= USER_PATH_BYTES) return ENAMETOOLONG;
    for (size_t at = 1; at <= size; at++) {
        struct stat st;
        bool is_last = at == size;
        if (!is_last && path[at] != '/') continue;
        snprintf(ret_where, USER_PATH_BYTES, "%.*s", (int)at, path);
        if (stat(ret_where, &st) != 0) return errno;
        if (!is_last && !S_ISDIR(st.st_mode)) return ENOTDIR;
        if (!user_rights_allow(rights, &st, is_last ? wanted : X_OK)) return EACCES;
    }
    return 0;
}
