/* consul.c - Consul KV over HTTP, on the loop's curl multi handle. */
#include "consul.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "file.h"

enum { TOKEN_MAX = 4096, URL_MAX = 4096, ANSWER_MARGIN_MS = 10000 };

struct consul {
	CURLM *multi;			/* borrowed */
	struct catalog *catalog;	/* borrowed */
	CURL *easy;
	struct curl_slist *headers;
	char *address, *prefix, *datacenter, *token_file, *token;
	struct err token_trouble;
	struct consul_watch watch;
	struct buf body;
	char reason[CURL_ERROR_SIZE];
	bool in_multi;
	enum consul_state told;
};

static size_t
take_bytes(char *bytes, size_t size, size_t count, void *context)
{
	struct consul *c = context;

	buf_add(&c->body, bytes, size * count);
	return c->body.failed ? 0 : size * count;
}

static bool
is_token(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

/* The header is made anew; without a token there is none. */
static int
set_token(struct consul *c, const char *token, struct err *e)
{
	struct curl_slist *headers = NULL;
	char line[TOKEN_MAX + 32];

	if (token != NULL && token[0] != '\0') {
		snprintf(line, sizeof line, "X-Consul-Token: %s", token);
		headers = curl_slist_append(NULL, line);
		explicit_bzero(line, sizeof line);
		if (headers == NULL)
			return err_set(e, ERR_NOMEM, "no memory for Consul");
	}
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, headers);
	curl_slist_free_all(c->headers);
	c->headers = headers;
	return 0;
}

/* A file that is away or unusable leaves the token that there was. */
static void
read_token(struct consul *c)
{
	char *text = NULL;
	size_t n;

	err_clear(&c->token_trouble);
	if (c->token_file[0] == '\0') {
		set_token(c, c->token, &c->token_trouble);
		return;
	}
	if (file_read(&text, &n, c->token_file, TOKEN_MAX, &c->token_trouble) == -1)
		return;
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
		text[--n] = '\0';
	if (strlen(text) != n || !is_token(text))
		err_set(&c->token_trouble, ERR_CONFIG, "%s holds no token", c->token_file);
	else
		set_token(c, text, &c->token_trouble);
	explicit_bzero(text, n);
	free(text);
}

static int
set_options(struct consul *c, const struct conf_consul *o, struct err *e)
{
	CURL *h = c->easy;
	CURLcode rc = CURLE_OK;

#define SET(option, value) (rc = rc != CURLE_OK ? rc : curl_easy_setopt(h, option, value))
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_USERAGENT, "ragpool");
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)CONSUL_BODY_MAX);
	SET(CURLOPT_ERRORBUFFER, c->reason);
	SET(CURLOPT_WRITEFUNCTION, take_bytes);
	SET(CURLOPT_WRITEDATA, c);
	if (o->ca_file[0] != '\0')
		SET(CURLOPT_CAINFO, o->ca_file);
#undef SET
	if (rc == CURLE_OK)
		return 0;
	return err_set(e, ERR_INTERNAL, "libcurl: %s", curl_easy_strerror(rc));
}

int
consul_start(struct consul **out, const struct conf_consul *options, CURLM *multi,
    struct catalog *catalog, int64_t now_ms, struct err *e)
{
	struct consul *c = calloc(1, sizeof *c);
	uint64_t seed = (uint64_t)now_ms ^ (uint64_t)getpid() << 32;

	if (c == NULL)
		return err_set(e, ERR_NOMEM, "no memory for Consul");
	c->multi = multi;
	c->catalog = catalog;
	buf_init(&c->body, CONSUL_BODY_MAX);
	c->address = strdup(options->address);
	c->prefix = strdup(options->prefix);
	c->datacenter = strdup(options->datacenter);
	c->token_file = strdup(options->token_file);
	c->token = strdup(options->token != NULL ? options->token : "");
	c->easy = curl_easy_init();
	if (c->address == NULL || c->prefix == NULL || c->datacenter == NULL ||
	    c->token_file == NULL || c->token == NULL || c->easy == NULL) {
		err_set(e, ERR_NOMEM, "no memory for Consul");
		goto fail;
	}
	if (set_options(c, options, e) == -1)
		goto fail;
	read_token(c);
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
		curl_multi_remove_handle(c->multi, c->easy);
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
	if (c->token != NULL)
		explicit_bzero(c->token, strlen(c->token));
	free(c->token);
	free(c->token_file);
	free(c->datacenter);
	free(c->prefix);
	free(c->address);
	free(c);
}

/* Percent-encodes all but letters, digits and "-._~/". */
static void
add_escaped(struct buf *url, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char b = (unsigned char)*text;
		if ((b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') ||
		    strchr("-._~/", b) != NULL)
			buf_addc(url, (char)b);
		else
			buf_addf(url, "%%%02X", b);
	}
}

static void
make_url(const struct consul *c, const struct consul_question *q, struct buf *url)
{
	char sentinel[300];

	buf_addf(url, "%s/v1/kv/", c->address);
	if (q->kind == ASK_SENTINEL) {
		consul_sentinel_key(c->prefix, sentinel, sizeof sentinel);
		add_escaped(url, sentinel);
	} else {
		add_escaped(url, c->prefix);
	}
	buf_adds(url, q->kind == ASK_TENANTS ? "?recurse=true" : "?raw=true");
	if (q->consistent)
		buf_adds(url, "&consistent=true");
	if (q->index != 0)
		buf_addf(url, "&index=%llu&wait=%lldms", (unsigned long long)q->index,
		    (long long)q->wait_ms);
	if (c->datacenter[0] != '\0') {
		buf_adds(url, "&dc=");
		add_escaped(url, c->datacenter);
	}
}

static int
send_question(struct consul *c, const struct consul_question *q, struct err *e)
{
	/* The agent may add a sixteenth to `wait`. */
	int64_t deadline = q->wait_ms + q->wait_ms / 16 + ANSWER_MARGIN_MS;
	struct buf url;
	CURLMcode rc;
	int made;

	if (q->new_token)
		read_token(c);
	buf_reset(&c->body);
	c->reason[0] = '\0';
	buf_init(&url, URL_MAX);
	make_url(c, q, &url);
	made = buf_check(&url, "an address", e);
	if (made == 0) {
		curl_easy_setopt(c->easy, CURLOPT_URL, url.data);
		curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)deadline);
	}
	buf_fini(&url);
	if (made == -1)
		return -1;
	if ((rc = curl_multi_add_handle(c->multi, c->easy)) != CURLM_OK)
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
}

static void
take_answer(struct consul *c, const struct consul_answer *a, int64_t now_ms)
{
	struct consul_set set;

	if (consul_watch_answer(&c->watch, a, &set, now_ms) == 1)
		apply(c, &set, now_ms);
	consul_set_fini(&set);
	if (c->watch.status.state == CONSUL_DENIED && c->token_trouble.code != ERR_NONE)
		c->watch.status.trouble = c->token_trouble;
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
	a.arrived = rc == CURLE_OK;
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

const struct consul_status *
consul_status(const struct consul *c)
{
	return &c->watch.status;
}
