/* jwks.c - the keys that tokens may be signed with. */
#include "jwks.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>

#include "base64.h"
#include "file.h"
#include "json.h"

enum { JWKS_BYTES_MAX = 1 << 20, SECRET_MIN = 32, SECRET_MAX = 512, NUMBER_MAX = 1024,
	RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, COORDINATE = 32 };

struct jwk {
	char kid[JWKS_KID_BYTES + 1];
	enum jwt_alg alg;
	uint8_t secret[SECRET_MAX];	/* HS256 */
	size_t secret_bytes;
	EVP_PKEY *public;		/* the others; owned */
};

static const char *const alg_names[JWT_ALG_MAX] = {"HS256", "RS256", "ES256", "EdDSA"};

enum jwt_alg
jwt_alg_of(const char *name)
{
	int alg = 0;

	while (alg < JWT_ALG_MAX && strcmp(alg_names[alg], name) != 0)
		alg++;
	return alg;
}

enum jwt_alg
jwk_alg(const struct jwk *k)
{
	return k->alg;
}

void
jwks_fini(struct jwks *s)
{
	for (size_t i = 0; i < s->count; i++) {
		EVP_PKEY_free(s->keys[i].public);
		OPENSSL_cleanse(s->keys[i].secret, SECRET_MAX);
	}
	free(s->keys);
	*s = (struct jwks){0};
}

const struct jwk *
jwks_find(const struct jwks *s, const char *kid)
{
	if (kid == NULL)
		return s->count == 1 ? &s->keys[0] : NULL;
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->keys[i].kid, kid) == 0)
			return &s->keys[i];
	return NULL;
}

/* ---- reading ---- */

static int
get_bytes(struct json_object *o, const char *name, uint8_t *out, size_t size, size_t *used,
    struct err *e)
{
	const char *text;

	if (json_get_text(o, name, true, size * 2, &text, e) == -1)
		return -1;
	if (!base64url_decode(text, strlen(text), out, size, used) || *used == 0)
		return err_set(e, ERR_CONFIG, "\"%s\" is not base64url of 1 to %zu bytes", name,
		    size);
	return 0;
}

static int
read_secret(struct jwk *k, struct json_object *o, struct err *e)
{
	if (get_bytes(o, "k", k->secret, SECRET_MAX, &k->secret_bytes, e) == -1)
		return -1;
	if (k->secret_bytes < SECRET_MIN)
		return err_set(e, ERR_CONFIG, "\"k\" is shorter than %d bytes", SECRET_MIN);
	return 0;
}

static int
make_public(struct jwk *k, const char *type, OSSL_PARAM_BLD *build, struct err *e)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	int rc = -1;

	if (context != NULL && params != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
	    EVP_PKEY_fromdata(context, &k->public, EVP_PKEY_PUBLIC_KEY, params) == 1)
		rc = 0;
	else
		err_set(e, ERR_CONFIG, "it is no valid %s key", type);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(context);
	return rc;
}

static int
read_rsa(struct jwk *k, struct json_object *o, struct err *e)
{
	uint8_t bytes[2][NUMBER_MAX];
	size_t used[2];
	BIGNUM *n = NULL, *exponent = NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	int rc = -1;

	if (get_bytes(o, "n", bytes[0], NUMBER_MAX, &used[0], e) == -1 ||
	    get_bytes(o, "e", bytes[1], NUMBER_MAX, &used[1], e) == -1)
		goto out;
	n = BN_bin2bn(bytes[0], (int)used[0], NULL);
	exponent = BN_bin2bn(bytes[1], (int)used[1], NULL);
	if (build == NULL || n == NULL || exponent == NULL ||
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) != 1) {
		err_set(e, ERR_NOMEM, "RSA key");
		goto out;
	}
	if (BN_num_bits(n) < RSA_BITS_MIN || BN_num_bits(n) > RSA_BITS_MAX)
		err_set(e, ERR_CONFIG, "\"n\" has %d bits, not %d to %d", BN_num_bits(n),
		    RSA_BITS_MIN, RSA_BITS_MAX);
	else
		rc = make_public(k, "RSA", build, e);
out:
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(exponent);
	return rc;
}

static int
need_curve(struct json_object *o, const char *curve, struct err *e)
{
	const char *name;

	if (json_get_text(o, "crv", true, 16, &name, e) == -1)
		return -1;
	return strcmp(name, curve) == 0 ? 0 : err_set(e, ERR_CONFIG, "\"crv\" must be %s", curve);
}

static int
read_ec(struct jwk *k, struct json_object *o, struct err *e)
{
	uint8_t point[1 + 2 * COORDINATE] = {POINT_CONVERSION_UNCOMPRESSED};
	OSSL_PARAM_BLD *build = NULL;
	size_t x, y;
	int rc = -1;

	if (need_curve(o, "P-256", e) == -1 ||
	    get_bytes(o, "x", point + 1, COORDINATE, &x, e) == -1 ||
	    get_bytes(o, "y", point + 1 + COORDINATE, COORDINATE, &y, e) == -1)
		return -1;
	if (x != COORDINATE || y != COORDINATE)
		return err_set(e, ERR_CONFIG, "\"x\" and \"y\" must have %d bytes", COORDINATE);
	build = OSSL_PARAM_BLD_new();
	if (build == NULL ||
	    OSSL_PARAM_BLD_push_utf8_string(
		build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(
		build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) != 1)
		err_set(e, ERR_NOMEM, "EC key");
	else
		rc = make_public(k, "EC", build, e);
	OSSL_PARAM_BLD_free(build);
	return rc;
}

static int
read_ed25519(struct jwk *k, struct json_object *o, struct err *e)
{
	uint8_t x[COORDINATE];
	size_t used;

	if (need_curve(o, "Ed25519", e) == -1 ||
	    get_bytes(o, "x", x, sizeof x, &used, e) == -1)
		return -1;
	k->public = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, used);
	return k->public != NULL ? 0 : err_set(e, ERR_CONFIG, "it is no valid Ed25519 key");
}

static int
read_key(struct jwk *k, struct json_object *o, struct err *e)
{
	static const struct {
		const char *kty;
		int (*read)(struct jwk *, struct json_object *, struct err *);
	} kinds[JWT_ALG_MAX] = {
	    [JWT_HS256] = {"oct", read_secret},
	    [JWT_RS256] = {"RSA", read_rsa},
	    [JWT_ES256] = {"EC", read_ec},
	    [JWT_EDDSA] = {"OKP", read_ed25519},
	};
	const char *alg, *kty, *kid = "", *use = "sig";

	if (json_get_text(o, "kid", false, JWKS_KID_BYTES, &kid, e) == -1 ||
	    json_get_text(o, "use", false, 16, &use, e) == -1 ||
	    json_get_text(o, "alg", true, 16, &alg, e) == -1 ||
	    json_get_text(o, "kty", true, 16, &kty, e) == -1)
		return -1;
	strcpy(k->kid, kid);
	if ((k->alg = jwt_alg_of(alg)) == JWT_ALG_MAX)
		return err_set(e, ERR_CONFIG, "\"alg\" must be HS256, RS256, ES256 or EdDSA");
	if (strcmp(kty, kinds[k->alg].kty) != 0)
		return err_set(e, ERR_CONFIG, "\"kty\" must be %s for %s", kinds[k->alg].kty, alg);
	if (strcmp(use, "sig") != 0)
		return err_set(e, ERR_CONFIG, "\"use\" must be sig");
	return kinds[k->alg].read(k, o, e);
}

static int
read_set(struct jwks *s, struct json_object *list, struct err *e)
{
	size_t n = json_object_array_length(list);

	if (n == 0 || n > JWKS_KEYS_MAX)
		return err_set(e, ERR_CONFIG, "there must be 1 to %d keys", JWKS_KEYS_MAX);
	if ((s->keys = calloc(n, sizeof s->keys[0])) == NULL)
		return err_sys(e, ERR_NOMEM, "keys");
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		s->count++;
		if (!json_object_is_type(o, json_type_object))
			return err_set(e, ERR_CONFIG, "key %zu is no object", i + 1);
		if (read_key(&s->keys[i], o, e) == -1) {
			err_prefix(e, "key %zu", i + 1);
			return -1;
		}
		if (n > 1 && s->keys[i].kid[0] == '\0')
			return err_set(e, ERR_CONFIG, "key %zu needs a \"kid\"", i + 1);
		for (size_t j = 0; j < i; j++)
			if (strcmp(s->keys[i].kid, s->keys[j].kid) == 0)
				return err_set(e, ERR_CONFIG, "two keys are called \"%.64s\"",
				    s->keys[i].kid);
	}
	return 0;
}

int
jwks_load(struct jwks *s, const char *path, struct err *e)
{
	struct json_object *root = NULL, *list;
	char *bytes = NULL;
	size_t n;
	int rc = -1;

	*s = (struct jwks){0};
	if (file_read(&bytes, &n, path, JWKS_BYTES_MAX, e) == -1)
		return -1;
	if (json_parse_object(&root, bytes, n, e) == 0 &&
	    json_get_array(root, "keys", true, &list, e) == 0)
		rc = read_set(s, list, e);
	json_object_put(root);
	OPENSSL_cleanse(bytes, n);
	free(bytes);
	if (rc == -1) {
		e->code = e->code == ERR_NOMEM ? ERR_NOMEM : ERR_CONFIG;
		err_prefix(e, "%s", path);
		jwks_fini(s);
	}
	return rc;
}

/* ---- verifying ---- */

static bool
verify_hmac(const struct jwk *k, const char *bytes, size_t n, const uint8_t *signature,
    size_t signature_bytes)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned mac_bytes = 0;

	return HMAC(EVP_sha256(), k->secret, (int)k->secret_bytes, (const uint8_t *)bytes, n, mac,
		   &mac_bytes) != NULL &&
	    signature_bytes == mac_bytes && CRYPTO_memcmp(mac, signature, mac_bytes) == 0;
}

/* r and s as they stand in a token become the DER form that OpenSSL reads; the length, 0 when
 * they are malformed.  *der is owned (OPENSSL_free). */
static size_t
der_of(const uint8_t *signature, size_t n, uint8_t **der)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = NULL, *s = NULL;
	int length = 0;

	*der = NULL;
	if (sig != NULL && n == 2 * COORDINATE) {
		r = BN_bin2bn(signature, COORDINATE, NULL);
		s = BN_bin2bn(signature + COORDINATE, COORDINATE, NULL);
		if (r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
			length = i2d_ECDSA_SIG(sig, der);
			r = s = NULL;	/* the signature's now */
		}
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return length > 0 ? (size_t)length : 0;
}

static bool
verify_public(const struct jwk *k, const char *bytes, size_t n, const uint8_t *signature,
    size_t signature_bytes)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const EVP_MD *digest = k->alg == JWT_EDDSA ? NULL : EVP_sha256();
	bool good = context != NULL &&
	    EVP_DigestVerifyInit(context, NULL, digest, NULL, k->public) == 1 &&
	    EVP_DigestVerify(
		context, signature, signature_bytes, (const uint8_t *)bytes, n) == 1;

	EVP_MD_CTX_free(context);
	return good;
}

bool
jwk_verify(const struct jwk *k, const char *bytes, size_t n, const uint8_t *signature,
    size_t signature_bytes)
{
	uint8_t *der;
	size_t der_bytes;
	bool good;

	if (k->alg == JWT_HS256)
		return verify_hmac(k, bytes, n, signature, signature_bytes);
	if (k->alg != JWT_ES256)
		return verify_public(k, bytes, n, signature, signature_bytes);
	der_bytes = der_of(signature, signature_bytes, &der);
	good = der_bytes > 0 && verify_public(k, bytes, n, der, der_bytes);
	OPENSSL_free(der);
	return good;
}
