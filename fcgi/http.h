/* http.h - requests over HTTP, several at once, patient with servers and strict with them.
 *
 * Patience  a transport error, 408, 429, 500, 502, 503, 504 or what ->is_transient says is
 *           tried again, `attempts` times in all, after a pause that grows with decorrelated
 *           jitter (PAUSE_BASE_MS ... PAUSE_MAX_MS), or after the server's Retry-After.  A
 *           body that was cut off goes on where it stopped (Range and If-Match), if the
 *           server gave it an ETag.
 * Strict    http and https only; no proxy from the environment; certificates and names are
 *           verified; every answer is bounded; a server that stalls is left; addresses are
 *           judged when the socket is made (netaddr.h).  A redirect is followed only where
 *           ->redirects is set, only to the same origin, REDIRECTS_MAX times.
 * Order     calls begin in order and end in any.
 * Memory    a call's buffers are the client's, and valid during `done`.  At most BUDGET_BYTES
 *           of expected answers are under way at once, or one call.
 * Errors    `why` of a call that came to nothing: ERR_PEER, ERR_TIMEOUT; ERR_LIMIT an answer
 *           past max_bytes; ERR_SOURCE an address that is not allowed.  A status is not an
 *           error here, but what the caller makes of it.
 */
#ifndef RAGPOOL_HTTP_H
#define RAGPOOL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "buf.h"
#include "err.h"
#include "netaddr.h"

enum {
	HTTP_AT_ONCE_MAX = 64,
	HTTP_PAUSE_BASE_MS = 100,
	HTTP_PAUSE_MAX_MS = 20000,
	HTTP_RETRY_AFTER_MAX_MS = 120000,
	HTTP_REDIRECTS_MAX = 3,
	HTTP_FIELD_BYTES = 256,
	HTTP_ERROR_BODY_MAX = 64 * 1024,
};

struct http_options {
	unsigned at_once;			/* 1 ... HTTP_AT_ONCE_MAX */
	unsigned attempts;			/* 1 ... */
	int64_t connect_timeout_ms;
	int64_t stall_timeout_ms;		/* without a byte */
	int64_t call_timeout_ms;		/* one attempt, as a whole */
	bool any_address;			/* the operator chose the server */
	struct netaddr_list allowed;		/* beside public addresses */
	char ca_file[1024];			/* "": those of the system */
};
void http_options_default(struct http_options *o);

struct http_call {
	/* What is asked; emptied before each start(). */
	const char *method;
	struct buf url;
	const void *send;			/* borrowed until done() */
	size_t send_bytes;
	size_t max_bytes;			/* of the answer's body */
	size_t expected_bytes;			/* of it, as far as known */
	bool resumes, redirects;
	/* Called before every attempt; adds to *lines. */
	int (*headers)(struct http_call *c, struct curl_slist **lines, struct err *e);
	bool (*is_transient)(struct http_call *c);
	void *context, *subject;		/* of the two: whose call, and about what */
	/* What came back; a field that is absent is "". */
	int status;
	struct buf body;
	char etag[HTTP_FIELD_BYTES], last_modified[HTTP_FIELD_BYTES];
	char content_type[HTTP_FIELD_BYTES], location[HTTP_FIELD_BYTES * 8];
	char region[HTTP_FIELD_BYTES], date[HTTP_FIELD_BYTES];
};

struct http;

int http_new(struct http **out, const struct http_options *o, struct err *e);
void http_free(struct http *h);

/* Fills in the call number `index`; -1 ends everything. */
typedef int http_start_fn(void *context, size_t index, struct http_call *c, struct err *e);
/* why == NULL: an answer came, whatever its status; -1 ends everything. */
typedef int http_done_fn(void *context, size_t index, struct http_call *c,
    const struct err *why, struct err *e);

int http_each(struct http *h, size_t count, http_start_fn *start, http_done_fn *done,
    void *context, struct err *e);

/* Appends "name: value" to a list for ->headers. */
int http_add_header(struct curl_slist **lines, const char *line, struct err *e);

/* Attempts made so far, and how many of them were repetitions. */
void http_counts(const struct http *h, uint64_t *attempts, uint64_t *repeated);

/* The next pause after one of `last_ms` (0 at first): from BASE to three times the last, at
 * most MAX; random: 0 <= r < 2^32.  Marc Brooker, "Exponential Backoff And Jitter". */
int64_t http_pause_ms(int64_t last_ms, uint32_t random);

#endif
