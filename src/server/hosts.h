/* hosts.h - which site a request is for, by the address that it came to and the host that it names.
 *
 * Role:   Apache's name-based virtual hosts: of the sites at the most specific address, the first that has the name; else the first. A look-up
 *         in a table, in which patterns are resolved for each name that is written anywhere; only other names are compared with
 *         patterns. A name becomes nothing else.
 * Owns:   its table. Thread: made by one, then read by all.
 */
#ifndef FOLIO_SERVER_HOSTS_H
#define FOLIO_SERVER_HOSTS_H

#include "platform/socket.h"
#include "server/config.h"

struct hosts;

/* For the sites of `config`, which must outlive it. NULL: no memory. */
NODISCARD struct hosts *hosts_new(const struct config *config);
void hosts_free(struct hosts *hosts); /* takes NULL */

/* Addresses that the same sites are at are one group; false: there is only group 0. */
bool hosts_have_groups(const struct hosts *hosts);

/* `local`: what a connection was accepted at. */
uint16_t hosts_group(const struct hosts *hosts, const struct peer_address *local);

/* The number of the site. host: without port, in any case; empty: none was named. */
unsigned hosts_choose(const struct hosts *hosts, uint16_t group, struct span host, bool *ret_is_known);

#endif
