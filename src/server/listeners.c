#include "server/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "platform/thread.h"
#include "server/message.h"

/* Addresses that a configuration asks for; every address stands for both families. */
struct wishes {
    unsigned count;
    struct {
        struct socket_address address;
        bool is_optional; /* a machine may lack one of the families */
        bool follows;     /* the port of the one before, if that was 0 */
    } items[LISTENERS_MAX];
};

unsigned listeners_workers(const struct config *config)
{
    unsigned workers = config->threads ? (unsigned)config->threads : thread_cpus();
    return workers < THREADS_MAX ? workers : THREADS_MAX;
}

static bool is_unix(const struct socket_address *address)
{
    return address->at.any.sa_family == AF_UNIX;
}

static bool is_same(const struct socket_address *a, const struct socket_address *b)
{
    return a->size == b->size && memcmp(&a->at, &b->at, a->size) == 0;
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
    message_tell(LOG_LEVEL_ERROR, "cannot listen at %s: %s%s", url, strerror(error), remedy);
}

static void collect(const struct config *config, struct wishes *wishes)
{
    wishes->count = 0;
    for (uint32_t i = 0; i < config->listen_count; i++) {
        const struct config_listen *listen = &config->listens[i];
        if (listen->address[0] == '\0') {
            socket_address_any(AF_INET6, listen->port, &wishes->items[wishes->count].address);
            wishes->items[wishes->count].follows = false;
            wishes->items[wishes->count++].is_optional = true;
            socket_address_any(AF_INET, listen->port, &wishes->items[wishes->count].address);
            wishes->items[wishes->count].follows = listen->port == 0;
            wishes->items[wishes->count++].is_optional = true;
        } else if (socket_address_parse(listen->address, listen->port, &wishes->items[wishes->count].address)) {
            wishes->items[wishes->count].follows = false;
            wishes->items[wishes->count++].is_optional = false;
        }
    }
}

static struct listeners_at *find(struct listeners *listeners, const struct socket_address *asked)
{
    for (unsigned i = 0; i < listeners->address_count; i++) {
        if (is_same(&listeners->at[i].asked, asked)) return &listeners->at[i];
    }
    return NULL;
}

static uint16_t port_of(const struct socket_address *address)
{
    return address->at.any.sa_family == AF_INET ? address->at.v4.sin_port : address->at.v6.sin6_port;
}

/* We have the same port of another address, which may be one address for all: then it is not taken by somebody else. */
static bool is_beside_ours(const struct listeners *listeners, const struct listeners_at *at)
{
    bool is_beside = false;
    for (unsigned i = 0; i < listeners->address_count; i++) {
        const struct listeners_at *other = &listeners->at[i];
        is_beside |= other != at && other->count > 0 && !is_unix(&other->address) && !is_unix(&at->address) &&
                     other->address.at.any.sa_family == at->address.at.any.sa_family &&
                     port_of(&other->address) == port_of(&at->address);
    }
    return is_beside;
}

/* As many sockets as workers; they are never fewer than before, as whoever waits in a queue, or is about to (his handshake
 * being half done), would be reset with it. A Unix socket cannot be had more than once: the workers share it. */
static bool open_sockets(const struct listeners *listeners, struct listeners_at *at, unsigned workers)
{
    unsigned wanted = is_unix(&at->address) ? 1 : workers;
    if (at->count == 0 && !is_beside_ours(listeners, at) && socket_is_taken(&at->address)) {
        errno = EADDRINUSE;
        return false;
    }
    while (at->count < wanted) {
        int fd = socket_bind(&at->address, true);
        if (fd < 0) return false;
        at->fds[at->count++] = fd;
        /* Port 0: the kernel chose for the first, and the others join it. */
        if (at->count == 1 && !is_unix(&at->address)) socket_address_learn(fd, &at->address);
    }
    return true;
}

/* In this process only. */
static void forget_at(struct listeners *listeners, unsigned index)
{
    struct listeners_at *at = &listeners->at[index];
    for (unsigned i = 0; i < at->count; i++) close(at->fds[i]);
    listeners->at[index] = listeners->at[--listeners->address_count];
}

static void close_at(struct listeners *listeners, unsigned index)
{
    const struct socket_address *address = &listeners->at[index].address;
    if (is_unix(address)) unlink(((const struct sockaddr_un *)(const void *)&address->at)->sun_path);
    forget_at(listeners, index);
}

/* Whoever has copies of the sockets takes who waits there, and nobody comes after him. */
static void give_up_at(struct listeners *listeners, unsigned index)
{
    const struct listeners_at *at = &listeners->at[index];
    for (unsigned i = 0; i < at->count; i++) socket_refuse_new(at->fds[i]);
    close_at(listeners, index);
}

/* Where the kernel shares connections out to sockets that nobody accepts from, they would wait for good. */
static void close_unserved(struct listeners *listeners)
{
    for (unsigned i = 0; i < listeners->address_count; i++) {
        struct listeners_at *at = &listeners->at[i];
        while (at->served > 0 && at->count > at->served) close(at->fds[--at->count]);
    }
}

bool listeners_extend(struct listeners *listeners, const struct config *config)
{
    struct wishes wishes;
    unsigned before = listeners->address_count, skipped = 0, counts[LISTENERS_MAX];
    for (unsigned i = 0; i < before; i++) counts[i] = listeners->at[i].count;
    collect(config, &wishes);
    for (unsigned i = 0; i < wishes.count; i++) {
        const struct socket_address *asked = &wishes.items[i].address;
        struct listeners_at *at = find(listeners, asked);
        if (!at) {
            if (listeners->address_count == LISTENERS_MAX) {
                message_tell(LOG_LEVEL_ERROR, "more than %d addresses to listen at; name fewer", LISTENERS_MAX);
                goto fail;
            }
            at = &listeners->at[listeners->address_count++];
            *at = (struct listeners_at){ .asked = *asked, .address = *asked };
            if (wishes.items[i].follows && listeners->address_count > 1)
                at->address.at.v4.sin_port = listeners->at[listeners->address_count - 2].address.at.v6.sin6_port;
        }
        if (open_sockets(listeners, at, listeners_workers(config))) continue;
        int error = errno;
        if (at->count == 0) listeners->address_count--;
        bool lacks_family = error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
        if (wishes.items[i].is_optional && lacks_family && ++skipped < wishes.count) continue;
        tell(asked, error);
        goto fail;
    }
    return true;
fail:
    while (listeners->address_count > before) close_at(listeners, listeners->address_count - 1);
    for (unsigned i = 0; i < before; i++) {
        struct listeners_at *at = &listeners->at[i];
        while (at->count > counts[i]) close(at->fds[--at->count]);
    }
    return false;
}

bool listeners_listen(const struct listeners *listeners)
{
    for (unsigned i = 0; i < listeners->address_count; i++) {
        const struct listeners_at *at = &listeners->at[i];
        for (unsigned j = 0; j < at->count; j++) {
            if (socket_begin_listening(at->fds[j])) continue;
            tell(&at->address, errno);
            return false;
        }
    }
    return true;
}

void listeners_serve(struct listeners *listeners)
{
    for (unsigned i = 0; i < listeners->address_count; i++) {
        struct listeners_at *at = &listeners->at[i];
        at->served = at->count;
        for (unsigned j = 0; j < at->count && !is_unix(&at->address); j++) socket_admit_new(at->fds[j]);
    }
}

static void drop_unwanted(struct listeners *listeners, const struct config *config,
                          void (*drop)(struct listeners *listeners, unsigned index))
{
    struct wishes wishes;
    collect(config, &wishes);
    for (unsigned i = listeners->address_count; i-- > 0;) {
        bool is_wanted = false;
        for (unsigned j = 0; j < wishes.count; j++)
            is_wanted |= is_same(&wishes.items[j].address, &listeners->at[i].asked);
        if (!is_wanted) drop(listeners, i);
    }
}

void listeners_keep(struct listeners *listeners, const struct config *config)
{
    drop_unwanted(listeners, config, give_up_at);
    close_unserved(listeners);
}

void listeners_choose(struct listeners *listeners, const struct config *config)
{
    drop_unwanted(listeners, config, forget_at);
}

bool listeners_share(const struct listeners *listeners, unsigned index, unsigned workers,
                     struct worker_listener out[LISTENERS_SOCKETS_MAX], unsigned *ret_count)
{
    unsigned count = 0;
    for (unsigned i = 0; i < listeners->address_count; i++) {
        const struct listeners_at *at = &listeners->at[i];
        unsigned fair_count = at->count - at->count % workers;
        for (unsigned j = 0; j < at->count; j++) {
            bool is_shared = is_unix(&at->address) || j >= fair_count;
            if (!is_shared && j % workers != index) continue;
            int fd = fcntl(at->fds[j], F_DUPFD_CLOEXEC, 0);
            if (fd < 0) goto fail;
            out[count++] = (struct worker_listener){ .fd = fd, .is_shared = is_shared };
        }
    }
    *ret_count = count;
    return true;
fail:
    while (count > 0) close(out[--count].fd);
    return false;
}

void listeners_drop(struct listeners *listeners)
{
    for (unsigned i = 0; i < listeners->address_count; i++) {
        for (unsigned j = 0; j < listeners->at[i].count; j++) close(listeners->at[i].fds[j]);
        listeners->at[i].count = 0;
    }
}

void listeners_close(struct listeners *listeners)
{
    while (listeners->address_count > 0) close_at(listeners, listeners->address_count - 1);
}
