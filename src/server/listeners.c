#include "server/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_unix(const struct socket_address *address)
{
    return address->at.any.sa_family == AF_UNIX;
}

static void tell(const struct socket_address *address, int error)
{
    char url[256];
    const char *remedy = "";
    socket_address_url(address, url, sizeof url);
    if (error == EADDRINUSE && is_unix(address))
        remedy = "\n  another server listens there; choose another path with --bind unix:PATH";
    else if (error == EADDRINUSE)
        remedy = "\n  another process listens there; choose another port with --port, or stop that process";
    else if (error == EACCES && !is_unix(address))
        remedy = "\n  ports below 1024 need CAP_NET_BIND_SERVICE; choose another with --port 8080";
    else if (error == EADDRNOTAVAIL)
        remedy = "\n  no interface has this address; leave --bind out to listen on all";
    fprintf(stderr, "folio: cannot listen at %s: %s%s\n", url, strerror(error), remedy);
}

/* One socket for each worker. A Unix socket cannot be had more than once: the workers share it. */
static bool open_all(struct listeners *listeners, struct socket_address address)
{
    int *fds = listeners->fds[listeners->address_count];
    if (listeners->workers > 1 && socket_is_taken(&address)) {
        errno = EADDRINUSE;
        return false;
    }
    for (unsigned i = 0; i < listeners->workers; i++) {
        if (is_unix(&address) && i > 0)
            fds[i] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
        else
            fds[i] = socket_listen(&address, listeners->workers > 1);
        if (fds[i] < 0) {
            int error = errno;
            for (unsigned j = 0; j < i; j++) close(fds[j]);
            errno = error;
            return false;
        }
        /* Port 0: the kernel chose for the first, and the others join it. */
        if (i == 0 && !is_unix(&address)) socket_address_learn(fds[0], &address);
    }
    listeners->addresses[listeners->address_count++] = address;
    return true;
}

/* Every address: both families, on one port; a machine may lack one of them. */
static bool open_every(struct listeners *listeners, uint16_t port)
{
    struct socket_address address;
    socket_address_any(AF_INET6, port, &address);
    bool has_v6 = open_all(listeners, address);
    int v6_error = has_v6 ? 0 : errno;
    if (!has_v6 && v6_error != EAFNOSUPPORT && v6_error != EADDRNOTAVAIL) {
        tell(&address, v6_error);
        return false;
    }
    if (has_v6) port = ntohs(listeners->addresses[listeners->address_count - 1].at.v6.sin6_port);
    socket_address_any(AF_INET, port, &address);
    if (open_all(listeners, address)) return true;
    int v4_error = errno;
    if (has_v6 && v4_error == EAFNOSUPPORT) return true;
    tell(&address, v4_error);
    return false;
}

bool listeners_open(struct listeners *listeners, const struct config *config, unsigned workers)
{
    listeners->address_count = 0;
    listeners->workers = workers;
    for (uint32_t i = 0; i < config->listen_count; i++) {
        const struct config_listen *listen = &config->listens[i];
        struct socket_address address;
        if (listeners->address_count + 2 > WORKER_LISTENERS_MAX) {
            fprintf(stderr, "folio: more than %d addresses to listen at; name fewer\n", WORKER_LISTENERS_MAX);
            goto fail;
        }
        if (listen->address[0] == '\0') {
            if (!open_every(listeners, listen->port)) goto fail;
        } else if (!socket_address_parse(listen->address, listen->port, &address) || !open_all(listeners, address)) {
            tell(&address, errno);
            goto fail;
        }
    }
    return true;
fail:
    listeners_close(listeners);
    return false;
}

unsigned listeners_take(struct listeners *listeners, unsigned index, struct worker_listener *out)
{
    for (unsigned i = 0; i < listeners->address_count; i++) {
        out[i] =
            (struct worker_listener){ .fd = listeners->fds[i][index], .is_shared = is_unix(&listeners->addresses[i]) };
        listeners->fds[i][index] = -1;
    }
    return listeners->address_count;
}

void listeners_close(struct listeners *listeners)
{
    for (unsigned i = 0; i < listeners->address_count; i++) {
        for (unsigned j = 0; j < listeners->workers; j++) {
            if (listeners->fds[i][j] >= 0) close(listeners->fds[i][j]);
        }
        if (is_unix(&listeners->addresses[i]))
            unlink(((const struct sockaddr_un *)(const void *)&listeners->addresses[i].at)->sun_path);
    }
    listeners->address_count = 0;
}
