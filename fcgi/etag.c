/* etag.c - an answer that a client has already is not sent again. */
#include "etag.h"

#include <stdio.h>
#include <string.h>

#include "hash.h"

enum { TAG_BYTES = 40 };

/* Is the tag in a list of them, or is it "*"?  Weak ones are equal here to strong ones. */
static bool
is_listed(const char *list, const char *tag)
{
	size_t want = strlen(tag), n;

	for (const char *p = list; *p != '\0'; p += n) {
		p += strspn(p, " \t,");
		if (strncmp(p, "W/", 2) == 0)
			p += 2;
		n = strcspn(p, " \t,");
		if ((n == want && memcmp(p, tag, n) == 0) || (n == 1 && *p == '*'))
			return true;
	}
	return false;
}

void
etag_apply(const struct req *r, struct reply *p)
{
	const char *known = req_param(r, "HTTP_IF_NONE_MATCH");
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES], tag[TAG_BYTES];

	if (p->status != 200 || p->is_streaming ||
	    hash_sha256_of(p->body.data, p->body.len, digest, NULL) == -1)
		return;
	hash_hex(digest, hex);
	snprintf(tag, sizeof tag, "\"%.32s\"", hex);
	reply_header(p, "ETag", tag);
	p->may_be_kept = true;
	if (known == NULL || !is_listed(known, tag))
		return;
	p->status = 304;
	p->type = "";
	buf_reset(&p->body);
}
