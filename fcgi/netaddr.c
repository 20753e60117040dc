/* netaddr.c - which addresses a tenant's document may make us talk to. */
#include "netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IPV4_PREFIX_BITS = 96 };

/* Nothing in these is a host of the public network. */
static const char special[] =
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 "
    "192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 "
    "192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 "
    "::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 3fff::/20 5f00::/16 fc00::/7 "
    "fe80::/10 fec0::/10 ff00::/8";

/* Where an IPv4 address stands inside an IPv6 one. */
static const struct {
	const char *net;
	size_t at;
} embedding[] = {{"64:ff9b::/96", 12}, {"2002::/16", 2}};

static void
map_ipv4(uint8_t out[16], const void *four)
{
	memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	memcpy(out + 12, four, 4);
}

static bool
bytes_of(uint8_t out[16], const struct sockaddr *a)
{
	if (a->sa_family == AF_INET) {
		map_ipv4(out, &((const struct sockaddr_in *)(const void *)a)->sin_addr);
		return true;
	}
	if (a->sa_family != AF_INET6)
		return false;
	memcpy(out, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16);
	return true;
}

static bool
net_has(const struct netaddr_net *net, const uint8_t bytes[16])
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;

	if (memcmp(net->bytes, bytes, whole) != 0)
		return false;
	return rest == 0 || ((net->bytes[whole] ^ bytes[whole]) >> (8 - rest)) == 0;
}

static bool
list_has(const struct netaddr_list *l, const uint8_t bytes[16])
{
	for (size_t i = 0; i < l->count; i++)
		if (net_has(&l->net[i], bytes))
			return true;
	return false;
}

static int
parse_net(struct netaddr_net *net, const char *text)
{
	char address[INET6_ADDRSTRLEN + 8], *slash, *end;
	unsigned long bits, base = 0;
	uint8_t four[4];

	if (strlen(text) >= sizeof address)
		return -1;
	strcpy(address, text);
	if ((slash = strchr(address, '/')) != NULL)
		*slash = '\0';
	if (inet_pton(AF_INET, address, four) == 1) {
		map_ipv4(net->bytes, four);
		base = IPV4_PREFIX_BITS;
	} else if (inet_pton(AF_INET6, address, net->bytes) != 1) {
		return -1;
	}
	bits = 128 - base;
	if (slash != NULL) {
		if (slash[1] < '0' || slash[1] > '9')
			return -1;
		bits = strtoul(slash + 1, &end, 10);
		if (*end != '\0' || bits > 128 - base)
			return -1;
	}
	net->bits = (unsigned)(base + bits);
	return 0;
}

int
netaddr_list_parse(struct netaddr_list *l, const char *text, struct err *e)
{
	char one[80];
	size_t n;

	l->count = 0;
	for (text += strspn(text, " ,"); *text != '\0'; text += n + strspn(text + n, " ,")) {
		n = strcspn(text, " ,");
		if (l->count == NETADDR_NETS_MAX)
			return err_set(e, ERR_CONFIG, "more than %d networks", NETADDR_NETS_MAX);
		snprintf(one, sizeof one, "%.*s", (int)(n < sizeof one ? n : sizeof one), text);
		if (n >= sizeof one || parse_net(&l->net[l->count], one) == -1)
			return err_set(e, ERR_CONFIG,
			    "\"%.60s\" is not a network such as 10.0.0.0/8 or fd00::/8", one);
		l->count++;
	}
	return 0;
}

bool
netaddr_list_has(const struct netaddr_list *l, const struct sockaddr *a)
{
	uint8_t bytes[16];

	return bytes_of(bytes, a) && list_has(l, bytes);
}

static const struct netaddr_list *
special_nets(void)
{
	static struct netaddr_list l;

	if (l.count == 0)
		netaddr_list_parse(&l, special, NULL);
	return &l;
}

bool
netaddr_is_public(const struct sockaddr *a)
{
	uint8_t bytes[16], inner[16];
	struct netaddr_net net;

	if (!bytes_of(bytes, a) || list_has(special_nets(), bytes))
		return false;
	for (size_t i = 0; i < sizeof embedding / sizeof embedding[0]; i++) {
		if (parse_net(&net, embedding[i].net) == -1 || !net_has(&net, bytes))
			continue;
		map_ipv4(inner, bytes + embedding[i].at);
		if (list_has(special_nets(), inner))
			return false;
	}
	return true;
}

bool
netaddr_is_allowed(const struct sockaddr *a, const struct netaddr_list *l)
{
	return (l != NULL && netaddr_list_has(l, a)) || netaddr_is_public(a);
}

void
netaddr_write(const struct sockaddr *a, char out[NETADDR_TEXT_BYTES])
{
	const void *at = NULL;

	if (a->sa_family == AF_INET)
		at = &((const struct sockaddr_in *)(const void *)a)->sin_addr;
	else if (a->sa_family == AF_INET6)
		at = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
	if (at == NULL || inet_ntop(a->sa_family, at, out, NETADDR_TEXT_BYTES) == NULL)
		strcpy(out, "not an internet address");
}
