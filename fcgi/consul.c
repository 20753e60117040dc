/* consul.c - Consul KV over HTTP, on the loop's curl multi handle. */
#include "consul.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "consul_link.h"

enum { ANSWER_MARGIN_MS = 10000, BODY_KEPT_MAX = 4 << 20 };

struct consul {
	struct catalog *catalog;	/* borrowed */
	struct consul_link *link;
	CURL *easy;
	struct curl_slist *headers;
	char *prefix;
	struct consul_watch watch;
	struct buf body;
	char reason[CURL_ERROR_SIZE];
	bool in_multi;
	bool is_hopeless;		/* cut off: not the JSON of Consul */
	enum consul_state told;
	consul_reading *take;		/* NULL: nobody listens */
	void *context;
};

/* What cannot be an array is not worth its memory: an answer that begins otherwise is cut
 * off at once (nobody reads it anyhow, see consul_kv.h).  Answers that say what went wrong
 * are kept. */
static bool
is_hopeless(const struct consul *c, const char *bytes, size_t n)
{
	long status = 0;

	if (c->body.len > 0 || n == 0 || c->watch.question.kind != ASK_TENANTS)
		return false;
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	return status == 200 && bytes[0] != '[' && (unsigned char)bytes[0] > 0x20;
}

static size_t
take_bytes(char *bytes, size_t size, size_t count, void *context)
{
	struct consul *c = context;

	c->is_hopeless |= is_hopeless(c, bytes, size * count);
	if (c->is_hopeless)
		return 0;
	buf_add(&c->body, bytes, size * count);
	return c->body.failed ? 0 : size * count;
}

static int
open_handle(struct consul *c, struct err *e)
{
	CURL *h;

	if (consul_link_handle(c->link, &c->easy, e) == -1)
		return -1;
	h = c->easy;
	curl_easy_setopt(h, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)CONSUL_BODY_MAX);
	curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->reason);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, c);
	return 0;
}

int
consul_start(struct consul **out, const struct conf_consul *options, CURLM *multi,
    struct catalog *catalog, int64_t now_ms, struct err *e)
{
	struct consul *c = calloc(1, sizeof *c);
	uint64_t seed = (uint64_t)now_ms ^ (uint64_t)getpid() << 32;

	if (c == NULL)
		return err_set(e, ERR_NOMEM, "no memory for Consul");
	c->catalog = catalog;
	buf_init(&c->body, CONSUL_BODY_MAX);
	if ((c->prefix = strdup(options->prefix)) == NULL) {
		err_set(e, ERR_NOMEM, "no memory for Consul");
		goto fail;
	}
	if (consul_link_new(&c->link, options, multi, e) == -1 || open_handle(c, e) == -1)
		goto fail;
	consul_watch_init(&c->watch, c->prefix, options->wait_ms, seed, now_ms);
	*out = c;
	return 0;
fail:
	consul_stop(c);
	return -1;
}

static void
leave_multi(struct consul *c)
{
	if (c->in_multi)
		curl_multi_remove_handle(consul_link_multi(c->link), c->easy);
	c->in_multi = false;
}

void
consul_stop(struct consul *c)
{
	if (c == NULL)
		return;
	leave_multi(c);
	curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->headers);
	buf_fini(&c->body);
	consul_link_free(c->link);
	free(c->prefix);
	free(c);
}

static void
make_url(const struct consul *c, const struct consul_question *q, struct buf *url)
{
	const char *dc = consul_link_datacenter(c->link);
	char sentinel[300];

	consul_link_add_url(c->link, url, "kv/");
	if (q->kind == ASK_SENTINEL) {
		consul_sentinel_key(c->prefix, sentinel, sizeof sentinel);
		consul_link_add_escaped(url, sentinel);
	} else {
		consul_link_add_escaped(url, c->prefix);
	}
	buf_adds(url, q->kind == ASK_TENANTS ? "?recurse=true" : "?raw=true");
	if (q->consistent)
		buf_adds(url, "&consistent=true");
	if (q->index != 0)
		buf_addf(url, "&index=%llu&wait=%lldms", (unsigned long long)q->index,
		    (long long)q->wait_ms);
	if (dc[0] != '\0') {
		buf_adds(url, "&dc=");
		consul_link_add_escaped(url, dc);
	}
}

/* The token may have changed since the last question. */
static int
set_headers(struct consul *c, struct err *e)
{
	struct curl_slist *headers;

	if (consul_link_headers(c->link, &headers, e) == -1)
		return -1;
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, headers);
	curl_slist_free_all(c->headers);
	c->headers = headers;
	return 0;
}

static int
set_question(struct consul *c, const struct consul_question *q, struct err *e)
{
	/* The agent may add a sixteenth to `wait`. */
	int64_t deadline = q->wait_ms + q->wait_ms / 16 + ANSWER_MARGIN_MS;
	struct buf url;
	int rc;

	buf_init(&url, CONSUL_URL_MAX);
	make_url(c, q, &url);
	rc = buf_check(&url, "an address", e);
	if (rc == 0) {
		curl_easy_setopt(c->easy, CURLOPT_URL, url.data);
		curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)deadline);
	}
	buf_fini(&url);
	return rc;
}

/* What one huge answer took is given back before the next. */
static void
empty_body(struct consul *c)
{
	if (c->body.cap > BODY_KEPT_MAX) {
		buf_fini(&c->body);
		buf_init(&c->body, CONSUL_BODY_MAX);
	}
	buf_reset(&c->body);
	c->reason[0] = '\0';
	c->is_hopeless = false;
}

static int
send_question(struct consul *c, const struct consul_question *q, struct err *e)
{
	CURLMcode rc;

	if (q->new_token)
		consul_link_read_token(c->link);
	empty_body(c);
	if (set_headers(c, e) == -1 || set_question(c, q, e) == -1)
		return -1;
	if ((rc = curl_multi_add_handle(consul_link_multi(c->link), c->easy)) != CURLM_OK)
		return err_set(e, ERR_INTERNAL, "libcurl: %s", curl_multi_strerror(rc));
	c->in_multi = true;
	return 0;
}

/* Brackets the set for the catalog; documents of one tenant do not stop another's. */
static void
apply(struct consul *c, const struct consul_set *set, int64_t now_ms)
{
	bool complete = true;
	size_t gone;

	catalog_begin(c->catalog, ORIGIN_CONSUL);
	for (size_t i = 0; i < set->count; i++) {
		const struct consul_item *item = &set->items[i];
		int rc = item->document != NULL
		    ? catalog_offer(c->catalog, item->tenant, item->document,
			  item->document_bytes, ORIGIN_CONSUL, item->revision, NULL)
		    : catalog_refuse(c->catalog, item->tenant, ORIGIN_CONSUL, item->revision,
			  &item->why, NULL);
		complete = complete && rc == 0;
	}
	/* Short of memory an item may have made no entry: its absence proves nothing. */
	gone = catalog_end(c->catalog, ORIGIN_CONSUL, set->trusted && complete, now_ms);
	consul_watch_applied(&c->watch, gone, complete, now_ms);
	if (c->take != NULL)
		c->take(c->context, set, now_ms);
}

/* A token that was replaced meanwhile is tried at once, an old one when it is time. */
static void
take_denial(struct consul *c, int64_t now_ms)
{
	const struct err *trouble = consul_link_token_trouble(c->link);

	if (consul_link_read_token(c->link))
		consul_watch_poke(&c->watch, now_ms);
	else if (trouble->code != ERR_NONE)
		c->watch.status.trouble = *trouble;
}

static void
take_answer(struct consul *c, const struct consul_answer *a, int64_t now_ms)
{
	struct consul_set set;

	if (consul_watch_answer(&c->watch, a, &set, now_ms) == 1)
		apply(c, &set, now_ms);
	consul_set_fini(&set);
	if (c->watch.status.state == CONSUL_DENIED)
		take_denial(c, now_ms);
}

static const char *
header(struct consul *c, const char *name)
{
	struct curl_header *h;

	return curl_easy_header(c->easy, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value
										      : NULL;
}

bool
consul_on_done(struct consul *c, const CURLMsg *message, int64_t now_ms)
{
	struct consul_answer a = {0};
	CURLcode rc;
	long status = 0;

	if (message->msg != CURLMSG_DONE || message->easy_handle != c->easy)
		return false;
	rc = message->data.result;
	leave_multi(c);				/* message is gone from here */
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	a.arrived = rc == CURLE_OK || c->is_hopeless;
	a.trouble = c->body.failed ? "the answer is too large"
	    : c->reason[0] != '\0' ? c->reason
				   : curl_easy_strerror(rc);
	a.status = (int)status;
	a.index = header(c, "X-Consul-Index");
	a.known_leader = header(c, "X-Consul-KnownLeader");
	a.retry_after = header(c, "Retry-After");
	a.body = c->body.data != NULL ? c->body.data : "";
	a.body_bytes = c->body.len;
	take_answer(c, &a, now_ms);
	return true;
}

int64_t
consul_timeout(const struct consul *c, int64_t now_ms)
{
	return consul_watch_timeout(&c->watch, now_ms);
}

void
consul_tick(struct consul *c, int64_t now_ms)
{
	struct consul_answer failed = {0};
	struct consul_question q;
	struct err e;

	if (!consul_watch_next(&c->watch, now_ms, &q) || send_question(c, &q, &e) == 0)
		return;
	failed.trouble = e.text;
	take_answer(c, &failed, now_ms);
}

void
consul_on_reading(struct consul *c, consul_reading *take, void *context)
{
	c->take = take;
	c->context = context;
}

void
consul_read_anew(struct consul *c, int64_t now_ms)
{
	c->watch.has_content = false;
	consul_watch_poke(&c->watch, now_ms);
}

void
consul_poke(struct consul *c, int64_t now_ms)
{
	consul_watch_poke(&c->watch, now_ms);
}

bool
consul_state_changed(struct consul *c)
{
	bool changed = c->told != c->watch.status.state;

	c->told = c->watch.status.state;
	return changed;
}

struct consul_link *
consul_link(const struct consul *c)
{
	return c->link;
}

const struct consul_status *
consul_status(const struct consul *c)
{
	return &c->watch.status;
}
