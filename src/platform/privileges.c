#include "platform/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int privileges_freeze(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno;
}

/* Leave CAP_LEASE in both sets, if it is permitted, and nothing else. */
static int keep_leases_only(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
    if (syscall(SYS_capget, &head, data) != 0) return errno;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        unsigned kept = i == CAP_TO_INDEX(CAP_LEASE) ? (unsigned)CAP_TO_MASK(CAP_LEASE) : 0;
        data[i].permitted &= kept;
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    return syscall(SYS_capset, &head, data) == 0 ? 0 : errno;
}

int privileges_become(uid_t user, gid_t group, const gid_t *groups, size_t group_count)
{
    int at_parents_end = 0;
    pid_t parent = getppid();
    if (prctl(PR_GET_PDEATHSIG, &at_parents_end) != 0) return errno;
    if (setgroups(group_count, groups) != 0 || setresgid(group, group, group) != 0) return errno;
    if (prctl(PR_SET_KEEPCAPS, 1L) != 0 || setresuid(user, user, user) != 0) return errno;
    if (prctl(PR_SET_KEEPCAPS, 0L) != 0) return errno;
    int error = user != 0 ? keep_leases_only() : 0;
    if (error != 0) return error;
    /* prctl(2): forgotten when the user changes */
    if (prctl(PR_SET_PDEATHSIG, at_parents_end) != 0) return errno;
    if (at_parents_end != 0 && getppid() != parent) kill(getpid(), at_parents_end); /* it ended in between */
    return 0;
}
