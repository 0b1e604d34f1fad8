#include "server/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/message.h"

enum { PATH_BYTES = 4096, STATUS_NOT_EXECUTED = 127 };

static void refuse(const struct upgrade *upgrade, const char *why)
{
    message_tell(LOG_LEVEL_ERROR, "%s does not take over: %s; serving goes on as before",
                 upgrade->path ? upgrade->path : "another binary", why);
}

void upgrade_init(struct upgrade *upgrade, char **argv)
{
    char path[PATH_BYTES];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    *upgrade = (struct upgrade){ .argv = argv, .draft = -1 };
    if (size <= 0 || size == sizeof path - 1) return;
    path[size] = '\0';
    upgrade->path = strdup(path);
}

void upgrade_done(struct upgrade *upgrade)
{
    free(upgrade->path);
    if (upgrade->draft >= 0) close(upgrade->draft);
    *upgrade = (struct upgrade){ .draft = -1 };
}

/* In the new process: the binary with -t before what else it is given. */
static void check(const struct upgrade *upgrade, pid_t parent)
{
    size_t count = 0;
    while (upgrade->argv[count]) count++;
    char **argv = calloc(count + 2, sizeof *argv), option[] = "-t";
    int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argv && getppid() == parent && dup2(nothing, STDOUT_FILENO) >= 0 && inheritance_show(upgrade->draft)) {
        argv[0] = upgrade->argv[0];
        argv[1] = option;
        memcpy(argv + 2, upgrade->argv + 1, (count - 1) * sizeof *argv);
        execv(upgrade->path, argv);
    }
    message_tell(LOG_LEVEL_ERROR, "cannot run %s: %s", upgrade->path, strerror(errno));
    _exit(STATUS_NOT_EXECUTED);
}

pid_t upgrade_ask(struct upgrade *upgrade)
{
    if (upgrade->draft >= 0) close(upgrade->draft);
    upgrade->draft = upgrade->path ? inheritance_draft() : -1;
    if (upgrade->draft < 0) {
        refuse(upgrade, upgrade->path ? strerror(errno) : "where this one lies could not be told");
        return -1;
    }
    fflush(stdout);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) check(upgrade, parent);
    if (pid < 0) refuse(upgrade, strerror(errno));
    return pid;
}

bool upgrade_is_agreed(struct upgrade *upgrade, int status)
{
    char why[64] = "";
    bool is_signed = inheritance_is_signed(upgrade->draft);
    close(upgrade->draft);
    upgrade->draft = -1;
    if (WIFSIGNALED(status))
        snprintf(why, sizeof why, "it was killed by signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) == STATUS_NOT_EXECUTED)
        snprintf(why, sizeof why, "it does not run");
    else if (WEXITSTATUS(status) != 0)
        snprintf(why, sizeof why, "its check of the configuration ended with status %d", WEXITSTATUS(status));
    else if (!is_signed)
        snprintf(why, sizeof why, "it is none that could");
    if (why[0]) refuse(upgrade, why);
    return !why[0];
}

void upgrade_execute(const struct upgrade *upgrade, const struct inheritance *inheritance,
                     const struct listeners *listeners)
{
    int fd = inheritance_leave(inheritance, listeners);
    if (fd >= 0) {
        fflush(stdout);
        execv(upgrade->path, upgrade->argv);
    }
    int error = errno;
    if (fd >= 0) inheritance_take_back(fd, listeners);
    refuse(upgrade, strerror(error));
}
