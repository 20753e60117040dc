/* jwt.h - signed tokens that say who asks (RFC 7519), after the rules of RFC 8725.
 *
 *   {"exp": ..., "nbf": ..., "aud": ..., "iss": ..., "sub": "...",
 *    "role": "reader", "tenants": ["alpha", "team-*"] (or "tenant": "alpha"), "filter": {...}}
 *
 * The header's algorithm must be the one of its key; "crit", "none" and unknown keys are
 * refused.  exp is needed; exp, nbf and iat are taken with a leeway; aud must name us, and iss
 * must be as configured where one is.  Nothing is stored: no session.
 *
 * Memory  the caller is made in the arena.
 * Errors  ERR_AUTH for whatever is wrong: a client is not told what.  The words are for the
 *         log.
 */
#ifndef RAGPOOL_JWT_H
#define RAGPOOL_JWT_H

#include "caller.h"
#include "jwks.h"

enum { JWT_BYTES_MAX = 8192, JWT_LEEWAY_S = 60, JWT_SCOPE_MAX = 256 };

struct jwt_rules {
	const struct jwks *keys;
	const char *audience;
	const char *issuer;	/* "": any */
	int64_t now;		/* seconds since 1970 */
};

/* It has the form of a token: three parts with dots between. */
bool jwt_is_likely(const char *text);
int jwt_read(struct caller *out, const char *token, const struct jwt_rules *rules,
    struct arena *a, struct err *e);

#endif
