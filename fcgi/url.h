/* url.h - addresses and their queries, encoded the one way that signatures allow.
 *
 * Encoding  RFC 3986: letters, digits and -._~ stay, every other byte is %XX in upper case;
 *           a space is %20, never '+'.
 * Query     pairs are sorted by encoded name, then value, as SigV4 wants them; a name
 *           without a value is written "name=".
 * Origin    scheme, host and port; the host in lower case, the scheme's own port left out.
 * Errors    ERR_LIMIT, ERR_NOMEM; url_origin(): ERR_CONFIG with the address and the rule.
 */
#ifndef RAGPOOL_URL_H
#define RAGPOOL_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "err.h"

enum { URL_BYTES_MAX = 8192, URL_ORIGIN_BYTES = 300, URL_QUERY_PAIRS_MAX = 16 };

/* also: bytes that are left as they are, "/" for a path, "" for a part of one. */
void url_encode(struct buf *out, const char *text, size_t n, const char *also);
/* %XX to bytes, and '+' to a space as forms and S3's listings write it; answers the length,
 * -1 when an escape is broken or stands for a NUL.  In place, NUL-terminated. */
long url_decode(char *text);

struct url_query {
	struct {
		const char *name, *value;	/* borrowed, not encoded */
	} pair[URL_QUERY_PAIRS_MAX];
	size_t count;
};
void url_query_add(struct url_query *q, const char *name, const char *value);
/* "a=1&b=2", sorted. */
int url_query_write(const struct url_query *q, struct buf *out, struct err *e);

/* http://host:port of an http or https address; user names are refused. */
int url_origin(char out[URL_ORIGIN_BYTES], const char *url, struct err *e);
/* `reference` as seen from the page `base`, without its fragment; ERR_CONFIG as above. */
int url_resolve(struct buf *out, const char *base, const char *reference, struct err *e);
bool url_is_same_origin(const char *a, const char *b);

#endif
