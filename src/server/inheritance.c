#include "server/inheritance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/hex_digit.h"

static const char variable[] = "FOLIO_INHERITANCE", first_line[] = "folio inheritance 2\n";

enum { LINE_BYTES_MAX = 4 * CONFIG_PATH_BYTES + 64, ANYBODY = 0 };

/* A memory file with nothing but its first line. */
static int make(void)
{
    int fd = memfd_create("folio-inheritance", MFD_CLOEXEC);
    if (fd < 0 || write(fd, first_line, strlen(first_line)) == (ssize_t)strlen(first_line)) return fd;
    close(fd);
    errno = ENOSPC;
    return -1;
}

/* Whatever is executed next has it, and finds it. */
static bool name(int fd, pid_t pid)
{
    char value[48];
    snprintf(value, sizeof value, "%d:%d", fd, (int)pid);
    return setenv(variable, value, 1) == 0 && fcntl(fd, F_SETFD, 0) == 0;
}

static bool named(int *ret_fd, int *ret_pid)
{
    const char *value = getenv(variable);
    return value && sscanf(value, "%d:%d", ret_fd, ret_pid) == 2;
}

static void keep_across_exec(const struct listeners *listeners, bool is_kept)
{
    for (unsigned i = 0; i < listeners->address_count; i++) {
        for (unsigned j = 0; j < listeners->at[i].count; j++)
            fcntl(listeners->at[i].fds[j], F_SETFD, is_kept ? 0 : FD_CLOEXEC);
    }
}

static void write_bytes(FILE *file, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    fputc(' ', file);
    for (size_t i = 0; i < size; i++) fprintf(file, "%02x", bytes[i]);
}

/* With the NUL, so that none is nothing. */
static void write_text(FILE *file, const char *text)
{
    write_bytes(file, text, strlen(text) + 1);
}

/* A socket's address is as the kernel has it. */
static void write_address(FILE *file, const struct socket_address *address)
{
    write_bytes(file, &address->at, address->size);
}

int inheritance_leave(const struct inheritance *inheritance, const struct listeners *listeners)
{
    int fd = make(), copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FILE *file = copy < 0 ? NULL : fdopen(copy, "a");
    if (!file || !name(fd, getpid())) goto fail;
    fprintf(file, "errors %u", (unsigned)inheritance->errors.level);
    write_text(file, inheritance->errors.target);
    write_text(file, inheritance->errors.system_socket);
    fputc('\n', file);
    for (unsigned i = 0; i < inheritance->process_count; i++) {
        const struct inherited_process *process = &inheritance->processes[i];
        fprintf(file, "process %d %s\n", (int)process->pid, process->serves ? "serves" : "leaves");
    }
    for (unsigned i = 0; i < listeners->address_count; i++) {
        const struct listeners_at *at = &listeners->at[i];
        fprintf(file, "address %u", at->served);
        write_address(file, &at->asked);
        write_address(file, &at->address);
        for (unsigned j = 0; j < at->count; j++) fprintf(file, " %d", at->fds[j]);
        fputc('\n', file);
    }
    fputs("end\n", file);
    bool is_written = !ferror(file);
    is_written &= fclose(file) == 0;
    file = NULL;
    copy = -1;
    if (!is_written) goto fail;
    keep_across_exec(listeners, true);
    return fd;
fail:;
    int error = errno;
    if (file) fclose(file);
    if (!file && copy >= 0) close(copy);
    if (fd >= 0) close(fd);
    unsetenv(variable);
    errno = error;
    return -1;
}

void inheritance_take_back(int fd, const struct listeners *listeners)
{
    keep_across_exec(listeners, false);
    close(fd);
    unsetenv(variable);
}

bool inheritance_is_ours(void)
{
    int fd, pid;
    return named(&fd, &pid) && pid == getpid();
}

/* False: there are none, or more than fit. */
static bool read_bytes(const char **at, void *out, size_t room, size_t *ret_size)
{
    unsigned char *bytes = out;
    const char *text = *at;
    size_t size = 0;
    while (*text == ' ') text++;
    for (int high, low; (high = hex_digit_value(text[0])) >= 0 && (low = hex_digit_value(text[1])) >= 0; text += 2) {
        if (size == room) return false;
        bytes[size++] = (unsigned char)(high << 4 | low);
    }
    *at = text;
    *ret_size = size;
    return size > 0;
}

static bool read_address(const char **at, struct socket_address *ret_address)
{
    size_t size;
    struct socket_address address = { 0 };
    if (!read_bytes(at, &address.at, sizeof address.at, &size)) return false;
    address.size = (socklen_t)size;
    *ret_address = address;
    return true;
}

static bool read_text(const char **at, char *out, size_t room)
{
    size_t size;
    return read_bytes(at, out, room, &size) && strnlen(out, size) == size - 1;
}

/* What follows "errors" on its line. */
static bool read_errors(const char *text, struct error_log_place *errors)
{
    unsigned level;
    int size;
    if (sscanf(text, "%u%n", &level, &size) != 1 || level > LOG_LEVEL_DEBUG) return false;
    text += size;
    errors->level = (enum log_level)level;
    return read_text(&text, errors->target, sizeof errors->target) &&
           read_text(&text, errors->system_socket, sizeof errors->system_socket);
}

/* What follows "address" on its line. */
static bool read_listener(const char *text, struct listeners *listeners)
{
    struct listeners_at at = { 0 };
    int size;
    if (listeners->address_count == LISTENERS_MAX || sscanf(text, "%u%n", &at.served, &size) != 1) return false;
    text += size;
    if (!read_address(&text, &at.asked) || !read_address(&text, &at.address)) return false;
    for (int fd; sscanf(text, "%d%n", &fd, &size) == 1; text += size) {
        if (at.count == THREADS_MAX || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return false;
        at.fds[at.count++] = fd;
    }
    listeners->at[listeners->address_count++] = at;
    return true;
}

static bool read_process(const char *text, struct inheritance *inheritance)
{
    int pid;
    char what[8];
    if (inheritance->process_count == INHERITED_PROCESSES_MAX || sscanf(text, "%d %7s", &pid, what) != 2) return false;
    inheritance->processes[inheritance->process_count++] =
        (struct inherited_process){ .pid = pid, .serves = strcmp(what, "serves") == 0 };
    return true;
}

static bool read_all(FILE *file, struct inheritance *inheritance, struct listeners *listeners)
{
    char line[LINE_BYTES_MAX];
    if (!fgets(line, sizeof line, file) || strcmp(line, first_line) != 0) return false;
    while (fgets(line, sizeof line, file)) {
        bool is_right = false;
        if (strcmp(line, "end\n") == 0) return true;
        if (strncmp(line, "errors ", 7) == 0) is_right = read_errors(line + 7, &inheritance->errors);
        if (strncmp(line, "process ", 8) == 0) is_right = read_process(line + 8, inheritance);
        if (strncmp(line, "address ", 8) == 0) is_right = read_listener(line + 8, listeners);
        if (!is_right) return false;
    }
    return false;
}

bool inheritance_take(struct inheritance *ret_inheritance, struct listeners *ret_listeners)
{
    int fd, pid;
    bool is_there = named(&fd, &pid);
    unsetenv(variable); /* what is started from here on inherits nothing */
    FILE *file = is_there && lseek(fd, 0, SEEK_SET) == 0 ? fdopen(fd, "r") : NULL;
    if (!file) return false;
    *ret_inheritance = (struct inheritance){ 0 };
    *ret_listeners = (struct listeners){ 0 };
    bool is_whole = read_all(file, ret_inheritance, ret_listeners);
    fclose(file);
    return is_whole;
}

int inheritance_draft(void)
{
    return make();
}

bool inheritance_show(int draft)
{
    return name(draft, ANYBODY);
}

bool inheritance_sign(void)
{
    int fd, pid;
    char line[sizeof first_line] = "";
    if (!named(&fd, &pid)) return true;
    size_t size = strlen(first_line);
    return pread(fd, line, size, 0) == (ssize_t)size && strcmp(line, first_line) == 0 &&
           pwrite(fd, "+", 1, (off_t)size) == 1;
}

bool inheritance_is_signed(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_size == (off_t)strlen(first_line) + 1;
}
