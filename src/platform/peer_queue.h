/* peer_queue.h - what a peer on this machine has been sent, and has not read.
 *
 * Role:   raw: asks the kernel about the socket at the other end of a TCP connection (sock_diag(7)). What is in its receive
 *         queue was acknowledged, and yet may still be the sender's pages: loopback copies nothing on the way.
 * Owns:   nothing; the descriptor is the caller's. Thread: one for each descriptor.
 * Limits: sees the sockets of this network namespace, by their addresses. A peer behind a translated address, or in another
 *         namespace of this machine, looks like one far away.
 */
#ifndef FOLIO_PLATFORM_PEER_QUEUE_H
#define FOLIO_PLATFORM_PEER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/socket.h"

/* -1: this system, or what the process is confined by, does not tell. */
NODISCARD int peer_queue_open(void);

/* Bytes (and the end, as one) that the peer of `fd` has in its queue; 0: none, or it is on another machine.
 * False: it cannot be told. */
NODISCARD bool peer_queue_ask(int queues, int fd, const struct peer_address *peer, uint64_t *ret_bytes);

/* Whether the peer of `fd` is on this machine, as far as its address tells. */
NODISCARD bool peer_is_here(int fd, const struct peer_address *peer);

#endif
