/* netaddr.h - which addresses a tenant's document may make us talk to.
 *
 * Whoever may write a document must not reach through us what only this host can reach: its
 * loopback, its private networks, its cloud's metadata service.  So an address is judged
 * after its name was resolved, at the moment the socket is made, and only public unicast
 * addresses pass, beside the networks that the operator allowed.
 *
 * Forms   an IPv4 address inside an IPv6 one (mapped, NAT64, 6to4) is judged as the IPv4
 *         address it reaches.
 * Source  the IANA special-purpose address registries (RFC 6890 and what updates it).
 */
#ifndef RAGPOOL_NETADDR_H
#define RAGPOOL_NETADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "err.h"

enum { NETADDR_NETS_MAX = 64, NETADDR_TEXT_BYTES = 64 };

struct netaddr_net {
	uint8_t bytes[16];		/* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;			/* of the 128 */
};

struct netaddr_list {
	struct netaddr_net net[NETADDR_NETS_MAX];
	size_t count;
};

/* "10.0.0.0/8 fd00::/8 127.0.0.1", separated by spaces or commas; "" for none.  ERR_CONFIG
 * naming the one that is no network. */
int netaddr_list_parse(struct netaddr_list *l, const char *text, struct err *e);
bool netaddr_list_has(const struct netaddr_list *l, const struct sockaddr *a);
bool netaddr_is_public(const struct sockaddr *a);
/* Public, or in the list (which may be NULL). */
bool netaddr_is_allowed(const struct sockaddr *a, const struct netaddr_list *l);
/* The address without its port, for messages. */
void netaddr_write(const struct sockaddr *a, char out[NETADDR_TEXT_BYTES]);

#endif
