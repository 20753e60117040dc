/* multipart.h - a body of multipart/form-data, read part by part and piece by piece.
 *
 * Strict: the boundary as RFC 2046 has it, every part with a Content-Disposition of form-data
 * and a name, headers within MULTIPART_HEADERS_MAX, at most MULTIPART_PARTS_MAX parts, no
 * transfer encodings (RFC 7578, 4.7), nothing but white space behind the end.  What a part
 * holds is never in memory as a whole.
 *
 * Memory  names are borrowed until the next multipart_next().
 * Errors  ERR_MEDIA_TYPE no boundary; ERR_INPUT malformed; ERR_TRUNCATED_BODY it ends early.
 */
#ifndef RAGPOOL_MULTIPART_H
#define RAGPOOL_MULTIPART_H

#include "err.h"
#include "req.h"

enum {
	MULTIPART_ROOM = 64 * 1024,
	MULTIPART_HEADERS_MAX = 8 * 1024,
	MULTIPART_PARTS_MAX = 1000,
	MULTIPART_NAME_BYTES = 1024,
};

struct multipart {
	struct req *r;				/* borrowed */
	bool is_read;				/* all of the body */
	char bytes[MULTIPART_ROOM];
	size_t at, len;				/* what of them is unread */
	char mark[80];				/* CR LF -- boundary */
	size_t mark_bytes;
	unsigned parts;
	char name[MULTIPART_NAME_BYTES], file[MULTIPART_NAME_BYTES];	/* file "": a plain field */
	char type[256];				/* "" when it was not said */
};

bool multipart_is(const struct req *r);
int multipart_open(struct multipart *m, struct req *r, struct err *e);
/* 1: the next part's names are there; 0: that was the last.  What was left of the part before
 * is passed over. */
int multipart_next(struct multipart *m, struct err *e);
/* Up to n bytes of the part; 0 at its end, -1. */
long multipart_read(struct multipart *m, char *into, size_t n, struct err *e);
/* A short part as a whole, arena; ERR_BODY_SIZE past max. */
const char *multipart_text(struct multipart *m, size_t max, struct err *e);

#endif
