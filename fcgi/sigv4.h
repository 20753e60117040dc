/* sigv4.h - AWS Signature Version 4, as S3 and what speaks like it wants it.
 *
 * A request is signed as it goes over the wire: the path encoded once, the query sorted and
 * encoded (url.h).  Signed are Host, x-amz-date, x-amz-content-sha256 (for S3), the session
 * token and what the caller adds; not Range, If-Match and other headers that a proxy or a
 * client library may touch.
 *
 * Secrets  the key is borrowed and never copied into an error or a log line; derived keys
 *          are wiped.
 * Errors   ERR_LIMIT, ERR_NOMEM, ERR_INTERNAL (libcrypto).
 * Source   docs.aws.amazon.com/general/latest/gr/sigv4-signing.html; tested against its
 *          examples and its test suite in tests/unit/test_sigv4.c.  libcurl's own signer is
 *          not used: 7.88 signs queries as written, 8.14 signs "%2B" in them wrongly, and
 *          continuation tokens are full of them.
 */
#ifndef RAGPOOL_SIGV4_H
#define RAGPOOL_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "buf.h"
#include "err.h"
#include "hash.h"

#define SIGV4_EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct sigv4_key {
	const char *access_key;
	const char *secret_key;
	const char *token;		/* of a session, or "" */
};

struct sigv4_header {
	const char *name;		/* lower case */
	const char *value;
};

enum { SIGV4_HEADERS_MAX = 12 };

struct sigv4_request {
	const char *method;
	const char *host;		/* as in the Host header */
	const char *path;		/* encoded, begins with '/' */
	const char *query;		/* encoded and sorted, "" for none */
	const char *payload_sha256;	/* hex, of the body */
	const char *region;
	const char *service;		/* "s3" adds x-amz-content-sha256 */
	const struct sigv4_header *more;	/* to be signed and sent */
	size_t more_count;
	time_t now;
};

/* Appends the headers to send, "Name: value\n" each. */
int sigv4_sign(const struct sigv4_request *r, const struct sigv4_key *key, struct buf *headers,
    struct err *e);

#endif
