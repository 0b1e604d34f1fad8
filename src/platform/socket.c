#include "platform/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un *unix_of(struct socket_address *address)
{
    return (struct sockaddr_un *)(void *)&address->at;
}

static bool unix_parse(const char *path, struct socket_address *ret_address)
{
    struct socket_address parsed = { 0 };
    struct sockaddr_un *un = unix_of(&parsed);
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof un->sun_path) return false;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, size);
    parsed.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
    *ret_address = parsed;
    return true;
}

bool socket_address_parse(const char *text, uint16_t port, struct socket_address *ret_address)
{
    if (strncmp(text, "unix:", 5) == 0) return unix_parse(text + 5, ret_address);
    struct socket_address parsed;
    socket_address_any(AF_INET, port, &parsed);
    if (inet_pton(AF_INET, text, &parsed.at.v4.sin_addr) == 1) {
        *ret_address = parsed;
        return true;
    }
    char inner[INET6_ADDRSTRLEN];
    size_t size = strlen(text);
    if (size > 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    if (size >= sizeof inner) return false;
    memcpy(inner, text, size);
    inner[size] = '\0';
    socket_address_any(AF_INET6, port, &parsed);
    if (inet_pton(AF_INET6, inner, &parsed.at.v6.sin6_addr) != 1) return false;
    *ret_address = parsed;
    return true;
}

void socket_address_any(int family, uint16_t port, struct socket_address *ret_address)
{
    *ret_address = (struct socket_address){ 0 };
    if (family == AF_INET) {
        ret_address->at.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
        ret_address->size = sizeof ret_address->at.v4;
    } else {
        ret_address->at.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
        ret_address->size = sizeof ret_address->at.v6;
    }
}

void socket_address_url(const struct socket_address *address, char *out, size_t room)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (address->at.any.sa_family == AF_UNIX) {
        snprintf(out, room, "unix:%s", ((const struct sockaddr_un *)(const void *)&address->at)->sun_path);
    } else if (address->at.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->at.v6.sin6_addr, text, sizeof text);
        snprintf(out, room, "http://[%s]:%u/", text, ntohs(address->at.v6.sin6_port));
    } else {
        inet_ntop(AF_INET, &address->at.v4.sin_addr, text, sizeof text);
        snprintf(out, room, "http://%s:%u/", text, ntohs(address->at.v4.sin_port));
    }
}

/* True when a socket file stands at the address and nobody answers at it. */
static bool unix_is_left_over(const struct socket_address *address)
{
    struct stat st;
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&address->at;
    if (lstat(un->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return false;
    bool refused = connect(fd, &address->at.any, address->size) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static void close_quietly(int fd)
{
    int error = errno;
    close(fd);
    errno = error;
}

int socket_connect_datagrams(const struct socket_address *address)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, &address->at.any, address->size) == 0) return fd;
    close_quietly(fd);
    return -1;
}

int socket_bind(const struct socket_address *address, bool shares)
{
    int family = address->at.any.sa_family, one = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (family == AF_UNIX) {
        if (unix_is_left_over(address)) unlink(((const struct sockaddr_un *)(const void *)&address->at)->sun_path);
    } else {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (shares && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) goto fail;
    }
    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) goto fail;
    if (bind(fd, &address->at.any, address->size) != 0) goto fail;
    return fd;
fail:
    close_quietly(fd);
    return -1;
}

bool socket_begin_listening(int listener)
{
    return listen(listener, BACKLOG_MAX) == 0;
}

int socket_listen(const struct socket_address *address, bool shares)
{
    int fd = socket_bind(address, shares);
    if (fd < 0 || socket_begin_listening(fd)) return fd;
    close_quietly(fd);
    return -1;
}

void socket_address_learn(int listener, struct socket_address *address)
{
    struct socket_address learned = { .size = sizeof learned.at };
    if (getsockname(listener, &learned.at.any, &learned.size) == 0) *address = learned;
}

static struct peer_address peer_of(const struct socket_address *address)
{
    struct peer_address peer = { 0 };
    if (address->at.any.sa_family == AF_INET) {
        peer.bytes[10] = peer.bytes[11] = 0xff;
        memcpy(peer.bytes + 12, &address->at.v4.sin_addr, 4);
        peer.port = ntohs(address->at.v4.sin_port);
    } else if (address->at.any.sa_family == AF_INET6) {
        memcpy(peer.bytes, &address->at.v6.sin6_addr, 16);
        peer.port = ntohs(address->at.v6.sin6_port);
    } else {
        peer.is_unix = 1;
    }
    return peer;
}

void socket_local_address(int fd, struct peer_address *ret_local)
{
    struct socket_address local = { .size = sizeof local.at };
    if (getsockname(fd, &local.at.any, &local.size) != 0) local.at.any.sa_family = AF_UNIX;
    *ret_local = peer_of(&local);
}

int socket_accept(int listener, struct peer_address *ret_peer)
{
    struct socket_address from = { .size = sizeof from.at };
    int fd = accept4(listener, &from.at.any, &from.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return -1;
    struct peer_address peer = peer_of(&from);
    if (!peer.is_unix) {
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    *ret_peer = peer;
    return fd;
}

void socket_refuse_new(int listener)
{
    /* A filter that lets no packet through: new connections are not answered (the client tries again, and is then
     * told that the port is closed), while those whose handshake is done wait in the queue, to be accepted. */
    struct sock_filter drop[] = { { .code = BPF_RET | BPF_K, .k = 0 } };
    struct sock_fprog program = { .len = 1, .filter = drop };
    setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

void socket_admit_new(int listener)
{
    int unused = 0;
    setsockopt(listener, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
}

bool socket_refuses_new(int listener)
{
    socklen_t instructions = 0; /* no room: only their number is asked */
    return getsockopt(listener, SOL_SOCKET, SO_GET_FILTER, NULL, &instructions) == 0 && instructions > 0;
}

void socket_reset_on_close(int fd)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

ssize_t socket_receive(int fd, char *to, size_t size)
{
    return syscall(SYS_recvfrom, fd, to, size, MSG_DONTWAIT, NULL, NULL);
}

ssize_t socket_send(int fd, struct iovec *parts, unsigned count, bool more_follows)
{
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more_follows ? MSG_MORE : 0);
    if (count == 1) return syscall(SYS_sendto, fd, parts[0].iov_base, parts[0].iov_len, flags, NULL, 0);
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };
    return syscall(SYS_sendmsg, fd, &message, flags);
}

void socket_cork(int fd, bool is_corked)
{
    int value = is_corked;
    setsockopt(fd, IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

uint64_t socket_unsent_bytes(int fd)
{
    int bytes = 0;
    return ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (uint64_t)bytes : 0;
}

bool socket_is_taken(const struct socket_address *address)
{
    if (address->at.any.sa_family == AF_UNIX) return false;
    int fd = socket_listen(address, false);
    if (fd >= 0) close(fd);
    return fd < 0 && errno == EADDRINUSE;
}

size_t peer_address_text(const struct peer_address *peer, char out[PEER_TEXT_BYTES])
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    if (peer->is_unix) {
        memcpy(out, "unix:", 5);
        return 5;
    }
    if (memcmp(peer->bytes, mapped, sizeof mapped) != 0) {
        inet_ntop(AF_INET6, peer->bytes, out, PEER_TEXT_BYTES);
        return strlen(out);
    }
    size_t size = 0;
    for (int i = 12; i < 16; i++) {
        unsigned part = peer->bytes[i];
        if (part >= 100) out[size++] = (char)('0' + part / 100);
        if (part >= 10) out[size++] = (char)('0' + part / 10 % 10);
        out[size++] = (char)('0' + part % 10);
        if (i < 15) out[size++] = '.';
    }
    return size;
}
