/* s3.h - a bucket of S3, or of what speaks like it: listing, reading, writing, removing.
 *
 * Addresses    endpoint "" is AWS in the region; else http(s)://host[:port].  Path style puts
 *              the bucket into the path, virtual style into the host's name; auto is virtual
 *              for AWS, unless the bucket has a dot, and path for all others.
 * Credentials  in this order: the profile, if one is named ("none": unsigned requests); the
 *              environment; the profile "default" of the file, if it is there; the instance's
 *              metadata service (IMDSv2), if `instance_metadata`.  Those of a session are
 *              renewed before they expire.
 * Listing      ListObjectsV2, complete or failed: pages are followed by their tokens, which
 *              are re-encoded; a page that does not say whether it is the last, a missing
 *              token or one that comes again is an error.  Keys are any bytes without NUL.
 * Errors       ERR_SOURCE: refused, wrong region, no such bucket, clock off, with the server's
 *              own code and words; ERR_NOT_FOUND an object that is not there; ERR_UNSUPPORTED
 *              one in an archive; those of http.h.
 */
#ifndef RAGPOOL_S3_H
#define RAGPOOL_S3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "err.h"
#include "http.h"

enum s3_addressing { S3_AUTO, S3_PATH, S3_VIRTUAL };

struct s3_options {
	const char *endpoint, *region, *bucket;	/* copied */
	enum s3_addressing addressing;
	const char *credentials_file;		/* "": AWS_SHARED_CREDENTIALS_FILE or none */
	const char *profile;			/* "": the chain above */
	bool instance_metadata;
	struct http_options http;
};

struct s3_object {
	const char *key;		/* decoded; borrowed */
	uint64_t size;
	const char *etag;		/* without its quotes, or "" */
	const char *storage_class;	/* or "" */
	time_t modified;		/* 0: unknown */
};
typedef int s3_object_fn(void *context, const struct s3_object *o, struct err *e);

struct s3;

int s3_open(struct s3 **out, const struct s3_options *o, struct err *e);
void s3_close(struct s3 *s);
struct http *s3_http(struct s3 *s);

int s3_list(struct s3 *s, const char *prefix, s3_object_fn *each, void *context, struct err *e);

/* For many at once with http_each(s3_http(s), ...): fills in the call for one object, and
 * says what its end means.  key is borrowed until then. */
int s3_ask(struct s3 *s, struct http_call *c, const char *method, const char *key,
    struct err *e);
int s3_judge(struct s3 *s, const struct http_call *c, const struct err *why, const char *key,
    struct err *e);

/* Reads one page of a listing; for tests.  token: owned, NULL on the last page. */
int s3_parse_page(const char *bytes, size_t n, s3_object_fn *each, void *context, char **token,
    struct err *e);

#endif
