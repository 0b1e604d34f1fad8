/* socket.h - listening sockets and what is set on accepted ones.
 *
 * Role:   raw calls; no policy. Addresses are texts as the configuration has them.
 * Owns:   nothing; descriptors that are returned are the caller's. Thread: any.
 */
#ifndef FOLIO_PLATFORM_SOCKET_H
#define FOLIO_PLATFORM_SOCKET_H

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/compiler.h"

/* Who is at the other end, in 20 bytes. */
struct peer_address {
    uint8_t bytes[16]; /* of an IPv6 address; IPv4 as ::ffff:a.b.c.d; all zero for a Unix socket */
    uint16_t port;     /* host byte order; 0 for a Unix socket */
    uint16_t is_unix;
};

enum { PEER_TEXT_BYTES = 48, BACKLOG_MAX = 4096 };

struct socket_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } at;
    socklen_t size;
};

/* Parse "1.2.3.4", "::1", "[::1]" or "unix:PATH". False: it is none of these. */
NODISCARD bool socket_address_parse(const char *text, uint16_t port, struct socket_address *ret_address);

/* Every address of one family: 0.0.0.0 or ::. */
void socket_address_any(int family, uint16_t port, struct socket_address *ret_address);

/* "http://127.0.0.1:8080/" or "unix:/run/folio.sock". */
void socket_address_url(const struct socket_address *address, char *out, size_t room);

/* A listening, non-blocking socket; IPv6 ones take IPv6 only. `shares` sets SO_REUSEPORT, so that each worker has its own.
 * A Unix socket that nobody listens on any more is replaced. -1 with errno. */
NODISCARD int socket_listen(const struct socket_address *address, bool shares);

/* The same in two steps: what socket_bind() returns has the address, but nobody can connect to it before socket_begin_listening().
 * false with errno. */
NODISCARD int socket_bind(const struct socket_address *address, bool shares);
NODISCARD bool socket_begin_listening(int listener);

/* A non-blocking socket that sends datagrams to the Unix socket at `address`. -1 with errno. */
NODISCARD int socket_connect_datagrams(const struct socket_address *address);

/* Ask which port the kernel chose, into `address`. */
void socket_address_learn(int listener, struct socket_address *address);

/* Accept one connection, non-blocking, TCP_NODELAY. -1 with errno. */
NODISCARD int socket_accept(int listener, struct peer_address *ret_peer);

/* The address that a connection came to. */
void socket_local_address(int fd, struct peer_address *ret_local);

/* From now on no new connection reaches this listener: what is in its queue can be accepted, then it can be closed,
 * and nobody who was let in is lost. */
void socket_refuse_new(int listener);

/* Take that back. */
void socket_admit_new(int listener);

/* Whether that holds; also if another process, which has the same socket, said so. */
NODISCARD bool socket_refuses_new(int listener);

/* Make the next close() a reset, so that the peer cannot take what it got for a whole answer. */
void socket_reset_on_close(int fd);

/* recv(2), send(2) and sendmsg(2) as they are, non-blocking and without SIGPIPE, but no points of cancellation: what glibc does
 * for those costs more than all of a hit's own code. -1 with errno. `more_follows`: do not send a half-full segment yet. */
NODISCARD ssize_t socket_receive(int fd, char *to, size_t size);
NODISCARD ssize_t socket_send(int fd, struct iovec *parts, unsigned count, bool more_follows);

/* Whether `error` of one of these is no fault of the connection: the system lacks memory at this moment. */
static inline bool socket_lacks_memory(int error)
{
    return error == ENOMEM || error == ENOBUFS;
}

/* Hold back half-full segments until this is taken back; a Unix socket does not mind. */
void socket_cork(int fd, bool is_corked);

/* Bytes that were sent, and not taken by the peer's system yet. */
uint64_t socket_unsent_bytes(int fd);

/* Whether somebody else listens at `address` already: SO_REUSEPORT would share with him. */
NODISCARD bool socket_is_taken(const struct socket_address *address);

/* The address as text, IPv4 without the mapping's prefix; returns its length. "unix:" for a Unix socket. */
size_t peer_address_text(const struct peer_address *peer, char out[PEER_TEXT_BYTES]);

#endif
