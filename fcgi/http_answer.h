/* http_answer.h - an HTTP/1.1 answer, as it arrives.
 *
 * A pure function of the bytes so far.  The head is bounded, a length or a chunk beyond the
 * limit is refused, and what is neither whole nor wrong needs more bytes.
 *
 * Memory  body is borrowed from the bytes.
 * Source  RFC 9112, sections 4 to 7.
 */
#ifndef RAGPOOL_HTTP_ANSWER_H
#define RAGPOOL_HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

enum { HTTP_ANSWER_HEAD_MAX = 32 * 1024, HTTP_ANSWER_BODY_MAX = 64 << 20 };

struct http_answer {
	int status;
	char *body;
	size_t body_bytes;
	bool is_kept;		/* the connection may carry another request */
	const char *head;	/* of all header lines, for http_answer_header() */
	size_t head_bytes;
};

/* 1: whole; 0: more is to come; -1: this is no answer.  at_end: no more bytes will come, which
 * ends an answer without a length.  A chunked body is joined where it lies, once it is whole. */
int http_answer_read(struct http_answer *a, char *bytes, size_t n, bool at_end);
/* Copies a header's value into out[size], "" when it is absent or does not fit. */
void http_answer_header(const struct http_answer *a, const char *name, char *out, size_t size);

#endif
