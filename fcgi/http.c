/* http.c - requests over HTTP, several at once. */
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clk.h"
#include "config.h"
#include "url.h"

#define BUDGET_BYTES ((size_t)256 << 20)

struct slot {
	struct http *http;
	struct http_call call;
	CURL *easy;
	struct curl_slist *lines;
	size_t index;
	bool is_used, is_under_way;
	unsigned attempt, redirects;
	int64_t due_ms, pause_ms;	/* of the next attempt, and the last pause */
	bool is_resuming;		/* this attempt asks for the rest */
	bool began;			/* its first byte of body has been seen */
	char resume_etag[HTTP_FIELD_BYTES];
	bool is_too_large;
	char denied[NETADDR_TEXT_BYTES];	/* the address that was refused */
	char reason[CURL_ERROR_SIZE];
};

struct http {
	struct http_options options;
	CURLM *multi;
	struct slot *slots;
	size_t in_flight_bytes;
	uint64_t attempts, repeated;
};

void
http_options_default(struct http_options *o)
{
	*o = (struct http_options){.at_once = 8, .attempts = 6, .connect_timeout_ms = 3000,
	    .stall_timeout_ms = 30000, .call_timeout_ms = 900000};
}

int64_t
http_pause_ms(int64_t last_ms, uint32_t random)
{
	int64_t high = last_ms * 3 > HTTP_PAUSE_BASE_MS ? last_ms * 3 : HTTP_PAUSE_BASE_MS + 1;
	int64_t pause = HTTP_PAUSE_BASE_MS +
	    (int64_t)((uint64_t)(high - HTTP_PAUSE_BASE_MS) * random >> 32);

	return pause < HTTP_PAUSE_MAX_MS ? pause : HTTP_PAUSE_MAX_MS;
}

int
http_add_header(struct curl_slist **lines, const char *line, struct err *e)
{
	struct curl_slist *grown = curl_slist_append(*lines, line);

	if (grown == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a header");
	*lines = grown;
	return 0;
}

void
http_counts(const struct http *h, uint64_t *attempts, uint64_t *repeated)
{
	*attempts = h->attempts;
	*repeated = h->repeated;
}

/* ---- what libcurl calls ---- */

/* The name has been resolved: this is the address that would be talked to. */
static curl_socket_t
open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct slot *s = context;
	const struct http_options *o = &s->http->options;

	(void)purpose;
	if (!o->any_address && !netaddr_is_allowed(&a->addr, &o->allowed)) {
		netaddr_write(&a->addr, s->denied);
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* Where the rest of a body begins that the server sends; -1: it does not say. */
static long long
range_start(CURL *easy)
{
	struct curl_header *h;
	long long start;

	if (curl_easy_header(easy, "Content-Range", 0, CURLH_HEADER, -1, &h) != CURLHE_OK ||
	    sscanf(h->value, "bytes %lld-", &start) != 1)
		return -1;
	return start;
}

/* The rest is only appended when it is the rest of just these bytes. */
static void
begin_body(struct slot *s)
{
	long status = 0;

	s->began = true;
	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	if (!s->is_resuming || status != 206 ||
	    range_start(s->easy) != (long long)s->call.body.len)
		buf_reset(&s->call.body);
	s->call.body.max = status >= 400 && s->call.max_bytes > HTTP_ERROR_BODY_MAX
	    ? HTTP_ERROR_BODY_MAX
	    : s->call.max_bytes;
}

static size_t
take_bytes(char *bytes, size_t size, size_t count, void *context)
{
	struct slot *s = context;

	if (!s->began)
		begin_body(s);
	if (size * count > s->call.body.max - s->call.body.len) {
		s->is_too_large = true;
		return 0;
	}
	buf_add(&s->call.body, bytes, size * count);
	return s->call.body.failed ? 0 : size * count;
}

/* ---- one attempt ---- */

static int
set_easy(struct slot *s, struct err *e)
{
	const struct http_options *o = &s->http->options;
	CURL *h = s->easy;
	CURLcode rc = CURLE_OK;

#define SET(option, value) (rc = rc != CURLE_OK ? rc : curl_easy_setopt(h, option, value))
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_USERAGENT, "ragpool/" PACKAGE_VERSION);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
	SET(CURLOPT_TIMEOUT_MS, (long)o->call_timeout_ms);
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME, (long)((o->stall_timeout_ms + 999) / 1000));
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, s);
	SET(CURLOPT_ERRORBUFFER, s->reason);
	SET(CURLOPT_WRITEFUNCTION, take_bytes);
	SET(CURLOPT_WRITEDATA, s);
	SET(CURLOPT_PRIVATE, s);
	if (o->ca_file[0] != '\0')
		SET(CURLOPT_CAINFO, o->ca_file);
#undef SET
	return rc == CURLE_OK ? 0 : err_set(e, ERR_INTERNAL, "libcurl: %s", curl_easy_strerror(rc));
}

static void
set_method(struct slot *s)
{
	const struct http_call *c = &s->call;
	CURL *h = s->easy;

	curl_easy_setopt(h, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, NULL);
	if (strcmp(c->method, "HEAD") == 0) {
		curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
	} else if (c->send != NULL || strcmp(c->method, "PUT") == 0) {
		curl_easy_setopt(h, CURLOPT_POST, 1L);
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, c->send != NULL ? c->send : "");
		curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->send_bytes);
		curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, c->method);
	} else if (strcmp(c->method, "GET") != 0) {
		curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, c->method);
	}
}

static int
set_headers(struct slot *s, struct err *e)
{
	struct http_call *c = &s->call;
	char line[HTTP_FIELD_BYTES + 32];

	curl_slist_free_all(s->lines);
	s->lines = NULL;
	/* What libcurl would add by itself to a body. */
	if (http_add_header(&s->lines, "Expect:", e) == -1 ||
	    http_add_header(&s->lines, "Content-Type:", e) == -1 ||
	    (c->headers != NULL && c->headers(c, &s->lines, e) == -1))
		return -1;
	s->is_resuming = c->resumes && c->body.len > 0 && s->resume_etag[0] != '\0';
	if (s->is_resuming) {
		snprintf(line, sizeof line, "Range: bytes=%zu-", c->body.len);
		if (http_add_header(&s->lines, line, e) == -1)
			return -1;
		snprintf(line, sizeof line, "If-Match: %s", s->resume_etag);
		if (http_add_header(&s->lines, line, e) == -1)
			return -1;
	}
	curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->lines);
	return 0;
}

static int
begin_attempt(struct slot *s, struct err *e)
{
	struct http *h = s->http;
	CURLMcode rc;

	curl_easy_reset(s->easy);		/* connections stay with the multi handle */
	if (set_easy(s, e) == -1 || set_headers(s, e) == -1)
		return -1;
	set_method(s);
	curl_easy_setopt(s->easy, CURLOPT_URL, s->call.url.data);
	s->reason[0] = s->denied[0] = '\0';
	s->began = s->is_too_large = false;
	s->call.status = 0;
	if ((rc = curl_multi_add_handle(h->multi, s->easy)) != CURLM_OK)
		return err_set(e, ERR_INTERNAL, "libcurl: %s", curl_multi_strerror(rc));
	s->is_under_way = true;
	s->attempt++;
	h->attempts++;
	h->repeated += s->attempt > 1;
	return 0;
}

/* ---- what came of it ---- */

static void
keep_header(struct slot *s, const char *name, char *out, size_t size)
{
	struct curl_header *h;

	out[0] = '\0';
	if (curl_easy_header(s->easy, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK &&
	    strlen(h->value) < size)
		strcpy(out, h->value);
}

static int64_t
retry_after_ms(struct slot *s)
{
	curl_off_t seconds = 0;

	curl_easy_getinfo(s->easy, CURLINFO_RETRY_AFTER, &seconds);
	if (seconds <= 0)
		return 0;
	return seconds * 1000 < HTTP_RETRY_AFTER_MAX_MS ? seconds * 1000 : HTTP_RETRY_AFTER_MAX_MS;
}

static void
keep_answer(struct slot *s)
{
	struct http_call *c = &s->call;
	long status = 0;

	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	c->status = (int)status;
	keep_header(s, "ETag", c->etag, sizeof c->etag);
	keep_header(s, "Last-Modified", c->last_modified, sizeof c->last_modified);
	keep_header(s, "Content-Type", c->content_type, sizeof c->content_type);
	keep_header(s, "Location", c->location, sizeof c->location);
	keep_header(s, "x-amz-bucket-region", c->region, sizeof c->region);
	keep_header(s, "Date", c->date, sizeof c->date);
	if (!s->began && !s->is_resuming)
		buf_reset(&c->body);
}

static bool
is_transient_status(int status)
{
	return status == 408 || status == 429 || status == 500 || status == 502 ||
	    status == 503 || status == 504;
}

/* What cannot be better the next time: our own refusal, a name or certificate that is wrong,
 * a body that is too large. */
static bool
is_final(CURLcode rc)
{
	switch (rc) {
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_OUT_OF_MEMORY:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_TOO_MANY_REDIRECTS:
		return true;
	default:
		return false;
	}
}

static void
explain(const struct slot *s, CURLcode rc, struct err *why)
{
	char origin[URL_ORIGIN_BYTES];

	if (url_origin(origin, s->call.url.data, NULL) == -1)
		strcpy(origin, "the server");
	if (s->denied[0] != '\0')
		err_set(why, ERR_SOURCE, "%s has the address %s, which is not public; the operator "
					 "may allow it (allowed_networks in [global])",
		    origin, s->denied);
	else if (s->is_too_large)
		err_set(why, ERR_LIMIT, "%s sends more than %zu bytes", origin, s->call.body.max);
	else
		err_set(why, rc == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_PEER,
		    "%s: %s (attempt %u)", origin,
		    s->reason[0] != '\0' ? s->reason : curl_easy_strerror(rc), s->attempt);
}

/* Whether it is tried again: then the slot waits until due_ms. */
static bool
plan_next(struct slot *s, CURLcode rc)
{
	struct http_call *c = &s->call;
	int64_t asked = retry_after_ms(s);
	uint32_t random = 0;

	if (s->denied[0] != '\0' || s->is_too_large || c->body.failed ||
	    s->attempt >= s->http->options.attempts)
		return false;
	if (rc == CURLE_OK && s->is_resuming && (c->status == 412 || c->status == 416)) {
		buf_reset(&c->body);		/* it has changed meanwhile: from the beginning */
		s->resume_etag[0] = '\0';
	} else if (rc == CURLE_OK && !is_transient_status(c->status) &&
	    !(c->is_transient != NULL && c->status >= 400 && c->is_transient(c))) {
		return false;
	} else if (rc != CURLE_OK && is_final(rc)) {
		return false;
	}
	if (rc == CURLE_OK || (c->status != 200 && c->status != 206))
		s->resume_etag[0] = '\0';
	else if (strncmp(c->etag, "W/", 2) != 0)
		strcpy(s->resume_etag, c->etag);
	if (getrandom(&random, sizeof random, GRND_NONBLOCK) == -1)
		random = (uint32_t)clk_ns();
	s->pause_ms = http_pause_ms(s->pause_ms, random);
	s->due_ms = clk_ms() + (asked > s->pause_ms ? asked : s->pause_ms);
	return true;
}

/* Whether the answer leads elsewhere and is followed there. */
static bool
follow(struct slot *s)
{
	struct http_call *c = &s->call;
	struct buf next;
	bool good;

	if (!c->redirects || s->redirects == HTTP_REDIRECTS_MAX || c->location[0] == '\0' ||
	    (c->status != 301 && c->status != 302 && c->status != 307 && c->status != 308))
		return false;
	buf_init(&next, URL_BYTES_MAX);
	good = url_resolve(&next, c->url.data, c->location, NULL) == 0 &&
	    url_is_same_origin(next.data, c->url.data);
	if (good) {
		buf_reset(&c->url);
		buf_adds(&c->url, next.data);
		buf_reset(&c->body);
		s->redirects++;
		s->attempt--;		/* it is no repetition */
		s->due_ms = 0;
	}
	buf_fini(&next);
	return good;
}

/* ---- the loop ---- */

struct loop {
	struct http *h;
	size_t count, next, ended;
	http_start_fn *start;
	http_done_fn *done;
	void *context;
};

static void
empty_call(struct http_call *c)
{
	struct buf url = c->url, body = c->body;

	*c = (struct http_call){.url = url, .body = body, .method = "GET"};
	buf_reset(&c->url);
	buf_reset(&c->body);
}

static void
release(struct slot *s)
{
	struct http *h = s->http;

	if (s->is_under_way)
		curl_multi_remove_handle(h->multi, s->easy);
	if (s->is_used)
		h->in_flight_bytes -= s->call.expected_bytes;
	s->is_under_way = s->is_used = false;
	curl_slist_free_all(s->lines);
	s->lines = NULL;
	/* A large body's memory is not kept for small ones. */
	if (s->call.body.cap > (1 << 20))
		buf_fini(&s->call.body);
}

static int
fill_slot(struct loop *l, struct slot *s, struct err *e)
{
	struct http *h = l->h;

	s->index = l->next++;
	s->attempt = s->redirects = 0;
	s->due_ms = s->pause_ms = 0;
	s->resume_etag[0] = '\0';
	empty_call(&s->call);
	if (l->start(l->context, s->index, &s->call, e) == -1)
		return -1;
	s->call.body.max = s->call.max_bytes;
	h->in_flight_bytes += s->call.expected_bytes;
	s->is_used = true;
	return buf_check(&s->call.url, "an address", e);
}

static bool
has_room(const struct loop *l)
{
	return l->next < l->count && (l->h->in_flight_bytes < BUDGET_BYTES || l->next == l->ended);
}

static int
begin_what_is_due(struct loop *l, int64_t now_ms, struct err *e)
{
	for (unsigned i = 0; i < l->h->options.at_once; i++) {
		struct slot *s = &l->h->slots[i];
		if (!s->is_used && has_room(l) && fill_slot(l, s, e) == -1)
			return -1;
		if (s->is_used && !s->is_under_way && s->due_ms <= now_ms &&
		    begin_attempt(s, e) == -1)
			return -1;
	}
	return 0;
}

static int
end_attempt(struct loop *l, struct slot *s, CURLcode rc, struct err *e)
{
	struct err why = {0};
	int got;

	keep_answer(s);
	curl_multi_remove_handle(l->h->multi, s->easy);
	s->is_under_way = false;
	if ((rc == CURLE_OK && follow(s)) || plan_next(s, rc))
		return 0;
	if (rc != CURLE_OK)
		explain(s, rc, &why);
	buf_add(&s->call.body, "", 0);
	got = l->done(l->context, s->index, &s->call, rc != CURLE_OK ? &why : NULL, e);
	l->ended++;
	release(s);
	return got;
}

static int
end_what_is_done(struct loop *l, struct err *e)
{
	struct slot *s;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(l->h->multi, &left)) != NULL) {
		CURLcode rc = m->data.result;
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)(void *)&s);
		if (end_attempt(l, s, rc, e) == -1)
			return -1;
	}
	return 0;
}

/* Until the next attempt is due, at most a second; 0 when there is something to begin. */
static int
wait_ms(const struct loop *l, int64_t now_ms)
{
	int64_t wait = 1000;

	for (unsigned i = 0; i < l->h->options.at_once; i++) {
		const struct slot *s = &l->h->slots[i];
		if (!s->is_used && has_room(l))
			return 0;
		if (s->is_used && !s->is_under_way && s->due_ms - now_ms < wait)
			wait = s->due_ms - now_ms;
	}
	return wait > 0 ? (int)wait : 0;
}

static int
turn(struct loop *l, struct err *e)
{
	CURLMcode rc;
	int running;

	if (begin_what_is_due(l, clk_ms(), e) == -1)
		return -1;
	if ((rc = curl_multi_perform(l->h->multi, &running)) != CURLM_OK)
		return err_set(e, ERR_INTERNAL, "libcurl: %s", curl_multi_strerror(rc));
	if (end_what_is_done(l, e) == -1)
		return -1;
	if (l->ended == l->count)
		return 0;
	rc = curl_multi_poll(l->h->multi, NULL, 0, wait_ms(l, clk_ms()), NULL);
	return rc == CURLM_OK ? 0
			      : err_set(e, ERR_INTERNAL, "libcurl: %s", curl_multi_strerror(rc));
}

int
http_each(struct http *h, size_t count, http_start_fn *start, http_done_fn *done,
    void *context, struct err *e)
{
	struct loop l = {.h = h, .count = count, .start = start, .done = done,
	    .context = context};
	int rc = 0;

	while (rc == 0 && l.ended < count)
		rc = turn(&l, e);
	for (unsigned i = 0; i < h->options.at_once; i++)
		release(&h->slots[i]);
	return rc;
}

int
http_new(struct http **out, const struct http_options *o, struct err *e)
{
	struct http *h = calloc(1, sizeof *h);

	*out = NULL;
	if (h == NULL)
		return err_set(e, ERR_NOMEM, "no memory for requests");
	h->options = *o;
	if (h->options.at_once < 1 || h->options.at_once > HTTP_AT_ONCE_MAX)
		h->options.at_once = 8;
	h->multi = curl_multi_init();
	h->slots = calloc(h->options.at_once, sizeof *h->slots);
	if (h->multi == NULL || h->slots == NULL)
		goto fail;
	for (unsigned i = 0; i < h->options.at_once; i++) {
		h->slots[i].http = h;
		buf_init(&h->slots[i].call.url, URL_BYTES_MAX);
		if ((h->slots[i].easy = curl_easy_init()) == NULL)
			goto fail;
	}
	*out = h;
	return 0;
fail:
	http_free(h);
	return err_set(e, ERR_NOMEM, "no memory for requests");
}

void
http_free(struct http *h)
{
	if (h == NULL)
		return;
	for (unsigned i = 0; h->slots != NULL && i < h->options.at_once; i++) {
		struct slot *s = &h->slots[i];
		release(s);
		curl_easy_cleanup(s->easy);
		buf_fini(&s->call.url);
		buf_fini(&s->call.body);
	}
	free(h->slots);
	curl_multi_cleanup(h->multi);
	free(h);
}
