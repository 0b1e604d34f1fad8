#include "platform/lease_break.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/machine.h"

/* The first one that the C library leaves to programs is for people (see server.c). */
static int signal_number(void)
{
    return SIGRTMIN + 1;
}

int lease_breaks_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_number());
    /* What the kernel sends where it cannot queue another (RLIMIT_SIGPENDING), and for a lease that was not announced. */
    sigaddset(&set, SIGIO);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void lease_break_announce(int fd)
{
    /* To the process: a thread that took a lease may end before it is broken. */
    struct f_owner_ex owner = { .type = F_OWNER_PID, .pid = getpid() };
    (void)fcntl(fd, F_SETOWN_EX, &owner);
    (void)fcntl(fd, F_SETSIG, signal_number());
}

enum lease_break lease_breaks_next(int breaks, int *ret_fd)
{
    struct signalfd_siginfo info;
    if (read(breaks, &info, sizeof info) != sizeof info) return LEASE_BREAK_NONE;
    if ((int)info.ssi_signo != signal_number()) return LEASE_BREAK_ANY;
    *ret_fd = info.ssi_fd;
    return LEASE_BREAK_FILE;
}

bool lease_is_for_all(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
    if (machine_number("/proc/sys/fs/leases-enable", 1) == 0) return false;
    return syscall(SYS_capget, &head, data) == 0 && (data[CAP_TO_INDEX(CAP_LEASE)].effective & CAP_TO_MASK(CAP_LEASE));
}

bool lease_is_wanted(int fd)
{
    /* What it will have to become: F_UNLCK while it is being broken. */
    return fcntl(fd, F_GETLEASE) != F_RDLCK;
}
