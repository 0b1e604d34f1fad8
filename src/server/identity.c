#include "server/identity.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "platform/privileges.h"
#include "server/message.h"
#include "server/user_rights.h"

static bool fail(const struct config *config, const char *why)
{
    message_tell(LOG_LEVEL_ERROR, "cannot become User %s, Group %s: %s",
                 config->user.data ? config->user.data : "as it is",
                 config->group.data ? config->group.data : "as it is", why);
    return false;
}

static bool is_same(const struct user_rights *rights)
{
    return rights->user == geteuid() && rights->user == getuid() && rights->groups[0] == getegid() &&
           rights->groups[0] == getgid();
}

static bool find(const struct config *config, struct user_rights *ret_rights)
{
    bool is_group;
    if (!user_rights_find(config->user, config->group, ret_rights, &is_group)) {
        message_tell(LOG_LEVEL_ERROR, "%s: there is no %s %s", is_group ? "Group" : "User", is_group ? "group" : "user",
                     is_group ? config->group.data : config->user.data);
        return false;
    }
    if (ret_rights->group_count == 0) return fail(config, "he is in no group that is known; name one with Group");
    return true;
}

bool identity_is_possible(const struct config *config)
{
    struct user_rights rights;
    if (!config->user.data && !config->group.data) return true;
    if (!find(config, &rights)) return false;
    return geteuid() == 0 || is_same(&rights) || fail(config, "only root may");
}

bool identity_assume(const struct config *config)
{
    struct user_rights rights;
    if (!config->user.data && !config->group.data) return true;
    if (!find(config, &rights)) return false;
    if (geteuid() != 0 && is_same(&rights)) return true;
    /* Those of whoever started it are not his. */
    size_t group_count = config->user.data ? (size_t)rights.group_count : 1;
    int error = privileges_become(rights.user, rights.groups[0], rights.groups, group_count);
    return error == 0 || fail(config, strerror(error));
}
