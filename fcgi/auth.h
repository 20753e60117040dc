/* auth.h - from a request to who asks.
 *
 * The key stands in "Authorization: Bearer KEY", "Api-Key: KEY" or "X-Api-Key: KEY"; a signed
 * token in the first of these.  Both files (DATA/keys.json and the JWK set) are looked at
 * before every request, so that a change counts from the next one on.
 *
 * Off     everybody may do everything, but only where the web server itself listens on
 *         loopback (its SERVER_ADDR): what is open to the network needs keys.
 * Memory  a caller is borrowed until the next auth_check().
 * Errors  ERR_AUTH: no key, or none that is good; which of these is not told.
 *         ERR_OPEN: off, and asked from the network.
 */
#ifndef RAGPOOL_AUTH_H
#define RAGPOOL_AUTH_H

#include "caller.h"
#include "jwks.h"
#include "keys.h"
#include "req.h"

struct auth_options {
	bool is_off;
	bool is_by_hand;		/* one request from a terminal: there is no server */
	const char *jwt_keys;		/* path of the JWK set, "" for no tokens */
	const char *jwt_audience;
	const char *jwt_issuer;		/* "": any */
};

struct auth {
	const struct auth_options *options;	/* borrowed */
	const char *data_dir;			/* borrowed */
	struct keys keys;
	struct jwks jwks;
	struct stat jwks_seen;
};

/* A damaged file is logged, and opens to nobody. */
void auth_open(struct auth *a, const struct auth_options *options, const char *data_dir);
void auth_close(struct auth *a);
int auth_check(struct auth *a, const struct req *r, struct caller *out, struct err *e);
/* Did the request bring a key or token, good or not? */
bool auth_was_tried(const struct req *r);

#endif
