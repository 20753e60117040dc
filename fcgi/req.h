/* req.h - one request, bounded and checked, from FastCGI or from plain CGI.
 *
 * Built from the parameters the web server sent.  Only REQUEST_URI is trusted for the
 * address (PATH_INFO has a history of accidents); it is split at '?', percent-decoded
 * once, and refused when it holds control characters or bytes that are not UTF-8.
 *
 * Memory  strings are borrowed from the request's parameters or arena, both of which
 *         live until the request is finished.
 */
#ifndef RAGPOOL_REQ_H
#define RAGPOOL_REQ_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "caller.h"
#include "err.h"

enum { REQ_HOLES_MAX = 3, REQ_ID_BYTES = 64 };
/* What stands in ->path for %2F: part of a segment, unlike '/'.  No path holds it otherwise. */
enum { REQ_ENCODED_SLASH = 0x1f };

enum req_method { REQ_GET, REQ_HEAD, REQ_POST, REQ_PUT, REQ_DELETE, REQ_OPTIONS, REQ_OTHER };

/* Reads up to n bytes; 0 at the end, -1 on failure. */
typedef long req_read_fn(void *from, char *into, size_t n);

struct req {
	enum req_method method;
	const char *path;		/* decoded, begins with '/' */
	const char *query;		/* raw, after '?'; "" when absent */
	const char *hole[REQ_HOLES_MAX];	/* what stood for {...} in the route's path, %2F as '/' */
	const char *id;			/* X-Request-Id, or one made here; never NULL */
	const char *trace;		/* a valid traceparent, else NULL */
	const char *content_type;	/* "" when absent */
	size_t content_length;		/* of one without a length: the most that is read */
	bool has_no_length;		/* it was sent in chunks, which only their end ends */
	size_t taken;			/* bytes of the body that were read */
	const char *body;		/* after req_read_body(), NUL-terminated */
	char *const *envp;		/* borrowed */
	struct caller caller;		/* once auth_check() has said who asks */
	struct arena *arena;
	req_read_fn *read;
	void *read_from;
};

/* Parses everything but the body.  Also after -1 the id is there. */
int req_init(struct req *r, char *const *envp, struct arena *a, req_read_fn *read, void *from,
    struct err *e);
/* The value of a parameter, NULL when absent. */
const char *req_param(const struct req *r, const char *name);
/* The decoded value of a name in the address behind '?', NULL when it is absent.
 * ERR_INPUT when it is given twice or cannot be decoded. */
int req_query_get(const struct req *r, const char *name, const char **out, struct err *e);
/* A body is about to be read: ERR_BODY_SIZE when it is announced as larger than max, ERR_ENCODING
 * when it is compressed. */
int req_begin_body(struct req *r, size_t max, struct err *e);
/* Up to n bytes of it, 0 at its end; -1: ERR_TRUNCATED_BODY when fewer come than were announced,
 * ERR_BODY_SIZE when more than max come unannounced. */
long req_read(struct req *r, char *into, size_t n, struct err *e);
/* All of it, as ->body; the errors of both.  ->content_length is its length then. */
int req_read_body(struct req *r, size_t max, struct err *e);
/* ERR_MEDIA_TYPE unless the body is announced as application/json (or a +json type) in
 * UTF-8. */
int req_need_json(const struct req *r, struct err *e);
const char *req_method_name(enum req_method m);

#endif
