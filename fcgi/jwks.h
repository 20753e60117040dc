/* jwks.h - the keys that tokens may be signed with: a JWK set (RFC 7517) in a file.
 *
 *   kty oct, alg HS256          k at least 32 bytes
 *   kty RSA, alg RS256          2048 to 8192 bits
 *   kty EC,  alg ES256          P-256
 *   kty OKP, alg EdDSA          Ed25519
 *
 * Each key names its one algorithm (RFC 8725, 3.1); "kid" may be left out when it is the only
 * one.  Keys of other kinds are refused, so that a typing error is found at the start.
 *
 * Memory  a key is borrowed until jwks_fini().
 * Errors  ERR_CONFIG, naming the key.
 */
#ifndef RAGPOOL_JWKS_H
#define RAGPOOL_JWKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum { JWKS_KEYS_MAX = 64, JWKS_KID_BYTES = 128 };

enum jwt_alg { JWT_HS256, JWT_RS256, JWT_ES256, JWT_EDDSA, JWT_ALG_MAX };

struct jwk;

struct jwks {
	struct jwk *keys;	/* owned */
	size_t count;
};

int jwks_load(struct jwks *s, const char *path, struct err *e);
void jwks_fini(struct jwks *s);
/* kid NULL: the only key there is, if it is the only one.  NULL for none. */
const struct jwk *jwks_find(const struct jwks *s, const char *kid);
enum jwt_alg jwk_alg(const struct jwk *k);
/* "HS256", ...; JWT_ALG_MAX when it is none of them. */
enum jwt_alg jwt_alg_of(const char *name);
/* Is it the key's signature of these n bytes?  Nothing else is said about why not. */
bool jwk_verify(const struct jwk *k, const char *bytes, size_t n, const uint8_t *signature,
    size_t signature_bytes);

#endif
