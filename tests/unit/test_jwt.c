/* test_jwt.c - tokens: the examples of the RFCs, each check of RFC 8725, and no forgery. */
#include "unit.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <unistd.h>

#include "../../fcgi/base64.h"
#include "../../fcgi/jwt.h"
#include "file.h"

enum { NOW = 1800000000 };

static char *base;
static char path[600];
static struct arena arena;

static int
make_world(void **state)
{
	(void)state;
	base = unit_folder();
	snprintf(path, sizeof path, "%s/jwks.json", base);
	arena_init(&arena, 8 << 20);
	return 0;
}

static int
drop_world(void **state)
{
	(void)state;
	arena_fini(&arena);
	unit_folder_gone(base);
	return 0;
}

static int
load(struct jwks *s, const char *text, struct err *e)
{
	assert_ok(file_replace(path, text, strlen(text), 0600, e), e);
	return jwks_load(s, path, e);
}

/* ---- the RFCs' own examples ---- */

static void
examples_of_the_standards_verify(void **state)
{
	static const struct {
		const char *source, *jwks, *input, *signature;
	} t[] = {
	    {"RFC 7515 A.1",
		"{\"keys\": [{\"kty\": \"oct\", \"alg\": \"HS256\", \"k\": \"AyM1SysPpbyDfgZld3umj1qzKO"
		"bwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}]}",
		"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkz"
		"ODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
		"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
	    {"RFC 7515 A.3",
		"{\"keys\": [{\"kty\": \"EC\", \"alg\": \"ES256\", \"crv\": \"P-256\","
		" \"x\": \"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		" \"y\": \"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
		"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9l"
		"eGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
		"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6"
		"NU1Q"},
	    {"RFC 8037 A.4",
		"{\"keys\": [{\"kty\": \"OKP\", \"alg\": \"EdDSA\", \"crv\": \"Ed25519\","
		" \"x\": \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}",
		"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
		"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM"
		"0KAg"},
	};
	uint8_t signature[256];
	struct jwks s;
	struct err e;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		assert_ok(load(&s, t[i].jwks, &e), &e);
		assert_true(base64url_decode(t[i].signature, strlen(t[i].signature), signature,
		    sizeof signature, &n));
		if (!jwk_verify(jwks_find(&s, NULL), t[i].input, strlen(t[i].input), signature, n))
			fail_msg("%s", t[i].source);
		for (size_t bit = 0; bit < n * 8; bit += 7) {
			signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (jwk_verify(jwks_find(&s, NULL), t[i].input, strlen(t[i].input),
				signature, n))
				fail_msg("%s, bit %zu turned", t[i].source, bit);
			signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_false(jwk_verify(
		    jwks_find(&s, NULL), t[i].input, strlen(t[i].input), signature, n - 1));
		jwks_fini(&s);
	}
}

/* ---- tokens of our own ---- */

static const char secret[] = "0123456789abcdef0123456789abcdef";
static const char set[] =
    "{\"keys\": [{\"kty\": \"oct\", \"alg\": \"HS256\", \"kid\": \"one\", \"k\": "
    "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}, {\"kty\": \"oct\", \"alg\": \"HS256\","
    " \"kid\": \"two\", \"k\": \"YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY\"}]}";

/* header.claims.signature with the first secret; into a buffer of its own. */
static const char *
sign(const char *header, const char *claims)
{
	static char token[JWT_BYTES_MAX + 4096];
	uint8_t mac[32];
	unsigned n = 0;
	size_t used;

	base64url_encode((const uint8_t *)header, strlen(header), token);
	strcat(token, ".");
	base64url_encode((const uint8_t *)claims, strlen(claims), token + strlen(token));
	used = strlen(token);
	assert_non_null(HMAC(EVP_sha256(), secret, (int)strlen(secret), (const uint8_t *)token,
	    used, mac, &n));
	token[used++] = '.';
	base64url_encode(mac, n, token + used);
	return token;
}

#define HEADER "{\"alg\": \"HS256\", \"kid\": \"one\", \"typ\": \"JWT\"}"
#define GOOD "\"exp\": 1800000100, \"aud\": \"ragpool\", \"tenant\": \"alpha\""

static void
every_check_is_made(void **state)
{
	static const struct {
		const char *why, *header, *claims;
		bool good;
	} t[] = {
	    {"a good one", HEADER, "{" GOOD "}", true},
	    {"without typ", "{\"alg\": \"HS256\", \"kid\": \"one\"}", "{" GOOD "}", true},
	    {"another type", "{\"alg\": \"HS256\", \"kid\": \"one\", \"typ\": \"JWE\"}",
		"{" GOOD "}", false},
	    {"no kid among two keys", "{\"alg\": \"HS256\"}", "{" GOOD "}", false},
	    {"another kid", "{\"alg\": \"HS256\", \"kid\": \"two\"}", "{" GOOD "}", false},
	    {"an unknown kid", "{\"alg\": \"HS256\", \"kid\": \"three\"}", "{" GOOD "}", false},
	    {"no algorithm", "{\"kid\": \"one\"}", "{" GOOD "}", false},
	    {"none", "{\"alg\": \"none\", \"kid\": \"one\"}", "{" GOOD "}", false},
	    {"another algorithm", "{\"alg\": \"RS256\", \"kid\": \"one\"}", "{" GOOD "}", false},
	    {"two algorithms", "{\"alg\": \"none\", \"alg\": \"HS256\", \"kid\": \"one\"}",
		"{" GOOD "}", false},
	    {"crit", "{\"alg\": \"HS256\", \"kid\": \"one\", \"crit\": [\"exp\"]}", "{" GOOD "}",
		false},
	    {"no exp", HEADER, "{\"aud\": \"ragpool\", \"tenant\": \"alpha\"}", false},
	    {"exp as text", HEADER,
		"{\"exp\": \"1800000100\", \"aud\": \"ragpool\", \"tenant\": \"alpha\"}", false},
	    {"expired by 59 s", HEADER,
		"{\"exp\": 1799999941, \"aud\": \"ragpool\", \"tenant\": \"alpha\"}", true},
	    {"expired by 60 s", HEADER,
		"{\"exp\": 1799999940, \"aud\": \"ragpool\", \"tenant\": \"alpha\"}", false},
	    {"from 60 s on", HEADER, "{" GOOD ", \"nbf\": 1800000060}", true},
	    {"from 61 s on", HEADER, "{" GOOD ", \"nbf\": 1800000061}", false},
	    {"issued in 60 s", HEADER, "{" GOOD ", \"iat\": 1800000060}", true},
	    {"issued in 61 s", HEADER, "{" GOOD ", \"iat\": 1800000061}", false},
	    {"issued at no time", HEADER, "{" GOOD ", \"iat\": \"now\"}", false},
	    {"no aud", HEADER, "{\"exp\": 1800000100, \"tenant\": \"alpha\"}", false},
	    {"another aud", HEADER,
		"{\"exp\": 1800000100, \"aud\": \"ragpoo\", \"tenant\": \"alpha\"}", false},
	    {"several aud", HEADER,
		"{\"exp\": 1800000100, \"aud\": [\"x\", \"ragpool\"], \"tenant\": \"alpha\"}", true},
	    {"no tenant", HEADER, "{\"exp\": 1800000100, \"aud\": \"ragpool\"}", false},
	    {"a tenant that is none", HEADER,
		"{\"exp\": 1800000100, \"aud\": \"ragpool\", \"tenant\": \"../x\"}", false},
	    {"tenants that are none", HEADER,
		"{\"exp\": 1800000100, \"aud\": \"ragpool\", \"tenants\": [7]}", false},
	    {"an unknown role", HEADER, "{" GOOD ", \"role\": \"root\"}", false},
	    {"a filter that is none", HEADER, "{" GOOD ", \"filter\": 7}", false},
	    {"a claim twice", HEADER, "{" GOOD ", \"exp\": 9900000100}", false},
	    {"claims that are no object", HEADER, "[]", false},
	};
	struct jwt_rules rules = {.audience = "ragpool", .issuer = "", .now = NOW};
	struct caller c;
	struct jwks s;
	struct err e;

	(void)state;
	assert_ok(load(&s, set, &e), &e);
	rules.keys = &s;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		int rc = jwt_read(&c, sign(t[i].header, t[i].claims), &rules, &arena, &e);
		if ((rc == 0) != t[i].good)
			fail_msg("%s: %s", t[i].why, rc == 0 ? "taken" : e.text);
		if (rc == -1)
			assert_int_equal(e.code, ERR_AUTH);
	}
	rules.issuer = "us";
	assert_refused(
	    jwt_read(&c, sign(HEADER, "{" GOOD "}"), &rules, &arena, &e), &e, ERR_AUTH);
	assert_ok(jwt_read(&c, sign(HEADER, "{" GOOD ", \"iss\": \"us\"}"), &rules, &arena, &e),
	    &e);
	jwks_fini(&s);
}

static void
a_token_says_who_asks(void **state)
{
	struct jwt_rules rules = {.audience = "ragpool", .issuer = "", .now = NOW};
	struct caller c;
	struct jwks s;
	struct err e;

	(void)state;
	assert_ok(load(&s, set, &e), &e);
	rules.keys = &s;
	assert_ok(jwt_read(&c, sign(HEADER, "{" GOOD ", \"sub\": \"ann\", \"role\": \"editor\","
		" \"tenants\": [\"team-*\"], \"filter\": {\"lang\": \"en\"}}"), &rules, &arena, &e),
	    &e);
	assert_string_equal(c.id, "ann");
	assert_int_equal(c.role, ROLE_EDITOR);
	assert_true(caller_may_see(&c, "alpha"));
	assert_true(caller_may_see(&c, "team-7"));
	assert_false(caller_may_see(&c, "beta"));
	assert_non_null(c.filter);
	jwks_fini(&s);
}

static void
what_is_no_token_is_refused(void **state)
{
	static const char *const t[] = {"", ".", "..", "a.b", "a.b.", ".b.c", "a..c", "a.b.c.d",
	    "eyJhbGciOiJIUzI1NiJ9.e30.AA==", "eyJhbGciOiJIUzI1NiJ9 .e30.AAAA"};
	struct jwt_rules rules = {.audience = "ragpool", .issuer = "", .now = NOW};
	char *token, kept;
	struct caller c;
	struct jwks s;
	struct err e;

	(void)state;
	assert_ok(load(&s, set, &e), &e);
	rules.keys = &s;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		assert_refused(jwt_read(&c, t[i], &rules, &arena, &e), &e, ERR_AUTH);
	/* Every character counts; those of the end may differ in bits that base64 drops, which
	 * the strict decoder refuses as well. */
	token = strdup(sign(HEADER, "{" GOOD "}"));
	for (size_t i = 0; token[i] != '\0'; i++) {
		kept = token[i];
		token[i] = kept == 'A' ? 'B' : 'A';
		if (jwt_read(&c, token, &rules, &arena, &e) == 0)
			fail_msg("taken with another character at %zu", i);
		token[i] = kept;
	}
	assert_ok(jwt_read(&c, token, &rules, &arena, &e), &e);
	free(token);
	jwks_fini(&s);
}

/* The old trick: the public key, which everybody has, as the secret of an HMAC. */
static void
a_public_key_is_no_secret(void **state)
{
	struct jwt_rules rules = {.audience = "ragpool", .issuer = "", .now = NOW};
	struct caller c;
	struct jwks s;
	struct err e;

	(void)state;
	assert_ok(load(&s, "{\"keys\": [{\"kid\": \"one\", \"kty\": \"EC\", \"alg\": \"ES256\","
			   " \"crv\": \"P-256\", \"x\": \"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHv"
			   "RVEU\", \"y\": \"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}", &e),
	    &e);
	rules.keys = &s;
	assert_refused(
	    jwt_read(&c, sign(HEADER, "{" GOOD "}"), &rules, &arena, &e), &e, ERR_AUTH);
	jwks_fini(&s);
}

static void
weak_or_foreign_keys_are_refused_at_the_start(void **state)
{
	static const char *const t[] = {"{}", "{\"keys\": []}", "{\"keys\": [7]}",
	    "{\"keys\": [{\"kty\": \"oct\", \"alg\": \"HS256\", \"k\": \"c2hvcnQ\"}]}",
	    "{\"keys\": [{\"kty\": \"oct\", \"alg\": \"HS512\", \"k\": "
	    "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}",
	    "{\"keys\": [{\"kty\": \"oct\", \"k\": \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}",
	    "{\"keys\": [{\"kty\": \"RSA\", \"alg\": \"HS256\", \"k\": \"AA\"}]}",
	    "{\"keys\": [{\"kty\": \"RSA\", \"alg\": \"RS256\", \"n\": \"wwww\", \"e\": \"AQAB\"}]}",
	    "{\"keys\": [{\"kty\": \"EC\", \"alg\": \"ES256\", \"crv\": \"P-384\", \"x\": \"AA\","
	    " \"y\": \"AA\"}]}",
	    "{\"keys\": [{\"kty\": \"EC\", \"alg\": \"ES256\", \"crv\": \"P-256\","
	    " \"x\": \"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	    " \"y\": \"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}]}",
	    "{\"keys\": [{\"kty\": \"oct\", \"alg\": \"HS256\", \"use\": \"enc\", \"k\": "
	    "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}",
	    "{\"keys\": [{\"kty\": \"oct\", \"alg\": \"HS256\", \"kid\": \"a\", \"k\": "
	    "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}, {\"kty\": \"oct\","
	    " \"alg\": \"HS256\", \"kid\": \"a\", \"k\": "
	    "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}"};
	struct jwks s;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (load(&s, t[i], &e) == 0)
			fail_msg("taken: %s", t[i]);
}

static char *
number_of(EVP_PKEY *key, const char *name)
{
	BIGNUM *bn = NULL;
	uint8_t bytes[1024];
	char *text = malloc(2048);

	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &bn), 1);
	base64url_encode(bytes, (size_t)BN_bn2bin(bn, bytes), text);
	BN_free(bn);
	return text;
}

static void
rsa_tokens_verify(void **state)
{
	static const char input[] = "eyJhbGciOiJSUzI1NiJ9.e30";
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t signature[512];
	size_t n = sizeof signature;
	char *modulus = number_of(key, OSSL_PKEY_PARAM_RSA_N), text[4096];
	char *exponent = number_of(key, OSSL_PKEY_PARAM_RSA_E);
	struct jwks s;
	struct err e;

	(void)state;
	assert_int_equal(EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(
	    EVP_DigestSign(c, signature, &n, (const uint8_t *)input, strlen(input)), 1);
	snprintf(text, sizeof text,
	    "{\"keys\": [{\"kty\": \"RSA\", \"alg\": \"RS256\", \"n\": \"%s\", \"e\": \"%s\"}]}",
	    modulus, exponent);
	assert_ok(load(&s, text, &e), &e);
	assert_true(jwk_verify(jwks_find(&s, NULL), input, strlen(input), signature, n));
	assert_false(jwk_verify(jwks_find(&s, NULL), input, strlen(input) - 1, signature, n));
	assert_false(jwk_verify(jwks_find(&s, NULL), input, strlen(input), signature, n - 1));
	jwks_fini(&s);
	free(modulus);
	free(exponent);
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(examples_of_the_standards_verify),
	    cmocka_unit_test(every_check_is_made),
	    cmocka_unit_test(a_token_says_who_asks),
	    cmocka_unit_test(what_is_no_token_is_refused),
	    cmocka_unit_test(a_public_key_is_no_secret),
	    cmocka_unit_test(weak_or_foreign_keys_are_refused_at_the_start),
	    cmocka_unit_test(rsa_tokens_verify),
	};
	return cmocka_run_group_tests(tests, make_world, drop_world);
}
