/* sigv4.c - AWS Signature Version 4. */
#include "sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CANONICAL_MAX = 64 * 1024, STAMP_BYTES = 17, SCOPE_BYTES = 200 };

struct signing {
	const struct sigv4_request *r;
	char stamp[STAMP_BYTES];	/* 20130524T000000Z */
	char scope[SCOPE_BYTES];	/* 20130524/us-east-1/s3/aws4_request */
	struct sigv4_header header[SIGV4_HEADERS_MAX + 4];
	size_t header_count;
	struct buf names;		/* host;x-amz-date */
	struct buf canonical;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct sigv4_header *)a)->name,
	    ((const struct sigv4_header *)b)->name);
}

static void
add_header(struct signing *s, const char *name, const char *value)
{
	s->header[s->header_count++] = (struct sigv4_header){name, value};
}

/* Outer blanks go, and inner runs of them become one. */
static void
add_trimmed(struct buf *out, const char *value)
{
	bool blank = false, any = false;

	for (; *value != '\0'; value++) {
		if (*value == ' ' || *value == '\t') {
			blank = true;
			continue;
		}
		if (blank && any)
			buf_addc(out, ' ');
		buf_addc(out, *value);
		blank = false;
		any = true;
	}
}

static int
collect_headers(struct signing *s, const struct sigv4_key *key, struct err *e)
{
	const struct sigv4_request *r = s->r;

	if (r->more_count > SIGV4_HEADERS_MAX)
		return err_set(e, ERR_LIMIT, "too many headers to sign");
	add_header(s, "host", r->host);
	add_header(s, "x-amz-date", s->stamp);
	if (strcmp(r->service, "s3") == 0)
		add_header(s, "x-amz-content-sha256", r->payload_sha256);
	if (key->token[0] != '\0')
		add_header(s, "x-amz-security-token", key->token);
	for (size_t i = 0; i < r->more_count; i++)
		add_header(s, r->more[i].name, r->more[i].value);
	qsort(s->header, s->header_count, sizeof s->header[0], by_name);
	return 0;
}

static int
write_canonical(struct signing *s, struct err *e)
{
	const struct sigv4_request *r = s->r;
	struct buf *c = &s->canonical;

	buf_addf(c, "%s\n%s\n%s\n", r->method, r->path, r->query);
	for (size_t i = 0; i < s->header_count; i++) {
		buf_addf(c, "%s:", s->header[i].name);
		add_trimmed(c, s->header[i].value);
		buf_addc(c, '\n');
		buf_addf(&s->names, "%s%s", i > 0 ? ";" : "", s->header[i].name);
	}
	buf_addf(c, "\n%s\n%s", s->names.data, r->payload_sha256);
	if (buf_check(&s->names, "the headers to sign", e) == -1)
		return -1;
	return buf_check(c, "a request to sign", e);
}

static int
hmac(const void *key, size_t key_bytes, const char *text, uint8_t out[SHA256_BYTES],
    struct err *e)
{
	unsigned n = SHA256_BYTES;

	if (HMAC(EVP_sha256(), key, (int)key_bytes, (const unsigned char *)text, strlen(text), out,
		&n) != NULL)
		return 0;
	return err_set(e, ERR_INTERNAL, "libcrypto: HMAC-SHA256 failed");
}

static int
derive_key(
    const struct signing *s, const char *secret, uint8_t out[SHA256_BYTES], struct err *e)
{
	char first[512], date[9];
	int n = snprintf(first, sizeof first, "AWS4%s", secret), rc;

	memcpy(date, s->stamp, 8);
	date[8] = '\0';
	if (n >= (int)sizeof first)
		return err_set(e, ERR_LIMIT, "the secret key is too long");
	rc = hmac(first, (size_t)n, date, out, e);
	explicit_bzero(first, sizeof first);
	if (rc == -1 || hmac(out, SHA256_BYTES, s->r->region, out, e) == -1 ||
	    hmac(out, SHA256_BYTES, s->r->service, out, e) == -1)
		return -1;
	return hmac(out, SHA256_BYTES, "aws4_request", out, e);
}

static int
sign_canonical(const struct signing *s, const char *secret, char signature[SHA256_HEX_BYTES],
    struct err *e)
{
	uint8_t digest[SHA256_BYTES], derived[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES], text[STAMP_BYTES + SCOPE_BYTES + 100];
	int rc = -1;

	if (hash_sha256_of(s->canonical.data, s->canonical.len, digest, e) == -1)
		return -1;
	hash_hex(digest, hex);
	snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", s->stamp, s->scope, hex);
	if (derive_key(s, secret, derived, e) == 0 &&
	    hmac(derived, sizeof derived, text, digest, e) == 0) {
		hash_hex(digest, signature);
		rc = 0;
	}
	explicit_bzero(derived, sizeof derived);
	return rc;
}

static void
write_headers(const struct signing *s, const char *access_key, const char *signature,
    struct buf *out)
{
	buf_addf(out, "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, "
		      "Signature=%s\n",
	    access_key, s->scope, s->names.data, signature);
	for (size_t i = 0; i < s->header_count; i++)
		if (strcmp(s->header[i].name, "host") != 0)	/* who sends it writes it */
			buf_addf(out, "%s: %s\n", s->header[i].name, s->header[i].value);
}

static int
write_dates(struct signing *s, struct err *e)
{
	struct tm tm;
	int n;

	if (gmtime_r(&s->r->now, &tm) == NULL ||
	    strftime(s->stamp, sizeof s->stamp, "%Y%m%dT%H%M%SZ", &tm) == 0)
		return err_set(e, ERR_INTERNAL, "the clock has no date");
	n = snprintf(s->scope, sizeof s->scope, "%.8s/%s/%s/aws4_request", s->stamp, s->r->region,
	    s->r->service);
	return n < (int)sizeof s->scope ? 0 : err_set(e, ERR_LIMIT, "the region is too long");
}

int
sigv4_sign(const struct sigv4_request *r, const struct sigv4_key *key, struct buf *headers,
    struct err *e)
{
	struct signing s = {.r = r};
	char signature[SHA256_HEX_BYTES];
	int rc = -1;

	buf_init(&s.names, CANONICAL_MAX);
	buf_init(&s.canonical, CANONICAL_MAX);
	if (write_dates(&s, e) == 0 && collect_headers(&s, key, e) == 0 &&
	    write_canonical(&s, e) == 0 && sign_canonical(&s, key->secret_key, signature, e) == 0) {
		write_headers(&s, key->access_key, signature, headers);
		rc = buf_check(headers, "the headers", e);
	}
	buf_fini(&s.names);
	buf_fini(&s.canonical);
	return rc;
}
